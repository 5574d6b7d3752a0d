"""Keys by the thousand."""

from __future__ import annotations

import asyncio
import random
import time

from tests.drills.crowd import EVENT, Call, Crowd, percentile
from tests.drills.harness import Bench, Drill, Figure, alive, at_most, exactly, memory
from tests.drills.records import typed

CALLS, EVENTS, INFOS = 20, 20_000, 500
BURST = 50


def event(call: Call, rng: random.Random) -> None:
    """A key of its own, whole in one packet."""
    call.timestamp = (call.timestamp + 160) & 0xFFFFFFFF
    call.send(EVENT.pack(rng.randrange(16), 0x8A, 160), call.events_type or 101, marker=True)


async def run(bench: Bench) -> list[Figure]:
    count, events, infos = bench.pick((CALLS, EVENTS, INFOS), (CALLS, 5000, 200))
    rng = random.Random(4733)
    with bench.daemon() as daemon:
        async with Crowd(daemon.sip_port) as crowd:
            calls = await crowd.dial(count, "102", 50)
            by_event, by_info = await crowd.dial(2, "104")
            since = time.time()
            before = memory(daemon.process.pid)
            for index in range(events):
                event(by_event, rng)
                if index % BURST == 0:
                    await asyncio.sleep(0.002)
            statuses = set()
            for _ in range(infos):
                body = f"Signal={rng.choice('0123456789*#')}\r\nDuration=100\r\n"
                request = by_info.request("INFO", by_info.target, "Content-Type: application/dtmf-relay", body=body)
                statuses.add((await crowd.transact(by_info, request)).status)
            await asyncio.sleep(0.5)
            up = sum(not call.ended.is_set() for call in [*calls, by_event, by_info])
            by_event.press("5")
            await asyncio.sleep(0.6)
            gap = percentile([gap for call in calls for gap in call.gaps(since)], 0.99)
            grown = memory(daemon.process.pid) - before
            await crowd.hang_up()
        record = next(one for one in daemon.records(count + 2) if one["sip_call_id"] == by_event.call_id)
        return [
            exactly(f"calls up after {events} events and {infos} INFOs", count + 2, up),
            exactly("INFOs are answered", "200", ", ".join(map(str, sorted(statuses)))),
            exactly("a key pressed afterwards is taken", "5", typed(record)[-1:]),
            at_most("RTP gap p99 of the other calls", 40, gap * 1e3, "ms", ".1f"),
            at_most("memory growth", 50, grown / 1024, "MB", ".1f"),
            alive(daemon),
        ]


DRILL = Drill("A caller sends 20,000 telephone-events as fast as he can, another 500 INFOs with keys.", run)
