"""The disk is full."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.drills.crowd import Crowd, percentile
from tests.drills.harness import ROOT, Bench, Drill, Figure, alive, at_most, exactly, until
from tests.kit.daemon import Daemon
from tests.kit.sound import speechlike, ulaw

CALLS = 10


def fill(disk: Path) -> Path:
    """Take all that is left; the file that does."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue
    return ballast


async def run(bench: Bench) -> list[Figure]:
    count = CALLS
    with bench.with_small_disk(bench.config(), "8m") as daemon:
        disk = Path(f"/proc/{daemon.process.pid}/root{daemon.folder}/var")
        async with Crowd(daemon.sip_port) as crowd:
            other = (await crowd.dial(1, "102"))[0]
            await until(lambda: other.hears(), "sound: the prompt is in the cache")
            calls = await crowd.dial(count, "103", 50)
            for index, call in enumerate(calls):
                call.talk(ulaw(speechlike(4.0, index)))
            await asyncio.sleep(0.5)
            ballast = fill(disk)
            # The recording ends by its error branch, which plays for 4 s and hangs up.
            await asyncio.wait([asyncio.create_task(call.ended.wait()) for call in calls], timeout=15)
            ended = sum(call.ended.is_set() for call in calls)
            heard = sum(len(call.packets) > 150 for call in calls)
            late = crowd.call()
            status = await late.dial("101")
            await crowd.hang_up()
            await asyncio.sleep(0.5)
            ballast.unlink()
        records: list[dict[str, Any]] = []
        for _ in range(15):
            records = await asyncio.to_thread(_records, daemon)
            if len(records) >= count + 2:
                break
            await asyncio.sleep(1)
        errors = sum(
            any((step["element"], step["branch"]) == ("message", "error") for step in record["path"])
            for record in records
        )
        return [
            exactly("recordings that ended by their error branch", count, errors),
            exactly("their calls that went on to the end of the flow", count, min(ended, heard)),
            at_most("RTP gap p99 of a call that only plays", 40, percentile(other.gaps(), 0.99) * 1e3, "ms", ".1f"),
            exactly("new call on the full disk", 200, status),
            exactly("records once there is room again", count + 2, len(records)),
            alive(daemon),
        ]


def _records(daemon: Daemon) -> list[dict[str, Any]]:
    """The records, which only processes of the daemon's mount namespace see."""
    line = ["nsenter", f"--mount=/proc/{daemon.process.pid}/ns/mnt", f"--wd={ROOT}"]
    line += [sys.executable, "-m", "tests.drills.peek", str(daemon.config)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


DRILL = Drill("The disk with recordings and store is full to the last byte; later there is room again.", run)
