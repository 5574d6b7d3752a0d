"""Calls that a flow makes by itself: where they are allowed, how often they are tried, and what a machine hears."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from ivr.flow.callhours import CALLEE, callee_zones, open_in
from ivr.flow.elements.forward_call import ForwardCallElement
from ivr.flow.elements.start import StartIncomingCallElement
from ivr.flow.elements.start_outgoing_call import StartOutgoingCallElement
from ivr.flow.elements.transfer_to_flow import TransferToFlowElement
from ivr.flow.lint.codes import code
from ivr.flow.lint.findings import Finding
from ivr.flow.lint.graphs import tree
from ivr.flow.lint.view import View
from ivr.flow.model import Flow
from ivr.flow.values import plain_number

__all__ = ["rules"]

MOST_RETRIES = 3
"""Retries after which people feel pursued."""

SOME_WEEK = datetime(2026, 3, 2, tzinfo=UTC)
"""Any time will do: windows come again every week."""

FAILURES = ("no_answer", "busy", "declined", "call_ended")

O001 = code(
    "O001",
    "error",
    "outgoing call while a caller is there",
    """start_outgoing_call begins a session of its own, which cannot be where one is up already: the flow breaks off
    there and the caller is hung up on. Hang up first, connect the two by forward_call, or let another flow call
    (transfer_to_flow with `participant`).""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: back}
      back: {type: start_outgoing_call, next: hello, branches: {call_ended: note}}
      hello: {type: play, text: "You wanted us to call back.", next: bye}
      bye: {type: hang_up}
      note: {type: tag, tags: unreached}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: soon}
      soon: {type: hang_up, prompt: "We call you back at once.", next: back}
      back: {type: start_outgoing_call, next: hello, branches: {call_ended: note}}
      hello: {type: play, text: "You wanted us to call back.", next: bye}
      bye: {type: hang_up}
      note: {type: tag, tags: unreached}
    """,
)
O002 = code(
    "O002",
    "info",
    "nothing follows a call that failed",
    """No branch says what happens where nobody was reached (`call_ended` stands in for `no_answer`, `busy` and
    `declined`): the flow ends, and only its record tells. That may be what you want; else tag the contact, write it
    into the profile, or tell somebody.""",
    """
    elements:
      start: {type: start_from_audience, next: call}
      call: {type: start_outgoing_call, next: hello}
      hello: {type: play, text: "Your order is ready.", next: bye}
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_from_audience, next: call}
      call: {type: start_outgoing_call, next: hello, branches: {call_ended: note}}
      hello: {type: play, text: "Your order is ready.", next: bye}
      bye: {type: hang_up}
      note: {type: tag, tags: unreached}
    """,
)
O003 = code(
    "O003",
    "warning",
    "more than three retries",
    """Whoever has not answered four calls does not want to, or is not there; in many countries more are forbidden.
    Try less often, with more time in between, or reach the person in another way.""",
    """
    elements:
      start: {type: start_from_audience, next: call}
      call:
        type: start_outgoing_call
        retry: {times: 8, min_minutes: 5}
        next: hello
        branches: {call_ended: note}
      hello: {type: play, text: "Your order is ready.", next: bye}
      bye: {type: hang_up}
      note: {type: tag, tags: unreached}
    """,
    """
    elements:
      start: {type: start_from_audience, next: call}
      call:
        type: start_outgoing_call
        retry: {times: 3, min_minutes: 30, max_minutes: 240}
        next: hello
        branches: {call_ended: note}
      hello: {type: play, text: "Your order is ready.", next: bye}
      bye: {type: hang_up}
      note: {type: tag, tags: unreached}
    """,
)
O004 = code(
    "O004",
    "warning",
    "message that begins in the middle of a greeting",
    """The branch `voicemail` is taken as soon as it is clear that a machine speaks, and the flow says something there:
    the machine does not record yet, and has half of it at the best. `machine_detection: beep` takes the branch when the
    beep is over.""",
    """
    elements:
      start: {type: start_from_audience, next: call}
      call:
        type: start_outgoing_call
        machine_detection: fast
        next: hello
        branches: {voicemail: message, call_ended: note}
      hello: {type: play, text: "Your order is ready.", next: bye}
      message: {type: play, text: "Your order is ready. Please come and get it.", next: bye}
      bye: {type: hang_up}
      note: {type: tag, tags: unreached}
    """,
    """
    elements:
      start: {type: start_from_audience, next: call}
      call:
        type: start_outgoing_call
        machine_detection: beep
        next: hello
        branches: {voicemail: message, call_ended: note}
      hello: {type: play, text: "Your order is ready.", next: bye}
      message: {type: play, text: "Your order is ready. Please come and get it.", next: bye}
      bye: {type: hang_up}
      note: {type: tag, tags: unreached}
    """,
)
O005 = code(
    "O005",
    "warning",
    "window that is never open where the number may be",
    """The number may be in several time zones, and there is no moment at which the window is open in all of them: the
    zone of the configuration counts instead, and somebody may be called at night. Name the zone, or open the window
    longer.""",
    """
    elements:
      start: {type: start_from_audience, next: call}
      call:
        type: start_outgoing_call
        to: "+18005550100"
        window: {from: "09:00", to: "17:00"}
        next: hello
        branches: {call_ended: note}
      hello: {type: play, text: "The alarm is off.", next: bye}
      bye: {type: hang_up}
      note: {type: tag, tags: unreached}
    """,
    """
    elements:
      start: {type: start_from_audience, next: call}
      call:
        type: start_outgoing_call
        to: "+18005550100"
        window: {from: "09:00", to: "17:00", time_zone: America/New_York}
        next: hello
        branches: {call_ended: note}
      hello: {type: play, text: "The alarm is off.", next: bye}
      bye: {type: hang_up}
      note: {type: tag, tags: unreached}
    """,
)
O006 = code(
    "O006",
    "warning",
    "forward over a line that is half duplex",
    """The line sounds or hears, one after the other: two people cannot talk over it, and the forward takes its branch
    `call_not_forwarded` at once. Forward through another line, or take a message instead.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: desk}
      desk: {type: forward_call, to: "tel:+15550100", line: modem, branches: {call_not_forwarded: message}}
      message: {type: record_voicemail, next: bye}
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: desk}
      desk: {type: forward_call, to: "tel:+15550100", line: pbx, branches: {call_not_forwarded: message}}
      message: {type: record_voicemail, next: bye}
      bye: {type: hang_up}
    """,
)
O007 = code(
    "O007",
    "warning",
    "participant whom nobody calls",
    """The flow that is begun for the participant begins with start_from_audience and has no start_outgoing_call: it
    runs, and nobody's phone rings. Call the contact there, or begin that flow with start_from_flow: then it is called
    before.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: invite}
      invite: {type: transfer_to_flow, flow: example, participant: "+15550100", branches: {other: bye}}
      bye: {type: hang_up}
      contact: {type: start_from_audience, next: mark}
      mark: {type: tag, tags: invited}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: invite}
      invite: {type: transfer_to_flow, flow: example, participant: "+15550100", branches: {other: bye}}
      bye: {type: hang_up}
      contact: {type: start_from_audience, next: call}
      call: {type: start_outgoing_call, next: hello, branches: {call_ended: mark}}
      hello: {type: play, text: "A customer would like to talk to you.", next: bye}
      mark: {type: tag, tags: unreached}
    """,
)


def rules(view: View) -> Iterator[Finding]:
    """Findings of this module."""
    for name, element in view.flow.elements.items():
        if isinstance(element, StartOutgoingCallElement):
            yield from _call(view, name, element)
        elif isinstance(element, TransferToFlowElement) and element.participant is not None:
            yield from _participant(view, name, element)
        elif isinstance(element, ForwardCallElement):
            yield from _half_duplex(view, name, element)


def _call(view: View, name: str, element: StartOutgoingCallElement) -> Iterator[Finding]:
    if True in view.ups(name):
        message = "a call of our own begins here, and a caller may be there"
        yield view.finding(O001, name, "", message, "hang up first", up=True)
    if not any(element.targets.get(branch) for branch in FAILURES):
        message = "nothing says what happens where nobody is reached"
        yield view.finding(O002, name, "branches.call_ended", message, "name an element for call_ended")
    if element.retry is not None and element.retry.times > MOST_RETRIES:
        message = f"up to {element.retry.times + 1} calls to one person"
        yield view.finding(O003, name, "retry.times", message, f"at most {MOST_RETRIES} retries")
    target = element.targets.get("voicemail")
    speaks = None if target is None or element.machine_detection == "beep" else _speaks(view, target)
    if speaks is not None:
        message = f"{speaks} says something to a machine that may still speak itself"
        yield view.finding(O004, name, "branches.voicemail", message, "machine_detection: beep")
    window = element.window
    if window is not None and window.time_zone == CALLEE and element.to is not None and element.to.fixed:
        zones = callee_zones(plain_number(element.to.source.strip()))
        if zones and open_in(window, zones, SOME_WEEK) is None:
            message = f"the number may be in any of {len(zones)} time zones, which have no hours in common"
            yield view.finding(O005, name, "window", message, "name the time_zone")


def _speaks(view: View, start: str) -> str | None:
    """The first element after a branch that says something."""
    flow = view.flow
    reached = tree([start], lambda name: [edge.target for edge in view.leaving[name] if edge.target is not None])
    return next((name for name in reached if flow.elements[name].type == "play"), None)


def _participant(view: View, name: str, element: TransferToFlowElement) -> Iterator[Finding]:
    if not element.flow.fixed:
        return
    wanted = element.flow.source.strip()
    other = view.flow if wanted == view.flow.name else (view.world.flows or {}).get(wanted)
    if other is not None and not _calls(other):
        message = f"the flow {wanted} calls nobody"
        yield view.finding(O007, name, "flow", message, "call the contact there")


def _calls(flow: Flow) -> bool:
    """Whoever begins a flow as a contact is called by it, or may be by another one."""
    if flow.audience_entry is None:
        return True
    following: dict[str, list[str]] = {}
    for edge in flow.edges:
        if edge.target is not None:
            following.setdefault(edge.source, []).append(edge.target)
    reached = tree([flow.audience_entry], lambda name: following.get(name, []))
    return any(isinstance(flow.elements[name], (StartOutgoingCallElement, TransferToFlowElement)) for name in reached)


def _half_duplex(view: View, name: str, element: ForwardCallElement) -> Iterator[Finding]:
    half = view.world.half_duplex
    if not half:
        return
    line = element.line.source.strip() if element.line is not None and element.line.fixed else None
    if line is not None and line in half:
        message = f"line {line} cannot sound and hear at once"
        yield view.finding(O006, name, "line", message, "forward through another line")
        return
    entries = [view.flow.elements[entry] for entry in view.flow.entries]
    lines = {each.line for each in entries if isinstance(each, StartIncomingCallElement)}
    if lines and len(lines) == len(lines & set(half)) and all(isinstance(e, StartIncomingCallElement) for e in entries):
        message = f"calls come in over {', '.join(sorted(map(str, lines)))}, which cannot sound and hear at once"
        yield view.finding(O006, name, "", message, "take a message instead")
