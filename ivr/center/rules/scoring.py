"""How much an agent has to do, and the weighted score of those who could take a call.

Two figures of one agent's channels: his workload is the mean of occupancy/capacity over them, in percent; whether he is
at full capacity is told by the sum of these percentages, from 90 on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["FULL_CAPACITY", "at_full_capacity", "scores", "workload"]

FULL_CAPACITY = 90.0
"""Percent, added up over the channels."""

Channels = Iterable[tuple[int, int]]
"""Occupancy and capacity of each."""


def workload(channels: Channels) -> float:
    """Percent; 0 without channels."""
    shares = [100.0 * occupied / capacity for occupied, capacity in channels]
    return sum(shares) / len(shares) if shares else 0.0


def at_full_capacity(channels: Channels) -> bool:
    """Whether an agent has as much to do as he can take, over all channels together."""
    return sum(100.0 * occupied / capacity for occupied, capacity in channels) >= FULL_CAPACITY


def scores(candidates: Sequence[tuple[float, float]]) -> list[float]:
    """Of each candidate (workload in percent, seconds without a call): half for being the least loaded, half for having
    waited the longest. A ratio with a zero is 1 for the best, that is for who has the zero."""
    if not candidates:
        return []
    least = min(load for load, _ in candidates)
    longest = max(unserved for _, unserved in candidates)
    return [
        0.5 * (least / load if load > 0 else 1.0) + 0.5 * (unserved / longest if longest > 0 else 1.0)
        for load, unserved in candidates
    ]
