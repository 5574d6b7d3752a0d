"""Injected and malformed RTP, RTCP, telephone-events, STUN and DTLS."""

from __future__ import annotations

from tests.drills.harness import Bench, Drill, Figure
from tests.drills.packets import attack


async def run(bench: Bench) -> list[Figure]:
    return await attack(bench, secure=False)


DRILL = Drill("34 groups of bad packets into live calls, from strangers and from the callers themselves.", run)
