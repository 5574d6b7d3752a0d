"""The caller's sound stops, and no BYE comes."""

from __future__ import annotations

import asyncio
import time

from tests.drills.crowd import Crowd
from tests.drills.harness import Bench, Drill, Figure, alive, at_most, exactly

SLACK = 1.0
"""Seconds by which a call may end too early or too late."""


async def run(bench: Bench) -> list[Figure]:
    timeout = bench.pick(30, 4)
    with bench.daemon(media=f"timeout: {timeout}s") as daemon:
        async with Crowd(daemon.sip_port) as crowd:
            silent, never, goes_on = await crowd.dial(3, "102")
            crowd.talking.discard(never)
            await asyncio.sleep(0.5)
            stopped = time.monotonic()
            crowd.talking.discard(silent)
            await asyncio.wait_for(silent.ended.wait(), timeout + 10)
            after = silent.ended_at - stopped
            up = not goes_on.ended.is_set()
            await goes_on.hang_up()
        records = {record["sip_call_id"]: record["cause"] for record in daemon.records(3)}
        return [
            at_most(f"from the last packet to BYE, off {timeout} s by", SLACK, abs(after - timeout), "s", ".2f"),
            exactly("its record's cause", "media_timeout", records[silent.call_id]),
            exactly("a call whose sound goes on is up", True, up),
            alive(daemon),
        ]


DRILL = Drill("A caller's RTP and RTCP stop for good; no BYE comes.", run)
