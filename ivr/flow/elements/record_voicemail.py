"""record_voicemail: record what the caller says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ivr.flow.elements.base import CALL_ENDED, USER_HUNG_UP, BranchSpec, CallOver, Element, Exposure, Run, element
from ivr.flow.patterns import KEYS
from ivr.flow.ports import DeliverVoicemail, Digit, DiscardRecording, Record, RecordDone, StopRecord
from ivr.flow.values import Duration, TextTemplate, VariableName, text_of_digits

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["RecordVoicemailElement"]

CLOSE_TIMEOUT = 2.0
"""Seconds in which a stopped recording must be closed; a recorder that is lost must not hold the call."""

DONE_GRACE = 30.0
"""Seconds over `max_duration` (beep, silence at the start) after which a recording counts as lost."""


def _escape(value: str) -> str:
    if any(key not in KEYS for key in value):
        raise ValueError(f'keys are of {KEYS}; "" for none')
    return value


@element("record_voicemail")
class RecordVoicemailElement(Element):
    """Records the caller until a key, silence, the time limit or the end of the call. What was said until the caller
    hung up is kept. A call in early media is answered. Results: `recording` (for play's `voicemail`), `duration`,
    `status` (`recorded`, `nothing_recorded`, `error`), `reason`."""

    BRANCHES = (
        BranchSpec("voicemail_recorded", "There is a recording.", success=True),
        BranchSpec("nothing_recorded", "It was shorter than `min_duration` and is deleted.", "voicemail_recorded"),
        BranchSpec("error", "The recording could not be written.", "nothing_recorded"),
        USER_HUNG_UP,
        CALL_ENDED,
    )
    RESULTS = ("recording", "duration", "status", "reason")
    TARGETS: ClassVar[Mapping[str, str]] = {"queue": "queues", "agent": "agents"}
    EXPOSES: ClassVar[Mapping[str, Exposure]] = {"name": "named"}

    type: Literal["record_voicemail"] = "record_voicemail"
    name: TextTemplate | None = None
    """Of the file; made safe for a file system."""
    max_duration: Annotated[Duration, Field(gt=0)] = 120.0
    """The recording ends after so long."""
    max_silence: Duration = 5.0
    """Silence that ends the recording; 0: none does."""
    escape_digits: Annotated[str, BeforeValidator(text_of_digits), AfterValidator(_escape)] = "#"
    """Keys of which each ends the recording; `""`: none."""
    beep: bool = True
    """Play a beep first."""
    min_duration: Duration = 1.0
    """Shorter recordings are deleted."""
    format: Literal["wav", "ulaw"] = "wav"
    """Of the file."""
    transcribe: bool = False
    """Have it written down by the configured hook."""
    queue: TextTemplate | None = None
    """Queue whose mailbox gets it; in `failover` that in which the caller has waited."""
    agent: TextTemplate | None = None
    """Agent whose mailbox gets it, instead of that of the queue."""
    save_as: VariableName | None = None
    """Variable for the recording."""

    def sets(self) -> tuple[str, ...]:
        return () if self.save_as is None else (self.save_as,)

    def run(self, ctx: Session) -> Run:
        ctx.answer()
        ctx.keys.clear()
        ctx.interruptible_before = False
        if self.transcribe:
            ctx.note("transcribe: no hook for it is built in")
        number = ctx.next_id()
        name = ctx.file_name(self.name, "voicemail")
        ctx.emit(Record(number, name, self.format, self.max_duration, self.max_silence, self.beep))
        deadline = ctx.now + self.max_duration + DONE_GRACE
        stopped_by = ""
        try:
            while True:
                event: Any = yield deadline
                if event is None:
                    if stopped_by:
                        return self._done(ctx, RecordDone(number, reason="failed", error="lost"), "lost")
                    stopped_by = "lost"
                    ctx.emit(StopRecord(number))
                    deadline = ctx.now + CLOSE_TIMEOUT
                elif type(event) is RecordDone and event.id == number:
                    return self._done(ctx, event, stopped_by)
                elif type(event) is Digit:
                    key = ctx.keys.pop() if ctx.keys else None
                    ctx.keys.clear()
                    if key is not None and key.digit in self.escape_digits and not stopped_by:
                        ctx.trace_key(key, key.digit, "terminators")
                        stopped_by = "key"
                        ctx.emit(StopRecord(number))
                        deadline = ctx.now + CLOSE_TIMEOUT
        except CallOver as over:
            ctx.emit(StopRecord(number))
            deadline = ctx.now + CLOSE_TIMEOUT
            while True:
                event = yield deadline
                if event is None:
                    event = RecordDone(number, reason="failed", error="lost")
                if type(event) is RecordDone and event.id == number:
                    self._done(ctx, event, "hung_up")
                    return self.ended(over.cause)

    def _deliver(self, ctx: Session, event: RecordDone) -> None:
        queue, agent = (
            "" if template is None else ctx.text(template, field)[0].strip()
            for field, template in (("queue", self.queue), ("agent", self.agent))
        )
        if queue or agent:
            ctx.emit(DeliverVoicemail(event.path, event.duration, queue, agent, ctx.party))

    def _done(self, ctx: Session, event: RecordDone, stopped_by: str) -> str:
        kept = bool(event.path) and event.duration >= self.min_duration
        reason = stopped_by or event.reason
        if event.reason == "failed":
            ctx.note("a recording could not be written", "error")
            status = "error"
        else:
            status = "recorded" if kept else "nothing_recorded"
        if event.path and not kept:
            ctx.emit(DiscardRecording(event.id))
        if kept:
            ctx.inputs += 1
            self._deliver(ctx, event)
        path = event.path if kept else None
        ctx.details.update(recording=path, duration=round(event.duration, 3), status=status, reason=reason)
        ctx.set_result({"recording": path, "duration": round(event.duration, 3), "status": status, "reason": reason})
        if self.save_as is not None and kept:
            ctx.set_variable(self.save_as, path)
        return "voicemail_recorded" if status == "recorded" else status
