"""What agents, AI agents and applications did in a recorded call, as answers for its replay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError

from ivr.flow.ports import AiReason
from ivr.flow.sim import AgentAnswer, AiAnswer, ApplicationAnswer, ForwardAnswer
from ivr.flow.trace import parts
from ivr.settings import Sound, WaitingStrategy

__all__ = ["agents", "ai_agents", "applications", "forwards"]

NEVER = 10.0**9
"""Seconds until something that the call did not live to see."""

REFUSED = ("closed", "full", "no_agents", "error")

ENDS = ("idle", "max_duration", "http_error", "bad_answer", "timeout")
"""How that ends which an application had, where it does not give the call back by itself."""

SOMEWHERE = "https://application.invalid/"
"""Where an application is that speaks TwiML: its documents are answers to requests, whatever they are called."""

ELEMENTS = {"queue": "transfer_to_agent", "callback": "transfer_to_agent", "ai_agent": "transfer_to_ai_agent"}
KINDS = {**ELEMENTS, "application": "transfer_to_voice_application", "forward": "forward_call"}
"""What a member of `failover` stands for."""

Details = Mapping[str, Any]


def _told(path: Sequence[Details], wanted: str) -> Iterator[tuple[Details, Details]]:
    """Every step of a type with what it says of itself, and what is of that type inside it, in their order: verbs of
    documents, members of `failover`."""
    for step in path:
        for part in parts(step):
            if (step.get("type") if part is step else _type_of(part)) == wanted:
                yield step, part


def _type_of(verb: Details) -> str:
    """The element that a member of a chain, or a verb of a document, is done by."""
    if "kind" in verb:
        return KINDS.get(str(verb["kind"]), "")
    if verb.get("verb") == "Connect":
        return "transfer_to_ai_agent"
    return "forward_call" if "to" in verb else "transfer_to_agent" if verb.get("verb") in ("Dial", "Enqueue") else ""


def _since(details: Details, name: str, at: str = "asked_at") -> float:
    """Seconds from one moment that is told to another; for ever where it never came."""
    if details.get(name) is None:
        return NEVER
    return max(0.0, float(details[name]) - float(details.get(at) or 0.0))


def _visits(path: Sequence[Details]) -> Iterator[tuple[Details, Details]]:
    """Every visit of a queue, with those before it that came back because an agent's phone was gone."""
    for step, details in _told(path, "transfer_to_agent"):
        for visit in (*(details.get("broken_off") or ()), details):
            if "asked_at" in visit:
                yield step, visit


def agents(path: Sequence[Details], _started: float) -> Iterator[AgentAnswer]:
    """What became of each visit of a queue."""
    for step, details in _visits(path):
        element, begun = str(step.get("element")), float(details["asked_at"])
        places = [
            (float(place["at"]) - begun, int(place["position"]), place.get("estimate"))
            for place in details.get("positions") or ()
        ]
        moved = details.get("reason") == "moved"
        outcome = str(details.get("outcome") or "")
        if not places and not moved:
            result: Any = outcome if outcome in REFUSED else "error"
            yield AgentAnswer(element, result, message=_sound(details.get("message")), times=1)
            continue
        answered = details.get("answered_at") is not None
        ends = None
        lost = details.get("reason") == "agent_lost"
        inside = details is not step and "verb" in details  # of a document, which gets the caller back
        left = moved or details.get("caller_left")
        if not lost and (
            outcome in REFUSED or (not moved and outcome not in ("abandoned", "forwarded") and "key" not in details)
        ):
            ends = (_since(details, "done_at"), outcome)
        yield AgentAnswer(
            element,
            "answered" if answered else "waits",
            _since(details, "answered_at"),
            str(details.get("agent") or "agent"),
            NEVER if left else float(details.get("talk_time") or 0.0),
            "lost" if lost else "called" if inside or step.get("branch") == "returned" else "caller",
            places[0][1] if places else 1,
            places[0][2] if places else None,
            tuple(places[1:]),
            str(details.get("queue") or "") or None,
            _strategy(details.get("strategy")),
            ends if outcome != "max_wait" else None,
            _sound(details.get("message")),
            tuple(bool(number.get("callable")) for number in details.get("numbers") or ()),
            times=1,
        )


