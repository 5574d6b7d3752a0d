"""A simulated call as plain data and as a summary; sensitive values are hidden in both."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ivr.flow.sim.seen import HIDDEN, Said, SentMail, SentRequest
from ivr.flow.sim.transcript import clock, tell

if TYPE_CHECKING:
    from ivr.flow.sim.observed import ObservedCall

__all__ = ["LONG_SILENCE", "data", "faults", "summary"]

LONG_SILENCE = 5.0
"""Seconds after which callers think that the line is dead."""


def faults(call: ObservedCall) -> list[str]:
    """What is wrong with the run: the flow was broken off, it never ends, or steps of the script were never done."""
    found = [] if call.machine.fault is None else [f"fault: {call.machine.fault}"]
    if not call.finished:
        found.append(f"the flow has no end: it stands at {call.machine.element}")
    found.extend(f"not used: {json.dumps(step.data(), ensure_ascii=False)}" for step in call.unused_steps)
    return found


def summary(call: ObservedCall) -> list[str]:
    """How it went, in a few lines: path, duration, cause, long silences, faults."""
    lines = [f"path: {', '.join(call.path)}", f"duration: {clock(call.duration)}", f"ended by: {call.cause or '-'}"]
    lines.extend(
        f"silence: {silence.seconds:.1f} s from {clock(silence.at)} at {silence.element}"
        for silence in call.silences
        if silence.seconds > LONG_SILENCE
    )
    return lines + faults(call)


def data(call: ObservedCall) -> dict[str, Any]:
    """Everything a program may want to know, as JSON values; times are seconds since the call began."""
    machine = call.machine
    values: dict[str, Any] = {
        "flow": call.flow.name,
        "version": call.flow.version,
        "entry": call.entry,
        "caller": call.given.caller,
        "started_at": call.given.time.isoformat(),
        "seed": call.given.seed,
        "path": call.path,
        "steps": [_step(step) for step in call.steps],
        "said": [_said(said) for said in call.said],
        "digits": machine.digits(),
        "requests": [_request(sent) for sent in call.requests],
        "mails": [_mail(sent) for sent in call.mails],
        "forwards": [dataclasses.asdict(made) for made in call.forwards],
        "queued": [dataclasses.asdict(made) for made in call.queued],
        "handed_over": [dataclasses.asdict(made) for made in call.handed_over],
        "messages": [dataclasses.asdict(left) for left in call.messages],
        "calls": [dataclasses.asdict(made) for made in call.dialled],
        "contacts": [dataclasses.asdict(started) for started in call.contacts],
        "profile_changes": [dataclasses.asdict(change) for change in call.profile_changes],
        "do_not_contact": [dataclasses.asdict(change) for change in call.dnc],
        "waits": [dataclasses.asdict(waited) for waited in call.waits],
        "events": [dataclasses.asdict(event) for event in call.events_log],
        "silences": [dataclasses.asdict(silence) for silence in call.silences],
        "variables": call.variables(),
        "tags": machine.tags,
        "ended_by": call.cause,
        "duration": call.duration,
        "finished": call.finished,
        "faults": faults(call),
        "transcript": [str(line) for line in tell(call)],
    }
    plain: dict[str, Any] = json.loads(json.dumps(values, default=_plain), parse_float=_milliseconds)
    return plain


def _step(step: Any) -> dict[str, Any]:
    fields = ("flow", "element", "type", "entered_at", "left_at", "branch")
    return {**{name: getattr(step, name) for name in fields}, **step.details}


def _said(said: Said) -> dict[str, Any]:
    shown = dataclasses.asdict(said)
    del shown["words"]  # as they are heard, with what is secret
    return shown


def _request(sent: SentRequest) -> dict[str, Any]:
    shown = dataclasses.asdict(sent)
    if sent.secret:
        shown.update(url=HIDDEN, headers={name: HIDDEN for name in sent.headers}, body=HIDDEN if sent.body else None)
    elif sent.body is not None:
        shown["body"] = sent.body.decode("utf-8", "replace")
    return shown


def _mail(sent: SentMail) -> dict[str, Any]:
    shown = dataclasses.asdict(sent)
    if sent.secret:
        shown.update(subject=HIDDEN, text=HIDDEN)
    return shown


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, (set, frozenset, tuple)) else str(value)


def _milliseconds(number: str) -> float:
    return round(float(number), 3)
