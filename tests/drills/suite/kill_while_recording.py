"""The daemon dies while it records."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path

from tests.drills.crowd import Crowd
from tests.drills.harness import Bench, Drill, Figure, at_least, at_most, children, exactly
from tests.kit.sound import CLEAR, find, found_pieces, read_wav, speechlike, ulaw

CALLS, SECONDS = 20, 6.0


async def run(bench: Bench) -> list[Figure]:
    count, seconds = bench.pick((CALLS, SECONDS), (CALLS, SECONDS), (5, 2.0))
    said = [speechlike(seconds + 4.0, 100 + index) for index in range(count)]
    with bench.daemon() as daemon:
        async with Crowd(daemon.sip_port) as crowd:
            calls = [crowd.call() for _ in said]
            for call, sound in zip(calls, said, strict=True):
                assert await call.dial("103") == 200
                call.talk(ulaw(sound))
            await asyncio.sleep(seconds)
            for pid in [daemon.process.pid, *children(daemon.process.pid)]:
                os.kill(pid, signal.SIGKILL)
            spoken = [call.said / 8000 for call in calls]
            for call in calls:
                call.over()
        daemon.process.wait(5)
        files = sorted((daemon.folder / "var" / "recordings").glob("*.wav"), key=_number)
        kept = [read_wav(file)[:, 0] for file in files]
    lost, likeness = [], []
    for sound, whole, octets in zip(kept, said, spoken, strict=True):
        match = find(sound, whole)
        lost.append(octets - match.delay - len(sound) / 8000)
        likeness.append(found_pieces(sound, whole))
    return [
        exactly("files that can be read", count, len(kept)),
        at_most("lost at the end of each", 0.5, max(lost, default=9.0), "s", ".2f"),
        at_least("share of each that is what was said", CLEAR, min(likeness, default=0.0), form=".2f"),
    ]


def _number(file: Path) -> int:
    """Of the call, which rises from call to call."""
    return max(int(part) for part in re.findall(r"\d+", file.stem))


DRILL = Drill("The daemon and its workers are killed with SIGKILL while they record calls.", run, short=True)
