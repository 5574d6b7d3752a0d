"""A media worker is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from functools import partial
from pathlib import Path

from tests.drills.crowd import Call, Crowd
from tests.drills.harness import Bench, Drill, Figure, alive, at_most, children, comes, exactly

CALLS = 20


def sockets(pid: int) -> int:
    """How many sockets a process has: of the media workers, the one with calls has the most."""
    return sum("socket:" in str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir())


def _decided(call: Call) -> bool:
    return bool(call.packets) or call.ended.is_set()


async def _until_heard(crowd: Crowd, begun: float) -> float:
    """Dial until sound comes, for 5 s; seconds since `begun`."""
    while time.monotonic() < begun + 5:
        call = crowd.call()
        if await call.dial("102") == 200:
            call.talk()
            await comes(partial(_decided, call), begun + 5 - time.monotonic())
        if call.packets:
            break
    return time.monotonic() - begun


async def run(bench: Bench) -> list[Figure]:
    count = CALLS
    with bench.daemon() as daemon:
        async with Crowd(daemon.sip_port) as crowd:
            calls = await crowd.dial(count, "102", 50)
            await asyncio.sleep(0.3)
            begun = time.monotonic()
            os.kill(max(children(daemon.process.pid), key=sockets), signal.SIGKILL)
            works = await _until_heard(crowd, begun)
            await asyncio.wait([asyncio.create_task(call.ended.wait()) for call in calls], timeout=5)
            ended = [call.ended_at - begun for call in calls if call.ended.is_set()]
            await crowd.hang_up()
        mine = {call.call_id for call in calls}
        records = [record for record in daemon.records(count + 1) if record["sip_call_id"] in mine]
        causes = {record["cause"] for record in records}
        return [
            exactly("calls of the worker that got BYE", count, len(ended)),
            at_most("until the last of them", 1.0, max(ended, default=9.0), "s", ".2f"),
            exactly("their records' cause", "system", ", ".join(sorted(causes))),
            at_most("sound for who dials at once and again when cut off", 1.0, works, "s", ".2f"),
            alive(daemon),
        ]


DRILL = Drill("The process that carries the sound of the calls is killed with SIGKILL.", run)
