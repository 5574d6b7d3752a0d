"""RTP bleed: a stranger sprays the media ports to be sent what others say."""

from __future__ import annotations

import time

from tests.drills.crowd import Crowd, percentile
from tests.drills.harness import Bench, Drill, Figure, alive, at_most, exactly

CALLS, SECONDS = 20, 5.0


async def run(bench: Bench) -> list[Figure]:
    count, seconds = bench.pick((CALLS, SECONDS), (CALLS, 3.0))
    config = bench.config()
    first, last = map(int, config.read_text().split("ports: '")[1].split("'")[0].split("-"))
    with bench.with_config(config) as daemon:
        async with Crowd(daemon.sip_port) as crowd:
            talking = await crowd.dial(count, "102", 50)
            silent = await crowd.dial(count // 2, "102", 50)
            for call in silent:
                crowd.talking.discard(call)  # has latched, then says nothing
            never = [crowd.call() for _ in range(count // 2)]
            for call in never:
                assert await call.dial("102") == 200  # has not sent a packet yet
            since = time.time()
            options = ["bleed", "--ports", f"{first}-{last}", "--secs", f"{seconds:g}"]
            report = await bench.tool("drills", "rtp_attack.py", options=options, seconds=seconds + 20)
            gaps = percentile([gap for call in talking for gap in call.gaps(since)], 0.99)
            heard = sum(len([p for p in call.packets if p.at > since]) > seconds * 40 for call in crowd.up)
            await crowd.hang_up()
        return [
            exactly(
                f"octets of RTP sent back to the sprayer ({report['sent']:,} packets)", 0, report["rtp_bytes_back"]
            ),
            exactly("calls that still hear their sound", count * 2, heard),
            at_most("RTP gap p99 of the calls that talk", 40, gaps * 1e3, "ms", ".1f"),
            alive(daemon),
        ]


DRILL = Drill("A stranger sends RTP to every media port, while callers talk, are silent, and have not begun.", run)
