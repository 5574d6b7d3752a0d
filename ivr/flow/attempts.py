"""How often somebody is called, and how long it waits in between.

    known         nobody answered, busy, declined, unreachable, network: `retry` says how often and after which time
    unexplained   a fault of our own: again and again, until `validity` is over
    final         never again

The two do not touch each other: a fault of our own takes no retry away from somebody who was busy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ivr.flow.callhours import CallHours
from ivr.flow.ports import FailureKind

__all__ = ["LONGEST_VALIDITY", "Books", "CallRetry", "following"]

LONGEST_VALIDITY = 48 * 3600.0
"""Seconds: who has not been reached after two days of faults is not called without warning on the third."""

MAX_RETRIES = 50
"""Retries of one call; what people put up with is far less."""

MAX_MINUTES = 7 * 24 * 60.0
"""Minutes between two attempts."""

FIRST_WAIT = 60.0
"""Seconds after the first unexplained failure; each further one waits twice as long."""

LONGEST_WAIT = 900.0
"""Seconds that it waits at most after an unexplained failure."""

MAX_UNEXPLAINED = 500
"""Attempts that end unexplained; within the longest validity there are fewer."""


class CallRetry(BaseModel):
    """Calls again who was not reached for a known reason: the network, no answer, busy, declined, unreachable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    times: Annotated[int, Field(ge=1, le=MAX_RETRIES, strict=True)]
    """How often after the first attempt."""
    min_minutes: Annotated[float, Field(gt=0, le=MAX_MINUTES)] = 10.0
    """Wait before the first retry."""
    max_minutes: Annotated[float, Field(gt=0, le=MAX_MINUTES)] | None = None
    """Wait before the last one; those in between grow evenly. Default: `min_minutes`, all waits are alike."""

    @model_validator(mode="after")
    def _grows(self) -> CallRetry:
        if self.max_minutes is not None and self.max_minutes < self.min_minutes:
            raise ValueError("max_minutes is less than min_minutes")
        return self

    def seconds(self, number: int) -> float:
        """Seconds before the retry of that number, from 1: each is longer than the one before by the same factor."""
        if self.times == 1 or self.max_minutes is None:
            return self.min_minutes * 60.0
        share = (number - 1) / (self.times - 1)
        minutes: float = self.min_minutes * (self.max_minutes / self.min_minutes) ** share
        return round(minutes * 60.0, 3)


@dataclass(frozen=True, slots=True)
class Books:
    """What became of the attempts so far."""

    attempts: int = 0
    """Attempts that were begun."""
    known: int = 0
    """Those that failed for a known reason."""
    unexplained: int = 0
    """Those that failed unexplained."""
    first: datetime | None = None
    """When the first attempt was begun."""

    @classmethod
    def of(cls, kept: Any) -> Books:
        """What :meth:`kept` gave; new ones where there is nothing."""
        if not isinstance(kept, dict):
            return cls()
        return cls(int(kept["attempts"]), int(kept["known"]), int(kept["unexplained"]), kept["first"])

    def kept(self) -> dict[str, Any]:
        """For the snapshot of the flow."""
        return {"attempts": self.attempts, "known": self.known, "unexplained": self.unexplained, "first": self.first}

    def begun(self, at: datetime) -> Books:
        """With one attempt more, begun at `at`."""
        return replace(self, attempts=self.attempts + 1, first=self.first or at.astimezone(UTC))

    def failed(self, kind: FailureKind) -> Books:
        """With the outcome of the attempt begun last."""
        if kind == "known":
            return replace(self, known=self.known + 1)
        return replace(self, unexplained=self.unexplained + 1) if kind == "unexplained" else self


def following(
    books: Books, kind: FailureKind, at: datetime, retry: CallRetry | None, validity: float, hours: CallHours
) -> datetime | None:
    """When the next attempt may go after one that failed at `at`, which `books` have already; None: there is none."""
    if kind == "known":
        if retry is None or books.known > retry.times:
            return None
        return hours.opening(at + timedelta(seconds=retry.seconds(books.known)))
    if kind == "unexplained" and books.unexplained <= MAX_UNEXPLAINED:
        wait = min(FIRST_WAIT * 2.0 ** min(books.unexplained - 1, 10), LONGEST_WAIT)
        opens = hours.opening(at + timedelta(seconds=wait))
        return opens if opens <= (books.first or at) + timedelta(seconds=validity) else None
    return None
