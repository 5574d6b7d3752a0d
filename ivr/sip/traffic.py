"""What went over the wire, counted: plain integers that metrics read now and then."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ivr.sip.names import METHODS

__all__ = ["OTHER", "Traffic"]

OTHER = "other"
"""Stands for methods that are not known: anybody could make them up, and each would be a name of its own."""
_KNOWN = {method.encode(): method for method in METHODS}


@dataclass(slots=True)
class Traffic:
    """Messages since the start, those that were repeated included."""

    requests_in: Counter[str] = field(default_factory=Counter)
    """By method, `other` for those that are not known."""
    requests_out: Counter[str] = field(default_factory=Counter)
    responses_in: list[int] = field(default_factory=lambda: [0] * 10)
    """By the first digit of the status."""
    responses_out: list[int] = field(default_factory=lambda: [0] * 10)
    repeats_in: int = 0
    """Requests that came again."""
    repeats_out: int = 0
    """Messages that we sent again (RFC 3261 section 17)."""
    timeouts: int = 0
    """Requests of ours that nobody answered in time."""
    broken: int = 0
    """Messages that could not be read."""

    def request(self, method: str) -> None:
        """A request came."""
        self.requests_in[method if method in METHODS else OTHER] += 1

    def sent(self, data: bytes) -> None:
        """A message of ours is sent."""
        if data.startswith(b"SIP/2.0 "):
            self.responses_out[data[8] - 48] += 1
        else:
            self.requests_out[_KNOWN.get(data[: data.find(b" ", 0, 32)], OTHER)] += 1
