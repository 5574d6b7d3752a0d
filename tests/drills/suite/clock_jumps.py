"""The wall clock jumps."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.drills.crowd import Crowd, percentile
from tests.drills.harness import AbsentError, Bench, Drill, Figure, alive, at_most, exactly

CALLS = 10
JUMPS = ("+1h", "-1d", "+400d", "-2h", "+0")
FAKETIME = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
)


def library() -> str:
    """What is loaded into the daemon to turn its clock."""
    for path in FAKETIME:
        if Path(path).exists():
            return path
    raise AbsentError("libfaketime is not installed (Debian package faketime)")


SLEEP = """\
import select
import time
time.sleep = lambda seconds: select.select((), (), (), seconds) and None
"""
"""As `sitecustomize` of the daemon: libfaketime 0.9.10 with a true monotonic clock refuses the way in which time.sleep
of Python 3.11 and later waits (clock_nanosleep until a time), with EINVAL."""


async def run(bench: Bench) -> list[Figure]:
    count = CALLS
    clock = bench.folder / "clock"
    clock.write_text("+0\n")
    (bench.folder / "sitecustomize.py").write_text(SLEEP)
    env = {
        "PYTHONPATH": str(bench.folder),
        "LD_PRELOAD": library(),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    with bench.daemon(env=env, media="timeout: 5s") as daemon:
        async with Crowd(daemon.sip_port) as crowd:
            calls = await crowd.dial(count, "102", 50)
            since = time.time()
            statuses: set[int] = set()
            works = 0
            for jump in JUMPS:
                clock.write_text(jump + "\n")
                await asyncio.sleep(1.0)
                call = crowd.call()
                statuses.add(await call.dial("105"))
                call.talk()
                await asyncio.sleep(1.0)
                works += len(call.packets) > 25
                await call.hang_up()
            up = sum(not call.ended.is_set() for call in calls)
            gap = percentile([gap for call in calls for gap in call.gaps(since)], 0.99)
            await crowd.hang_up()
        records = daemon.records(count + len(JUMPS))
        lasted = {call.call_id: call.ended_at - call.began for call in calls}
        told = {record["sip_call_id"]: record["ended_at"] - record["answered_at"] for record in records}
        off = max(abs(told[one] - seconds) for one, seconds in lasted.items())
        days = {record["started_at"] // 86400 for record in records}
        return [
            exactly(f"jumps ({', '.join(JUMPS)}) with all calls up", count, up),
            at_most("RTP gap p99", 40, gap * 1e3, "ms", ".1f"),
            exactly("new calls after each jump", "200", ", ".join(map(str, statuses))),
            exactly("of them with sound", len(JUMPS), works),
            at_most("error of the durations in the records", 0.5, off, "s", ".2f"),
            exactly("the daemon's clock did jump", True, len(days) > 1),
            alive(daemon),
        ]


DRILL = Drill("The wall clock jumps by hours and days, back and forth, while calls are up (libfaketime).", run)
