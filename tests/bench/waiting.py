"""Callers who wait for an agent: music, announcements in between, music again, inside the budget of the media plane.

    .venv/bin/python -m tests.bench.waiting
    .venv/bin/python -m tests.bench.waiting --levels 1000,2000 --every 10

Every caller hears music from his answer on, sends speech, and has keys looked for in it. Each hears an announcement of
5 s every ``--every`` seconds, at a moment of his own, which replaces the music as the flow does it; when it is over, it
goes on. The table is that of ``media_plane.py``, with which it shares the calls; the budget is 8 us of a core for each
call and tick of 20 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys

from media import MediaEvent, PlayDone, Port
from tests.bench.harness import generator
from tests.bench.media_plane import Stub, measure, say

BUDGET = 8.0
"""Microseconds of a core for a call and tick."""
TICKS = 50


class Queue(Stub):
    """Callers who wait."""

    every = 30.0
    swaps = 0

    def answered(self, port: Port, number: str) -> None:
        """Music; the first announcement comes somewhere in the first interval."""
        port.play([self.sounds["prompt30"]], loop=0, go_on=True)
        self._later(port, random.uniform(0, self.every))

    def heard(self, port: Port, number: str, event: MediaEvent) -> None:
        """After an announcement the music goes on; it is the only sound here that comes to an end."""
        if isinstance(event, PlayDone) and event.reason == "completed":
            port.play([self.sounds["prompt30"]], loop=0, go_on=True)
            Queue.swaps += 1

    def _later(self, port: Port, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._announce, port)

    def _announce(self, port: Port) -> None:
        if not port.released:
            port.play([self.sounds["after5"]])
            Queue.swaps += 1
            self._later(port, self.every)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--levels", default="1000")
    parser.add_argument("--every", type=float, default=30.0, help="seconds between announcements")
    parser.add_argument("--batch", choices=("compiled", "python"), default="compiled")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--window", type=float, default=10)
    parser.add_argument("--sip", type=int, default=15060)
    parser.add_argument("--rtp-socks", type=int, default=4)
    options = parser.parse_args()
    options.menu = options.no_inband = False
    folder = generator()
    if folder is None:
        print("the load generator is not here", file=sys.stderr)
        return 1
    Queue.every = options.every
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}")
    for level in map(int, options.levels.split(",")):
        Queue.swaps = 0
        result = asyncio.run(measure(options, folder, level, Queue))
        say(level, result)
        spent = float(str(result["cpu_per_call_s"])) * 1e6 / TICKS
        print(f"{spent:.1f} us a call and tick of {BUDGET:.0f}, {Queue.swaps} sounds changed", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
