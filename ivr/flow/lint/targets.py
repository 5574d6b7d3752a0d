"""Targets that do not exist: prompts, lines, phones, agents, and what the configuration names in its sections."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.flow.elements.base import Element
from ivr.flow.elements.failover import members
from ivr.flow.elements.forward_call import ForwardCallElement
from ivr.flow.elements.start_outgoing_call import StartOutgoingCallElement
from ivr.flow.expressions import Template
from ivr.flow.lint.codes import code
from ivr.flow.lint.findings import Finding
from ivr.flow.lint.view import View, meant
from ivr.flow.model import plain_number
from ivr.flow.positions import dotted

__all__ = ["SECTIONS", "rules"]

OWN_LINES = frozenset({"phones", "guest"})
"""Lines that every installation has: registered phones, and unknown sources."""

T001 = code(
    "T001",
    "warning",
    "prompt file that does not exist",
    """There is no such file in the prompts folder. The caller hears nothing in its place. Put the file there, or mend
    the name; names are compared with upper and lower case.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: hello}
      hello: {type: play, file: welcom.wav, next: bye}
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: hello}
      hello: {type: play, file: welcome.wav, next: bye}
      bye: {type: hang_up}
    """,
)
T002 = code(
    "T002",
    "warning",
    "line that does not exist",
    """The configuration has no such line under `lines`. An entry with it never begins, a call through it is not
    connected.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], line: pbz, next: bye}
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], line: pbx, next: bye}
      bye: {type: hang_up}
    """,
)
T003 = code(
    "T003",
    "warning",
    "phone or agent that does not exist",
    """The configuration has no such phone under `phones`, or agent under `agents`: calls there are never connected. A
    bare target that is no number must be one of the two.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: desk}
      desk: {type: forward_call, to: phone:299, branches: {call_not_forwarded: bye}}
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: desk}
      desk: {type: forward_call, to: phone:200, branches: {call_not_forwarded: bye}}
      bye: {type: hang_up}
    """,
)
T004 = code(
    "T004",
    "warning",
    "calendar that does not exist",
    """The configuration has no such calendar under `calendars`. One that does not exist is always closed.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: office}
      office: {type: hours, calendar: ofice, branches: {open: bye, closed: bye}}
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: office}
      office: {type: hours, calendar: office, branches: {open: bye, closed: bye}}
      bye: {type: hang_up}
    """,
)
T005 = code(
    "T005",
    "warning",
    "connector that does not exist",
    """The configuration has no such connector under `connectors`: the request is refused, and branch `error` taken.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask: {type: call_api, connector: cmr, url: "/news", next: bye, branches: {error: bye}}
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask: {type: call_api, connector: crm, url: "/news", next: bye, branches: {error: bye}}
      bye: {type: hang_up}
    """,
)
T007 = code(
    "T007",
    "error",
    "target that can be read in two ways",
    """A bare target is a phone, else an agent, else a number through a line. This one can be more than one of them, and
    who is called depends on the configuration of the day. Write which one you mean: `phone:200`, `agent:anna`,
    `tel:200`.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: desk}
      desk: {type: forward_call, to: "200", line: pbx, branches: {call_not_forwarded: bye}}
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: desk}
      desk: {type: forward_call, to: phone:200, branches: {call_not_forwarded: bye}}
      bye: {type: hang_up}
    """,
)

T008 = code(
    "T008",
    "warning",
    "queue that does not exist",
    """The configuration has no such queue under `queues`. Callers are not let in: `call_not_forwarded` is taken with
    the reason `error`. The queue `default` is always there. Queues that are made over HTTP are
    seen by the daemon alone (`POST /v1/flows/check`), not by `ivr check`: allow the code where you name one.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: desk}
      desk: {type: transfer_to_agent, queue: calmm, branches: {call_not_forwarded: sorry}}
      sorry: {type: hang_up, prompt: "We are sorry that nobody could take your call."}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: desk}
      desk: {type: transfer_to_agent, queue: calm, branches: {call_not_forwarded: sorry}}
      sorry: {type: hang_up, prompt: "We are sorry that nobody could take your call."}
    """,
)
T009 = code(
    "T009",
    "warning",
    "waiting strategy that does not exist",
    """The configuration has no such strategy under `waiting`: callers hear that of the queue instead.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: desk}
      desk: {type: transfer_to_agent, queue: calm, waiting: loud, branches: {call_not_forwarded: sorry}}
      sorry: {type: hang_up, prompt: "We are sorry that nobody could take your call."}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: desk}
      desk: {type: transfer_to_agent, queue: calm, waiting: calm, branches: {call_not_forwarded: sorry}}
      sorry: {type: hang_up, prompt: "We are sorry that nobody could take your call."}
    """,
)
T010 = code(
    "T010",
    "warning",
    "AI agent that does not exist",
    """The configuration has no such AI agent under `ai_agents`: the call comes back at once with `not_started`.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: desk}
      desk: {type: transfer_to_ai_agent, agent: frnt, next: sorry, branches: {transfer_requested: sorry}}
      sorry: {type: hang_up, prompt: "We are sorry that nobody could take your call."}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: desk}
      desk: {type: transfer_to_ai_agent, agent: front, next: sorry, branches: {transfer_requested: sorry}}
      sorry: {type: hang_up, prompt: "We are sorry that nobody could take your call."}
    """,
)
T011 = code(
    "T011",
    "warning",
    "application that does not exist",
    """The configuration has no such application under `applications`: `call_not_transferred` is taken.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: desk}
      desk: {type: transfer_to_voice_application, application: crmm, branches: {call_not_transferred: sorry}}
      sorry: {type: hang_up, prompt: "We are sorry that nobody could take your call."}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: desk}
      desk: {type: transfer_to_voice_application, application: crm, branches: {call_not_transferred: sorry}}
      sorry: {type: hang_up, prompt: "We are sorry that nobody could take your call."}
    """,
)

SECTIONS = {
    "calendars": (T004, "calendar"),
    "connectors": (T005, "connector"),
    "queues": (T008, "queue"),
    "waiting": (T009, "waiting strategy"),
    "ai_agents": (T010, "AI agent"),
    "applications": (T011, "application"),
}
"""Sections of the configuration that elements name, with the code and the word for what stands in them."""


def rules(view: View) -> Iterator[Finding]:
    """Findings of this module."""
    yield from _prompts(view)
    yield from _lines(view)
    yield from _sections(view)
    yield from _called(view)


def _prompts(view: View) -> Iterator[Finding]:
    exists = view.world.prompt_exists
    if exists is None:
        return
    for name in view.flow.elements:
        for path, prompt in view.prompts(name):
            file = prompt.file
            if file is not None and file.fixed and not exists(file.source):
                message = f"there is no prompt file {file.source}"
                yield view.finding(T001, name, dotted((*path, "file")), message, "put it into the folder")


def _lines(view: View) -> Iterator[Finding]:
    lines = view.world.lines
    if lines is None:
        return
    for name, element in view.flow.elements.items():
        line = _fixed(getattr(element, "line", None))
        if line is not None and line not in lines and line not in OWN_LINES:
            yield view.finding(T002, name, "line", f"there is no line {line}", meant(line, lines))


def _sections(view: View) -> Iterator[Finding]:
    for name, where, element in _parts(view):
        for field, section in element.TARGETS.items():
            wanted = _fixed(getattr(element, field, None))
            known = view.world.sections.get(section)
            if section in SECTIONS and wanted is not None and known is not None and wanted not in known:
                code, word = SECTIONS[section]
                message = f"there is no {word} {wanted}"
                if section == "queues" and not view.world.live:
                    message += " in the configuration (those made over HTTP are not seen here)"
                yield view.finding(code, name, where or field, message, meant(wanted, known))


def _parts(view: View) -> Iterator[tuple[str, str, Element]]:
    """Every element by its name, and behind it the members of its `failover`, each with its field."""
    for name, element in view.flow.elements.items():
        yield name, "", element
        for field, member in members(element):
            yield name, field, member


def _fixed(value: object) -> str | None:
    """The text of a field, where it does not depend on the call."""
    if isinstance(value, Template):
        return value.source.strip() if value.fixed else None
    return value if isinstance(value, str) else None


# Who is called


def _called(view: View) -> Iterator[Finding]:
    world = view.world
    for name, where, element in _parts(view):
        targets = _targets(element)
        for index, target in enumerate(targets):
            if not target.fixed:
                continue
            wanted = target.source.strip()
            field = where or (f"to.{index}" if len(targets) > 1 else "to")
            kind, colon, user = wanted.partition(":")
            known = {"phone": world.phones, "agent": world.agents}.get(kind) if colon else None
            if known is not None and user not in known:
                yield view.finding(T003, name, field, f"there is no {kind} {user}", meant(user, known))
            elif not colon and world.phones is not None:
                readings = _readings(view, element, wanted)
                if len(readings) > 1:
                    message = f"{wanted} can be {' or '.join(readings)}"
                    yield view.finding(T007, name, field, message, f"write {', '.join(readings.values())}")
                elif not readings:
                    message = f"{wanted} is no phone, no agent and no number"
                    yield view.finding(T003, name, field, message, meant(wanted, {*world.phones, *world.agents}))


def _targets(element: Element) -> tuple[Template[str], ...]:
    """Those whom an element calls, as it is written."""
    if isinstance(element, ForwardCallElement):
        return element.to
    return (element.to,) if isinstance(element, StartOutgoingCallElement) and element.to is not None else ()


def _readings(view: View, element: Element, target: str) -> dict[str, str]:
    """What a bare target can be, with how each is written without doubt."""
    world = view.world
    found: dict[str, str] = {}
    if target in (world.phones or ()):
        found["a phone"] = f"phone:{target}"
    if target in world.agents:
        found["an agent"] = f"agent:{target}"
    number = plain_number(target)
    dialled = number.removeprefix("+").isdecimal()
    if dialled and (not found or getattr(element, "line", None) is not None or world.lines):
        found["a number"] = f"tel:{number}"
    return found
