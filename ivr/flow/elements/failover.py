"""failover: what to try next where a hand-off fails, for all elements that hand a call over.

    failover:
      - {ai_agent: front_desk, timeout: 5s}
      - {queue: support, timeout: 3m, prompt: "All assistants are busy. I connect you with a person."}
      - {voicemail: {max_duration: 2m}, prompt: "Nobody is free. Please leave a message."}

Each member is an element of its own, written short: it runs as that element does.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema, model_validator

from ivr.flow.elements.base import ELEMENTS, Element
from ivr.flow.elements.prompts import PromptField, play_prompt
from ivr.flow.elements.record_voicemail import RecordVoicemailElement
from ivr.flow.ports import DeliverVoicemail, Event
from ivr.flow.values import Duration

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = [
    "FAILED_OVER",
    "FAILOVER_RESULTS",
    "MEMBERS",
    "FailoverFields",
    "Member",
    "MemberKind",
    "fall_over",
    "members",
]

MAX_MEMBERS = 6
"""Members of one chain: nobody holds the line for more."""

FAILED_OVER = "failed_over"
"""Branch: a member of `failover` took care of the caller, who is still there."""

FAILOVER_RESULTS = ("failover", "tried", "recording", "duration", "callback", "number", "target", "sip_code")
"""Fields of `result` that members of a chain add."""

PROMPT = "play"
"""As what that is in the trace which is said before a member."""

MemberKind = Literal["ai_agent", "queue", "voicemail", "callback", "application", "forward"]


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a kind of member is short for."""

    type: str
    """The element."""
    field: str
    """Its field that a plain text gives a value."""
    timeout: str
    """Its field that the time limit goes to."""
    fixed: Mapping[str, Any]
    """Fields that are always so."""


MEMBERS: Mapping[str, _Kind] = {
    "ai_agent": _Kind("transfer_to_ai_agent", "agent", "connect_timeout", {}),
    "queue": _Kind("transfer_to_agent", "queue", "max_wait", {}),
    "voicemail": _Kind("record_voicemail", "name", "max_duration", {}),
    "callback": _Kind("transfer_to_agent", "queue", "max_wait", {"callback_first": True}),
    "application": _Kind("transfer_to_voice_application", "application", "timeout", {}),
    "forward": _Kind("forward_call", "to", "timeout", {}),
}
"""Kinds of members."""

TAKEN = frozenset(
    {"call_forwarded", "returned", "voicemail_recorded", "call_transferred", "completed", "max_duration"}
    | {"transfer_requested", "caller_requested_human", "no_input_timeout"}
)
"""Branches of members that have taken care of the caller."""

UNTOLD = frozenset({"call_not_forwarded", "call_not_transferred"})
"""Branches that leave it to `result.reason` to say why."""


def _made(kind: str) -> BeforeValidator:
    """Makes the element of a member out of its short form."""
    short = MEMBERS[kind]

    def make(value: object) -> object:
        if value is None or isinstance(value, Element):
            return value
        model = ELEMENTS[short.type]
        fields: dict[str, Any] = {}
        if isinstance(value, Mapping):
            fields.update(value)
        elif value is not True:
            fields[short.field] = value
        for name in ("type", "next", "branches", "failover", *short.fixed):
            if name in fields:
                raise ValueError(f"{name} has no place in a member of failover")
        try:
            return model.model_validate({"type": short.type, **short.fixed, **fields})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            message = first["msg"].removeprefix("Value error, ")
            raise ValueError(f"{where}: {message}" if where else message) from None

    return BeforeValidator(make)


_SHORT = {"anyOf": [{"type": "string"}, {"type": "object"}]}
_SHORT_OR_TRUE = {"anyOf": [{"const": True}, {"type": "string"}, {"type": "object"}]}


class Member(BaseModel):
    """One thing to try: exactly one of its kinds. A kind is given the name of whom, or the fields of the element that
    it stands for."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    ai_agent: Annotated[Any, _made("ai_agent"), WithJsonSchema(_SHORT)] = None
    """An AI agent, as transfer_to_ai_agent; `timeout`: to be connected."""
    queue: Annotated[Any, _made("queue"), WithJsonSchema(_SHORT_OR_TRUE)] = None
    """The agents of a queue, as transfer_to_agent; `true`: as the routes say. `timeout`: the longest wait."""
    voicemail: Annotated[Any, _made("voicemail"), WithJsonSchema(_SHORT_OR_TRUE)] = None
    """A message, as record_voicemail; `timeout`: its longest time."""
    callback: Annotated[Any, _made("callback"), WithJsonSchema(_SHORT_OR_TRUE)] = None
    """A call back by the agents of a queue: the caller is asked for the number, and has not to wait."""
    application: Annotated[Any, _made("application"), WithJsonSchema(_SHORT)] = None
    """A voice application, as transfer_to_voice_application; `timeout`: to take the call."""
    forward: Annotated[Any, _made("forward"), WithJsonSchema(_SHORT)] = None
    """Somebody else, as forward_call; `timeout`: of the ringing."""
    timeout: Annotated[Duration, Field(gt=0)] | None = None
    """Time limit of the member; see each kind."""
    prompt: PromptField | None = None
    """Said before it is tried."""

    @model_validator(mode="before")
    @classmethod
    def _limited(cls, data: Any) -> Any:
        """Give the time limit to the element that it is for."""
        given = [kind for kind in MEMBERS if data.get(kind) is not None] if isinstance(data, Mapping) else []
        if len(given) != 1:
            raise ValueError(f"exactly one of {', '.join(MEMBERS)}")
        if data.get("timeout") is None:
            return data
        short, value = MEMBERS[given[0]], data[given[0]]
        fields = dict(value) if isinstance(value, Mapping) else {} if value is True else {short.field: value}
        if short.timeout in fields:
            raise ValueError(f"timeout is {short.timeout} of the {given[0]}: leave out one of them")
        return {**data, given[0]: {**fields, short.timeout: data["timeout"]}}

    @property
    def kind(self) -> str:
        """Which kind it is."""
        return next(kind for kind in MEMBERS if getattr(self, kind) is not None)

    @property
    def element(self) -> Element:
        """What it stands for."""
        found: Element = getattr(self, self.kind)
        return found


class FailoverFields(BaseModel):
    """The field `failover` of elements that hand a call over."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    failover: Annotated[tuple[Member, ...], Field(max_length=MAX_MEMBERS)] = ()
    """What to try next where this fails, in this order, each with a time limit of its own."""


