"""Ways through a flow: what nothing leads to, where callers are cut off, loops that nobody leaves."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.flow.elements.base import Element
from ivr.flow.elements.transfer_to_flow import TransferToFlowElement
from ivr.flow.lint.codes import code
from ivr.flow.lint.findings import Finding
from ivr.flow.lint.graphs import components
from ivr.flow.lint.view import State, View
from ivr.flow.model import Edge

__all__ = ["rules"]

F002 = code(
    "F002",
    "info",
    "hang_up inserted",
    """A branch is not named, and no other branch stands in for it. When it is taken, the call is hung up there. In a
    flow that was entered as a subroutine it goes back instead. Name the branch where that is not what you want.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: desk}
      desk: {type: forward_call, to: phone:200}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: desk}
      desk: {type: forward_call, to: phone:200, branches: {call_not_forwarded: sorry}}
      sorry: {type: hang_up, prompt: "Nobody is there now. Please call again later."}
    """,
)
G001 = code(
    "G001",
    "warning",
    "unreachable element",
    """No way leads to this element from any entry of the flow: no caller ever gets there. Either a branch that was to
    lead there names another element, or it is left over and can go.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: bye}
      offer: {type: play, text: "Today everything is half price.", next: bye}
      bye: {type: hang_up, prompt: "Goodbye."}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: offer}
      offer: {type: play, text: "Today everything is half price.", next: bye}
      bye: {type: hang_up, prompt: "Goodbye."}
    """,
)
G002 = code(
    "G002",
    "warning",
    "dead end",
    """The element does what it is for, and then nothing follows: the caller, who is still there, is cut off. Name the
    element that comes next, or write a hang_up to show that the call is to end here. In a subroutine the end of the
    flow goes back to the flow that came there, so nothing is said there.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: hours}
      hours: {type: play, text: "We are open from nine to five."}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: hours}
      hours: {type: play, text: "We are open from nine to five.", next: bye}
      bye: {type: hang_up}
    """,
)
G003 = code(
    "G003",
    "warning",
    "missing failover branch",
    """Things go wrong here sooner or later (nobody answers, a server is down, the caller keys something else), and the
    flow does not say what then: the caller is hung up on without a word. Name the branch, and give the caller a
    message, another try, or a voicemail.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: desk}
      desk: {type: forward_call, to: phone:200}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: desk}
      desk: {type: forward_call, to: phone:200, branches: {call_not_forwarded: message}}
      message: {type: record_voicemail, next: bye}
      bye: {type: hang_up}
    """,
)
G004 = code(
    "G004",
    "warning",
    "loop that a silent caller can never leave",
    """Who presses no key goes round and round here: a caller with a broken keypad, a mailbox that answered, a dialler.
    The line stays busy until `limits.visits_without_input` breaks the call off. Let a branch for silence (`no_input`)
    lead out of the loop after some turns. A prompt that is repeated for ever is such a loop by itself.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask: {type: play, text: "Press 1 for the news.", interruptible: true, next: menu}
      menu: {type: collect, responses: {"1": news}, branches: {no_input: ask, no_match: ask}}
      news: {type: play, text: "There are none.", next: bye}
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask: {type: play, text: "Press 1 for the news.", interruptible: true, next: menu}
      menu: {type: collect, responses: {"1": news}, attempts: 3, branches: {no_input: bye, no_match: ask}}
      news: {type: play, text: "There are none.", next: bye}
      bye: {type: hang_up}
    """,
)
G005 = code(
    "G005",
    "warning",
    "loop that nobody can leave",
    """Whatever the caller does, and whatever happens, the flow goes round in these elements: nothing leads out of them
    but hanging up, or a limit that breaks the flow off. Give one of them a branch that leads on. After the end of the
    call, the same loop would ask servers again and again.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: one}
      one: {type: play, text: "All our agents are busy.", next: two}
      two: {type: pause, duration: 20s, hold_music: true, next: one}
    """,
    """
    variables: {turns: 0}
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: one}
      one: {type: play, text: "All our agents are busy.", next: two}
      two: {type: pause, duration: 20s, hold_music: true, next: count}
      count: {type: set_variable, variables: {turns: "{{ turns + 1 }}"}, next: enough}
      enough:
        type: branch
        conditions: [{name: fifth, when: turns >= 5, to: message}]
        branches: {otherwise: one}
      message: {type: record_voicemail, next: bye}
      bye: {type: hang_up}
    """,
)


def rules(view: View) -> Iterator[Finding]:
    """Findings of this module."""
    yield from _inserted(view)
    yield from _unreachable(view)
    yield from _loops(view)


def _unreachable(view: View) -> Iterator[Finding]:
    named: dict[str, list[str]] = {}
    for edge in view.flow.edges:
        if edge.target is not None and edge.source != edge.target:
            named.setdefault(edge.target, []).append(edge.source)
    for name in view.flow.elements:
        if not view.ups(name):
            sources = sorted(set(named.get(name, ())))
            known = f": only {', '.join(sources)} leads here, which nothing leads to" if sources else ""
            yield view.finding(G001, name, "", f"nothing leads here{known}", "name it in a branch, or take it out")


# Branches without a target


def _inserted(view: View) -> Iterator[Finding]:
    subroutine = " (or goes back, when the flow was entered with return_to)" if view.flow.flow_entry is not None else ""
    for edge in view.flow.inserted:
        if getattr(view.flow.elements[edge.source], "wait", True) is False and edge.branch == "error":
            continue  # what is not waited for does not fail
        message = f"branch {edge.branch} is not named: the call is hung up there{subroutine}"
        ups = [up for up in view.ups(edge.source) if edge.up_after(up)]
        yield view.finding(F002, edge.source, edge.field, message, up=ups[0] if ups else True)
        if any((edge.source, up) not in view.returning for up in ups) and not _machine(view, edge):
            yield _cut_off(view, edge, ups[0])


def _machine(view: View, edge: Edge) -> bool:
    """Nobody but a machine is there: to hang up on it says all there is to say."""
    return edge.session_begins and not view.flow.elements[edge.source].exits[edge.branch].branch.success


def _cut_off(view: View, edge: Edge, up: bool) -> Finding:
    element = view.flow.elements[edge.source]
    success = {spec.name for spec in element.branch_specs() if spec.success}.union(element.own_targets())
    if edge.branch in success or not success:
        message = f"nothing follows {edge.branch}, and the caller is still there"
        return view.finding(G002, edge.source, edge.field, message, "name what follows, if only a hang_up", up=up)
    message = f"nothing says what happens on {edge.branch}: the caller is cut off"
    return view.finding(G003, edge.source, edge.field, message, f"name an element for {edge.branch}", up=up)


# Loops


def _loops(view: View) -> Iterator[Finding]:
    closed: set[State] = set()
    for loop in _closed_loops(view, silent=False):
        closed.update(loop)
        yield _loop(view, loop, silent=False)
    for loop in _closed_loops(view, silent=True):
        if not closed.intersection(loop):
            yield _loop(view, loop, silent=True)


def _closed_loops(view: View, silent: bool) -> Iterator[list[State]]:
    """Loops that no branch leads out of: of all branches, or of those that a silent caller can get."""
    ways: dict[State, tuple[State | None, ...]] = {}
    for state in view.reached:
        name, up = state
        if silent and not up:
            continue
        only = view.flow.elements[name].silent_branches() if silent else None
        ways[state] = tuple(
            None if edge.target is None else (edge.target, edge.up_after(up))
            for edge in view.branches(state)
            if only is None or edge.branch in only
        )
        if _may_leave(view, view.flow.elements[name]):
            ways[state] = (*ways[state], None)
    for loop in components(ways, lambda state: [after for after in ways[state] if after in ways]):
        inside: set[State | None] = set(loop)
        if not any(ways[state] for state in loop):
            # An element that nothing leads on from: for a silent caller one that goes on for ever.
            if silent and view.flow.elements[loop[0][0]].silent_branches() == frozenset():
                yield loop
            continue
        if any(not up and _waits(view.flow.elements[name]) for name, up in loop):
            continue  # a flow that lives outside calls may wait for the next event for ever
        if all(after in inside for state in loop for after in ways[state]):
            yield loop


def _waits(element: Element) -> bool:
    """It waits for something that happens, or for a time; who calls again and again only calls again and again."""
    return element.DORMANT and not element.NEEDS_NO_CALL


def _may_leave(view: View, element: Element) -> bool:
    """Whether the call may go on, or end, in another flow for good."""
    if not isinstance(element, TransferToFlowElement):
        return False
    if not element.enters:
        return not element.detached
    other = (view.world.flows or {}).get(element.flow.source.strip())
    if other is None or not element.returns:
        return True
    return any(isinstance(each, TransferToFlowElement) for each in other.elements.values()) or any(
        edge.session_over and not edge.imposed for edge in other.edges
    )


def _loop(view: View, loop: list[State], silent: bool) -> Finding:
    inside = {name for name, _ in loop}
    ups = {up for _, up in loop}
    first = min(loop, key=lambda state: len(view.way(*state)))
    path = view.way(*first)
    round_trip = _around(view, first, set(loop), silent)
    names = ", ".join(name for name in view.flow.elements if name in inside)
    if silent:
        message = f"a caller who presses nothing never leaves {names}"
        mend = "lead silence (no_input) out of the loop after some turns"
        return view.finding(G004, first[0], "", message, mend, path=(*path, *round_trip))
    message = f"no branch leads out of {names}" + ("" if True in ups else ", after the end of the call")
    return view.finding(
        G005, first[0], "", message, "give one of them a branch that leads on", path=(*path, *round_trip)
    )


def _around(view: View, start: State, inside: set[State], silent: bool) -> tuple[str, ...]:
    """The shortest way from an element of a loop back to it, without the first."""
    found: dict[State, State | None] = {start: None}
    todo = [start]
    for state in todo:
        only = view.flow.elements[state[0]].silent_branches() if silent else None
        for edge in view.branches(state):
            if edge.target is None or (only is not None and edge.branch not in only):
                continue
            after = (edge.target, edge.up_after(state[1]))
            if after == start:
                names = [start[0]]
                at: State | None = state
                while at is not None and at != start:
                    names.append(at[0])
                    at = found[at]
                return tuple(reversed(names))
            if after in inside and after not in found:
                found[after] = state
                todo.append(after)
    return ()
