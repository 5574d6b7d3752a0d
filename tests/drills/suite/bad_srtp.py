"""Injected, malformed, replayed and forged SRTP."""

from __future__ import annotations

from tests.drills.harness import Bench, Drill, Figure
from tests.drills.packets import attack


async def run(bench: Bench) -> list[Figure]:
    return await attack(bench, secure=True)


DRILL = Drill("The same into encrypted calls, and packets of theirs again, cut short, and with a bit turned.", run)
