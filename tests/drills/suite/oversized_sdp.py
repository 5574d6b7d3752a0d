"""SDP that is far too large."""

from __future__ import annotations

import time

from tests.drills.crowd import Crowd, percentile
from tests.drills.harness import Bench, Drill, Figure, alive, at_most, exactly, memory

CALLS = 20
BASE = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
AUDIO = "m=audio 40000 RTP/AVP 0\r\n"
SIZE = 60_000
KEY = "A" * 40


def many(line: str) -> str:
    """As often as it goes into the size."""
    return f"{line}\r\n" * (SIZE // (len(line) + 2))


SDPS = {
    "one long line": BASE + AUDIO + f"a=x:{'y' * SIZE}\r\n",
    "many attributes": BASE + AUDIO + many("a=x:y"),
    "many streams": BASE + many(AUDIO.strip()),
    "many payload types": BASE + f"m=audio 40000 RTP/AVP{' 0' * (SIZE // 2)}\r\n",
    "many rtpmaps": BASE + AUDIO + many("a=rtpmap:101 telephone-event/8000"),
    "many formats": BASE + AUDIO + many("a=fmtp:101 0-15,66,70"),
    "many candidates": BASE + AUDIO + many("a=candidate:1 1 UDP 1 127.0.0.1 9 typ host"),
    "many keys": BASE + AUDIO.replace("AVP", "SAVP") + many(f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
    "many connection lines": BASE + AUDIO + many("c=IN IP4 127.0.0.1"),
    "huge numbers": BASE + f"m=audio {'9' * SIZE} RTP/AVP 0\r\n",
    "frames of ages": BASE + AUDIO + f"a=ptime:{'9' * 5000}\r\na=maxptime:{'9' * 5000}\r\n",
    "a codec's name of 50 kB": BASE + f"m=audio 40000 RTP/AVP 96\r\na=rtpmap:96 {'X' * 50_000}/8000\r\n",
}


async def run(bench: Bench) -> list[Figure]:
    count, rounds = bench.pick((CALLS, 20), (CALLS, 10))
    with bench.daemon() as daemon:
        async with Crowd(daemon.sip_port) as crowd:
            calls = await crowd.dial(count, "102", 50)
            since = time.time()
            before = memory(daemon.process.pid)
            waits: list[float] = []
            wrong = []
            for _ in range(rounds):
                for name, sdp in SDPS.items():
                    call = crowd.call()
                    begun = time.monotonic()
                    status = await call.dial("101", body=sdp)
                    waits.append(time.monotonic() - begun)
                    if status == 200:
                        await call.hang_up()
                    elif not 400 <= status < 500:
                        wrong.append(f"{name}: {status}")
                    crowd.forget(call)
            gap = percentile([gap for call in calls for gap in call.gaps(since)], 0.99)
            grown = memory(daemon.process.pid) - before
            await crowd.hang_up()
        return [
            exactly(
                f"{len(waits)} offers of {SIZE // 1000} kB: neither taken nor refused with 4xx", "none", wrong or "none"
            ),
            at_most("longest answer", 50, max(waits) * 1e3, "ms", ".1f"),
            at_most("RTP gap p99 of the calls that are up", 40, gap * 1e3, "ms", ".1f"),
            at_most("memory growth", 50, grown / 1024, "MB", ".1f"),
            alive(daemon),
        ]


DRILL = Drill("INVITEs of 60 kB: long lines, thousands of attributes, streams, payload types, keys, numbers.", run)