def members(element: Element) -> Iterator[tuple[str, Element]]:
    """Members of an element's chain as elements, each with its field (`failover.0.queue`)."""
    for index, member in enumerate(getattr(element, "failover", ())):
        yield f"failover.{index}.{member.kind}", member.element


def fall_over(
    ctx: Session, chain: tuple[Member, ...], host: Element, handed: str, otherwise: str
) -> Generator[float | None, Event | None, str]:
    """Try the members of a chain until one takes care of the caller; the branch of the host to take.

    `handed` is the host's branch for a call that a member has taken over for good, `otherwise` the one where none of
    them could; where the caller is still there, but was taken care of, it is `failed_over`. The host's result must be
    set before; what the members give is added to it, with `failover` (kind of the member that took care of the
    caller) and `tried` (kind and reason of each).
    """
    given = dict(ctx.result or {})
    tried: list[dict[str, str]] = []
    for member in chain:
        try:
            spec = None if member.prompt is None else member.prompt.spec(ctx)
            if spec is not None:
                ctx.runs_as = PROMPT
                yield from play_prompt(ctx, spec)
            ctx.runs_as = member.element.type
            branch = yield from _try(ctx, member)
        finally:
            ctx.runs_as = ""
        found = dict(ctx.result or {})
        reason = str(found.get("reason") or branch) if branch in UNTOLD else branch
        tried.append({"kind": member.kind, "reason": reason})
        left = reason == "key_exit"
        taken = branch in TAKEN or reason == "callback_scheduled" or (left and bool(found.get("recording")))
        end = otherwise
        if not ctx.up:
            way = next((each for each in member.element.branch_specs() if each.name == branch), None)
            taken = way is not None and way.success and way.call_over
            end = handed if taken else host.ended(ctx.cause or "system")
        elif taken:
            end = FAILED_OVER
        results = {**given, **found, "reason": given.get("reason", ""), "tried": tried}
        ctx.set_result({**results, "status": end, "failover": member.kind if taken else ""})
        ctx.details["tried"] = tried
        if taken:
            ctx.details["taken_by"] = ctx.details["failover"][-1].get("taken_by") or member.kind
        if taken or left or not ctx.up:
            return end
    return otherwise


def _deliver(ctx: Session, member: Member) -> None:
    """A message without a mailbox of its own is for the queue in which the caller has waited."""
    found, queue = ctx.result or {}, next((wait.queue for wait in reversed(ctx.handed.waits) if wait.queue), "")
    own = isinstance(member.element, RecordVoicemailElement) and not (member.element.queue or member.element.agent)
    if own and queue and found.get("recording"):
        ctx.emit(DeliverVoicemail(str(found["recording"]), float(found["duration"]), queue, caller=ctx.party))


LISTS = frozenset(
    {"played", "keys", "terminators", "notes", "requests", "mails", "timers", "events", "recording", "duration"}
)
"""Details of a step that all members of a chain, and all visits of a queue, write to: they are looked for there."""


def _try(ctx: Session, member: Member) -> Generator[float | None, Event | None, str]:
    """Run a member; what it says of itself goes to a place of its own in the details of the step."""
    began = ctx.offset(ctx.now)
    kept = {name: value for name, value in ctx.details.items() if name not in LISTS}
    for name in kept:
        del ctx.details[name]
    try:
        run = member.element.run(ctx)
        branch = run if isinstance(run, str) else (yield from run)
        _deliver(ctx, member)
    finally:
        own = {name: value for name, value in ctx.details.items() if name not in LISTS}
        for name in own:
            del ctx.details[name]
        ctx.details.update(kept)
        if member.kind == "voicemail" and "duration" in ctx.details:
            own["duration"] = ctx.details["duration"]
        ctx.details.setdefault("failover", []).append({"kind": member.kind, "at": began, **own})
    return branch
