"""Compares what a call sent out (requests, mails, forwards, calls of its own) and kept (recordings) with what its case
expects."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

from ivr.flow.sim import Dialled, Forwarded, SentMail, SentRequest, SimulatedCall, StartedContact
from ivr.flow.testing import handed
from ivr.flow.testing.cases import Case
from ivr.flow.testing.differences import Difference, Kind, plain, shown, side_by_side
from ivr.flow.testing.expected import (
    ExpectedCall,
    ExpectedContact,
    ExpectedForward,
    ExpectedMail,
    ExpectedRecording,
    ExpectedRequest,
)
from ivr.flow.testing.matching import GAP, glob, list_matches, subset
from ivr.flow.testing.ranges import seconds_text
from ivr.flow.trace import Step

__all__ = ["sent_differences"]


def sent_differences(case: Case, call: SimulatedCall) -> Iterator[Difference]:
    """What was not sent as expected."""
    expect = case.expect
    kept = [step for step in call.steps if step.details.get("recording")]
    yield from _list(case, "requests", expect.requests, call.requests, _request_fits, _request, _request_why)
    yield from _list(case, "mails", expect.mails, call.mails, _mail_fits, _mail, _nothing)
    yield from _list(case, "forwards", expect.forwards, call.forwards, _forward_fits, _forward, _nothing)
    handed_over = handed.hand_offs(call)
    yield from _list(case, "hand_offs", expect.hand_offs, handed_over, handed.fits, handed.write, handed.why)
    yield from _list(case, "calls", expect.calls, call.dialled, _call_fits(call), _call(call), _nothing)
    yield from _list(case, "contacts", expect.contacts, call.contacts, _contact_fits, _contact, _nothing)
    yield from _list(case, "recordings", expect.recordings, kept, _recording_fits, _recording, _nothing)


def _list(
    case: Case,
    kind: Kind,
    wanted: Sequence[Any] | None,
    found: Sequence[Any],
    fits: Callable[[Any, Any], bool],
    write: Callable[[Any], str],
    why: Callable[[Any, Any], list[str]],
) -> Iterator[Difference]:
    if wanted is None or list_matches(wanted, found, fits):
        return
    lines, row, _ = side_by_side(
        wanted,
        found,
        fits,
        lambda item: item if isinstance(item, str) else write(item),
        lambda index: _at(found[index]),
    )
    assert row is not None
    what = kind[:-1]
    at = 0 if row.wanted is None else row.wanted
    if row.found is None:
        text = f"{what} missing: {write(wanted[at])}"
    elif row.wanted is None:
        text = f"{what} not expected: {write(found[row.found])}"
    else:
        text = f"{what} differs: {write(found[row.found])}, expected {write(wanted[at])}"
        lines += why(wanted[at], found[row.found])
    yield Difference(
        kind,
        text,
        case.line_of("expect", kind, at),
        tuple(lines),
        [item if item == GAP else plain(item.model_dump(exclude_unset=True)) for item in wanted],
        [write(item) for item in found],
    )


def _at(item: Any) -> str:
    if isinstance(item, Step):
        return f"{seconds_text(item.entered_at):>8}  {item.element}"
    return f"{seconds_text(item.at):>8}  {item.element}"


def _nothing(_wanted: Any, _found: Any) -> list[str]:
    return []


# Requests


def body_of(request: SentRequest) -> Any:
    """The body as a value: JSON, fields of a form, or text."""
    if request.body is None:
        return None
    text = request.body.decode("utf-8", "replace")
    kind = next((value for name, value in request.headers.items() if name.lower() == "content-type"), "")
    if "form-urlencoded" in kind:
        return {name: values[0] if len(values) == 1 else values for name, values in parse_qs(text, True).items()}
    try:
        return json.loads(text)
    except ValueError:
        return text


def _headers(request: SentRequest) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _request_fits(wanted: ExpectedRequest, sent: SentRequest) -> bool:
    return not _request_why(wanted, sent)


def _request_why(wanted: ExpectedRequest, sent: SentRequest) -> list[str]:
    """What of a request is not as expected."""
    found = []
    for name, want, was in (
        ("at", wanted.at, sent.element),
        ("method", wanted.method, sent.method),
        ("connector", wanted.connector, sent.connector or ""),
    ):
        if want not in (None, was):
            found.append(f"{name}: {was or 'none'}, expected {want}")
    if wanted.url is not None and not glob(wanted.url, sent.url):
        found.append(f"url: {_hidden(sent, sent.url)}, expected {shown(wanted.url)}")
    headers = _headers(sent)
    for name, want in wanted.headers.items():
        header = headers.get(name.lower())
        if header is None or not glob(want, header):
            found.append(f"header {name}: {_hidden(sent, header)}, expected {shown(want)}")
    if "body" in wanted.model_fields_set and not subset(wanted.body, body := body_of(sent)):
        found += _body_why(wanted.body, body, sent)
    if wanted.status is not None and wanted.status != sent.status:
        found.append(f"status: {sent.status or sent.error}, expected {wanted.status}")
    return found


def _body_why(wanted: Any, body: Any, sent: SentRequest) -> list[str]:
    if not isinstance(wanted, dict) or not isinstance(body, dict):
        return [f"body: {_hidden(sent, body)}, expected {shown(wanted)}"]
    return [
        f"body.{name}: {_hidden(sent, body[name]) if name in body else 'not there'}, expected {shown(want)}"
        for name, want in wanted.items()
        if name not in body or not subset(want, body[name])
    ]


def _hidden(sent: SentRequest, value: Any) -> str:
    return "(sensitive)" if sent.secret else shown(value)


def _request(item: ExpectedRequest | SentRequest) -> str:
    if isinstance(item, SentRequest):
        return item.shown
    words = [item.method, f"{item.connector}:" if item.connector else None, item.url]
    return " ".join(word for word in words if word) or f"a request of {item.at or 'any element'}"


# Mails, forwards, recordings


def _mail_fits(wanted: ExpectedMail, sent: SentMail) -> bool:
    return (
        wanted.at in (None, sent.element)
        and (wanted.to is None or any(glob(wanted.to, address) for address in sent.to))
        and (wanted.subject is None or glob(wanted.subject, sent.subject))
        and (wanted.text is None or glob(wanted.text, sent.text))
    )


def _mail(item: ExpectedMail | SentMail) -> str:
    if isinstance(item, SentMail):
        return f"to {', '.join(item.to)}: {'(sensitive)' if item.secret else item.subject}"
    words = [f"to {item.to}" if item.to else "a mail", item.subject, item.text]
    return ": ".join(word for word in words if word)


def _forward_fits(wanted: ExpectedForward, made: Forwarded) -> bool:
    return (
        wanted.at in (None, made.element)
        and (wanted.to is None or any(glob(wanted.to, target) for target in made.targets))
        and wanted.result in (None, made.outcome)
    )


def _forward(item: ExpectedForward | Forwarded) -> str:
    if isinstance(item, Forwarded):
        return f"{', '.join(item.targets)}: {item.outcome or 'rings'}"
    return ": ".join(word for word in (item.to or item.at or "any", item.result) if word)


# Calls of its own, and flows for others


def _call_fits(call: SimulatedCall) -> Callable[[ExpectedCall, Dialled], bool]:
    def fits(wanted: ExpectedCall, made: Dialled) -> bool:
        at = call.given.time + timedelta(seconds=made.at)
        return (
            wanted.at in (None, made.element)
            and (wanted.to is None or glob(wanted.to, made.to))
            and wanted.attempt in (None, made.attempt)
            and (wanted.time is None or abs((at - wanted.time).total_seconds()) < 1.0)
            and wanted.line in (None, made.line)
            and wanted.result in (None, made.outcome)
            and wanted.answerer in (None, made.answerer)
        )

    return fits


def _call(call: SimulatedCall) -> Callable[[ExpectedCall | Dialled], str]:
    def write(item: ExpectedCall | Dialled) -> str:
        if isinstance(item, Dialled):
            at = (call.given.time + timedelta(seconds=item.at)).isoformat(timespec="seconds")
            who = f" by {item.answerer}" if item.answerer else ""
            return f"{item.to}, attempt {item.attempt} at {at}: {item.outcome or 'rings'}{who}"
        words = [
            item.to or item.at or "any",
            f"attempt {item.attempt}" if item.attempt else "",
            f"at {item.time.isoformat(timespec='seconds')}" if item.time else "",
            item.result or "",
            f"by {item.answerer}" if item.answerer else "",
        ]
        return " ".join(word for word in words if word)

    return write


def _contact_fits(wanted: ExpectedContact, started: StartedContact) -> bool:
    return (
        wanted.at in (None, started.element)
        and wanted.flow in (None, started.flow)
        and (wanted.number is None or glob(wanted.number, started.number))
        and (wanted.properties is None or subset(wanted.properties, dict(started.properties)))
    )


def _contact(item: ExpectedContact | StartedContact) -> str:
    if isinstance(item, StartedContact):
        return f"{item.flow} for {item.number}" + (f": {item.error}" if item.error else "")
    return f"{item.flow or 'a flow'} for {item.number or 'anybody'}"


def _recording_fits(wanted: ExpectedRecording, step: Step) -> bool:
    return (
        wanted.at in (None, step.element)
        and (wanted.name is None or glob(wanted.name, str(step.details["recording"])))
        and (wanted.duration is None or wanted.duration.holds(step.details.get("duration", 0.0)))
    )


def _recording(item: ExpectedRecording | Step) -> str:
    if isinstance(item, Step):
        return f"{item.details['recording']}: {seconds_text(item.details.get('duration', 0.0))}"
    return ": ".join(word for word in (item.name or item.at or "any", str(item.duration or "")) if word)
