"""A simulated call told in lines, for people: what was said, what the caller did, where the flow went."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ivr.flow.elements.collect import CollectElement
from ivr.flow.sim.seen import (
    HIDDEN,
    Change,
    Dialled,
    Forwarded,
    HandedOver,
    Happening,
    LeftMessage,
    LoggedEvent,
    Queued,
    Said,
    SentRequest,
    StartedContact,
    Waited,
)

if TYPE_CHECKING:
    from ivr.flow.sim.observed import ObservedCall
    from ivr.flow.trace import Step

__all__ = ["Line", "clock", "tell"]

Who = Literal["flow", "system", "caller", "world", "end", "note"]

SHOWN_VALUE = 120
"""Characters of a value in a line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a transcript."""

    at: float
    """When, in seconds since the call began."""
    who: Who
    """`flow`: an element is entered; `system`: what the caller hears or is asked; `caller`: what he does; `world`: what
    others do; `end`; `note`: what the log would say."""
    text: str
    """A few words."""

    def __str__(self) -> str:
        indent = "" if self.who in ("flow", "end") else "  "
        return f"{clock(self.at)}  {indent}{self.text}"


def clock(seconds: float) -> str:
    """Virtual time: `0:04.2`, `1:02:04.2`, `3 d 01:02:04.2`."""
    minutes, rest = divmod(round(seconds, 1), 60.0)
    hours, minutes = divmod(int(minutes), 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours:02}:{minutes:02}:{rest:04.1f}"
    return f"{hours}:{minutes:02}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"


def tell(call: ObservedCall, since: int = 0, until: int | None = None) -> list[Line]:
    """What happened, from one index of `call.happened` to another."""
    happened = call.happened
    return [
        Line(happening.at, *_line(call, index, happening))
        for index, happening in enumerate(happened[since:until], since)
    ]


def _line(call: ObservedCall, index: int, happening: Happening) -> tuple[Who, str]:
    what: Any = happening.what
    match happening.kind:
        case "step":
            return "flow", _step(call, what)
        case "said":
            return "system", _said(what)
        case "key":
            return "caller", f"caller presses {'a key' if _hidden(call, index) else what}"
        case "speaks":
            return "caller", f"caller speaks for {what:g} s"
        case "hung_up":
            return "caller", "caller hangs up" if what == "user_hung_up" else f"the call breaks off: {what}"
        case "ended":
            return "end", f"the flow ends the call: {what}"
        case "forward":
            verb = "transfers to" if what.mode == "refer" else "calls"
            return "world", f"{verb} {', '.join(what.targets)}"
        case "forward_answered":
            return "world", f"{what.target} answers"
        case "forward_done":
            return "world", _outcome(what)
        case "dial":
            dialled: Dialled = what
            return "world", f"calls {dialled.to}, attempt {dialled.attempt}"
        case "dial_answered":
            return "world", f"{what.to} answers"
        case "dial_done":
            return "world", f"{what.to}: {what.outcome}"
        case "queue" | "queue_place" | "agent_answered" | "queue_done":
            return "world", _queued(happening.kind, what)
        case "message":
            left: LeftMessage = what
            return "world", f"leaves a message of {left.seconds:.1f} s for {left.agent or left.queue}"
        case "hand_over" | "hand_over_taken" | "hand_over_done":
            return "world", _handed(happening.kind, what)
        case "contact":
            contact: StartedContact = what
            outcome = "" if contact.error is None else f": {contact.error}"
            return "world", f"begins {contact.flow} for {contact.number}{outcome}"
        case "request":
            return "world", _request(what)
        case "request_done":
            return "world", f"answer: {what.status if what.error is None else what.error}"
        case "mail":
            return "world", f"mails {', '.join(what.to)}: {HIDDEN if what.secret else what.subject}"
        case "mail_done":
            return "world", "the mail is sent" if what.error is None else f"the mail is not sent: {what.error}"
        case "profile" | "dnc":
            return "world", _change(what)
        case "wait":
            waited: Waited = what
            return "world", f"waits for the event {waited.event}"
        case "event":
            event: LoggedEvent = what
            return "world", f"event {event.name} {_short(event.properties)}".rstrip()
        case "note":
            return "note", f"note: {what}"


def _step(call: ObservedCall, step: Step) -> str:
    flow = "" if step.flow == call.flow.name else f"{step.flow}: "
    branch = "" if step.branch is None else f" -> {step.branch}"
    return f"{flow}{step.element} ({step.type}){branch}"


def _said(said: Said) -> str:
    what = f'"{said.text}"' if said.kind == "text" and said.text != HIDDEN else f"{said.kind} {said.text}"
    if said.until is None:
        return f"says {what}"
    language = f" [{said.language}]" if said.language else ""
    return f"says {what}{language} ({said.heard:.1f} s heard)"


def _outcome(made: Forwarded) -> str:
    if made.answered_at is None:
        return f"{made.target}: {made.outcome}".removeprefix(": ")
    return f"after {made.talk_time:.1f} s of talk: {made.outcome}"


def _queued(kind: str, visit: Queued) -> str:
    if kind == "queue":
        return f"asks for an agent of {visit.queue}"
    if kind == "queue_place":
        return f"place {visit.positions[-1]} in the queue {visit.queue}"
    if kind == "agent_answered":
        return f"{visit.agent} answers after {visit.waited:.1f} s in the queue {visit.queue}"
    if visit.answered_at is not None:
        return f"after {visit.talk_time:.1f} s of talk with {visit.agent}: {visit.outcome}"
    return f"out of the queue {visit.queue} after {visit.waited:.1f} s: {visit.outcome}"


def _handed(kind: str, made: HandedOver) -> str:
    if kind == "hand_over":
        return f"hands the call to {made.to}"
    if kind == "hand_over_taken":
        return f"{made.to} has the call"
    return f"{made.to} gives the call back after {made.talk_time:.1f} s: {made.reason}"


def _request(sent: SentRequest) -> str:
    if sent.body is None:
        return f"sends {sent.shown}"
    body = HIDDEN if sent.secret else sent.body.decode("utf-8", "replace")
    return f"sends {sent.shown} {body[:SHOWN_VALUE]}"


def _change(change: Change) -> str:
    if change.action == "update":
        return f"profile of {change.number}: {_short(change.changes)}"
    preposition = "on" if change.action == "add" else "off"
    return f"puts {change.number} {preposition} the do-not-contact list"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str) if value else ""
    return text if len(text) <= SHOWN_VALUE else text[:SHOWN_VALUE] + "…"


def _hidden(call: ObservedCall, index: int) -> bool:
    """The key is part of an input that records do not show: of the collect that runs, or is the next to run."""
    happened = call.happened
    before = next((each for each in reversed(happened[:index]) if each.kind == "step"), None)
    rest = (each for each in happened[index:] if each.kind == "step")
    for each in ([before] if before is not None else []) + list(rest):
        if each.what.type == "collect":
            return _hides(call, each.what)
    return False


def _hides(call: ObservedCall, step: Step) -> bool:
    flow = call.flow if step.flow == call.flow.name else call.flows.get(step.flow)
    element = None if flow is None else flow.elements.get(step.element)
    if flow is None or not isinstance(element, CollectElement):
        return False
    return element.sensitive or element.save_as in flow.sensitive or element.reporting != "show"
