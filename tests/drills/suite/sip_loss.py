"""Signalling over a network that loses, doubles and reorders."""

from __future__ import annotations

import asyncio
from collections import Counter

from tests.conftest import free_port
from tests.drills.crowd import Call, Crowd
from tests.drills.harness import Bench, Drill, Figure, alive, at_least, exactly

CALLS, PER_SECOND = 1000, 25.0
NETWORK = {"loss": 5, "dup": 1, "reorder": 3, "delay": 10, "jitter": 10}


async def run(bench: Bench) -> list[Figure]:
    count = bench.pick(CALLS, 150)
    near = free_port()
    with bench.daemon(ports=2400) as daemon, bench.chaos({near: daemon.sip_port}, **NETWORK):
        async with Crowd(near) as crowd:

            async def one(index: int) -> tuple[Call, bool]:
                """Every other call is ended by the daemon, the others by the caller; whether it went as it should."""
                await asyncio.sleep(index / PER_SECOND)
                call = crowd.call()
                status = await call.dial("101" if index % 2 else "100")
                if status != 200:
                    return call, False
                if index % 2:
                    call.talk()
                    await asyncio.sleep(1.0)
                    return call, await call.hang_up() == 200
                try:
                    await asyncio.wait_for(call.ended.wait(), 40)
                except TimeoutError:
                    return call, False
                return call, True

            results = await asyncio.gather(*(one(index) for index in range(count)))
            resent = crowd.resent
        records = Counter(record["sip_call_id"] for record in daemon.records(count, 40))
        good = sum(went for _, went in results)
        twice = sum(call.answers > 1 or records[call.call_id] > 1 for call, _ in results)
        return [
            at_least(f"of {count} calls, went as they should", 99.9, 100 * good / count, "%", ".2f"),
            exactly("calls taken twice", 0, twice),
            exactly("calls without a record", 0, sum(not records[call.call_id] for call, _ in results)),
            at_least("requests the callers had to repeat", 1, resent),
            alive(daemon),
        ]


DRILL = Drill(
    "SIP over UDP with 5 % loss each way, 1 % of packets doubled, 3 % held back 30 ms, 10 to 20 ms of delay.",
    run,
    seconds=300,
)
