"""Answers of the world that a case gives under `given`: `http`, `forwards`, `mails`, `callees`, `agents`, `ai_agents`
and `applications`.

http:
  check_balance: {status: 200, body: {balance: 12.5}}     # by element
  "https://crm.example/*": 503                            # by pattern of the URL; a number is the status
forwards: {sales: [busy, answered], "*": no_answer}       # a list: one after the other, the last for all the rest
mails: {"*": refused by the server}                       # a text is the error
callees: {remind: [busy, {result: machine, beep: false}]} # a text is the result
agents: {support: {result: answered, after: 20s}}         # by element or queue; a text is the result
ai_agents: {front: {reason: transfer_requested}}          # a text is the reason
applications: {crm: rejected}                             # a text is the result
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import ValidationError

from ivr.errors import Fault
from ivr.flow.faults import field_faults
from ivr.flow.positions import Path, Places
from ivr.flow.sim import Stubs
from ivr.flow.sim.steps import AgentStep, AiAgentStep, ApplicationStep, CalleeStep, ForwardStep, HttpStep, MailStep
from ivr.flow.testing.fields import GivenFields

__all__ = ["stubs_of"]

S = TypeVar("S", HttpStep, ForwardStep, MailStep, CalleeStep, AgentStep, AiAgentStep, ApplicationStep)

_SHORT: Mapping[str, tuple[type[Any], str]] = {
    "http": (int, "status"),
    "forward": (str, "result"),
    "mail": (str, "error"),
    "callee": (str, "result"),
    "agent": (str, "result"),
    "ai_agent": (str, "reason"),
    "application": (str, "result"),
}
"""What may stand for a whole answer: its type, and the field that it is."""


def stubs_of(given: GivenFields, places: Places, path: Path) -> tuple[Stubs, list[Fault]]:
    """The answers, and what is wrong with them."""
    faults: list[Fault] = []
    http = _read("http", HttpStep, given.http, places, (*path, "http"), faults)
    forwards = _read("forward", ForwardStep, given.forwards, places, (*path, "forwards"), faults)
    mails = _read("mail", MailStep, given.mails, places, (*path, "mails"), faults)
    callees = _read("callee", CalleeStep, given.callees, places, (*path, "callees"), faults)
    agents = _read("agent", AgentStep, given.agents, places, (*path, "agents"), faults)
    ai_agents = _read("ai_agent", AiAgentStep, given.ai_agents, places, (*path, "ai_agents"), faults)
    applications = _read("application", ApplicationStep, given.applications, places, (*path, "applications"), faults)
    stubs = Stubs(
        http=tuple(replace(step.answer, times=times) for step, times in http),
        forwards=tuple(replace(step.answer, times=times) for step, times in forwards),
        mails=tuple(replace(step.answer, times=times) for step, times in mails),
        callees=tuple(replace(step.answer, times=times) for step, times in callees),
        agents=tuple(replace(step.answer, times=times) for step, times in agents),
        ai_agents=tuple(replace(step.answer, times=times) for step, times in ai_agents),
        applications=tuple(replace(step.answer, times=times) for step, times in applications),
        failing_recordings=frozenset(given.recordings),
        failing_contacts=given.participants,
    )
    return stubs, faults


def _read(
    kind: str, model: type[S], answers: Mapping[str, Any], places: Places, path: Path, faults: list[Fault]
) -> list[tuple[S, int | None]]:
    """The answers of one kind as steps of a script, with how often each is given."""
    found: list[tuple[S, int | None]] = []
    for match, value in answers.items():
        several = value if isinstance(value, list) and value else [value]
        for index, item in enumerate(several):
            here = (*path, match, index) if several is value else (*path, match)
            step = _step(kind, match, item, model, places, here, faults)
            if step is not None:
                found.append((step, None if index == len(several) - 1 else 1))
    return found


def _step(
    kind: str, match: str, value: Any, model: type[S], places: Places, path: Path, faults: list[Fault]
) -> S | None:
    short, field = _SHORT[kind]
    if isinstance(value, short):
        value = {field: value}
    if value is None:
        value = {}
    if not isinstance(value, Mapping) or kind in value:
        faults.append(places.fault(path, "not an answer", expected=f"{{{field}: …}}"))
        return None
    try:
        return model.model_validate({kind: match, **value})
    except ValidationError as error:
        faults.extend(field_faults(error.errors(include_url=False), path, model, places))
        return None
