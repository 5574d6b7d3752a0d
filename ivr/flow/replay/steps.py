"""What a record tells of one element of a call, and what came from outside while it ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ivr.flow.exchanges import HIDDEN
from ivr.flow.expressions import MASK

__all__ = ["MOVED_BY", "Action", "RecordedStep"]

MOVED_BY = "moved by "
"""Begins the branch of a step that somebody outside ended."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something the caller did, or that came from outside."""

    after: float
    """Seconds after the step was entered."""
    kind: str
    """`press`, `hang_up`, `event`, `forward`, `callee`, `told`, `instruct` or `move`."""
    value: str
    """Key, cause, name of the event, what the called party does, who has answered, what is asked for, or the flow moved
    to."""
    source: str = "rfc4733"
    """How a key came."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    """Of an event; of a call the kind of its failure, its words and its line; of an instruction its fields; of a move
    its entry, who did it, and what its flow was made of."""
    code: int | None = None
    """SIP status of a refusal."""
    posted: float = 0.0
    """When an event came in, in seconds since the call began."""


@dataclass(slots=True)
class RecordedStep:
    """One element of the call."""

    data: Mapping[str, Any]
    """As it stands in the record."""
    begins: float
    """Seconds since the call began."""
    ends: float | None
    """Seconds since the call began; None: it was running when the call ended."""
    actions: list[Action] = field(default_factory=list)
    """What happened in it, from outside."""

    @property
    def flow(self) -> str:
        """Its flow."""
        return str(self.data.get("flow") or "")

    @property
    def element(self) -> str:
        """Its name."""
        return str(self.data.get("element") or "")

    @property
    def type(self) -> str:
        """Its type."""
        return str(self.data.get("type") or "")

    @property
    def branch(self) -> str | None:
        """Branch it was left by; masked where it tells a hidden input."""
        branch = self.data.get("branch")
        return None if branch is None else str(branch)

    @property
    def hidden(self) -> bool:
        """A collect whose input the record does not show."""
        if self.type != "collect" or "status" not in self.data or self.data["status"] == "no_input":
            return False
        return str(self.data.get("digits", MASK)) == MASK

    @property
    def hidden_talk(self) -> bool:
        """A conversation of documents that the record does not show: what was sent had a sensitive value in it."""
        return self.type in ("transfer_to_voice_application", "document") and any(
            request.get("url") == HIDDEN and "body" not in request for request in self.data.get("requests") or ()
        )

    @property
    def attempts(self) -> Sequence[Mapping[str, Any]]:
        """Attempts to call somebody."""
        called = self.type == "start_outgoing_call"
        return cast("Sequence[Mapping[str, Any]]", (self.data.get("attempts") or ()) if called else ())

    @property
    def began_session(self) -> bool:
        """Somebody whom it called has answered."""
        return any(attempt.get("outcome") == "answered" for attempt in self.attempts)

    @property
    def played(self) -> Sequence[Mapping[str, Any]]:
        """Prompts with what was heard of them."""
        return cast("Sequence[Mapping[str, Any]]", self.data.get("played") or ())