def _strategy(data: object) -> WaitingStrategy | None:
    try:
        return None if data is None else WaitingStrategy.model_validate(data)
    except ValidationError:
        return None


def _sound(data: object) -> Sound | None:
    try:
        return None if data is None else Sound.model_validate(data)
    except ValidationError:
        return None


def ai_agents(path: Sequence[Details], _started: float) -> Iterator[AiAnswer]:
    """What each AI agent did."""
    for step, details in _told(path, "transfer_to_ai_agent"):
        if "asked_at" not in details:
            continue
        reason: Any = details.get("reason")
        known = reason in get_args(AiReason)
        connects = _since(details, "started_at" if details.get("started_at") is not None else "done_at")
        yield AiAnswer(
            str(step.get("element")),
            reason if known else "completed",
            connects,
            _since(details, "spoke_at", "started_at"),
            _since(details, "done_at", "started_at") if known else NEVER,
            str(details.get("target") or ""),
            str(details.get("summary") or ""),
            (),
            details.get("variables") or {},
            bool(details.get("hung_up")),
            twiml=details.get("document"),
            times=1,
        )


def applications(path: Sequence[Details], started: float) -> Iterator[ApplicationAnswer]:
    """What each application did; what it asked for meanwhile comes as it came."""
    for step in path:  # of a document that was put in place of what the call was doing
        if step.get("type") == "document":
            yield ApplicationAnswer(str(step.get("element")), url=SOMEWHERE, times=1)
    for step, details in _told(path, "transfer_to_voice_application"):
        element, outcome = str(step.get("element")), str(details.get("outcome") or "")
        had = float(details.get("talk_time") or 0.0) or NEVER
        ends: Any = outcome if outcome in ENDS else "accepted"
        if details.get("protocol") == "twiml":  # its documents are answers to requests
            yield ApplicationAnswer(element, talk=had, ends=ends, url=str(details.get("url")), times=1)
            continue
        begun = float(step.get("entered_at") or started) - started
        known = details is step or "at" in details  # of a member, which records of older releases do not say
        if details is not step:
            begun = float(details.get("at") or begun)
        accepted = details.get("accepted_at")
        refused = outcome in ("rejected", "timeout", "http_error", "bad_answer") and accepted is None
        waited = float(details.get("waited") or 0.0)
        if accepted is None and not refused and outcome not in ENDS:  # the call was over, or moved, before
            waited = NEVER
        yield ApplicationAnswer(
            element,
            outcome if refused else "accepted",  # type: ignore[arg-type]
            waited if accepted is None or not known else max(0.0, float(accepted) - begun),
            had if outcome != "transferred" else NEVER,
            variables=details.get("variables") or {},
            ends=ends,
            times=1,
        )


def forwards(path: Sequence[Details], _started: float) -> Iterator[ForwardAnswer]:
    """What became of forwards inside other elements."""
    for step, details in _told(path, "forward_call"):
        if details is step:
            continue
        cut = "outcome" not in details or details.get("reason") == "caller left"
        outcome = "no_answer" if cut else str(details["outcome"])
        answered = outcome in ("forwarded", "returned") or details.get("answered_at") is not None
        yield ForwardAnswer(
            str(step.get("element")),
            "answered" if answered else outcome,  # type: ignore[arg-type]
            NEVER if cut and not answered else _since(details, "answered_at" if answered else "done_at"),
            float(details["talk_time"]) if "talk_time" in details else NEVER,
            "called" if outcome == "returned" else "caller",
            sip_code=details.get("sip_code"),
            times=1,
        )
