"""A flow that waits without a caller, as JSON: what is kept in the store until it goes on.

Values that JSON does not have are marked: `{"$sensitive": …}`, `{"$datetime": …}`, `{"$date": …}`, `{"$time": …}`,
`{"$record": {…}}`. Moments are seconds of the epoch or ISO 8601 with an offset, never the time of a machine: this one
ends with its process.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, get_args
from zoneinfo import ZoneInfo

from ivr.errors import IvrError
from ivr.flow.expressions import Record, Sensitive
from ivr.flow.packet import HandedOver
from ivr.flow.ports import CallInfo, Cause
from ivr.flow.trace import Step
from ivr.flow.way import Frame, Way

if TYPE_CHECKING:
    from ivr.flow.elements.base import Element
    from ivr.flow.model import FlowSet
    from ivr.flow.session import Session

__all__ = [
    "FORMAT",
    "KeptFlow",
    "KeptFrame",
    "SnapshotError",
    "decode",
    "encode",
    "read",
    "take",
    "take_frames",
    "take_up",
]

FORMAT = 1
"""Version of the format: an older one is refused by name."""

STEPS_KEPT = 200
"""Steps of the way that are kept, the last ones: enough to see how it came there."""

MAX_DEPTH = 50
"""Lists and records inside one another that are kept; what is deeper is null."""

MARK = "$"


class SnapshotError(IvrError):
    """A snapshot cannot be read; the text says why."""


# Values


def encode(value: Any, depth: int = 0) -> Any:
    """A value as JSON; what JSON does not have is marked."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if depth > MAX_DEPTH:
        return None
    if type(value) is Sensitive:
        return {"$sensitive": encode(value.value, depth + 1)}
    if isinstance(value, datetime):
        zone = value.tzinfo
        named = {"zone": zone.key} if isinstance(zone, ZoneInfo) and zone.key else {}
        return {"$datetime": value.isoformat(), **named}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    if isinstance(value, time):
        return {"$time": value.isoformat()}
    if isinstance(value, Mapping):
        items = {str(key): encode(item, depth + 1) for key, item in value.items()}
        plain = type(value) is not Record and not any(key.startswith(MARK) for key in items)
        return items if plain else {"$record" if type(value) is Record else "$map": items}
    if isinstance(value, (list, tuple)):
        return [encode(item, depth + 1) for item in value]
    return None


def decode(data: Any, depth: int = 0) -> Any:
    """The value that :func:`encode` made JSON of."""
    if depth > 3 * MAX_DEPTH:
        raise SnapshotError("values are nested too deep")
    if isinstance(data, list):
        return [decode(item, depth + 1) for item in data]
    if not isinstance(data, dict):
        return data
    mark = next(iter(data), "")
    if not mark.startswith(MARK):
        return {key: decode(item, depth + 1) for key, item in data.items()}
    inner = data[mark]
    match mark:
        case "$sensitive":
            return Sensitive(decode(inner, depth + 1))
        case "$datetime":
            moment = datetime.fromisoformat(inner)
            return moment.astimezone(ZoneInfo(data["zone"])) if "zone" in data else moment
        case "$date":
            return date.fromisoformat(inner)
        case "$time":
            return time.fromisoformat(inner)
        case "$record":
            return Record({key: decode(item, depth + 1) for key, item in inner.items()})
        case "$map":
            return {key: decode(item, depth + 1) for key, item in inner.items()}
    raise SnapshotError(f"there is no kind of value {mark}")


# The whole


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """A subroutine that the flow is in."""

    flow: str
    """Name of the flow that called it."""
    element: str
    """Its element."""
    variables: dict[str, Any]
    """Its variables."""
    up: bool
    """A caller was there."""


@dataclass(frozen=True, slots=True)
class KeptFlow:
    """What a snapshot says."""

    flow: str
    """Name of the flow that waits."""
    element: str
    """The element that waits."""
    type: str
    """Its type."""
    call: CallInfo
    """The call that it began with, or who it is about."""
    contact: str
    """Number of the person whom it is all about."""
    session: bool
    """There was a call."""
    cause: Cause | None
    """Why the call ended."""
    answered: bool
    """It had been answered."""
    variables: dict[str, Any]
    """Of the flow that waits."""
    result: Any
    """Of the last element with results."""
    tags: list[str]
    """In their order."""
    properties: dict[str, Any]
    """What came with the event, the campaign or the request that began it."""
    frames: list[KeptFrame]
    """Subroutines, the innermost last."""
    steps: list[Step]
    """The way; times are seconds of the epoch."""
    counters: dict[str, Any]
    """See :meth:`ivr.flow.way.Way.counters`."""
    inputs: int
    """What came from outside so far."""
    ids: int
    """Last id of a command."""
    last_event: float | None
    """When the last event came that a wait was for, in seconds of the epoch."""
    kept: dict[str, Any]
    """What the element that waits worked out when it began."""
    handed: HandedOver
    """What the next hand-off is told of those before it."""


