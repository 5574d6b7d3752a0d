"""Another program locks the database."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import Counter

from ivr.settings import load_settings
from tests.drills.crowd import Crowd, percentile
from tests.drills.harness import Bench, Drill, Figure, alive, at_most, exactly

SECONDS, PER_SECOND = 60.0, 20.0
SET_UP = 0.5
"""Seconds: a caller who has no answer by then repeats his INVITE."""


async def run(bench: Bench) -> list[Figure]:
    seconds, rate = bench.pick((SECONDS, PER_SECOND), (10.0, PER_SECOND))
    count = round(seconds * rate)
    waits: list[float] = []
    with bench.daemon() as daemon:
        async with Crowd(daemon.sip_port) as crowd:
            playing = (await crowd.dial(1, "102"))[0]
            lock = sqlite3.connect(load_settings(daemon.config).store.removeprefix("sqlite:///"))
            lock.execute("BEGIN EXCLUSIVE")
            begun = time.monotonic()

            async def one(index: int) -> str:
                await asyncio.sleep(index / rate)
                call = crowd.call()
                at = time.monotonic()
                assert await call.dial("100") == 200
                waits.append(time.monotonic() - at)
                await asyncio.wait_for(call.ended.wait(), 10)
                return call.call_id

            ids = await asyncio.gather(*(one(index) for index in range(count)))
            await asyncio.sleep(max(0.0, begun + seconds - time.monotonic()))
            lock.rollback()
            lock.close()
            await crowd.hang_up()
        records = Counter(record["sip_call_id"] for record in daemon.records(count + 1, 20))
        return [
            exactly(f"records of {count} calls in {seconds:g} s, lost", 0, sum(one not in records for one in ids)),
            exactly("records that are there twice", 0, sum(number > 1 for number in records.values())),
            at_most("call set-up p99", SET_UP * 1e3, percentile(waits, 0.99) * 1e3, "ms", ".0f"),
            at_most("RTP gap p99 of a call that plays", 40, percentile(playing.gaps(), 0.99) * 1e3, "ms", ".1f"),
            alive(daemon),
        ]


DRILL = Drill("Another program holds an exclusive lock on the database for 60 s while calls come.", run)
