"""More calls than RTP ports."""

from __future__ import annotations

import asyncio
import time

from tests.drills.crowd import Crowd, percentile
from tests.drills.harness import Bench, Drill, Figure, alive, at_most, exactly

PORTS, MORE = 40, 40
REST = 5.0
"""Seconds: a port rests before another call gets it, so that no late packet reaches the wrong one."""


async def run(bench: Bench) -> list[Figure]:
    ports, more = PORTS, MORE
    with bench.daemon(ports=ports) as daemon:
        async with Crowd(daemon.sip_port) as crowd:
            calls = await crowd.dial(ports // 2, "102", 50)
            since = time.time()
            late = [crowd.call() for _ in range(more)]
            begun = time.monotonic()
            statuses = await asyncio.gather(*(call.dial("102") for call in late))
            took = time.monotonic() - begun
            retry = sum("retry-after" in call.reply.headers for call in late if call.reply is not None)
            await asyncio.sleep(0.5)
            gap = percentile([gap for call in calls for gap in call.gaps(since)], 0.99)
            await calls[0].hang_up()
            freed = time.monotonic()
            again = crowd.call()
            while await again.dial("102") != 200 and time.monotonic() < freed + 10:
                crowd.forget(again)
                await asyncio.sleep(0.1)
                again = crowd.call()
            waited = time.monotonic() - freed
            again.talk()
            await asyncio.sleep(0.5)
            await crowd.hang_up()
        return [
            exactly(f"calls with {ports} ports", ports // 2, len(calls)),
            exactly("those beyond", "503", ", ".join(sorted({str(one) for one in statuses}))),
            exactly("of them with Retry-After", more, retry),
            at_most("until all are refused", 0.5, took, "s", ".2f"),
            at_most("RTP gap p99 of the calls that are up", 40, gap * 1e3, "ms", ".1f"),
            at_most("until a call gets the port of one that hung up", REST, waited, "s", ".1f"),
            exactly("and hears sound", True, len(again.packets) > 10),
            alive(daemon),
        ]


DRILL = Drill("More calls come than there are RTP ports.", run)
