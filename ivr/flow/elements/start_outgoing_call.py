"""start_outgoing_call: call somebody, as often and at the times that the flow allows, and find out who answers.

    reserving   asks when the pace lets the next call go                      for a moment
    waiting     until then; the flow is kept in the store meanwhile           dormant, also where it is no time at all
    dialling    the call is placed                                            not dormant: a call is under way
    answered    the session is up; a machine is told, or a key is asked for

What is kept (`Session.once`) is all that decides about the next attempt: the number, the books of the attempts so far,
the phase and when it goes on. A flow that is taken up while it waits goes on as if it had not been away; one whose
process died while it dialled waited last before that attempt, and dials it again under the same number: whoever places
calls knows by it that this one was dialled.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from ivr.flow.attempts import LONGEST_VALIDITY, Books, CallRetry, following
from ivr.flow.callhours import CallHours, CallWindow
from ivr.flow.elements.answerers import ConfirmFields, detect
from ivr.flow.elements.base import BranchSpec, CallOver, Element, Exposure, Run, element
from ivr.flow.elements.holding import SMALLEST_WAIT, zone_of
from ivr.flow.expressions import MASK, ExpressionError, Sensitive, Template
from ivr.flow.operations import json_value
from ivr.flow.ports import (
    AnswererFound,
    CancelDial,
    Dial,
    DialAnswered,
    DialDone,
    DialProgress,
    DialReserved,
    Event,
    ReserveDial,
)
from ivr.flow.ports import Speed as Pace
from ivr.flow.values import Duration, SipHeaderName, Speed, TextTemplate, ValueTemplate, plain_number

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["StartOutgoingCallElement"]

MAX_RINGING = 180.0
"""Seconds a call may ring: proxies give up an INVITE after three minutes (RFC 3261 16.6)."""

DIAL_GRACE = 180.0
"""Seconds over the ringing (lines that are tried one after the other, signalling) after which a call counts as lost."""

RESERVE_GRACE = 30.0
"""Seconds in which the pace tells when a call may go; it is known at once."""

RESERVATIONS = 10
"""Times that the pace is asked for one attempt, while what it offers is outside the window."""

LATE = 60.0
"""Seconds after its time at which a paced call asks again: many that are late together would go at once."""

MAX_PAYLOAD = 50
"""Entries of a payload."""

MAX_REASON = 200
"""Characters of a reason phrase that the trace keeps."""

ATTEMPTS_IN_TRACE = 100
"""Attempts that the trace of one element lists."""

PHASE, TO, BOOKS, EARLIEST, DUE, LATENESS, FAULT = "phase", "to", "books", "earliest", "due", "late", "fault"
"""What is kept while it waits."""


def _off(value: object) -> object:
    return "off" if value is False else value  # what YAML 1.1 makes of an unquoted off


@element("start_outgoing_call")
class StartOutgoingCallElement(Element):
    """Calls somebody; only where no session is up: in a flow that began with `start_from_audience`, or after
    `hang_up`. Waits for the `window` and the pace, tries again as `retry` says, and tells a machine from a person where
    asked. After `call_answered` and `voicemail` a session is up, after the other branches there is none. Results:
    `status`, `reason`, `sip_code`, `answerer`, `confidence`, `attempts`, `line`."""

    BRANCHES = (
        BranchSpec("call_answered", "A person took the call, or nobody knows who.", success=True, call_begins=True),
        BranchSpec("voicemail", "A machine took the call (`beep`: its beep is over).", call_begins=True),
        BranchSpec("no_answer", "Nobody answered, at the last attempt.", "call_ended", call_over=True),
        BranchSpec("busy", "The line was busy, at the last attempt.", "call_ended", call_over=True),
        BranchSpec("declined", "The call was declined, at the last attempt.", "call_ended", call_over=True),
        BranchSpec(
            "call_ended",
            "The call failed otherwise, or ended before it was known who answered.",
            call_over=True,
            own=True,
        ),
    )
    NEEDS_CALL = False
    NEEDS_NO_CALL = True
    DORMANT = True
    RESULTS = ("status", "reason", "sip_code", "answerer", "confidence", "attempts", "line")
    EXPOSES: ClassVar[Mapping[str, Exposure]] = {
        "to": "sent",
        "from": "sent",
        "headers": "sent",
        "payload": "reported",
        "record_name": "named",
    }

    type: Literal["start_outgoing_call"] = "start_outgoing_call"
    to: TextTemplate | None = None
    """Whom to call: `sip:…`, `tel:…`, `phone:200`, or a number; default: the contact's number."""
    from_: Annotated[TextTemplate | None, Field(alias="from")] = None
    """Caller id shown; default: that of the line."""
    line: TextTemplate | None = None
    """Line that numbers go out through; default: as the outbound policy says."""
    record_call: bool = False
    """Record the whole call, both sides."""
    record_name: TextTemplate | None = None
    """Name of that recording."""
    window: CallWindow | None = None
    """When calls may go; outside it the call waits."""
    payload: Annotated[dict[str, ValueTemplate], Field(max_length=MAX_PAYLOAD)] = Field(default_factory=dict)
    """Data for the record of the call and for reports; never sent to the one called."""
    speed: Speed | None = None
    """Calls of this element in each window of time, which opens with its first call."""
    validity: Annotated[Duration, Field(gt=0, le=LONGEST_VALIDITY)] = LONGEST_VALIDITY
    """Time, from the first attempt, in which it is tried again after faults of our own; at most 48 h."""
    retry: CallRetry | None = None
    """Further attempts where nobody was reached; default: none."""
    machine_detection: Annotated[
        Literal["off", "fast", "beep"],
        BeforeValidator(_off, json_schema_input_type=Literal["off", "fast", "beep", False]),
    ] = "off"
    """`fast`: told by the greeting, within seconds. `beep`: waits for the end of a machine's greeting."""
    confirm: ConfirmFields | None = None
    """Instead of detection: who presses a key is a person, else the branch `voicemail` is taken."""
    ring_timeout: Annotated[Duration, Field(gt=0, le=MAX_RINGING)] = 45.0
    """Time to the answer."""
    early_media: Literal["heard", "ignored"] = "heard"
    """`heard`: tones before the answer count, and a recording has what is said there."""
    headers: dict[SipHeaderName, TextTemplate] = Field(default_factory=dict)
    """Further SIP headers of the call."""

    @model_validator(mode="after")
    def _tells_machines(self) -> StartOutgoingCallElement:
        if self.confirm is not None and self.machine_detection != "off":
            raise ValueError("confirm stands instead of machine_detection: leave out one of them")
        if not self.finds_machines and "voicemail" in self.branches:
            raise ValueError("the branch voicemail needs machine_detection: fast or beep, or confirm")
        return self

    @property
    def finds_machines(self) -> bool:
        """The branch `voicemail` can be taken."""
        return self.machine_detection != "off" or self.confirm is not None

    def branch_specs(self) -> tuple[BranchSpec, ...]:
        return self.BRANCHES if self.finds_machines else tuple(s for s in self.BRANCHES if s.name != "voicemail")

    def rests(self, ctx: Session) -> bool:
        return ctx.kept.get(PHASE) == "waiting"

    def run(self, ctx: Session) -> Run:
        kept = ctx.kept
        if TO not in kept:
            target, secret = self._target(ctx)
            if not target:
                ctx.note("to: there is no number")
                return self._result(ctx, "call_ended", status="no_number")
            kept[TO] = Sensitive(target) if secret else target
            ctx.details["to"] = MASK if secret else target
        secret = type(kept[TO]) is Sensitive
        target = kept[TO].value if secret else kept[TO]
        hours = CallHours.of(self.window, target, zone_of(ctx, None), ctx.wall_time())
        if hours.guessed and PHASE not in kept:
            ctx.note("the window is never open in all zones of the number: that of the configuration counts")
        books = Books.of(kept.get(BOOKS))
        while True:
            yield from self._wait(ctx, hours)
            fault = kept.pop(FAULT, None)
            if fault is not None and ctx.wall_time() > fault["until"]:
                # It was not taken up in time, or the pace had no room before.
                last = DialDone(0, "failed", "unexplained", fault["sip_code"], fault["status"], fault["line"])
                return self._failed(ctx, last, books.attempts)
            books = books.begun(ctx.wall_time())
            kept[PHASE] = "dialling"
            done = yield from self._dial(ctx, target, secret, books.attempts)
            if type(done) is DialAnswered:
                return (yield from self._answered(ctx, done, books.attempts))
            assert type(done) is DialDone
            books = books.failed(done.kind)
            later = following(books, done.kind, ctx.wall_time(), self.retry, self.validity, hours)
            if later is None:
                return self._failed(ctx, done, books.attempts)
            kept[BOOKS], kept[EARLIEST] = books.kept(), later
            if done.kind == "unexplained" and books.first is not None:
                until = books.first + timedelta(seconds=self.validity + LATE)
                kept[FAULT] = {"until": until, "sip_code": done.sip_code, "status": done.status, "line": done.line}

    def _target(self, ctx: Session) -> tuple[str, bool]:
        if self.to is None:
            return ctx.contact, False
        target, secret = ctx.text(self.to, "to")
        return plain_number(target.strip()), secret

    # Until an attempt may go

    def _wait(self, ctx: Session, hours: CallHours) -> Generator[float | None, Event | None, None]:
        kept = ctx.kept
        while True:
            if kept.get(PHASE) != "waiting":
                kept[PHASE] = "reserving"
                earliest = kept.pop(EARLIEST, None) or hours.opening(ctx.wall_time())
                kept[DUE] = yield from self._reserve(ctx, earliest, hours)
                kept[PHASE] = "waiting"
                self._tell(ctx, kept[DUE])
                # Also where the time has come: a call is placed only by who has taken up the flow to do so.
                while (yield ctx.time_of(kept[DUE])) is not None:
                    pass
            due: datetime = kept[DUE]
            while ctx.wall_time() < due:
                yield max(ctx.time_of(due), ctx.now + SMALLEST_WAIT)
            now = ctx.wall_time().astimezone(UTC)
            opens = hours.opening(now)
            late = self.speed is not None and (now - due).total_seconds() > LATE and not kept.get(LATENESS)
            if opens <= now and not late:
                kept.pop(LATENESS, None)
                return
            # Once: where calls come late all the time they go late.
            kept[LATENESS] = late
            kept[EARLIEST] = opens
            kept[PHASE] = "reserving"

    def _reserve(
        self, ctx: Session, earliest: datetime, hours: CallHours
    ) -> Generator[float | None, Event | None, datetime]:
        pace = None if self.speed is None else Pace(self.speed.calls, self.speed.per)
        for _ in range(RESERVATIONS):
            command = ReserveDial(ctx.next_id(), f"{ctx.flow.name}/{ctx.element}", pace, earliest)
            ctx.emit(command)
            deadline = ctx.now + RESERVE_GRACE
            while True:
                event: Any = yield deadline
                if event is None or (type(event) is DialReserved and event.id == command.id):
                    break
            if event is None:
                ctx.note("when a call may go was never told", "error")
                return earliest
            at = max(event.at.astimezone(UTC), earliest)
            earliest = hours.opening(at)
            if earliest <= at:
                break
        return earliest

    def _tell(self, ctx: Session, due: datetime) -> None:
        if due > ctx.wall_time() + timedelta(seconds=1):
            ctx.details["waits_until"] = due.isoformat(timespec="seconds")

    # One attempt

    def _dial(
        self, ctx: Session, target: str, secret: bool, number: int
    ) -> Generator[float | None, Event | None, DialAnswered | DialDone]:
        command = self._command(ctx, target, secret, number)
        entry: dict[str, Any] = {"attempt": number, "at": ctx.offset(ctx.now)}
        attempts = ctx.details.setdefault("attempts", [])
        if len(attempts) < ATTEMPTS_IN_TRACE:
            attempts.append(entry)
        ctx.details.pop("waits_until", None)
        ctx.emit(command)
        deadline = ctx.now + self.ring_timeout + DIAL_GRACE
        while True:
            event: Any = yield deadline
            if event is None:
                ctx.emit(CancelDial(command.id))
                ctx.note("the outcome of a call was never reported", "error")
                event = DialDone(command.id, "failed", "unexplained", status="lost")
            kind = type(event)
            if kind not in (DialProgress, DialAnswered, DialDone) or event.id != command.id:
                continue
            if kind is DialProgress:
                entry.setdefault("ringing_at" if event.kind == "ringing" else "early_media_at", ctx.offset(ctx.now))
                continue
            entry["over_at"] = ctx.offset(ctx.now)
            if event.line:
                entry["line"] = event.line
            if kind is DialDone:
                entry.update(outcome=event.outcome, kind=event.kind, sip_code=event.sip_code)
                if event.status:
                    entry["reason"] = event.status[:MAX_REASON]
                return event  # type: ignore[no-any-return]
            entry["outcome"] = "answered"
            party = target.removeprefix("tel:").removeprefix("phone:")
            call = replace(
                ctx.call,
                direction="outbound",
                from_=event.from_ or command.from_ or "",
                to="" if secret else party,
                line=event.line,
                headers={},
            )
            ctx.connected(call)
            ctx.call_recording = self.record_call
            return event  # type: ignore[no-any-return]

    def _command(self, ctx: Session, target: str, secret: bool, number: int) -> Dial:
        from_ = ctx.text(self.from_, "from")[0] if self.from_ is not None else ""
        line = ctx.text(self.line, "line")[0] if self.line is not None else ""
        return Dial(
            id=ctx.next_id(),
            attempt=number,
            to=target,
            chosen=self.to is None or any(not expression.names <= {"settings"} for expression in self.to.expressions),
            secret=secret,
            from_=from_.strip() or None,
            line=line.strip() or None,
            ring_timeout=self.ring_timeout,
            early_media=self.early_media,
            machine_detection=self.machine_detection,
            record_name=ctx.file_name(self.record_name, "outgoing") if self.record_call else None,
            headers={name: ctx.text(value, "headers")[0] for name, value in self.headers.items()},
            payload={name: self._paid(ctx, name, value) for name, value in self.payload.items()},
        )

    def _paid(self, ctx: Session, name: str, template: Template[Any]) -> Any:
        try:
            value, sensitive = template.render(ctx)
            return MASK if sensitive else json_value(value)
        except ExpressionError as error:
            ctx.note(f"payload.{name}: {error}")
            return None

    # After the answer

    def _answered(self, ctx: Session, event: DialAnswered, attempts: int) -> Run:
        found: AnswererFound | None = None
        try:
            if self.machine_detection != "off":
                found = yield from detect(ctx, event.id, self.machine_detection)
            elif self.confirm is not None:
                found = yield from self.confirm.ask(ctx, event.id)
        except CallOver as over:
            return self._result(ctx, "call_ended", status=over.cause, sip_code=200, attempts=attempts, line=event.line)
        if found is None:
            found = AnswererFound(event.id, "unknown", 0.0)
        else:
            told_at = ctx.offset(ctx.now)
            ctx.details.update(answerer=found.answerer, confidence=round(found.confidence, 3), told_at=told_at)
            if found.reason:
                ctx.details["told_by"] = found.reason[:MAX_REASON]
        machine = found.answerer == "machine" or (self.confirm is not None and found.answerer != "human")
        branch = "voicemail" if machine else "call_answered"
        return self._result(ctx, branch, sip_code=200, attempts=attempts, line=event.line, found=found)

    # How it ends

    def _failed(self, ctx: Session, done: DialDone, attempts: int) -> str:
        branch = "call_ended" if done.outcome == "failed" else done.outcome
        return self._result(
            ctx,
            branch,
            status=(done.status or "failed") if branch == "call_ended" else branch,
            reason=done.status,
            sip_code=done.sip_code,
            attempts=attempts,
            line=done.line,
        )

    def _result(
        self,
        ctx: Session,
        branch: str,
        *,
        status: str = "",
        reason: str = "",
        sip_code: int | None = None,
        attempts: int = 0,
        line: str = "",
        found: AnswererFound | None = None,
    ) -> str:
        status = status or branch
        ctx.details.update(status=status, sip_code=sip_code)
        if reason:
            ctx.details["reason"] = reason[:MAX_REASON]
        ctx.set_result(
            {
                "status": status,
                "reason": reason,
                "sip_code": sip_code,
                "answerer": "unknown" if found is None else found.answerer,
                "confidence": 0.0 if found is None else found.confidence,
                "attempts": attempts,
                "line": line,
            }
        )
        return branch
