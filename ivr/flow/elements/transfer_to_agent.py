"""transfer_to_agent: let the caller wait for an agent, and speak with him."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from ivr.flow.elements.base import CALL_ENDED, BranchSpec, Element, Exposure, Run, element
from ivr.flow.elements.failover import FAILED_OVER, FAILOVER_RESULTS, LISTS, FailoverFields, fall_over
from ivr.flow.elements.prompts import PromptField, play_prompt
from ivr.flow.elements.queue_sound import sound_spec
from ivr.flow.elements.queue_visit import Left, Meanwhile, QueueVisit
from ivr.flow.elements.record_voicemail import RecordVoicemailElement
from ivr.flow.elements.telling import FirstTags, Told, add_tags, name_of, origin_of, rendered
from ivr.flow.packet import facts, packet
from ivr.flow.ports import DeliverVoicemail, Event, HangUp, JoinQueue, PromptSpec, QueueDone
from ivr.flow.spoken.waiting import phrases_of
from ivr.flow.values import Duration, NumberTemplate, SipHeaderName, TextTemplate

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["TransferToAgentElement"]

PRIORITIES = (1, 10)

NOT_FORWARDED = "call_not_forwarded"
CALLED_BACK, MESSAGE_LEFT = "callback_scheduled", "message_left"
"""Branches for callers who are taken care of; a flow that names them not goes on with `call_not_forwarded`."""

FAILS = frozenset({"closed", "full", "no_agents", "max_wait", "error"})
"""Reasons with which the queue was of no use to the caller, so that `failover` is tried."""

RETURNS = FAILS | {"key_exit", "callback_scheduled"}
"""Reasons with which the caller comes back."""

NORMAL_END = 480

AGENT_LOST = "agent_lost"
MAX_RETURNS = 3
"""Times that a caller whose agent's phone was gone waits again; more, and it is not the phones."""

MESSAGE = RecordVoicemailElement.model_validate({"type": "record_voicemail"})
"""What takes the message of a caller who does not want to wait."""


