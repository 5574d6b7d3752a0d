"""No file can be opened any more."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import time
from pathlib import Path

from tests.drills.crowd import Crowd, percentile
from tests.drills.harness import Bench, Drill, Figure, alive, at_least, at_most, children, exactly, until

CALLS, SECONDS = 20, 5.0


async def run(bench: Bench) -> list[Figure]:
    count, seconds = CALLS, SECONDS
    with bench.daemon() as daemon:
        pids = [daemon.process.pid, *children(daemon.process.pid)]
        before = {pid: resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in pids}
        host, port = daemon.http.removeprefix("http://").split(":")
        async with Crowd(daemon.sip_port) as crowd:
            calls = await crowd.dial(count, "102", 50)
            await until(lambda: all(call.hears() for call in calls), "sound in all calls")
            since = time.time()
            for pid in pids:
                highest = _highest_file(pid)
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1, before[pid][1]))
            # Whoever connects is waiting to be accepted, which fails, over and over.
            waiting = [socket.create_connection((host, int(port)), timeout=2) for _ in range(20)]
            recording = [crowd.call() for _ in range(3)]
            cpu = _cpu(daemon.process.pid)
            answered = [await call.dial("103") for call in recording]
            await asyncio.sleep(seconds)
            cpu = (_cpu(daemon.process.pid) - cpu) / seconds
            gap = percentile([gap for call in calls for gap in call.gaps(since)], 0.99)
            up = sum(not call.ended.is_set() for call in calls)
            for pid, limit in before.items():
                with contextlib.suppress(ProcessLookupError):  # a child that was done, like the one that spoke
                    resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)
            for one in waiting:
                one.close()
            await asyncio.sleep(1.5)
            listed = len(daemon.get("/v1/calls")["calls"])
            again = crowd.call()
            status = await again.dial("103")
            again.talk()
            await asyncio.sleep(1.0)
            await crowd.hang_up()
        ids = {one["sip_call_id"]: one for one in daemon.records(count + len(answered) + 1)}
        record = ids[again.call_id]
        return [
            exactly("calls that stay up", count, up),
            at_most("their RTP gap p99", 40, gap * 1e3, "ms", ".1f"),
            at_most("CPU of the daemon meanwhile", 0.5, cpu, "cores", ".2f"),
            exactly(
                "new calls that are answered, or refused with 5xx", True, all(s == 200 or s >= 500 for s in answered)
            ),
            at_least("HTTP works again: calls it lists", count, listed),
            exactly("a recording works again", (200, ["start", "message"]), (status, _path(record)[:2])),
            alive(daemon, "Too many open files"),
        ]


def _path(record: dict[str, object]) -> list[str]:
    path = record["path"]
    assert isinstance(path, list)
    return [step["element"] for step in path]


def _highest_file(pid: int) -> int:
    return max(int(one.name) for one in Path(f"/proc/{pid}/fd").iterdir())


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


DRILL = Drill("The daemon and its workers have no file descriptor left while clients connect and calls come.", run)
