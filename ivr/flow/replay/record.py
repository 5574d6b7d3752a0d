"""The record of a call as a replay reads it: what came from the caller and the world, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import pairwise
from typing import Any, cast

from ivr.errors import IvrError
from ivr.flow.control import FIELDS
from ivr.flow.exchanges import HIDDEN
from ivr.flow.patterns import KEYS
from ivr.flow.ports import Cause
from ivr.flow.replay.handed import agents, ai_agents, applications, forwards
from ivr.flow.replay.steps import MOVED_BY, Action, RecordedStep
from ivr.flow.sim import Given, HttpAnswer, MailAnswer, Stubs
from ivr.flow.trace import parts
from ivr.flow.values import plain_number

__all__ = ["ENDED_BY_CALLER", "Recorded", "ReplayError", "read_record"]

LATE = 0.3
"""Seconds that a key may be heard after it was pressed: a prompt that ended meanwhile did not see it."""

ROUNDED = 0.002
"""Seconds by which times of the record may be off: they are kept in milliseconds."""

NEVER = 10.0**9
"""Seconds until an answer that the call did not live to see."""

ABSENT_KEY = "0"
"""Stands for a key that stopped a prompt, of which the record does not tell more."""

REFUSALS = ("no_answer", "busy", "declined", "failed")

TAKES_KEYS = ("collect", "record_voicemail", "forward_call", "transfer_to_agent", "transfer_to_ai_agent")
"""Elements that leave no key for those that follow."""

ENDED_BY_CALLER = ("user_hung_up", "network", "media_timeout", "ended_by_api", "system")
"""Causes that come from outside the flow."""


class ReplayError(IvrError):
    """A record cannot be replayed."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One call."""

    id: str
    """Its id."""
    flow: str
    """Flow it began in."""
    version: str
    """Hash of that version."""
    versions: Mapping[str, Mapping[str, Any]]
    """Flows that it went through, with hash and number of their versions."""
    given: Given
    """How it began."""
    steps: tuple[RecordedStep, ...]
    """The way it went."""
    stubs: Stubs
    """How the world answered."""
    cause: str | None
    """Why it ended."""
    limited: bool
    """A limit of the system ended it."""
    notes: tuple[str, ...]
    """What the record does not tell."""


def read_record(record: Mapping[str, Any], zone: tzinfo) -> Recorded:
    """Read a record, as the store gives it; ReplayError where it is not one of a call that is over.

    `zone` is that of this system: flows saw the time of day in it.
    """
    path = record.get("path") or []
    if not path:
        raise ReplayError("the record has no path: the call did not come to its flow")
    if record.get("cause") is None:
        raise ReplayError("the call is not over")
    started = float(record["started_at"])
    details = record.get("details") or {}
    steps = tuple(_step(step, started) for step in path)
    notes: list[str] = []
    _keys(steps, notes)
    _events(steps, notes)
    _forwards(steps)
    _callees(steps)
    _moves(steps)
    _instructions(steps, notes)
    _hang_up(steps, record, started)
    if details.get("trace") == "full":
        notes.append("the trace is cut: the call did more than a trace holds")
    hidden = details.get("hidden") or ()
    if hidden:
        notes.append(f"the record hides {', '.join(map(str, hidden))}")
    short_id = int(record.get("short_id") or 1)
    given = Given(
        caller=_caller(record, steps[0]),
        called=str(record.get("called") or ""),
        line=str(details.get("line") or record.get("line") or ""),
        time=datetime.fromtimestamp(started, zone),
        profile=details.get("profile") or {},
        properties=details.get("properties") or {},
        headers=details.get("headers") or {},
        entry=steps[0].element,
        seed=short_id - 1,
        id=str(record["id"]),
    )
    return Recorded(
        str(record["id"]),
        str(record.get("flow") or steps[0].flow),
        str(record.get("flow_version") or ""),
        details.get("flows") or {},
        given,
        steps,
        Stubs(
            http=tuple(_http(steps, notes)),
            mails=tuple(_mails(steps)),
            forwards=tuple(forwards(path, started)),
            agents=tuple(agents(path, started)),
            ai_agents=tuple(ai_agents(path, started)),
            applications=tuple(applications(path, started)),
            failing_recordings=_failing(steps),
            failing_contacts={
                step.element: str(step.data["reason"])
                for step in steps
                if "participant" in step.data and step.data.get("reason") not in (None, "started")
            },
            dial_times=tuple(float(attempt.get("at") or 0.0) for step in steps for attempt in step.attempts),
            manual=True,
        ),
        str(record["cause"]),
        str(details.get("fault") or "").startswith("limits."),
        tuple(notes),
    )


