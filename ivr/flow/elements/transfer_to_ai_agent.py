"""transfer_to_ai_agent: give the caller's sound to an AI voice agent, and take the call back."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from ivr.flow.elements.base import CALL_ENDED, USER_HUNG_UP, BranchSpec, CallOver, Element, Exposure, Run, element
from ivr.flow.elements.failover import FAILED_OVER, FAILOVER_RESULTS, FailoverFields, fall_over
from ivr.flow.elements.telling import Told, left_by, name_of, origin_of, rendered, went
from ivr.flow.elements.waiting import FILLER_AFTER, Filler, filler_spec
from ivr.flow.exchanges import shown_document
from ivr.flow.expressions import ExpressionError, Record, Sensitive
from ivr.flow.operations import json_value
from ivr.flow.packet import AiTalk, packet
from ivr.flow.ports import (
    AiAgentConnecting,
    AiAgentDone,
    AiAgentSpoke,
    AiAgentStarted,
    AiAgentTold,
    Event,
    HangUp,
    PlayDone,
    PromptSpec,
    StartAiAgent,
    StopAiAgent,
)
from ivr.flow.values import Duration, TextTemplate, VariableName

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["TransferToAiAgentElement"]

MAX_CONNECT = 30.0
"""Seconds for the connection, as in the configuration."""

MAX_SAVED = 50
"""Variables that are kept of what an AI agent found out."""

LONGEST = 4 * 3600.0
"""Seconds that a conversation lasts at most where nothing shorter is said, as in the configuration."""

DONE_GRACE = 60.0
"""Seconds over the longest conversation after which the outcome counts as lost."""

SUMMARY_IN_TRACE = 500
"""Characters of a summary that the trace keeps."""

VARIABLES_IN_TRACE = 4 * 1024
"""Characters of what an AI agent found out, as JSON, that the trace keeps."""

RETURNED = "returned"

FAILS = frozenset({"not_started", "endpoint_error", "endpoint_closed"})
"""Reasons with which the AI agent was of no use to the caller, so that `failover` is tried."""

REASONS = {
    "completed": "The AI agent has done what it is for.",
    "transfer_requested": "It wants the caller to be transferred: `result.target`, `summary`.",
    "caller_requested_human": "The caller wants to speak with a person.",
    "no_input_timeout": "The caller said nothing for too long.",
    "max_duration": "The conversation lasted as long as it may.",
    "not_started": "The endpoint could not be connected, or did not take the call.",
    "endpoint_error": "The endpoint broke the protocol, reported an error, or hung.",
    "endpoint_closed": "The endpoint closed the connection without a reason.",
}
"""Why the call comes back, each a branch."""

NORMAL_END = 480

_USER = re.compile("//[^/]*@")
"""User and password of a URL."""


def _names(value: object) -> object:
    if isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value):
        return {name: name for name in value}
    return value


@element("transfer_to_ai_agent")
class TransferToAiAgentElement(Element, FailoverFields):
    """Gives the caller's sound to an AI voice agent and plays what it says; keys go to it too. The call always comes
    back, with a reason. Results: `status` and `reason` (why it came back), `target`, `summary`, `transcript`,
    `variables` (what it found out), `talk_time`, `text` (what went wrong), `failover`, `tried`."""

    BRANCHES = (
        BranchSpec(RETURNED, "The call came back for a reason that no branch is named for.", success=True),
        *(BranchSpec(reason, text, RETURNED) for reason, text in REASONS.items()),
        BranchSpec(FAILED_OVER, "A member of `failover` took care of the caller, who is still there.", RETURNED),
        BranchSpec("call_forwarded", "A member of `failover` has taken the call over.", call_over=True),
        USER_HUNG_UP,
        CALL_ENDED,
    )
    TELLS_PROFILE = True
    RESULTS = (
        "status",
        "reason",
        "target",
        "summary",
        "transcript",
        "variables",
        "talk_time",
        "text",
        *(name for name in (*FAILOVER_RESULTS, "queue", "agent", "waited", "key") if name != "target"),
    )
    REASONS = frozenset({*REASONS, ""})
    TARGETS: ClassVar[Mapping[str, str]] = {"agent": "ai_agents"}
    EXPOSES: ClassVar[Mapping[str, Exposure]] = {
        "agent": "reported",
        "origin": "reported",
        "parameters": "sent",
        "metadata": "reported",
        "record_name": "named",
        "failover": "sent",
    }

    type: Literal["transfer_to_ai_agent"] = "transfer_to_ai_agent"
    agent: TextTemplate
    """Its name under `ai_agents` in the configuration."""
    origin: TextTemplate | None = None
    """Text in the packet that says what it is about; default: name of the flow."""
    parameters: Told = Field(default_factory=dict)
    """Custom parameters for the AI agent, added to those of the configuration."""
    metadata: Told = Field(default_factory=dict)
    """What the packet says besides."""
    connect_timeout: Annotated[Duration, Field(gt=0, le=MAX_CONNECT)] | None = None
    """Until it must be connected; default: as configured (5 s)."""
    max_duration: Annotated[Duration, Field(gt=0, le=LONGEST)] | None = None
    """Longest conversation; default: as configured (1 h)."""
    filler: Filler | None = None
    """What the caller hears until the AI agent speaks: `music`, `none`, or a prompt that is repeated; default: as
    configured."""
    record: bool = False
    """Record caller and AI agent, both sides."""
    record_name: TextTemplate | None = None
    """Name of that recording."""
    save: Annotated[
        dict[VariableName, str],
        BeforeValidator(_names, json_schema_input_type=dict[str, str] | list[str]),
        Field(max_length=MAX_SAVED),
    ] = Field(default_factory=dict)
    """Variable to the name of what the AI agent found out, or a list of names; what it did not say is null."""

    def branch_specs(self) -> tuple[BranchSpec, ...]:
        if self.failover:
            return self.BRANCHES
        return tuple(spec for spec in self.BRANCHES if spec.name not in (FAILED_OVER, "call_forwarded"))

    def sets(self) -> tuple[str, ...]:
        return tuple(self.save)

    def sets_on(self, branch: BranchSpec) -> bool:
        return branch.name == RETURNED or (branch.name in REASONS and branch.name not in FAILS)

    def run(self, ctx: Session) -> Run:
        ctx.interruptible_before = False
        ctx.keys.clear()
        command = self._command(ctx)
        if command is None:
            done = AiAgentDone(0, "not_started", "the name of the AI agent has no value")
        else:
            ctx.details.update(agent=shown_name(command.agent), asked_at=ctx.offset(ctx.now))
            ctx.emit(command)
            done = yield from _Conversation(ctx, command, self).run()
        agent = "" if command is None else shown_name(command.agent)
        branch = self._result(ctx, done, agent)
        if done.end_call and ctx.up:
            ctx.cause = "ended_by_api"
            ctx.emit(HangUp("ended_by_api", NORMAL_END))
            return "call_ended"
        document = done.twiml or done.twiml_url
        if document and ctx.up:
            ctx.details["document"] = shown_document(document)
            from ivr.flow.twiml import run as run_twiml

            ended = yield from run_twiml(ctx, None, document)
            if ended.reason in ("over", "hung_up"):
                return self.ended(ctx.cause or "system")
            if not ended.accepted:
                branch = self._result(ctx, replace(done, reason="endpoint_error", text=ended.text), agent)
        if branch in FAILS and self.failover:
            return (yield from fall_over(ctx, self.failover, self, "call_forwarded", branch))
        return branch

    def _command(self, ctx: Session) -> StartAiAgent | None:
        agent = name_of(ctx, self.agent, "agent")
        if not agent:
            return None
        metadata, hidden = rendered(ctx, self.metadata, "metadata")
        wrapped, secret = rendered(ctx, self.parameters, "parameters")
        parameters: dict[str, Any] = {}
        for name, value in wrapped.items():
            try:
                parameters[name] = json_value(value.value if type(value) is Sensitive else value)
            except ExpressionError as error:
                ctx.note(f"parameters.{name}: {error}")
        return StartAiAgent(
            id=ctx.next_id(),
            agent=agent,
            packet=packet(ctx, origin=origin_of(ctx, self.origin), metadata=metadata),
            parameters=parameters,
            connect_timeout=self.connect_timeout,
            max_duration=self.max_duration,
            record_name=ctx.file_name(self.record_name, "ai-agent") if self.record else None,
            secret=secret or hidden,
        )

    def _result(self, ctx: Session, done: AiAgentDone, agent: str) -> str:
        ctx.handed.ai = AiTalk(agent, done.reason, done.target, done.summary, tuple(done.transcript))
        hidden = any(map(ctx.is_sensitive, self.save))
        for variable, name in self.save.items():
            ctx.set_variable(variable, done.variables.get(name))
        ctx.details.update(reason=done.reason, talk_time=round(done.talk_time, 3))
        ctx.details.setdefault("done_at", ctx.offset(ctx.now))
        if done.end_call:
            ctx.details["hung_up"] = True
        if done.target:
            ctx.details["target"] = done.target
        if done.text:
            ctx.details["text"] = done.text
        if done.summary and not hidden:
            ctx.details["summary"] = done.summary[:SUMMARY_IN_TRACE]
        if done.variables and not hidden and len(json.dumps(done.variables, default=str)) <= VARIABLES_IN_TRACE:
            ctx.details["variables"] = dict(done.variables)
        ctx.set_result(
            {
                "status": done.reason,
                "reason": done.reason,
                "target": done.target,
                "summary": done.summary,
                "transcript": [dict(entry) for entry in done.transcript],
                "variables": Record(dict(done.variables)),
                "talk_time": round(done.talk_time, 3),
                "text": done.text,
                "failover": "",
                "tried": [],
            },
            sensitive=("summary", "transcript", "variables") if hidden else (),
        )
        return done.reason


def shown_name(agent: str) -> str:
    """The name of an AI agent; of one that a document names the URL without what may be secret in it: query, user and
    password."""
    return _USER.sub("//", agent.partition("?")[0])


class _Conversation:
    """What belongs to one talk of one call."""

    __slots__ = (
        "_asked_at",
        "_command",
        "_ctx",
        "_filler",
        "_filler_at",
        "_named",
        "_playing",
        "_saved",
        "_started_at",
        "_told",
    )

    def __init__(self, ctx: Session, command: StartAiAgent, fields: TransferToAiAgentElement) -> None:
        self._ctx = ctx
        self._asked_at = ctx.now
        self._command = command
        filler: Any = fields.filler
        self._filler = filler_spec(ctx, "music" if filler is None else filler)
        self._filler_at: float | None = ctx.now + FILLER_AFTER
        self._playing: int | None = None
        self._started_at: float | None = None
        self._named = filler is not None
        self._saved = tuple(fields.save)
        self._told = AiAgentTold(command.id)

    def run(self) -> Generator[float | None, Event | None, AiAgentDone]:
        """The end of the talk; CallOver goes on to the caller of this."""
        ctx, command = self._ctx, self._command
        lost_at = ctx.now + MAX_CONNECT + (command.max_duration or LONGEST) + DONE_GRACE
        try:
            while True:
                due = self._filler_at
                event: Any = yield lost_at if due is None else min(due, lost_at)
                kind = type(event)
                if event is None:
                    if ctx.now >= lost_at:
                        ctx.emit(StopAiAgent(command.id))
                        ctx.note("the outcome of an AI agent was never reported", "error")
                        self._went("endpoint_error")
                        return AiAgentDone(command.id, "endpoint_error", "lost")
                    self._fill()
                elif kind is PlayDone and event.id == self._playing:
                    self._playing = None
                elif getattr(event, "id", None) != command.id:
                    continue
                elif kind is AiAgentConnecting:
                    if not self._named:
                        self._filler = _configured(ctx, event.filler)
                    self._filler_at = ctx.now + FILLER_AFTER
                elif kind is AiAgentStarted:
                    self._begin()
                elif kind is AiAgentSpoke:
                    self._begin()
                    self._hush()
                    ctx.details.setdefault("spoke_at", ctx.offset(ctx.now))
                elif isinstance(event, AiAgentTold):
                    self._told = event
                elif isinstance(event, AiAgentDone):
                    self._went(event.reason)
                    return event
        except CallOver as over:
            ctx.emit(StopAiAgent(command.id))
            talked = 0.0 if self._started_at is None else round(ctx.now - self._started_at, 3)
            self._cut_off(left_by(over))
            ctx.details["talk_time"] = talked
            told = {"summary": self._told.summary, "transcript": [dict(turn) for turn in self._told.transcript]}
            hidden = any(map(ctx.is_sensitive, self._saved))
            result = {"status": "call_ended", "reason": "", "talk_time": talked, **told}
            ctx.set_result(result, sensitive=tuple(told) if hidden else ())
            raise
        except GeneratorExit:  # somebody outside has moved the call
            self._cut_off("moved")
            raise
        finally:
            self._hush()
            ctx.forwarding = False
            ctx.keys.clear()

    def _cut_off(self, reason: str) -> None:
        """The talk ended without a last word of the AI agent: who gets the caller next hears what is known of it."""
        agent, told = shown_name(self._command.agent), self._told
        self._ctx.handed.ai = AiTalk(agent, reason, "", told.summary, tuple(told.transcript))
        self._went(reason)

    def _went(self, reason: str) -> None:
        taken_by = "" if self._started_at is None else shown_name(self._command.agent)
        went(self._ctx, reason, self._asked_at, taken_by, self._started_at)

    def _begin(self) -> None:
        if self._started_at is None:
            ctx = self._ctx
            self._started_at = ctx.now
            ctx.details["started_at"] = ctx.offset(ctx.now)
            ctx.inputs += 1
            ctx.answer()
            ctx.forwarding = True

    def _fill(self) -> None:
        self._filler_at = None
        if self._filler is not None and self._playing is None:
            self._playing = self._ctx.play((self._filler,), 0.0, 0)

    def _hush(self) -> None:
        self._filler_at = None
        if self._playing is not None:
            self._ctx.stop_play(self._playing)
            self._playing = None


def _configured(ctx: Session, filler: str) -> PromptSpec | None:
    """What the configuration says: `music`, `none`, or a text."""
    if filler in ("music", "none"):
        return filler_spec(ctx, filler)
    spoken = ctx.variable("language")
    return PromptSpec("text", filler, spoken if isinstance(spoken, str) and spoken else None) if filler else None
