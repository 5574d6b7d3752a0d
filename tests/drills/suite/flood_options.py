"""A flood of OPTIONS."""

from __future__ import annotations

from tests.drills.floods import flood
from tests.drills.harness import Bench, Drill, Figure


async def run(bench: Bench) -> list[Figure]:
    return await flood(bench, "OPTIONS", 10_000)


DRILL = Drill(
    "10,000 OPTIONS a second from 50 addresses with 50 calls up; a trusted peer asks five times a second.", run
)
