"""Whether queues are open, by their calendars."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ivr.flow.calendar import hours_at

if TYPE_CHECKING:
    from ivr.center.rules.config import CenterConfig

__all__ = ["ALWAYS", "Opening", "OpeningHours"]

LOOKED_UP_FOR = 3600.0
"""Seconds for which an answer of a calendar holds at most: what it says of a moment takes 50 µs to find out."""


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """A queue at one moment."""

    open: bool
    text: str
    """Why it is closed: a sentence; empty when it is open."""
    opens: float | None
    """When it opens next, in seconds since the epoch; None: it is open, or never opens."""


ALWAYS = OpeningHours(True, "", None)


class Opening:
    """Calendars of a configuration, with what they last said."""

    def __init__(self, config: CenterConfig) -> None:
        self._config = config
        self._known: dict[str, tuple[float, float, OpeningHours]] = {}
        """By calendar: from when until when it says what."""

    def at(self, calendar: str | None, wall: float) -> OpeningHours:
        """What a calendar says of a moment; one that is None, or not there, is always open."""
        if calendar is None or calendar not in self._config.calendars:
            return ALWAYS
        known = self._known.get(calendar)
        if known is None or not known[0] <= wall < known[1]:
            known = self._known[calendar] = self._look_up(calendar, wall)
        return known[2]

    def _look_up(self, calendar: str, wall: float) -> tuple[float, float, OpeningHours]:
        try:
            hours = hours_at(self._config.calendars[calendar], datetime.fromtimestamp(wall, UTC))
        except (OverflowError, ValueError, OSError):  # a clock set to where there are no dates
            return wall, wall + LOOKED_UP_FOR, ALWAYS
        change = hours.closes if hours.status == "open" else hours.opens
        until = min(wall + LOOKED_UP_FOR, change.timestamp() if change is not None else wall + LOOKED_UP_FOR)
        if hours.status == "open":
            return wall, until, ALWAYS
        why = "It is closed" if hours.status == "closed" else f"It is a holiday ({hours.holiday or 'without a name'})"
        opens = f"{hours.opens:%Y-%m-%d %H:%M}" if hours.opens is not None else ""
        text = f"{why} by the calendar {calendar}" + (f"; it opens {opens}." if opens else ".")
        return wall, until, OpeningHours(False, text, hours.opens.timestamp() if hours.opens is not None else None)
