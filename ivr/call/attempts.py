"""What is kept of the calls that a flow places: every attempt, in the record of the flow's run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from ivr.call.outcomes import OURS
from ivr.call.report import HIDDEN, CallReport, Measured
from ivr.feed import Feed
from ivr.flow import ports
from ivr.flow.machine import Machine
from ivr.store import CallRecord, Store
from media import Stats

__all__ = ["AttemptReport"]

MAX_ATTEMPTS = 100
"""Of one run that its record lists: a flow that calls the same person for a year has no more to tell."""


class AttemptReport(CallReport):
    """Times and results of one attempt. The record is that of the run: where it began outside a call it tells of the
    last attempt, else of the call that came in, and attempts stand in its details alone."""

    def __init__(
        self,
        store: Store,
        base: Mapping[str, Any],
        command: ports.Dial,
        party: str,
        at: float,
        measured: Measured = lambda record, figures, stats: None,
    ) -> None:
        """`base` is what the record of the run says so far; `party` the number or name of who is called."""
        record = CallRecord(**base)
        self._own = record.direction in ("outside", "outbound")
        """The run is about this call, not about one that came in."""
        attempts = list(record.details.get("attempts", ()))
        self._attempt: dict[str, Any] = {
            "attempt": command.attempt,
            "at": round(at, 3),
            "to": HIDDEN if command.secret else party,
        }
        attempts.append(self._attempt)
        details: dict[str, Any] = {**record.details, "attempts": attempts[-MAX_ATTEMPTS:]}
        if command.payload:
            details["payload"] = dict(command.payload)
        record = replace(record, details=details)
        if self._own:
            record = replace(
                record,
                direction="outbound",
                caller=command.from_,
                called=HIDDEN if command.secret else party,
                line=None,
                sip_call_id=None,
                source=None,
                ringing_at=None,
                answered_at=None,
                ended_at=None,
                cause=None,
                sip_status=None,
                quality={},
            )
        super().__init__(store, record, measured)
        self._hand_offs = list(record.hand_offs) if self._own else []
        self._stats: Stats | None = None
        self._missed: ports.Cause | None = None
        """Why nobody took the call: the cause of its end, which is no cause of the run's."""
        self.done = False
        """The attempt is over, and everything known of it."""

    @property
    def event_key(self) -> str:
        return f"{self.id}:{self._attempt['at']}"

    def placed(self, line: str | None, call_id: str, source: str) -> None:
        """An INVITE goes out."""
        self._attempt["line"] = line
        if self._own:
            # Traces know the call, with all that was tried after it, by its first INVITE.
            first = self._record.sip_call_id or call_id
            self._record = replace(self._record, line=line, sip_call_id=first, source=source)

    def shows(self, caller: str) -> None:
        """The caller id that is shown."""
        if self._own:
            self._record = replace(self._record, caller=caller or None)

    def rings(self, at: float) -> None:
        """It rings, or something is heard before the answer; the first time counts."""
        if "ringing_at" in self._attempt:
            return
        self._attempt["ringing_at"] = round(at, 3)
        self.tell("call.ringing", {"attempt": self._attempt["attempt"]})
        if self._own:
            self._record = replace(self._record, ringing_at=at)

    def answered(self, at: float) -> None:
        super().answered(at)
        self._attempt.update(outcome="answered", sip_code=200, answered_at=round(at, 3))

    def found(self, event: ports.AnswererFound) -> None:
        """Who answered."""
        self._attempt.update(answerer=event.answerer, confidence=round(event.confidence, 3))
        if event.reason:
            self._attempt["told_by"] = event.reason

    def failed(self, event: ports.DialDone, reason: str, at: float, cause: ports.Cause | None = None) -> None:
        """Nobody took the call; `reason` is the phrase of the status, `cause` who did not want it any more: None where
        it came to nothing by itself."""
        self._missed = cause or ("system" if event.status in OURS else "network")
        self._attempt.update(outcome=event.outcome, kind=event.kind, status=event.status, sip_code=event.sip_code)
        self._attempt["ended_at"] = round(at, 3)
        if reason:
            self._attempt["reason"] = reason
        self.sip_status = event.sip_code
        self.done = True

    def cut_off(self, feed: Feed) -> None:
        """The daemon has died since it was placed: whoever heard of its beginning hears of its end."""
        feed.tell("call.ended", {**self.summary(), **self._named(), "cause": "system"}, self.id)

    def over(self, cause: str, at: float) -> None:
        super().over(cause, at)
        self._attempt.setdefault("ended_at", round(at, 3))
        self._attempt.setdefault("cause", cause)

    def settle(self, cause: str | None) -> None:
        super().settle(cause)
        if self._cause is not None:
            self._attempt["cause"] = self._cause

    @property
    def result(self) -> tuple[str, str]:
        """Outcome and word of an attempt that is over."""
        return str(self._attempt.get("outcome", "")), str(self._attempt.get("status", ""))

    def _named(self) -> dict[str, Any]:
        """The attempt, whose direction is out, whatever the run is about."""
        called = {"direction": "outbound", "to": self._attempt["to"], "attempt": self._attempt["attempt"]}
        return {**super()._named(), **called}

    def summary(self) -> dict[str, Any]:
        found = super().summary()
        told = {"attempt": self._attempt["attempt"], "outcome": self._attempt.get("outcome")}
        return {**found, "cause": found["cause"] or self._missed, **told}

    def progress(self) -> str:
        """How far it is: `dialling`, `ringing`, `answered` or `ended`."""
        if "ended_at" in self._attempt:
            return "ended"
        return next((word for word in ("answered", "ringing") if f"{word}_at" in self._attempt), "dialling")

    def snapshot(self, machine: Machine) -> dict[str, Any]:
        return {**super().snapshot(machine), "state": self.progress(), "attempt": self._attempt["attempt"]}

    def base(self, machine: Machine) -> dict[str, Any]:
        """What the record of the run says from here on, besides the way."""
        found = asdict(self.record(machine, self._stats))
        for name in ("path", "digits"):
            del found[name]
        return found

    def record(self, machine: Machine, stats: Stats | None) -> CallRecord:
        found = super().record(machine, stats)
        if self._own:
            # How the session ended; what the flow does without it is no cause.
            return replace(found, cause=self._cause)
        first = self._record
        told: dict[str, Any] = {"hand_offs": self._hand_offs, "quality": found.quality}
        for name in ("media", "transfers"):
            told[name] = found.details.pop(name, None)
        self._attempt.update({name: value for name, value in told.items() if value})
        return replace(
            found,
            answered_at=first.answered_at,
            ended_at=first.ended_at,
            cause=first.cause,
            sip_status=first.sip_status,
            hand_offs=first.hand_offs,
            quality=first.quality,
        )

    def write(self, machine: Machine, stats: Stats | None) -> None:
        """The session is over, and its figures are there: the run's record is written by who runs the flow."""
        self._stats = stats
        self.done = True
        record = self.record(machine, stats)
        record = replace(record, direction="outbound", cause=self._cause, hand_offs=self._hand_offs)
        self._measured(record, self.figures, stats)
