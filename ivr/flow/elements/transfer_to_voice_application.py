"""transfer_to_voice_application: let a web application have the call."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from ivr.flow.control import Control
from ivr.flow.elements.base import CALL_ENDED, BranchSpec, CallOver, Element, Exposure, Run, element
from ivr.flow.elements.failover import FAILED_OVER, FAILOVER_RESULTS, FailoverFields, fall_over
from ivr.flow.elements.telling import MAX_TOLD, left_by, name_of, rendered, went
from ivr.flow.elements.waiting import Filler, Meanwhile, filler_spec
from ivr.flow.exchanges import shown_url
from ivr.flow.expressions import Sensitive
from ivr.flow.operations import json_value
from ivr.flow.packet import packet
from ivr.flow.ports import (
    ApplicationAccepted,
    ApplicationDone,
    ApplicationTerms,
    Event,
    HandOffPacket,
    OfferApplication,
    StopApplication,
)
from ivr.flow.twiml import Go, Talk, converse
from ivr.flow.values import Duration, TextTemplate, ValueTemplate, VariableName

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["TransferToVoiceApplicationElement"]

TRANSFERRED, NOT_TRANSFERRED, RETURNED = "call_transferred", "call_not_transferred", "returned"
VARIABLES_IN_TRACE = 4 * 1024
"""Characters of what an application gives back, as JSON, that the trace keeps."""
MAX_TIMEOUT = 60.0
"""Seconds in which an application must take a call; nobody waits longer."""
OFFER_GRACE = 75.0
"""Seconds after which an offer of which nothing was heard is lost: longer than the longest timeout."""


@element("transfer_to_voice_application")
class TransferToVoiceApplicationElement(Element, FailoverFields):
    """Lets a web application of the configuration have the call: it drives the call over HTTP (`events`), or answers
    with TwiML. Results: `status` (the branch), `reason` (`rejected`, `timeout`, `http_error`, `bad_answer`; of a call
    that it had: `released`, `idle`, `max_duration`, `http_error`, `bad_answer`, `timeout`), `variables` that it gives
    back, `talk_time` (seconds that it had the call), `failover`, `tried`."""

    BRANCHES = (
        BranchSpec(TRANSFERRED, "The application had the call, and the call is over.", success=True, call_over=True),
        BranchSpec(RETURNED, "The application had the call and gives it back, or was of no use: `reason`.",
                   NOT_TRANSFERRED),
        BranchSpec(FAILED_OVER, "A member of `failover` took care of the caller, who is still there.",
                   NOT_TRANSFERRED),
        BranchSpec(NOT_TRANSFERRED, "The application did not take the call: `reason`."),
        CALL_ENDED,
    )  # fmt: skip
    REACHES_PERSON = True
    TELLS_PROFILE = True
    RESULTS = ("status", "reason", "variables", "talk_time", *FAILOVER_RESULTS)
    REASONS = frozenset({"", "rejected", "timeout", "http_error", "bad_answer", "released", "idle", "max_duration"})
    TARGETS: ClassVar[Mapping[str, str]] = {"application": "applications"}
    EXPOSES: ClassVar[Mapping[str, Exposure]] = {"custom_data": "sent", "failover": "sent"}

    type: Literal["transfer_to_voice_application"] = "transfer_to_voice_application"
    application: TextTemplate
    """Of `applications` in the configuration."""
    custom_data: Annotated[dict[VariableName, ValueTemplate], Field(max_length=MAX_TOLD)] = Field(default_factory=dict)
    """Key-values for the application: sensitive ones are sent, and stand in no log."""
    timeout: Annotated[Duration, Field(gt=0, le=MAX_TIMEOUT)] | None = None
    """For taking the call (`events`), for one document (`twiml`); default: as configured."""
    filler: Filler = "music"
    """What the caller hears while the application is awaited, from the second second on: `music`, `none`, or a prompt
    that is repeated."""
    reporting: Literal["show", "masked"] = "show"
    """How keys that a TwiML document gathers stand in records, traces and logs; `masked` keeps what is sent to the
    application out of the trace, too."""

    def branch_specs(self) -> tuple[BranchSpec, ...]:
        return self.BRANCHES if self.failover else tuple(spec for spec in self.BRANCHES if spec.name != FAILED_OVER)

    def run(self, ctx: Session) -> Run:
        ctx.interruptible_before = False
        ctx.keys.clear()
        asked = ctx.now
        try:
            branch = yield from self._transfer(ctx)
        except CallOver as over:
            went(ctx, left_by(over), asked)
            raise
        except GeneratorExit:  # somebody outside has moved the call
            went(ctx, "moved", asked)
            raise
        taken = branch in (TRANSFERRED, RETURNED)
        talked = float(ctx.details.get("talk_time") or 0.0)
        went(
            ctx,
            str(ctx.details.get("outcome") or left_by(CallOver(ctx.cause or "system"))),
            asked,
            str(ctx.details["application"]) if taken else "",
            ctx.now - talked if taken else None,
        )
        if branch == NOT_TRANSFERRED and self.failover and ctx.up:
            return (yield from fall_over(ctx, self.failover, self, TRANSFERRED, NOT_TRANSFERRED))
        return branch

    def _transfer(self, ctx: Session) -> Run:
        name = name_of(ctx, self.application, "application")
        data, secret = rendered(ctx, self.custom_data, "custom_data")
        ctx.details["application"] = name
        command = OfferApplication(
            ctx.next_id(),
            name,
            packet(ctx, metadata=data),
            {key: _plain(value) for key, value in data.items()},
            self.timeout,
            secret,
        )
        ctx.emit(command)
        meanwhile = Meanwhile(ctx, filler_spec(ctx, self.filler) if ctx.answered or ctx.early else None)
        kinds = (ApplicationAccepted, ApplicationDone, ApplicationTerms)

        def answers(event: Event) -> bool:
            return type(event) in kinds and event.id == command.id  # type: ignore[union-attr]

        answer: Any = yield from meanwhile.wait(ctx.now + OFFER_GRACE, answers)
        meanwhile.stop()
        if isinstance(answer, ApplicationAccepted):
            return (yield from self._controlled(ctx, answer))
        if isinstance(answer, ApplicationTerms):
            return (yield from self._documents(ctx, answer, command.packet, command.custom_data, secret))
        if answer is None:
            ctx.emit(StopApplication(command.id))
            answer = ApplicationDone(command.id, "timeout", "nothing was heard of the offer")
        return self._result(ctx, NOT_TRANSFERRED, answer.outcome, answer.text)

    # The application drives the call over HTTP

    def _controlled(self, ctx: Session, accepted: ApplicationAccepted) -> Run:
        begun = ctx.now
        ctx.details["accepted_at"] = ctx.offset(begun)
        until = None if accepted.max_duration is None else begun + accepted.max_duration

        def ends(event: Event) -> bool:
            return type(event) is ApplicationDone and event.id == accepted.id

        left = yield from Control(ctx).serve(accepted.idle, ends, until)
        seconds = ctx.now - begun
        if left.why == "over":
            if left.event.cause == "user_hung_up":
                ctx.cause = "transferred"
                ctx.details["caller_left"] = True
            return self._result(ctx, TRANSFERRED, "", talk_time=seconds)
        if left.why == "asked":
            done: ApplicationDone = left.event
            reason = "released" if done.outcome == "accepted" else done.outcome
            return self._result(ctx, RETURNED, reason, done.text, done.variables, seconds)
        ctx.emit(StopApplication(accepted.id, left.why))
        return self._result(ctx, RETURNED, left.why, talk_time=seconds)

    # The application answers with documents

    def _documents(
        self,
        ctx: Session,
        terms: ApplicationTerms,
        handed: HandOffPacket,
        data: Mapping[str, Any],
        secret: bool,
    ) -> Generator[float | None, Event | None, str]:
        begun = ctx.now
        ctx.details.update(protocol="twiml", url=shown_url(terms.url, secret))
        talk = Talk(ctx, terms, filler_spec(ctx, self.filler), secret=secret or self.reporting == "masked")
        own = talk.common()
        first = {key: _text(value) for key, value in data.items() if key not in own}
        first["HandOver"] = json.dumps(handed, ensure_ascii=False, separators=(",", ":"), default=str)
        try:
            ended = yield from converse(talk, Go(terms.url, terms.method, first))
        except CallOver as over:  # before anything was asked for
            return self.ended(over.cause)
        ctx.emit(StopApplication(terms.id))
        seconds = ctx.now - begun if ended.accepted else 0.0
        if ended.reason == "over" and not ended.accepted:
            return self.ended(ended.cause or "system")
        if ended.reason in ("over", "hung_up"):
            if ended.cause == "user_hung_up":
                ctx.cause = "transferred"
                ctx.details["caller_left"] = True
            return self._result(ctx, TRANSFERRED, "", talk_time=seconds)
        branch = RETURNED if ended.accepted else NOT_TRANSFERRED
        return self._result(ctx, branch, ended.reason, ended.text, talk_time=seconds)

    def _result(
        self,
        ctx: Session,
        branch: str,
        reason: str,
        text: str = "",
        variables: Mapping[str, Any] | None = None,
        talk_time: float = 0.0,
    ) -> str:
        ctx.details["outcome"] = reason or "transferred"
        if text:
            ctx.details["text"] = text[:200]
        shown = {name: value for name, value in (variables or {}).items() if not ctx.is_sensitive(name)}
        if shown and len(json.dumps(shown, default=str)) <= VARIABLES_IN_TRACE:
            ctx.details["variables"] = shown
        if talk_time:
            ctx.details["talk_time"] = round(talk_time, 3)
        ctx.set_result(
            {
                "status": branch,
                "reason": reason,
                "variables": dict(variables or {}),
                "talk_time": round(talk_time, 3),
                "recording": None,
                "duration": 0.0,
                "callback": "",
                "number": "",
                "target": "",
                "sip_code": None,
                "failover": "",
                "tried": [],
            }
        )
        return branch


def _plain(value: Any) -> Any:
    return json_value(value.value if type(value) is Sensitive else value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
