"""What the refusals of called parties mean for a flow, and which of several tells it most."""

from __future__ import annotations

from ivr.flow import ports

__all__ = ["Outcomes", "outcome_of"]

BUSY = frozenset({486, 600})
DECLINED = frozenset({603, 607, 608})
UNANSWERED = frozenset({408, 480, 487})

_PREFERRED: tuple[ports.ForwardOutcome, ...] = ("busy", "declined", "no_answer", "failed")


def outcome_of(status: int) -> ports.ForwardOutcome:
    """What a final status of a called party means for the flow."""
    if status in BUSY:
        return "busy"
    if status in DECLINED:
        return "declined"
    return "no_answer" if status in UNANSWERED else "failed"


class Outcomes:
    """Those of one forward."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[ports.ForwardOutcome, tuple[str, int | None, str]] = {}

    def note(self, outcome: ports.ForwardOutcome, target: str, status: int | None, reason: str) -> None:
        """A target did not take the call."""
        self._seen[outcome] = (target, status, reason)

    def done(self, number: int) -> ports.ForwardDone:
        """The event for the flow: of targets that did not take the call, the one that tells most."""
        for outcome in _PREFERRED:
            if outcome in self._seen:
                target, status, reason = self._seen[outcome]
                return ports.ForwardDone(number, outcome, target, status, reason)
        return ports.ForwardDone(number, "failed", "", 404, "no target")
