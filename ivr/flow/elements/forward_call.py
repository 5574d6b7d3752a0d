"""forward_call: connect the caller to somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from ivr.flow.elements.base import CALL_ENDED, BranchSpec, CallOver, Element, Exposure, Run, element
from ivr.flow.elements.prompts import PromptField
from ivr.flow.expressions import MASK, Template
from ivr.flow.ports import CancelForward, Forward, ForwardAnswered, ForwardDone, ForwardRinging, HangUp, PromptSpec
from ivr.flow.values import CallKey, Duration, SipHeaderName, TextTemplate, text_of_digits

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["ForwardCallElement"]

MAX_TARGETS = 20
"""Phones that one call may ring."""

MAX_TIMEOUT = 600.0
"""Seconds of ringing; nobody waits longer for one answer."""

RING_GRACE = 30.0
"""Seconds over the ringing of all targets (whisper, accept_key, signalling) after which a forward counts as lost."""

MAX_UUI = 128
"""Octets of User-to-User that an ISDN on the way carries (RFC 7433 section 4)."""

MAX_REASON = 200
"""Characters of a reason phrase that the trace keeps."""

REFUSED = ("no_answer", "busy", "declined")
NOT_FORWARDED = "call_not_forwarded"


def _is_named(target: Template[str]) -> bool:
    """Whether flow and configuration alone say who is called, whatever the call brings."""
    return all(expression.names <= {"settings"} for expression in target.expressions)


def _several(value: object) -> object:
    found = value if isinstance(value, (list, tuple)) else [value]
    return [item if isinstance(item, Template) else text_of_digits(item) for item in found]


@element("forward_call")
class ForwardCallElement(Element):
    """Connects the caller to a phone, an agent, a number or a SIP URI. A target is `sip:…`, `tel:…`, `phone:200`,
    `agent:anna`; a bare value is a phone, else an agent, else a number through `line`. Results: `status`, `sip_code`,
    `talk_time`, `target`."""

    BRANCHES = (
        BranchSpec(
            "call_forwarded", "The bridged call has ended, or the peer took the call.", success=True, call_over=True
        ),
        BranchSpec("returned", "The called party left first and `after` is `return`."),
        BranchSpec(NOT_FORWARDED, "Nobody took the call."),
        BranchSpec("no_answer", "Nobody answered in time.", NOT_FORWARDED),
        BranchSpec("busy", "All are busy.", NOT_FORWARDED),
        BranchSpec("declined", "The call was declined.", NOT_FORWARDED),
        CALL_ENDED,
    )
    REACHES_PERSON = True
    GRACE: ClassVar[float] = RING_GRACE
    RESULTS = ("status", "reason", "sip_code", "talk_time", "target")
    EXPOSES: ClassVar[Mapping[str, Exposure]] = {
        "to": "sent",
        "from": "sent",
        "headers": "sent",
        "user_to_user": "sent",
        "record_name": "named",
    }

    type: Literal["forward_call"] = "forward_call"
    to: Annotated[
        tuple[TextTemplate, ...],
        BeforeValidator(_several, json_schema_input_type=str | list[str]),
        Field(min_length=1, max_length=MAX_TARGETS),
    ]
    """Whom to call; several are tried as `ring` says."""
    ring: Literal["together", "in_turn"] = "together"
    """How several targets are tried."""
    from_: Annotated[TextTemplate | None, Field(alias="from")] = None
    """Caller id shown; default: the caller's own."""
    line: TextTemplate | None = None
    """Line that numbers go out through."""
    timeout: Annotated[Duration, Field(gt=0, le=MAX_TIMEOUT)] = 30.0
    """Ringing time of each target."""
    mode: Literal["bridge", "refer", "attended"] = "bridge"
    """`bridge`: second leg, sound relayed. `refer`: blind transfer; bridged where the peer refuses. `attended`:
    bridged, then the two are joined without us where the peer can."""
    ringback: Literal["tone", "music"] | PromptField = "tone"
    """What the caller hears until somebody answers."""
    whisper: PromptField | None = None
    """Heard by the called party before the two are connected."""
    accept_key: CallKey | None = None
    """Key that the called party must press to take the call."""
    record_call: bool = False
    """Record the bridged call, both sides."""
    record_name: TextTemplate | None = None
    """Name of that recording."""
    max_duration: Annotated[Duration, Field(gt=0)] | None = None
    """Longest time of the bridged call."""
    headers: dict[SipHeaderName, TextTemplate] = Field(default_factory=dict)
    """Further SIP headers of the outgoing call."""
    user_to_user: TextTemplate | None = None
    """Text for the application at the other end, up to 128 octets, sent as User-to-User (RFC 7433)."""
    after: Literal["hang_up", "return"] = "hang_up"
    """When the called party leaves first: end the call, or give the caller back to the flow."""

    @model_validator(mode="after")
    def _bridged_only(self) -> ForwardCallElement:
        if self.mode != "bridge" and self.after == "return":
            raise ValueError("after: return needs mode: bridge, a transferred call does not come back")
        return self

    def branch_specs(self) -> tuple[BranchSpec, ...]:
        if self.after == "return":
            return self.BRANCHES
        return tuple(spec for spec in self.BRANCHES if spec.name != "returned")

    def run(self, ctx: Session) -> Run:
        ctx.interruptible_before = False
        forward = self._command(ctx)
        if forward is None:
            return self._result(ctx, NOT_FORWARDED, ForwardDone(0, "failed", status="no target"))
        if self.mode == "refer":
            ctx.answer()
        ctx.keys.clear()
        ctx.details.update(to=[MASK] if forward.secret else list(forward.targets), asked_at=ctx.offset(ctx.now))
        ctx.emit(forward)
        ctx.forwarding = True
        try:
            return (yield from self._wait(ctx, forward))
        finally:
            ctx.forwarding = False
            ctx.keys.clear()

    def _wait(self, ctx: Session, forward: Forward) -> Run:
        answered_at: float | None = None
        target = ""
        rounds = len(forward.targets) if forward.ring == "in_turn" else 1
        deadline: float | None = ctx.now + (forward.timeout + self.GRACE) * rounds
        try:
            while True:
                event: Any = yield deadline
                if event is None:
                    ctx.emit(CancelForward(forward.id))
                    ctx.note("the outcome of a forward was never reported", "error")
                    return self._result(ctx, NOT_FORWARDED, ForwardDone(forward.id, "failed", status="lost"))
                kind = type(event)
                if kind not in (ForwardRinging, ForwardAnswered, ForwardDone) or event.id != forward.id:
                    continue
                if kind is ForwardRinging:
                    ctx.details.setdefault("ringing_at", ctx.offset(ctx.now))
                elif kind is ForwardAnswered:
                    answered_at, target, deadline = ctx.now, event.target, None
                    ctx.details["answered_at"] = ctx.offset(ctx.now)
                    ctx.inputs += 1
                    ctx.answer()
                else:
                    return self._over(ctx, event, forward.secret)
        except CallOver as over:
            ctx.emit(CancelForward(forward.id))
            if answered_at is None:
                self._result(ctx, "call_ended", ForwardDone(forward.id, "failed", status="caller left"))
                return "call_ended"
            done = ForwardDone(forward.id, "forwarded", target, 200, "OK", ctx.now - answered_at)
            if over.cause == "user_hung_up":
                ctx.cause = "forwarded"
            return self._result(ctx, "call_forwarded", done, forward.secret)

    def _over(self, ctx: Session, event: ForwardDone, secret: bool) -> str:
        if event.outcome == "returned" and self.after == "return":
            return self._result(ctx, "returned", event, secret)
        if event.outcome in ("forwarded", "returned"):
            if ctx.up:
                ctx.cause = "forwarded"
                ctx.emit(HangUp("forwarded", 480))
            return self._result(ctx, "call_forwarded", event, secret)
        return self._result(ctx, event.outcome if event.outcome in REFUSED else NOT_FORWARDED, event, secret)

    def _result(self, ctx: Session, branch: str, event: ForwardDone, secret: bool = False) -> str:
        talk_time = round(event.talk_time, 3)
        ctx.details.update(
            outcome=event.outcome, sip_code=event.sip_code, talk_time=talk_time, done_at=ctx.offset(ctx.now)
        )
        if event.status:
            ctx.details["reason"] = event.status[:MAX_REASON]
        if event.target:
            ctx.details["target"] = MASK if secret else event.target
        ctx.set_result(
            {
                "status": branch,
                "reason": event.status,
                "sip_code": event.sip_code,
                "talk_time": talk_time,
                "target": event.target,
            },
            sensitive=("target",) if secret else (),
        )
        return branch

    def _headers(self, ctx: Session) -> dict[str, str]:
        headers = {name: ctx.text(value, "headers")[0] for name, value in self.headers.items()}
        if self.user_to_user is not None:
            data = ctx.text(self.user_to_user, "user_to_user")[0].encode("utf-8", "replace")
            if len(data) > MAX_UUI:
                ctx.note(f"user_to_user is longer than {MAX_UUI} octets: cut", "warning")
                # Half a character would make the whole of it unreadable.
                data = data[:MAX_UUI].decode("utf-8", "ignore").encode()
            # Hexadecimal is what every peer reads (RFC 7433 section 4.1).
            headers["User-to-User"] = f"{data.hex()};encoding=hex"
        return headers

    def _command(self, ctx: Session) -> Forward | None:
        wanted = [ctx.text(target, "to") for target in self.to]
        targets = tuple(filter(None, (text.strip() for text, _ in wanted)))
        chosen = (text.strip() for target, (text, _) in zip(self.to, wanted, strict=True) if not _is_named(target))
        if not targets:
            return None
        from_ = ctx.text(self.from_, "from")[0] if self.from_ is not None else ""
        line = ctx.text(self.line, "line")[0] if self.line is not None else ""
        ringback: PromptSpec | None
        if isinstance(self.ringback, str):
            ringback = PromptSpec("tone", "ringback" if self.ringback == "tone" else "music")
        else:
            ringback = self.ringback.spec(ctx)
        return Forward(
            id=ctx.next_id(),
            targets=targets,
            chosen=frozenset(filter(None, chosen)),
            secret=any(sensitive for _, sensitive in wanted),
            ring=self.ring,
            from_=from_ or None,
            line=line or None,
            timeout=self.timeout,
            mode=self.mode,
            ringback=ringback,
            whisper=None if self.whisper is None else self.whisper.spec(ctx),
            accept_key=self.accept_key,
            record_name=ctx.file_name(self.record_name, "forwarded") if self.record_call else None,
            max_duration=self.max_duration,
            headers=self._headers(ctx),
            after=self.after,
        )
