"""Whether a line can be used, and which of its hops: pure memory of what was seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ivr.net import Hop

__all__ = ["Pulse", "Shunned", "TrunkState"]

SHUN_FOR: Final = 30.0
"""Seconds in which a hop that did not answer is tried last: without that each call would wait for it again."""
MAX_SHUN: Final = 600.0
"""Seconds of a Retry-After for which calls take another way."""
MAX_SHUNNED: Final = 1024
"""Hops remembered; more are nobody's trunks."""


@dataclass(frozen=True, slots=True)
class TrunkState:
    """A line as metrics, readiness and doctor see it."""

    name: str
    usable: bool
    """Whether calls go out by it first of all."""
    registered: bool | None
    """None: it needs no registration."""
    answers: bool | None
    """Whether the peer answers OPTIONS; None: it is not asked, or has not been asked for long enough."""
    reason: str
    """Why it is not usable; empty while it is."""
    since: float
    """Seconds since the epoch of the last change."""
    round_trip: float | None
    """Seconds from the last OPTIONS to its answer."""
    addresses: tuple[str, ...]
    """That calls of this line come from."""
    hardware: str | None = None
    """Maker and model of hardware of this machine, empty while it is not there; None: it is no such line."""


@dataclass(slots=True)
class Pulse:
    """Answers to OPTIONS, counted up to the thresholds (RFC 3261 §11; nothing there says how many count)."""

    down_after: int
    up_after: int
    alive: bool | None = None
    """None until enough was seen."""
    round_trip: float | None = None
    """Seconds, of the last answer."""
    _good: int = 0
    _bad: int = 0

    def answered(self, seconds: float) -> bool:
        """An answer came; whether that changes :attr:`alive`."""
        self.round_trip = seconds
        self._bad = 0
        self._good = min(self._good + 1, self.up_after)
        if self.alive is not True and (self.alive is None or self._good >= self.up_after):
            self.alive = True
            return True
        return False

    def missed(self) -> bool:
        """No answer came, or one that says that there is nobody; whether that changes :attr:`alive`."""
        self._good = 0
        self._bad = min(self._bad + 1, self.down_after)
        if self.alive is not False and self._bad >= self.down_after:
            self.alive = False
            self.round_trip = None
            return True
        return False

    @property
    def sure(self) -> bool:
        """Whether nothing speaks against what it says: then there is time until the next question."""
        return self.alive is not None and not (self._bad if self.alive else self._good)


@dataclass(slots=True)
class Shunned:
    """Hops that had better not be tried now: they did not answer, or asked for a pause."""

    _until: dict[tuple[str, str, int], float] = field(default_factory=dict)

    def shun(self, hop: Hop, now: float, retry_after: float | None = None) -> None:
        """Try this hop last for a while; for as long as it asked for, where it did."""
        seconds = SHUN_FOR if retry_after is None else min(retry_after, MAX_SHUN)
        if len(self._until) >= MAX_SHUNNED:
            self._until.clear()
        self._until[_key(hop)] = now + seconds

    def welcome(self, hop: Hop) -> None:
        """It answers."""
        self._until.pop(_key(hop), None)

    def sort(self, hops: Iterable[Hop], now: float) -> list[Hop]:
        """The same hops, those to be shunned behind the others, the one that is free again first among them."""
        return sorted(hops, key=lambda hop: max(self._until.get(_key(hop), 0.0) - now, 0.0))

    def all_of(self, hops: Sequence[Hop], now: float) -> bool:
        """Whether none of these had better be tried now; not so where there are none."""
        return bool(hops) and all(self._until.get(_key(hop), 0.0) > now for hop in hops)


def _key(hop: Hop) -> tuple[str, str, int]:
    return hop.transport, hop.address, hop.port