def take(ctx: Session, way: Way, element: Element, wake_at: float | None) -> dict[str, Any]:
    """The snapshot of a flow that waits. `wake_at`: when it goes on by itself, in seconds of the epoch."""
    epoch = ctx.call.started_at.timestamp() - ctx.started
    checks = [[name, operator, encode(value)] for name, operator, value in element.checks(ctx)] if ctx.waits else []
    checked = {"checks": checks} if checks else {}
    return {
        "format": FORMAT,
        "flow": ctx.flow.name,
        "version": ctx.flow.version,
        "number": ctx.flow.number,
        "element": ctx.element,
        "type": element.type,
        "wake_at": wake_at,
        "waits": [
            {"id": wait.id, "event": wait.event, "since": wait.since.isoformat() if wait.since else None, **checked}
            for wait in ctx.waits.values()
        ],
        "call": _call(ctx.call),
        "contact": ctx.contact,
        "session": ctx.session,
        "cause": ctx.cause,
        "answered": ctx.answered,
        "variables": encode(ctx.variables),
        "result": encode(ctx.result),
        "tags": list(ctx.tags),
        "properties": encode(ctx.properties),
        "frames": [_frame(frame) for frame in way.frames],
        "steps": [_step(step, epoch) for step in way.steps[-STEPS_KEPT:]],
        "counters": way.counters(),
        "inputs": ctx.inputs,
        "ids": ctx.last_id,
        "last_event": ctx.last_event,
        "kept": encode(ctx.kept),
        "handed": ctx.handed.data(),
    }


def read(data: Mapping[str, Any]) -> KeptFlow:
    """What a snapshot says; SnapshotError where it is none."""
    if data.get("format") != FORMAT:
        raise SnapshotError(f"a kept flow has the format {data.get('format')}, this version reads {FORMAT}")
    try:
        cause = data["cause"]
        if cause is not None and cause not in get_args(Cause):
            raise ValueError(cause)
        call = data["call"]
        if not data["steps"]:
            raise ValueError("steps")
        return KeptFlow(
            flow=str(data["flow"]),
            element=str(data["element"]),
            type=str(data["type"]),
            call=CallInfo(**{**call, "started_at": datetime.fromisoformat(call["started_at"])}),
            contact=str(data.get("contact", "")),
            session=bool(data["session"]),
            cause=cause,
            answered=bool(data["answered"]),
            variables=_named(decode(data["variables"])),
            result=decode(data["result"]),
            tags=[str(tag) for tag in data["tags"]],
            properties=_named(decode(data["properties"])),
            frames=[
                KeptFrame(
                    str(frame["flow"]), str(frame["element"]), _named(decode(frame["variables"])), bool(frame["up"])
                )
                for frame in data["frames"]
            ],
            steps=[Step(**step) for step in data["steps"]],
            counters=_named(data["counters"]),
            inputs=int(data["inputs"]),
            ids=int(data["ids"]),
            last_event=None if data["last_event"] is None else float(data["last_event"]),
            kept=_named(decode(data["kept"])),
            handed=HandedOver.of(data["handed"]) if "handed" in data else HandedOver(),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SnapshotError(f"a kept flow cannot be read ({type(error).__name__})") from None


def take_up(ctx: Session, way: Way, kept: KeptFlow, now: float, wall: datetime) -> None:
    """Put what was kept back, at `now` by the machine's clock, which is `wall`."""
    ctx.now = now
    ctx.started = ctx.session_at = now - (wall.timestamp() - ctx.call.started_at.timestamp())
    ctx.contact = kept.contact
    ctx.session, ctx.cause, ctx.answered = kept.session, kept.cause, kept.answered
    ctx.variables = {**ctx.variables, **kept.variables}
    ctx.result, ctx.properties, ctx.kept, ctx.handed = kept.result, kept.properties, kept.kept, kept.handed
    ctx.inputs, ctx.last_id, ctx.last_event = kept.inputs, kept.ids, kept.last_event
    epoch = ctx.call.started_at.timestamp() - ctx.started
    for step in kept.steps:
        step.entered_at -= epoch
        step.left_at = None if step.left_at is None else step.left_at - epoch
    way.steps.extend(kept.steps)
    way.set_counters(kept.counters)
    last = way.steps[-1]
    ctx.element, ctx.details, ctx.step_entered = last.element, last.details, last.entered_at


def take_frames(way: Way, kept: KeptFlow, flows: FlowSet) -> str | None:
    """Put the subroutines back, in the flows as they are now; what is missing, as a sentence, where one cannot go
    back."""
    for frame in kept.frames:
        flow = flows.get(frame.flow)
        element = None if flow is None else flow.elements.get(frame.element)
        if flow is None or element is None:
            return f"the flow {frame.flow} has no element {frame.element} any more"
        way.frames.append(Frame(flow, frame.variables, frame.element, element, frame.up))
    return None


def _named(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _call(call: CallInfo) -> dict[str, Any]:
    return {
        "id": call.id,
        "from_": call.from_,
        "to": call.to,
        "started_at": call.started_at.isoformat(),
        "direction": call.direction,
        "line": call.line,
        "short_id": call.short_id,
        "headers": dict(call.headers),
        "key": call.key,
        "display": call.display,
    }


def _frame(frame: Frame) -> dict[str, Any]:
    return {
        "flow": frame.flow.name,
        "version": frame.flow.version,
        "number": frame.flow.number,
        "element": frame.name,
        "variables": encode(frame.variables),
        "up": frame.up,
    }


def _step(step: Step, epoch: float) -> dict[str, Any]:
    return {
        "flow": step.flow,
        "element": step.element,
        "type": step.type,
        "entered_at": step.entered_at + epoch,
        "left_at": None if step.left_at is None else step.left_at + epoch,
        "branch": step.branch,
        "details": step.details,
    }
