"""Calls for hours, in minutes."""

from __future__ import annotations

import asyncio
import random

from tests.drills.crowd import Crowd
from tests.drills.harness import Bench, Drill, Figure, alive, at_most, comes, exactly, memory, until
from tests.drills.records import ended

CALLS, PER_SECOND, ROUND = 10_000, 60.0, 1000
WARM_UP = 2500
"""Calls before the first measurement, more than begin while a transaction is kept: tables, arenas and caches then have
the size that this rate of calls needs, and no more is taken unless something stays behind."""
SETTLE = 33.0
"""Seconds that a transaction is kept (64*T1), and one more."""


async def run(bench: Bench) -> list[Figure]:
    count = bench.pick(CALLS, 2000)
    rng = random.Random(3261)
    with bench.daemon(ports=2400, limits="calls_per_second_per_source: 100000") as daemon:
        async with Crowd(daemon.sip_port) as crowd:

            async def one(delay: float) -> bool:
                await asyncio.sleep(delay)
                call = crowd.call()
                number = rng.choice(("100", "101", "103", "104", "105"))
                good = await call.dial(number) == 200
                if good and number != "100":
                    call.talk()
                    if number == "104":
                        call.press("1")
                    await asyncio.sleep(rng.uniform(0.2, 0.8))
                    good = await call.hang_up() == 200
                elif good:
                    await asyncio.wait_for(call.ended.wait(), 10)
                crowd.forget(call)
                return good

            async def some(number: int) -> int:
                return sum(await asyncio.gather(*(one(index / PER_SECOND) for index in range(number))))

            went = await some(WARM_UP)
            await asyncio.sleep(SETTLE)
            first = memory(daemon.process.pid)
            for _ in range(count // ROUND):
                went += await some(ROUND)
            await asyncio.sleep(SETTLE)
            last = memory(daemon.process.pid)
            await until(lambda: daemon.get("/v1/calls")["calls"] == [], "no call left", 5)
        await comes(lambda: ended(daemon) >= count + WARM_UP, 30)
        records = ended(daemon)
        grown = (last - first) / 1024 / (count / 1000)
        return [
            exactly(f"of {count + WARM_UP} calls, went as they should", count + WARM_UP, went),
            exactly("records", count + WARM_UP, records),
            at_most(f"memory per 1,000 calls, over {count}", 1.0, grown, "MB", ".2f"),
            alive(daemon),
        ]


DRILL = Drill(
    "10,000 calls of all kinds after 2,500 to warm up: short, played to, recorded, with keys; 60 begin each second.",
    run,
    seconds=600,
)