def _caller(record: Mapping[str, Any], first: RecordedStep) -> str:
    """Who called, or the contact for whom a flow runs: the record of one that called somebody tells of that call."""
    if first.type != "start_from_audience" or record.get("direction") != "outbound":
        return str(record.get("caller") or "")
    number = ((record.get("details") or {}).get("properties") or {}).get("number")
    return plain_number(number) if isinstance(number, str) else str(record.get("called") or "")


def _step(step: Mapping[str, Any], started: float) -> RecordedStep:
    left = step.get("left_at")
    return RecordedStep(
        step, float(step.get("entered_at") or started) - started, None if left is None else float(left) - started
    )


# What the caller did


def _keys(steps: Sequence[RecordedStep], notes: list[str]) -> None:
    """Put each key into the step in which it was pressed."""
    for index, step in enumerate(steps):
        for key in _pressed(step):
            if key.get("key") in (*KEYS,) and not step.hidden:
                at = float(key.get("at") or 0.0)
                where = _pressed_in(steps, index, at)
                after = max(0.0, at - steps[where].begins)
                steps[where].actions.append(
                    Action(after, "press", str(key["key"]), str(key.get("source") or "rfc4733"))
                )
    _lost_keys(steps)
    if any(step.hidden for step in steps):
        notes.append("inputs that reporting hides cannot be repeated: their recorded branches are taken")


def _pressed(step: RecordedStep) -> Iterator[Mapping[str, Any]]:
    """Keys that a step took in, those of what ran inside it too."""
    for part in parts(step.data):
        yield from part.get("keys") or ()
        yield from part.get("terminators") or ()


def _lost_keys(steps: Sequence[RecordedStep]) -> None:
    """Keys that the record does not tell, and that a prompt was stopped by."""
    ahead = False
    for index, step in enumerate(steps):
        ahead = ahead or bool(step.actions)
        if step.data.get("ended") == "interrupted" and not ahead and not _typed_ahead(steps[index + 1 :], step.begins):
            ahead = True
            if step.played:
                heard = float(step.played[-1].get("heard") or 0.0)
                begun = max(0.0, float(step.played[-1].get("at") or step.begins) - step.begins)
                step.actions.append(Action(begun + heard, "press", ABSENT_KEY))
            else:
                before = next((each for each in reversed(steps[:index]) if (each.ends or 0.0) > each.begins), step)
                before.actions.append(Action(0.0, "press", ABSENT_KEY))
        if step.type in TAKES_KEYS:
            ahead = False


def _typed_ahead(steps: Sequence[RecordedStep], moment: float) -> bool:
    """A key that was pressed before a moment is taken in by one of these steps."""
    return any(float(key.get("at") or 0.0) <= moment + ROUNDED for step in steps for key in _pressed(step))


def _pressed_in(steps: Sequence[RecordedStep], index: int, at: float) -> int:
    """The step in which a key took effect that the step at `index` took in: the one that ran then, or the first of the
    prompts that it stopped just then."""
    found = index
    for before in range(index - 1, -1, -1):
        begins, step = steps[before + 1].begins, steps[before]
        if at > begins + ROUNDED:
            break
        ended = step.data.get("ended")
        if at < begins - ROUNDED:
            if begins - at < LATE and ended == "completed":
                break
            found = before
        elif ended == "interrupted":
            found = before
        elif (step.ends or begins) - step.begins > ROUNDED:
            break
    return found


def _events(steps: Sequence[RecordedStep], notes: list[str]) -> None:
    for step in steps:
        for event in step.data.get("events") or ():
            if "properties" not in event and event.get("cut"):
                notes.append(f"the properties of the event {event.get('name')} are not in the record")
            after = max(0.0, float(event.get("at") or step.begins) - step.begins)
            step.actions.append(
                Action(
                    after,
                    "event",
                    str(event.get("name")),
                    properties=event.get("properties") or {},
                    posted=float(event.get("posted") or event.get("at") or 0.0),
                )
            )


def _moves(steps: Sequence[RecordedStep]) -> None:
    """Put into each step that somebody outside ended where the call went then."""
    for step, following in pairwise(steps):
        if (step.branch or "").startswith(MOVED_BY):
            after = max(0.0, (step.ends or step.begins) - step.begins)
            about: dict[str, Any] = {"entry": following.element, "by": (step.branch or "").removeprefix(MOVED_BY)}
            if "made" in following.data:
                about["made"] = following.data["made"]
            step.actions.append(Action(after, "move", following.flow, properties=about))


def _instructions(steps: Sequence[RecordedStep], notes: list[str]) -> None:
    """Put into each step what somebody outside asked for there."""
    for step in steps:
        for entry in step.data.get("instructions") or ():
            verb = str(entry.get("verb"))
            if verb not in FIELDS or (verb == "send_digits" and not entry.keys() & {"fields", "cut"}):
                continue  # changes nothing of the way: keys that are sent at once stand there without their fields
            if entry.get("cut"):
                notes.append(f"what was asked of {step.element} is not in the record any more")
            after = max(0.0, float(entry.get("at") or step.begins) - step.begins)
            step.actions.append(Action(after, "instruct", verb, properties=entry.get("fields") or {}))


