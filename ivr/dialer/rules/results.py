"""What became of a contact, from what its flow tells of its calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["result_of"]

UNPLACED = {
    "do_not_contact": "do_not_contact",
    "interrupted": "interrupted",
    "campaign_cancelled": "cancelled",
    "campaign_over": "expired",
}
"""Words of calls that were not placed, and the results that they are."""

_OUTCOMES = frozenset({"no_answer", "busy", "declined"})


def result_of(attempts: Sequence[Mapping[str, Any]], fault: str | None) -> tuple[str, int]:
    """The result, and how many calls were placed. The last attempt decides, but for one that was answered: who was
    reached was reached, whatever the flow tried later. `attempts` are those of the flow's record."""
    placed = [attempt for attempt in attempts if attempt.get("status") not in UNPLACED]
    answered = [attempt for attempt in attempts if attempt.get("outcome") == "answered"]
    if answered:
        by_people = any(attempt.get("answerer") != "machine" for attempt in answered)
        return "answered" if by_people else "voicemail", len(placed)
    if not attempts:
        return "not_called" if fault is None else "failed", 0
    last = attempts[-1]
    if (word := UNPLACED.get(str(last.get("status")))) is not None:
        return word, len(placed)
    outcome = last.get("outcome")
    return str(outcome) if outcome in _OUTCOMES else "failed", len(placed)
