"""How long something may take, as people write it: `12s`, `"< 30s"`, `"12s ± 1s"`, `"10s to 20s"`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import BeforeValidator

from ivr.units import parse_duration

__all__ = ["AtMost", "Range", "Within", "parse_range", "seconds_text"]

RANGE_FORMS = 'a duration (12s), or "< 30s", "<= 30s", "> 5s", ">= 5s", "12s ± 1s", "10s to 20s"'

EXACT = 0.05
"""What a duration without a sign may be off: prompts last an estimated time, nobody writes it to the millisecond."""

_SIGNED = re.compile(r"\s*(<=|>=|<|>)\s*(.+)")
_AROUND = re.compile(r"(.+?)\s*(?:±|\+-|\+/-)\s*(.+)")
_BETWEEN = re.compile(r"(.+?)\s+to\s+(.+)")


@dataclass(frozen=True, slots=True)
class Range:
    """Seconds from `least` to `most`."""

    least: float
    """Not less."""
    most: float
    """Not more."""
    written: str
    """As the person wrote it."""
    open: bool = False
    """The bounds themselves are outside."""

    def holds(self, seconds: float) -> bool:
        """Whether a time is inside."""
        if self.open:
            return self.least < seconds < self.most
        return self.least - 1e-9 <= seconds <= self.most + 1e-9

    def __str__(self) -> str:
        return self.written


def parse_range(value: object) -> Range:
    """A range of time; ValueError with the forms allowed."""
    if isinstance(value, Range):
        return value
    try:
        if isinstance(value, str):
            if match := _SIGNED.fullmatch(value):
                bound = parse_duration(match[2])
                lower = match[1][0] == ">"
                return Range(
                    bound if lower else -1.0, float("inf") if lower else bound, value.strip(), len(match[1]) == 1
                )
            if match := _AROUND.fullmatch(value):
                middle, margin = parse_duration(match[1]), parse_duration(match[2])
                return Range(middle - margin, middle + margin, value.strip())
            if match := _BETWEEN.fullmatch(value):
                least, most = parse_duration(match[1]), parse_duration(match[2])
                if least > most:
                    raise ValueError
                return Range(least, most, value.strip())
        seconds = parse_duration(value)
    except ValueError:
        raise ValueError(f"not a range of time: {RANGE_FORMS}") from None
    return Range(seconds - EXACT, seconds + EXACT, seconds_text(seconds))


def _at_most(value: object) -> Range:
    """A bare duration is the longest time allowed."""
    try:
        seconds = parse_duration(value)
    except ValueError:
        return parse_range(value)
    return Range(-1.0, seconds, f"<= {seconds_text(seconds)}")


def seconds_text(seconds: float) -> str:
    """A time for people: `12.3 s`."""
    return f"{round(seconds, 3 if seconds < 10 else 1):g} s"


Within = BeforeValidator(parse_range)
"""A range; a bare duration is meant exactly."""

AtMost = BeforeValidator(_at_most)
"""A range; a bare duration is an upper bound."""