def _hang_up(steps: Sequence[RecordedStep], record: Mapping[str, Any], started: float) -> None:
    """The end of the call, where it did not come from the flow."""
    for step in steps:
        if step.ends is not None and any(part.get("caller_left") for part in parts(step.data)):
            step.actions.append(Action(max(0.0, step.ends - step.begins), "hang_up", "user_hung_up"))
            return
    cause, ended = record.get("cause"), record.get("ended_at")
    if cause not in ENDED_BY_CALLER or ended is None or (record.get("details") or {}).get("fault"):
        return
    at = float(ended) - started
    last = next(
        (
            step
            for step in steps
            if step.ends is None
            or step.branch == "user_hung_up"
            or (step.branch == "call_ended" and (step.type != "start_outgoing_call" or step.began_session))
        ),
        None,
    ) or next((step for step in steps if step.ends is not None and step.ends >= at), steps[-1])
    after = max(0.0, (at if last.ends is None else last.ends) - last.begins)
    last.actions.append(Action(after, "hang_up", cast("Cause", cause)))


# What the world answered


def _http(steps: Sequence[RecordedStep], notes: list[str]) -> list[HttpAnswer]:
    found = []
    for step in steps:
        for entry in _requests(step):
            elapsed = float(entry.get("elapsed") or 0.0)
            if entry.get("status") is None and entry.get("error") is None:
                elapsed = NEVER
            if entry.get("body_cut"):
                notes.append(f"the answer to {step.element} was too long for the record")
            elif entry.get("url") == HIDDEN:
                notes.append(f"what {step.element} sent was sensitive: its answer is not in the record")
            found.append(
                HttpAnswer(
                    step.element,
                    int(entry.get("status") or 200),
                    entry.get("body"),
                    entry.get("headers") or {},
                    elapsed,
                    entry.get("error"),
                    times=1,
                )
            )
    return found


def _requests(step: RecordedStep) -> list[Mapping[str, Any]]:
    """Of a step and of what ran inside it (documents that are heard in a queue), in the order in which they came."""
    found = [entry for part in parts(step.data) for entry in part.get("requests") or ()]
    return sorted(found, key=lambda entry: float(entry.get("at") or 0.0))


def _forwards(steps: Sequence[RecordedStep]) -> None:
    """Put into each forward what became of it; a caller who left meanwhile hangs up."""
    for step in steps:
        if step.type != "forward_call" or "to" not in step.data or step.ends is None:
            continue
        lasted = step.ends - step.begins
        outcome, answered = step.data.get("outcome"), step.data.get("answered_at")
        if answered is not None:
            step.actions.append(Action(max(0.0, float(answered) - step.begins), "forward", "answered"))
            if outcome is not None:  # else it was cut off
                step.actions.append(Action(lasted, "forward", "left"))
        elif outcome in ("forwarded", "returned"):
            step.actions.append(Action(lasted, "forward", "answered"))
        elif outcome in REFUSALS and step.data.get("reason") not in ("caller left", "no target"):
            step.actions.append(Action(lasted, "forward", str(outcome), code=step.data.get("sip_code")))


def _callees(steps: Sequence[RecordedStep]) -> None:
    """Put into each call what became of its attempts, and who was told to have answered."""
    for step in steps:
        for attempt in step.attempts:
            over = attempt.get("over_at")
            if over is None:
                continue
            about = {name: attempt[name] for name in ("kind", "reason", "line") if name in attempt}
            outcome = str(attempt.get("outcome") or "failed")
            after = max(0.0, float(over) - step.begins)
            step.actions.append(Action(after, "callee", outcome, properties=about, code=attempt.get("sip_code")))
        told = step.data.get("told_at")
        # What a key told is told by that key.
        if step.began_session and told is not None and step.data.get("told_by") not in ("key", "no key"):
            confidence = {"confidence": step.data.get("confidence"), "reason": step.data.get("told_by") or ""}
            after = max(0.0, float(told) - step.begins)
            step.actions.append(Action(after, "told", str(step.data.get("answerer")), properties=confidence))


def _failing(steps: Sequence[RecordedStep]) -> frozenset[str]:
    """Elements whose recordings could not be written, at any visit."""
    recording = [step for step in steps if step.type == "record_voicemail" and "status" in step.data]
    written = {step.element for step in recording if step.data["status"] != "error"}
    return frozenset(step.element for step in recording if step.element not in written)


def _mails(steps: Sequence[RecordedStep]) -> list[MailAnswer]:
    return [
        MailAnswer(step.element, entry.get("error"), float(entry.get("elapsed") or 0.2), times=1)
        for step in steps
        for entry in step.data.get("mails") or ()
    ]