@element("transfer_to_agent")
class TransferToAgentElement(Element, FailoverFields):
    """Lets the caller wait in a queue until an agent takes the call, and connects the two. What is heard meanwhile, and
    which keys the caller has, is the waiting strategy of the queue. Results: `status` (the branch), `reason` (`closed`,
    `full`, `max_wait`, `no_agents`, `key_exit`, `callback_scheduled`, `error`), `queue`, `agent`, `waited`,
    `talk_time`, `key` (`leave`, `voicemail`, `callback`), `recording` and `duration` of a message, `number` of a call
    back, `callback` (its id), `failover`, `tried`."""

    BRANCHES = (
        BranchSpec("call_forwarded", "An agent took the call, and their talk is over.", success=True, call_over=True),
        BranchSpec("returned", "The agent left first and `after` is `return`."),
        BranchSpec(FAILED_OVER, "A member of `failover` took care of the caller, who is still there.", NOT_FORWARDED),
        BranchSpec(CALLED_BACK, "The queue calls the caller back, who is still there.", NOT_FORWARDED),
        BranchSpec(MESSAGE_LEFT, "The caller has left a message in the queue, and is still there.", NOT_FORWARDED),
        BranchSpec(NOT_FORWARDED, "No agent took the call, or the caller chose something else: `result.reason`."),
        CALL_ENDED,
    )
    REACHES_PERSON = True
    TELLS_PROFILE = True
    RESULTS = ("status", "reason", "queue", "agent", "waited", "talk_time", "key", *FAILOVER_RESULTS)
    REASONS = RETURNS | {""}
    TARGETS: ClassVar[Mapping[str, str]] = {"queue": "queues", "waiting": "waiting"}
    EXPOSES: ClassVar[Mapping[str, Exposure]] = {
        "queue": "reported",
        "origin": "reported",
        "tags": "reported",
        "metadata": "reported",
        "headers": "sent",
        "record_name": "named",
        "failover": "sent",
    }

    type: Literal["transfer_to_agent"] = "transfer_to_agent"
    queue: TextTemplate | None = None
    """Where to wait; default: as `routes` in the configuration say."""
    priority: NumberTemplate | None = None
    """1 to 10, higher first; default: as the route says, else 5."""
    origin: TextTemplate | None = None
    """Text that the agent sees; default: name of the flow."""
    tags: FirstTags = ()
    """Tags that the call gets first: routes look at them, the agent sees them."""
    waiting: Annotated[str, Field(min_length=1)] | None = None
    """Waiting strategy, by its name under `waiting` in the configuration; default: that of the queue."""
    max_wait: Annotated[Duration, Field(gt=0)] | None = None
    """Longest wait, in place of that of the strategy."""
    sticky: Literal["off", "30d", "60d", "1y", "ever"] | None = None
    """How long ago an agent may have spoken to this caller to be asked first; default: as the queue says."""
    callback_first: bool = False
    """Ask at once for the number to call back, instead of letting the caller wait."""
    metadata: Told = Field(default_factory=dict)
    """What the agent is told besides."""
    whisper: PromptField | None = None
    """Heard by the agent before the two are connected."""
    record_call: bool = False
    """Record the two, both sides."""
    record_name: TextTemplate | None = None
    """Name of that recording."""
    max_duration: Annotated[Duration, Field(gt=0)] | None = None
    """Longest time of the talk."""
    headers: dict[SipHeaderName, TextTemplate] = Field(default_factory=dict)
    """Further SIP headers of the call to the agent."""
    after: Literal["hang_up", "return"] = "hang_up"
    """When the agent leaves first: end the call, or give the caller back to the flow."""

    _meanwhile: Callable[[], Meanwhile] | None = PrivateAttr(default=None)

    def hearing(self, meanwhile: Callable[[], Meanwhile]) -> Self:
        """The same, whose caller hears something else than the waiting strategy."""
        found = self.model_copy()
        found._meanwhile = meanwhile
        return found

    @field_validator("sticky", mode="before")
    @classmethod
    def _off(cls, value: object) -> object:
        return "off" if value is False else value

    @model_validator(mode="after")
    def _possible(self) -> TransferToAgentElement:
        least, most = PRIORITIES
        if self.priority is not None and self.priority.fixed and not _is_priority(self.priority.constant):
            raise ValueError(f"priority: a whole number from {least} to {most}")
        return self

    def branch_specs(self) -> tuple[BranchSpec, ...]:
        out = set() if self.after == "return" else {"returned"}
        if not self.failover:
            out.add(FAILED_OVER)
        return tuple(spec for spec in self.BRANCHES if spec.name not in out)

    def run(self, ctx: Session) -> Run:
        ctx.interruptible_before = False
        ctx.keys.clear()
        add_tags(ctx, self.tags)
        named = frozenset(ctx.details)
        left = yield from self._visit(ctx, None)
        returns = 0
        while left.done.outcome == AGENT_LOST and ctx.up and returns < MAX_RETURNS:
            returns += 1
            _put_aside(ctx, left.done, named)
            left = yield from self._visit(ctx, left.done)
        branch = yield from self._after(ctx, left)
        reason = (ctx.result or {}).get("reason")
        if branch == NOT_FORWARDED and self.failover and reason in FAILS:
            return (yield from fall_over(ctx, self.failover, self, "call_forwarded", NOT_FORWARDED))
        return branch

    def _visit(self, ctx: Session, lost: QueueDone | None) -> Generator[float | None, Event | None, Left]:
        """One wait with what comes of it; `lost` is the end of the one before, where that agent's phone was gone."""
        meanwhile = None if self._meanwhile is None else self._meanwhile()
        command = self._command(ctx)
        if lost is None:
            visit = QueueVisit(ctx, command, self.max_wait, self.callback_first, meanwhile)
        else:
            again = replace(command, queue=lost.queue, lost_agent=lost.agent)
            visit = QueueVisit(ctx, again, self.max_wait, False, meanwhile, _words(ctx, "lost"))
        return (yield from visit.run())

    # What the queue is told

    def _command(self, ctx: Session) -> JoinQueue:
        queue = name_of(ctx, self.queue, "queue")
        origin = origin_of(ctx, self.origin)
        metadata, secret = rendered(ctx, self.metadata, "metadata")
        return JoinQueue(
            id=ctx.next_id(),
            queue=queue or None,
            facts=facts(ctx, origin=origin, metadata=metadata),
            packet=packet(ctx, origin=origin, metadata=metadata),
            priority=self._priority(ctx),
            sticky=self.sticky,
            strategy=self.waiting,
            origin=origin,
            whisper=None if self.whisper is None else self.whisper.spec(ctx),
            record_name=ctx.file_name(self.record_name, "agent") if self.record_call else None,
            max_duration=self.max_duration,
            headers={name: ctx.text(value, "headers")[0] for name, value in self.headers.items()},
            secret=secret,
        )

    def _priority(self, ctx: Session) -> int | None:
        if self.priority is None:
            return None
        value, _ = ctx.value(self.priority, "priority")
        if value is None or _is_priority(value):
            return None if value is None else int(value)
        ctx.note("priority: a whole number from 1 to 10 is needed")
        return None

    # What came of it

    def _after(self, ctx: Session, left: Left) -> Generator[float | None, Event | None, str]:
        done = left.done
        if done.outcome == "forwarded":
            returned = ctx.up and self.after == "return"
            if ctx.up and not returned:
                ctx.cause = "forwarded"
                ctx.emit(HangUp("forwarded", NORMAL_END))
            return self._result(ctx, "returned" if returned else "call_forwarded", left)
        kept = left.key == "callback" and done.outcome == "callback_scheduled"
        branch = self._result(ctx, self._own(CALLED_BACK) if kept else NOT_FORWARDED, left)
        if left.key == "voicemail":
            return (yield from self._message(ctx, left))
        spec = None
        if kept:
            spec = _words(ctx, "kept")
        elif left.key == "callback":
            spec = _words(ctx, "refused")
        elif done.message is not None:
            spec = sound_spec(ctx, done.message)
        elif done.outcome == "max_wait" and left.strategy is not None:
            spec = sound_spec(ctx, left.strategy.max_wait_message)
        if spec is not None and ctx.up:
            yield from play_prompt(ctx, spec)
        return branch

    def _own(self, branch: str) -> str:
        """A branch where the flow names it, else the one that it falls back to."""
        return branch if branch in self.branches else NOT_FORWARDED

    def _result(self, ctx: Session, branch: str, left: Left, **more: Any) -> str:
        done = left.done
        reason = "" if done.outcome == "forwarded" else done.outcome if done.outcome in RETURNS else "error"
        talk_time = round(done.talk_time, 3)
        ctx.details.update(reason=reason or "forwarded", talk_time=talk_time)
        if done.text:
            ctx.details["text"] = done.text
        if left.key:
            ctx.details["key"] = left.key
        if done.callback:
            ctx.details["callback"] = done.callback
        if done.message is not None:
            ctx.details["message"] = done.message.model_dump(mode="json", exclude_defaults=True)
        ctx.set_result(
            {
                "status": branch,
                "reason": reason,
                "queue": done.queue,
                "agent": done.agent,
                "waited": round(done.waited, 3),
                "talk_time": talk_time,
                "key": left.key,
                "number": left.number,
                "callback": done.callback,
                "recording": None,
                "duration": 0.0,
                "failover": "",
                "tried": [],
                **more,
            }
        )
        return branch

    def _message(self, ctx: Session, left: Left) -> Generator[float | None, Event | None, str]:
        """Take a message for the queue; where the caller hangs up, what was said until then is kept."""
        yield from play_prompt(ctx, _words(ctx, "message"))
        kept = dict(ctx.details)
        try:
            branch = yield from MESSAGE.run(ctx)
        finally:
            ctx.details.update({name: kept[name] for name in ("status", "reason") if name in kept})
        recorded = dict(ctx.result or {})
        recording, seconds = recorded.get("recording"), recorded.get("duration", 0.0)
        if recording:
            ctx.emit(DeliverVoicemail(recording, seconds, queue=left.done.queue, caller=ctx.party))
        way = self._own(MESSAGE_LEFT) if recording else NOT_FORWARDED
        self._result(ctx, way, left, recording=recording, duration=seconds)
        return way if ctx.up else branch if branch in self.targets else self.ended(ctx.cause or "system")


def _put_aside(ctx: Session, done: QueueDone, named: Collection[str]) -> None:
    """What a visit has said of itself in the details of the step goes to a place of its own: another one begins. What
    was `named` there before it (the verb of a document, say) stays, too."""
    own = {name: value for name, value in ctx.details.items() if name not in LISTS}
    for name in own.keys() - named:
        del ctx.details[name]
    ctx.details.setdefault("broken_off", []).append(
        {"kind": "queue", **own, "reason": AGENT_LOST, "talk_time": round(done.talk_time, 3)}
    )


def _is_priority(value: Any) -> bool:
    least, most = PRIORITIES
    return isinstance(value, (int, float)) and value == int(value) and least <= value <= most


def _words(ctx: Session, name: str) -> PromptSpec:
    phrases = phrases_of(ctx.language)
    return PromptSpec("text", getattr(phrases.words, name), phrases.language)
