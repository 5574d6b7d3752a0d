"""What agents, AI agents and applications did in a recorded call, as answers for its replay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError

from ivr.flow.ports import AiReason
from ivr.flow.sim import AgentAnswer, AiAnswer, ApplicationAnswer, ForwardAnswer
from ivr.settings import Sound, WaitingStrategy

__all__ = ["agents", "ai_agents", "applications", "forwards"]

NEVER = 10.0**9
"""Seconds until something that the call did not live to see."""

REFUSED = ("closed", "full", "no_agents", "error")

ELEMENTS = {"queue": "transfer_to_agent", "callback": "transfer_to_agent", "ai_agent": "transfer_to_ai_agent"}
KINDS = {**ELEMENTS, "application": "transfer_to_voice_application", "forward": "forward_call"}
"""What a member of `failover` stands for."""

Details = Mapping[str, Any]


def _told(path: Sequence[Details], wanted: str) -> Iterator[tuple[Details, Details]]:
    """Every step of a type with what it says of itself, and members of `failover` of that type, in their order."""
    for step in path:
        if step.get("type") == wanted:
            yield step, step
        for member in step.get("failover") or ():
            if KINDS.get(str(member.get("kind"))) == wanted:
                yield step, member


def _since(details: Details, name: str, at: str = "asked_at") -> float:
    """Seconds from one moment that is told to another; for ever where it never came."""
    if details.get(name) is None:
        return NEVER
    return max(0.0, float(details[name]) - float(details.get(at) or 0.0))


def agents(path: Sequence[Details], _started: float) -> Iterator[AgentAnswer]:
    """What became of each visit of a queue."""
    for step, details in _told(path, "transfer_to_agent"):
        if "asked_at" not in details:
            continue
        element, begun = str(step.get("element")), float(details["asked_at"])
        places = [
            (float(place["at"]) - begun, int(place["position"]), place.get("estimate"))
            for place in details.get("positions") or ()
        ]
        outcome = str(details.get("outcome") or "")
        if not places:
            result: Any = outcome if outcome in REFUSED else "error"
            yield AgentAnswer(element, result, message=_sound(details.get("message")), times=1)
            continue
        answered = details.get("answered_at") is not None
        ends = None
        if outcome in REFUSED or (outcome not in ("abandoned", "forwarded") and "key" not in details):
            ends = (_since(details, "done_at"), outcome)
        yield AgentAnswer(
            element,
            "answered" if answered else "waits",
            _since(details, "answered_at"),
            str(details.get("agent") or "agent"),
            float(details.get("talk_time") or 0.0),
            "called" if step.get("branch") == "returned" else "caller",
            places[0][1],
            places[0][2],
            tuple(places[1:]),
            str(details.get("queue") or "") or None,
            _strategy(details.get("strategy")),
            ends if outcome != "max_wait" else None,
            _sound(details.get("message")),
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
            times=1,
        )


def applications(path: Sequence[Details], started: float) -> Iterator[ApplicationAnswer]:
    """What each application did; what it asked for meanwhile is in no record."""
    for step, details in _told(path, "transfer_to_voice_application"):
        if details.get("protocol") == "twiml":  # its documents are answers to requests
            yield ApplicationAnswer(str(step.get("element")), url=str(details.get("url")), times=1)
            continue
        outcome = str(details.get("outcome") or "")
        begun = float(step.get("entered_at") or started) - started
        accepted = details.get("accepted_at")
        refused = outcome in ("rejected", "timeout", "http_error", "bad_answer") and accepted is None
        yield ApplicationAnswer(
            str(step.get("element")),
            outcome if refused else "accepted",  # type: ignore[arg-type]
            max(0.0, float(accepted) - begun) if accepted is not None else 0.0,
            float(details.get("talk_time") or 0.0) or NEVER,
            outcome == "transferred",
            times=1,
        )


def forwards(path: Sequence[Details], _started: float) -> Iterator[ForwardAnswer]:
    """What became of forwards that were members of `failover`."""
    for step, details in _told(path, "forward_call"):
        if details is step or "outcome" not in details:
            continue
        outcome = str(details["outcome"])
        answered = outcome in ("forwarded", "returned")
        yield ForwardAnswer(
            str(step.get("element")),
            "answered" if answered else outcome,  # type: ignore[arg-type]
            None,
            float(details.get("talk_time") or 0.0),
            "called" if outcome == "returned" else "caller",
            sip_code=details.get("sip_code"),
            times=1,
        )
