"""Compares a call with what its case expects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ivr.flow.expressions import Sensitive
from ivr.flow.sim import Said, SimulatedCall
from ivr.flow.sim.lost import lost_by
from ivr.flow.sim.naming import same_element
from ivr.flow.sim.seen import HIDDEN
from ivr.flow.testing.cases import Case
from ivr.flow.testing.differences import Difference, Kind, closest, plain, shown, side_by_side
from ivr.flow.testing.expected import ExpectedPrompt
from ivr.flow.testing.matching import glob, in_order, list_matches, same_value
from ivr.flow.testing.ranges import seconds_text
from ivr.flow.testing.sent import sent_differences
from ivr.flow.testing.way import how_it_ended, path_difference, place_of
from ivr.flow.trace import Step

__all__ = ["judge"]

_MISSING = object()


def judge(case: Case, call: SimulatedCall) -> list[Difference]:
    """All that is not as the case says, what explains the rest first."""
    return [
        *_fault(case, call),
        *_unused(case, call),
        *path_difference(case, call),
        *_visits(case, call),
        *_branches(case, call),
        *_lost(case, call),
        *_said(case, call),
        *_values(case, call),
        *sent_differences(case, call),
        *_end(case, call),
        *_timing(case, call),
        *_notes(case, call),
    ]


def _difference(
    case: Case,
    kind: Kind,
    way: tuple[str | int, ...],
    text: str,
    *details: str,
    expected: Any = None,
    actual: Any = None,
) -> Difference:
    return Difference(kind, text, case.line_of("expect", *way), details, plain(expected), plain(actual))


# The way


def _fault(case: Case, call: SimulatedCall) -> Iterator[Difference]:
    fault, wanted = call.machine.fault, case.expect.fault
    if fault is None and not call.finished:
        fault = "the flow never comes to its end"
    if wanted is None and fault is not None:
        text = f"the flow broke: {fault}"
        yield _difference(case, "fault", (), text, *_last_steps(call), actual=fault)
    elif wanted is not None and (fault is None or not glob(wanted, fault)):
        was = "it did not" if fault is None else fault
        text = f"the flow was to break ({wanted}); {was}"
        yield _difference(case, "fault", ("fault",), text, expected=wanted, actual=fault)


def _lost(case: Case, call: SimulatedCall) -> Iterator[Difference]:
    wanted, found = case.expect.lost, lost_by(call)
    if wanted is None or wanted == (found is not None):
        return
    if found is None:
        text = "the caller was to be lost, and is not"
    else:
        text = f"the caller is lost: {found[1]} of {place_of(call, found[0])} leads nowhere"
    yield _difference(case, "path", ("lost",), text, *_last_steps(call), expected=wanted, actual=found is not None)


def _last_steps(call: SimulatedCall) -> list[str]:
    return [f"{place_of(call, step)} left by {step.branch or 'nothing'}" for step in call.steps[-3:]]


def _unused(case: Case, call: SimulatedCall) -> Iterator[Difference]:
    unused = {id(step) for step in call.unused_steps}
    reached = how_it_ended(call)
    for index, step in enumerate(case.when.steps):
        if id(step) in unused:
            data = step.data()
            place = data.get("at") or data.get(step.KIND)
            where = (
                f": {place}"
                if isinstance(place, str) and place in _elements(call) and not _visited(call, place)
                else ""
            )
            yield Difference(
                "unused",
                f"never reached{where}: step {index + 1} of when, {shown(data)}",
                case.line_of("when", index),
                (reached,),
                plain(data),
            )


def _elements(call: SimulatedCall) -> set[str]:
    return {name for flow in (call.flow, *call.flows.values()) for name in flow.elements}


def _visited(call: SimulatedCall, wanted: str) -> list[Step]:
    return [step for step in call.steps if same_element(wanted, step)]


def _visits(case: Case, call: SimulatedCall) -> Iterator[Difference]:
    for name, count in (case.expect.visits or {}).items():
        found = len(_visited(call, name))
        if found != count if count is not None else not found:
            times = "at least once" if count is None else _times(count)
            text = f"{name} was reached {_times(found)}, expected {times}"
            yield _difference(case, "visits", ("visits", name), text, how_it_ended(call), expected=count, actual=found)
    for index, name in enumerate(case.expect.not_visited):
        steps = _visited(call, name)
        if steps:
            text = f"{name} was reached, after {seconds_text(steps[0].entered_at)}"
            came = _came_from(call, steps[0])
            yield _difference(case, "visits", ("not_visited", index), text, *came, expected=0, actual=len(steps))


def _came_from(call: SimulatedCall, step: Step) -> tuple[str, ...]:
    index = next(index for index, found in enumerate(call.steps) if found is step)
    if not index:
        return ()
    before = call.steps[index - 1]
    return (f"from {place_of(call, before)}, left by {before.branch}",)


def _times(count: int) -> str:
    return "never" if not count else "once" if count == 1 else f"{count} times"


def _branches(case: Case, call: SimulatedCall) -> Iterator[Difference]:
    for name, wanted in case.expect.branches.items():
        found = [step.branch or "" for step in _visited(call, name)]
        if (found != list(wanted)) if isinstance(wanted, tuple) else found[-1:] != [wanted]:
            was = f"was left by {', '.join(found)}" if found else "was never reached"
            text = f"{name} {was}, expected {wanted if isinstance(wanted, str) else ', '.join(wanted)}"
            details = (how_it_ended(call),) if not found else ()
            yield _difference(case, "branches", ("branches", name), text, *details, expected=wanted, actual=found)


# Words


def _fits(wanted: ExpectedPrompt, said: Said) -> bool:
    return (
        glob(wanted.text, said.words)
        and wanted.at in (None, said.element)
        and (wanted.language is None or wanted.language == said.language)
        and (wanted.heard is None or wanted.heard.holds(said.heard))
    )


def _prompt_text(prompt: ExpectedPrompt) -> str:
    more = [f"at {prompt.at}"] if prompt.at else []
    more += [f"in {prompt.language}"] if prompt.language else []
    more += [f"heard {prompt.heard}"] if prompt.heard else []
    return shown(prompt.text) + (f" ({', '.join(more)})" if more else "")


def _heard(said: Sequence[Said]) -> list[str]:
    found = []
    for item in said:
        whole = "" if item.until is None else f", {seconds_text(item.heard)} heard"
        found.append(f"{seconds_text(item.at):>8}  {item.element}: {shown(item.text)}{whole}")
    return found


def _said(case: Case, call: SimulatedCall) -> Iterator[Difference]:
    said, expect = [item for item in call.said if item.kind != "tone"], case.expect
    texts = [item.text for item in said]
    missing = in_order(expect.said, said, _fits)
    if missing is not None:
        wanted = expect.said[missing]
        details = []
        if any(_fits(wanted, item) for item in said):
            details.append("it was said, but before what is expected ahead of it")
        elif (near := closest(wanted.text, texts)) is not None:
            details.append(f"nearest: {shown(near)}")
        details += ["the caller heard", *(f"  {line}" for line in _heard(said))] if said else ["nothing was said"]
        text = f"never said: {_prompt_text(wanted)}"
        yield _difference(case, "said", ("said", missing), text, *details, expected=wanted.text, actual=texts)
    if expect.said_exactly is not None and not list_matches(expect.said_exactly, said, _fits):
        lines, _, _ = side_by_side(
            expect.said_exactly, said, _fits, lambda item: item.text, lambda index: said[index].element
        )
        wanted_texts = [prompt.text for prompt in expect.said_exactly]
        text = "other words were said than expected"
        yield _difference(case, "said", ("said_exactly",), text, *lines, expected=wanted_texts, actual=texts)
    for index, prompt in enumerate(expect.not_said):
        for item in said:
            if _fits(prompt, item):
                text = f"was said, by {item.element} after {seconds_text(item.at)}: {shown(item.text)}"
                yield _difference(case, "said", ("not_said", index), text, expected=prompt.text, actual=item.text)
                break


# Values


def _values(case: Case, call: SimulatedCall) -> Iterator[Difference]:
    variables = call.machine.variables
    for name, wanted in case.expect.variables.items():
        value = variables.get(name, _MISSING)
        secret = type(value) is Sensitive
        if not same_value(wanted, value.value if isinstance(value, Sensitive) else value):
            was = HIDDEN if secret else None if value is _MISSING else value
            text = f"variable {name} is {'not there' if value is _MISSING else shown(was)}, expected {shown(wanted)}"
            details = _set_by(call, name)
            yield _difference(case, "variables", ("variables", name), text, *details, expected=wanted, actual=was)
    for name, wanted in case.expect.results.items():
        value = call.machine.result.get(name, _MISSING)
        secret = type(value) is Sensitive
        if not same_value(wanted, value.value if isinstance(value, Sensitive) else value):
            was = HIDDEN if secret else None if value is _MISSING else value
            text = f"result.{name} is {'not there' if value is _MISSING else shown(was)}, expected {shown(wanted)}"
            yield _difference(case, "results", ("results", name), text, expected=wanted, actual=was)
    tags = list(call.machine.tags)
    if case.expect.tags is not None and sorted(case.expect.tags) != sorted(tags):
        wanted = list(case.expect.tags)
        text = f"tags are {shown(tags)}, expected {shown(wanted)}"
        yield _difference(case, "tags", ("tags",), text, expected=wanted, actual=tags)
    profile = _profile(call)
    for name, wanted in case.expect.profile.items():
        value = profile.get(name)
        if not same_value(wanted, value):
            text = f"profile.{name} is {shown(value)}, expected {shown(wanted)}"
            yield _difference(case, "profile", ("profile", name), text, expected=wanted, actual=value)
    listed = {"add": "added", "remove": "removed"}[call.dnc[-1].action] if call.dnc else False
    if case.expect.do_not_contact not in (None, listed):
        text = (
            f"on the do-not-contact list: {listed or 'nothing changed'}, expected {shown(case.expect.do_not_contact)}"
        )
        expected = case.expect.do_not_contact
        yield _difference(case, "do_not_contact", ("do_not_contact",), text, expected=expected, actual=listed)


def _set_by(call: SimulatedCall, name: str) -> list[str]:
    """Elements that gave the variable its value, the last one first."""
    for step in reversed(call.steps):
        flow = call.flow if step.flow == call.flow.name else call.flows.get(step.flow)
        element = None if flow is None else flow.elements.get(step.element)
        if element is not None and name in element.sets():
            return [f"last set by {place_of(call, step)}, left by {step.branch}"]
    return ["no element that was reached sets it"]


def _profile(call: SimulatedCall) -> Mapping[str, Any]:
    profile = dict(call.given.profile)
    for change in call.profile_changes:
        if change.number == call.given.caller:
            profile.update(change.changes)
    return {name: value for name, value in profile.items() if value is not None}


# End, time, log


def _end(case: Case, call: SimulatedCall) -> Iterator[Difference]:
    wanted = case.expect.ended_by
    if wanted is not None and call.cause != wanted:
        text = f"ended by {call.cause}, expected {wanted}"
        yield _difference(case, "ended_by", ("ended_by",), text, how_it_ended(call), expected=wanted, actual=call.cause)


def _timing(case: Case, call: SimulatedCall) -> Iterator[Difference]:
    expect = case.expect
    if expect.duration is not None and not expect.duration.holds(call.duration):
        text = f"the call lasted {seconds_text(call.duration)}, expected {expect.duration}"
        expected = str(expect.duration)
        details = _longest(call)
        yield _difference(
            case, "timing", ("duration",), text, *details, expected=expected, actual=round(call.duration, 3)
        )
    for name, limit in expect.within.items():
        steps = _visited(call, name)
        at = steps[0].entered_at if steps else None
        if at is None or not limit.holds(at):
            was = "was never reached" if at is None else f"was reached after {seconds_text(at)}"
            ended = (how_it_ended(call),) if at is None else ()
            text = f"{name} {was}, expected {limit}"
            yield _difference(case, "timing", ("within", name), text, *ended, expected=str(limit), actual=at)
    longest = max(call.silences, key=lambda silence: silence.seconds, default=None)
    if expect.dead_air is not None and longest is not None and not expect.dead_air.holds(longest.seconds):
        text = f"dead air for {seconds_text(longest.seconds)} at {longest.element}, expected {expect.dead_air}"
        when = f"from {seconds_text(longest.at)} to {seconds_text(longest.until)}"
        expected = str(expect.dead_air)
        yield _difference(
            case, "timing", ("dead_air",), text, when, expected=expected, actual=round(longest.seconds, 3)
        )


def _longest(call: SimulatedCall) -> list[str]:
    """The elements that took most of the time."""
    spent = [(step.left_at - step.entered_at, step) for step in call.steps if step.left_at is not None]
    longest = sorted(spent, key=lambda pair: -pair[0])[:3]
    return [
        f"{seconds_text(seconds):>8}  {step.element}, left by {step.branch}" for seconds, step in longest if seconds
    ]


def _notes(case: Case, call: SimulatedCall) -> Iterator[Difference]:
    wanted = case.expect.notes
    if wanted is None:
        return
    notes = [note for step in call.steps for note in step.details.get("notes", ())]
    if not wanted and notes:
        yield _difference(case, "notes", ("notes",), "the log has warnings", *notes, expected=[], actual=notes)
    missing = in_order(wanted, notes, glob)
    if missing is not None:
        text = f"not in the log: {shown(wanted[missing])}"
        details = notes or ["the log has no warnings"]
        expected = list(wanted)
        yield _difference(case, "notes", ("notes", missing), text, *details, expected=expected, actual=notes)
