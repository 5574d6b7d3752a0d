"""The hand-over packet: what an agent, an AI agent or an application is told of a call that it gets.

    packet(ctx, origin="reception", metadata={"order": "4711"})

JSON values alone, of at most :data:`MAX_BYTES` bytes. Sensitive values never stand in it: what is wrapped in
`Sensitive` is left out of `variables` and is `xxxx` anywhere else; inputs stand there as `reporting` of their collect
says. What was too long is cut, and `cut` names the part. Its keys:

| key | what |
|---|---|
| `version` | of this format: 1; a key that is added leaves the version, any other change raises it |
| `call` | `id`, `short_id`, `from`, `to`, `direction`, `line`, `channel` (`voice`), `started_at`, `contact` |
| `flow` | `name`, `version` (hash of the file), `number` (of the version in the store, or null), `element` |
| `origin` | text for people: what it is about |
| `path` | elements walked, the last ones: `flow`, `element`, `type`, `branch`, `at` (seconds since the call began) |
| `inputs` | what the caller keyed in: `flow`, `element`, `status`, `digits` (as `reporting` says) |
| `tags` | of the call, in their order |
| `variables` | those that the flow lists under `shareable` |
| `profile` | what is known of the caller |
| `waits` | in queues so far: `queue`, `seconds`, `outcome`, `agent` |
| `ai` | of the last AI agent that had the call: `agent`, `reason`, `target`, `summary`, `transcript`; or null |
| `metadata` | what the element adds |
| `cut` | names of the parts that were too long |
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ivr.flow.expressions import MASK, ExpressionError, Sensitive, mask
from ivr.flow.operations import json_value
from ivr.flow.trace import digits

if TYPE_CHECKING:
    from ivr.flow.context import Context

__all__ = ["MAX_BYTES", "MAX_WAITS", "VERSION", "AiTalk", "HandedOver", "Wait", "facts", "flow_of_people", "packet"]

VERSION = 1
"""Of the format."""

MAX_PART = 4 * 1024
"""Bytes of each part of a packet, as JSON."""

MAX_TRANSCRIPT = 8 * 1024
"""Bytes of a transcript, as JSON: some minutes of talk, the last ones."""

MAX_TEXT = 2_000
"""Characters of one text, as JSON writes them: a summary has some hundred words."""

MAX_BYTES = 64 * 1024
"""Bytes that a packet never has more of, as JSON in ASCII: the sum of its parts is below it."""

MAX_WAITS = 20
"""Waits in queues that one call remembers, the last ones."""

CHANNEL = "voice"

_HEADS = ("id", "from", "to", "line", "contact")


@dataclass(frozen=True, slots=True)
class Wait:
    """A time that a caller has waited for an agent."""

    queue: str
    """Where; empty: no queue took him."""
    seconds: float
    """How long."""
    outcome: str
    """As in :data:`~ivr.flow.ports.QueueOutcome`, or `abandoned`."""
    agent: str = ""
    """Who took the call."""


@dataclass(frozen=True, slots=True)
class AiTalk:
    """What came of the last talk with an AI agent."""

    agent: str
    """Of `ai_agents` in the configuration."""
    reason: str
    """Why it ended."""
    target: str = ""
    """Whom the AI agent wanted the caller transferred to."""
    summary: str = ""
    """What was talked about."""
    transcript: tuple[Mapping[str, Any], ...] = ()
    """Who said what."""


class HandedOver:
    """What a call remembers of its hand-offs, for the next ones."""

    __slots__ = ("ai", "waits")

    def __init__(self) -> None:
        self.waits: list[Wait] = []
        """In queues, in their order."""
        self.ai: AiTalk | None = None
        """With the last AI agent."""

    def waited(self, wait: Wait) -> None:
        """Remember a wait."""
        self.waits.append(wait)
        del self.waits[:-MAX_WAITS]

    def data(self) -> dict[str, Any]:
        """As JSON, to be kept."""
        return {"waits": [asdict(wait) for wait in self.waits], "ai": None if self.ai is None else asdict(self.ai)}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> HandedOver:
        """What :meth:`data` gave; KeyError or TypeError where it is something else."""
        found = cls()
        found.waits = [Wait(**wait) for wait in data["waits"]]
        if data["ai"] is not None:
            found.ai = AiTalk(**{**data["ai"], "transcript": tuple(data["ai"]["transcript"])})
        return found


def packet(ctx: Context, *, origin: str = "", metadata: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The packet of a call as it is now; `origin` and `metadata` are what the element says."""
    call, flow, cut = ctx.call, ctx.flow, _Cut()
    heads = {"id": call.id, "from": call.from_, "to": call.to, "line": call.line, "contact": ctx.contact}
    ai = ctx.handed.ai
    return {
        "version": VERSION,
        "call": {
            **{key: cut.text("call", heads[key]) for key in _HEADS},
            "short_id": call.short_id,
            "direction": call.direction,
            "channel": CHANNEL,
            "started_at": call.started_at.isoformat(),
        },
        "flow": {"name": flow.name, "version": flow.version, "number": flow.number or None, "element": ctx.element},
        "origin": cut.text("origin", origin or flow_of_people(ctx)),
        "path": cut.last("path", [_step(ctx, step) for step in ctx.steps]),
        "inputs": cut.last("inputs", [_input(entry) for entry in digits(ctx.steps)]),
        "tags": cut.last("tags", list(ctx.tags)),
        "variables": cut.fields("variables", _shared(ctx)),
        "profile": cut.fields("profile", ctx.profile),
        "waits": cut.last("waits", [asdict(wait) for wait in ctx.handed.waits]),
        "ai": None if ai is None else _talk(ai, cut),
        "metadata": cut.fields("metadata", metadata or {}),
        "cut": cut.names,
    }


