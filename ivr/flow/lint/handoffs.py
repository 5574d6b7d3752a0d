"""Hand-offs: callers who wait without a way out, chains that lead nowhere, reasons and wishes that nobody heeds, and
secrets that are meant to be shared."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ivr.flow.elements.base import Element
from ivr.flow.elements.failover import members
from ivr.flow.elements.transfer_to_agent import TransferToAgentElement
from ivr.flow.elements.transfer_to_ai_agent import TransferToAiAgentElement
from ivr.flow.elements.transfer_to_flow import TransferToFlowElement
from ivr.flow.expressions import Template
from ivr.flow.lint.codes import code
from ivr.flow.lint.findings import Finding
from ivr.flow.lint.view import View, meant
from ivr.flow.positions import dotted
from ivr.settings import WaitingStrategy

__all__ = ["rules"]

H001 = code(
    "H001",
    "warning",
    "caller who waits without a way out",
    """The waiting strategy of this queue has no longest wait and no keys, and the element has no `max_wait`: where
    nobody answers, the caller hears music until he hangs up. Give the element a `max_wait`, or the strategy keys to
    leave, to leave a message or to be called back.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: people}
      people: {type: transfer_to_agent, queue: support, branches: {call_not_forwarded: sorry}}
      sorry: {type: hang_up, prompt: "We are sorry that nobody could take your call."}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: people}
      people: {type: transfer_to_agent, queue: support, max_wait: 5m, branches: {call_not_forwarded: sorry}}
      sorry: {type: hang_up, prompt: "We are sorry that nobody could take your call."}
    """,
)
H002 = code(
    "H002",
    "warning",
    "shareable variable that may be secret",
    """The flow lists this variable under `shareable`, and its value may be secret: collected so, or made of a secret.
    Whoever the call is handed to is not told such a value, so that it is missing on the agent's screen. Share
    something else (whether it was right, its last digits), or collect it so that it may be seen.""",
    """
    variables: {account: ""}
    shareable: [account]
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask: {type: play, text: "Your account number, please.", interruptible: true, next: keys}
      keys: {type: collect, max_digits: 6, save_as: account, sensitive: true, next: desk, branches: {no_match: desk}}
      desk: {type: transfer_to_agent, queue: calm, branches: {call_not_forwarded: sorry}}
      sorry: {type: hang_up, prompt: "We are sorry that nobody could take your call."}
    """,
    """
    variables: {account: ""}
    shareable: [account]
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask: {type: play, text: "Your account number, please.", interruptible: true, next: keys}
      keys: {type: collect, max_digits: 6, save_as: account, next: desk, branches: {no_match: desk}}
      desk: {type: transfer_to_agent, queue: calm, branches: {call_not_forwarded: sorry}}
      sorry: {type: hang_up, prompt: "We are sorry that nobody could take your call."}
    """,
)

H003 = code(
    "H003",
    "warning",
    "failover that tries again what failed",
    """This member of `failover` is the same queue, AI agent or application that has just been of no use: the caller
    waits a second time for the same end. Take it out, or name another one.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: bot}
      bot:
        type: transfer_to_ai_agent
        agent: front
        failover: [{ai_agent: front}, {voicemail: true}]
        next: bye
        branches: {transfer_requested: bye, caller_requested_human: bye, failed_over: bye}
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: bot}
      bot:
        type: transfer_to_ai_agent
        agent: front
        failover: [{queue: calm}, {voicemail: true}]
        next: bye
        branches: {transfer_requested: bye, caller_requested_human: bye, failed_over: bye}
      bye: {type: hang_up}
    """,
)
H004 = code(
    "H004",
    "warning",
    "failover that a waiting caller never comes to",
    """The queue has no longest wait, and neither has the element: who is let in waits until somebody answers, and what
    stands behind it in the chain is tried only where the queue refuses callers at once (closed, full, nobody there).
    Give it a `max_wait`, or the member of the chain a `timeout`.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: people}
      people:
        type: transfer_to_agent
        queue: keys
        failover: [{voicemail: true, prompt: Nobody is free. Please leave a message.}]
        branches: {call_not_forwarded: bye, failed_over: bye}
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: people}
      people:
        type: transfer_to_agent
        queue: keys
        max_wait: 5m
        failover: [{voicemail: true, prompt: Nobody is free. Please leave a message.}]
        branches: {call_not_forwarded: bye, failed_over: bye}
      bye: {type: hang_up}
    """,
)
H005 = code(
    "H005",
    "warning",
    "AI agent whose wishes go nowhere",
    """The AI agent can say that the caller wants a person, or should be transferred (`transfer_requested`,
    `caller_requested_human`), and this element has a branch for neither: both take `returned` like a talk that is done,
    and nothing behind it asks for `result.reason`. Whoever asked for a person is not connected to one. Name the
    branches.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: bot}
      bot: {type: transfer_to_ai_agent, agent: front, next: bye}
      bye: {type: hang_up, prompt: Goodbye.}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: bot}
      bot:
        type: transfer_to_ai_agent
        agent: front
        next: bye
        branches: {transfer_requested: people, caller_requested_human: people}
      people: {type: transfer_to_agent, queue: calm, branches: {call_not_forwarded: bye}}
      bye: {type: hang_up, prompt: Goodbye.}
    """,
)
H006 = code(
    "H006",
    "warning",
    "queue that nobody works in",
    """No agent of the configuration has this queue among its `queues`: nobody is ever offered these calls. Give it to
    agents, or name another queue. Agents that are made over HTTP are seen by the daemon alone
    (`POST /v1/flows/check`).""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: people}
      people: {type: transfer_to_agent, queue: empty, branches: {call_not_forwarded: sorry}}
      sorry: {type: hang_up, prompt: "We are sorry that nobody could take your call."}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: people}
      people: {type: transfer_to_agent, queue: calm, branches: {call_not_forwarded: sorry}}
      sorry: {type: hang_up, prompt: "We are sorry that nobody could take your call."}
    """,
)
H007 = code(
    "H007",
    "warning",
    "reason that there is not",
    """The condition compares `result.reason` with a word that the element before never gives: it never holds. Mostly
    the word is misspelt, or is one of another kind of hand-off.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: people}
      people: {type: transfer_to_agent, queue: calm, branches: {call_not_forwarded: why}}
      why:
        type: branch
        conditions: [{when: "result.reason == 'callback'", to: bye}]
        branches: {otherwise: sorry}
      sorry: {type: hang_up, prompt: "We are sorry that nobody could take your call."}
      bye: {type: hang_up, prompt: We will call you back.}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: people}
      people: {type: transfer_to_agent, queue: calm, branches: {call_not_forwarded: why}}
      why:
        type: branch
        conditions: [{when: "result.reason == 'callback_scheduled'", to: bye}]
        branches: {otherwise: sorry}
      sorry: {type: hang_up, prompt: "We are sorry that nobody could take your call."}
      bye: {type: hang_up, prompt: We will call you back.}
    """,
)


COMPARED = re.compile(r"result\.reason\s*[!=]=\s*(?:'([^'{}]*)'|\"([^\"{}]*)\")")
"""A comparison of the reason with a text."""

WISHES = ("transfer_requested", "caller_requested_human")


def rules(view: View) -> Iterator[Finding]:
    """Findings of this module."""
    for name, element in view.flow.elements.items():
        chain = [("queue", element), *members(element)]
        for index, (field, member) in enumerate(chain):
            yield from _trapped(view, name, field, member)
            yield from _unstaffed(view, name, field, member)
            if index + 1 < len(chain):
                yield from _before_others(view, name, field if index else "failover", member)
        yield from _repeated(view, name, chain)
        yield from _wishes(view, name, element)
        yield from _reasons(view, name)
    yield from _shared_secrets(view)


def _strategies(view: View, element: Element) -> Iterator[tuple[str, WaitingStrategy]]:
    """What callers hear who wait by an element, by queue; none where they need not wait, or it names a longest wait."""
    book = view.world.queues
    if book is None or not isinstance(element, TransferToAgentElement):
        return
    if element.max_wait is not None or element.callback_first:
        return
    queue = element.queue
    if queue is not None and not queue.fixed:
        return
    routed = book.queues if view.world.routed is None else view.world.routed
    wanted = [queue.source.strip()] if queue is not None else sorted(routed)
    for each in wanted:
        if each in book.queues:
            yield each, book.strategy(each, element.waiting)


def _trapped(view: View, name: str, field: str, element: Element) -> Iterator[Finding]:
    for queue, strategy in _strategies(view, element):
        if strategy.max_wait is None and not any(strategy.keys.model_dump().values()):
            message = f"who waits in {queue} has no longest wait and no keys"
            yield view.finding(H001, name, field, message, "name a max_wait, or give the strategy keys")
            return


def _before_others(view: View, name: str, field: str, element: Element) -> Iterator[Finding]:
    for queue, strategy in _strategies(view, element):
        if strategy.max_wait is None:
            message = f"who waits in {queue} has no longest wait: what stands behind it is seldom tried"
            yield view.finding(H004, name, field, message, "name a max_wait, or a timeout of the member")
            return


def _unstaffed(view: View, name: str, field: str, element: Element) -> Iterator[Finding]:
    staffed, book = view.world.staffed, view.world.queues
    if staffed is None or book is None or not isinstance(element, TransferToAgentElement) or element.queue is None:
        return
    queue = element.queue.source.strip()
    if element.queue.fixed and queue in book.queues and queue not in staffed:
        message = f"no agent works in {queue}"
        if not view.world.live:
            message += " (agents made over HTTP are not seen here)"
        yield view.finding(H006, name, field, message, f"agents: add {queue} to their queues")


def _repeated(view: View, name: str, chain: list[tuple[str, Element]]) -> Iterator[Finding]:
    tried: set[tuple[object, ...]] = set()
    for field, element in chain:
        wanted = next((getattr(element, field, None) for field in element.TARGETS), None)
        if not isinstance(wanted, Template) or not wanted.fixed:
            continue
        one = (element.type, wanted.source.strip(), getattr(element, "callback_first", False))
        if one in tried:
            yield view.finding(H003, name, field, f"{one[1]} was tried before", "name another one, or leave it out")
        tried.add(one)


def _wishes(view: View, name: str, element: Element) -> Iterator[Finding]:
    if not isinstance(element, TransferToAiAgentElement) or any(wish in element.branches for wish in WISHES):
        return
    todo, seen = [element.targets.get("returned")], set[str]()
    while todo:  # up to what gives results of its own
        following = todo.pop()
        if following is None or following in seen or following not in view.flow.elements:
            continue
        seen.add(following)
        if any(path[:1] == ("result",) for _, each in view.expressions(following) for path in each.paths):
            return
        found = view.flow.elements[following]
        if found.REACHES_PERSON or isinstance(found, TransferToFlowElement):
            return  # everybody goes on to somebody
        if found.RESULTS == ():
            todo.extend(found.targets.values())
    yield view.finding(H005, name, "branches", f"no branch for {' or '.join(WISHES)}", "name them")


def _reasons(view: View, name: str) -> Iterator[Finding]:
    givers = view.givers.get(name, frozenset())
    known = [view.flow.elements[giver].REASONS if giver in view.flow.elements else frozenset() for giver in givers]
    if not known or not all(known):
        return
    reasons = frozenset().union(*known)
    for place, expression in view.expressions(name):
        for match in COMPARED.finditer(expression.source):
            word = match.group(1) if match.group(1) is not None else match.group(2)
            if word not in reasons:
                message = f"result.reason is never {word}"
                yield view.finding(H007, name, dotted(place), message, meant(word, reasons - {""}))


def _shared_secrets(view: View) -> Iterator[Finding]:
    flow = view.flow
    listed = sorted(flow.shareable) if flow.places is None else flow.places.data.get("shareable") or ()
    for index, name in enumerate(listed):
        if name in view.secret:
            line = None if flow.places is None else flow.places.line(("shareable", index))
            yield view.finding(H002, None, "shareable", f"{name} may be secret, and is not told then", line=line)