def flow_of_people(ctx: Context) -> str:
    """Name of the flow that people know the call by: of one that was moved to a flow made for it (`(moved)`) that which
    it was in before."""
    own = ctx.flow.name
    return next((step.flow for step in reversed(ctx.steps) if step.flow[:1] != "("), own) if own[:1] == "(" else own


def facts(ctx: Context, *, origin: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What routes look at: `from`, `to`, `line`, `direction`, `contact`, `flow`, `origin`, `tags`, `profile`,
    `variables`, `collected` (`digits` and `status` by element), `metadata`. JSON values; secret ones are left out, but
    for those that the element itself gives as metadata."""
    call = ctx.call
    collected = {
        entry["element"]: {name: entry.get(name) for name in ("digits", "status")}
        for entry in digits(ctx.steps)
        if entry.get("digits", MASK) != MASK
    }
    return {
        "from": call.from_,
        "to": call.to,
        "line": call.line,
        "direction": call.direction,
        "contact": ctx.contact,
        "flow": ctx.flow.name,
        "origin": origin,
        "tags": list(ctx.tags),
        "profile": _plain(ctx.profile),
        "variables": _plain(ctx.variables),
        "collected": collected,
        "metadata": _plain({name: _opened(value) for name, value in metadata.items()}),
    }


def _opened(value: Any) -> Any:
    return value.value if type(value) is Sensitive else value


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values that JSON has and that are not secret; what is secret inside them is masked."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if type(value) is not Sensitive:
            with suppress(ExpressionError):
                found[name] = json_value(mask(value))
    return found


def _shared(ctx: Context) -> dict[str, Any]:
    """Variables that the flow gives away; secret ones stay, whatever it says."""
    return {
        name: ctx.variables[name]
        for name in sorted(ctx.flow.shareable)
        if name in ctx.variables and type(ctx.variables[name]) is not Sensitive and not ctx.is_sensitive(name)
    }


def _step(ctx: Context, step: Any) -> dict[str, Any]:
    return {
        "flow": step.flow,
        "element": step.element,
        "type": step.type,
        "branch": step.branch,
        "at": ctx.offset(step.entered_at),
    }


def _input(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An input without its single keys."""
    return {key: entry.get(key) for key in ("flow", "element", "status", "digits")}


def _talk(talk: AiTalk, cut: _Cut) -> dict[str, Any]:
    return {
        "agent": cut.text("ai", talk.agent),
        "reason": talk.reason,
        "target": cut.text("ai", talk.target),
        "summary": cut.text("ai", talk.summary),
        "transcript": cut.last("ai", talk.transcript, MAX_TRANSCRIPT),
    }


class _Cut:
    """Makes things small enough, and remembers what it took away from."""

    __slots__ = ("names",)

    def __init__(self) -> None:
        self.names: list[str] = []

    def note(self, part: str) -> None:
        if part not in self.names:
            self.names.append(part)

    def text(self, part: str, text: str) -> str:
        """The beginning of a text."""
        if _size(text) <= MAX_TEXT:
            return text
        self.note(part)
        text = text[:MAX_TEXT]
        while _size(text) > MAX_TEXT:
            text = text[: len(text) * 3 // 4]
        return text

    def value(self, part: str, value: Any) -> Any:
        """A value as JSON, secret ones masked."""
        try:
            shown = json_value(mask(value))
        except ExpressionError:
            self.note(part)
            return None
        return self.text(part, shown) if isinstance(shown, str) else shown

    def last(self, part: str, entries: Sequence[Any], most: int = MAX_PART) -> list[Any]:
        """The last entries of a list, as many as fit."""
        found: list[Any] = []
        room = most
        for entry in reversed(entries):
            shown = self.value(part, entry)
            room -= _size(shown) + 2
            if room < 0:
                self.note(part)
                break
            found.append(shown)
        return found[::-1]

    def fields(self, part: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a mapping that fit, in their order; a long one leaves room for those after it."""
        found: dict[str, Any] = {}
        room = MAX_PART
        for name, value in values.items():
            shown = MASK if type(value) is Sensitive else self.value(part, value)
            needed = _size(name) + _size(shown) + 4
            if needed > room:
                self.note(part)
                continue
            room -= needed
            found[name] = shown
        return found


def _size(value: Any) -> int:
    return len(json.dumps(value, default=str))
