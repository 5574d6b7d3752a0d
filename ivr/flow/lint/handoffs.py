"""Hand-offs: callers who wait without a way out, and secrets that are meant to be shared."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.flow.elements.base import Element
from ivr.flow.elements.failover import members
from ivr.flow.elements.transfer_to_agent import TransferToAgentElement
from ivr.flow.lint.codes import code
from ivr.flow.lint.findings import Finding
from ivr.flow.lint.view import View

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


def rules(view: View) -> Iterator[Finding]:
    """Findings of this module."""
    for name, element in view.flow.elements.items():
        yield from _trapped(view, name, "queue", element)
        for field, member in members(element):
            yield from _trapped(view, name, field, member)
    yield from _shared_secrets(view)


def _trapped(view: View, name: str, field: str, element: Element) -> Iterator[Finding]:
    book = view.world.queues
    if book is None or not isinstance(element, TransferToAgentElement):
        return
    if element.max_wait is not None or element.callback_first:
        return
    queue = element.queue
    if queue is not None and not queue.fixed:
        return
    wanted = [queue.source.strip()] if queue is not None else sorted(book.queues)
    for each in wanted:
        if each not in book.queues:
            continue
        strategy = book.strategy(each, element.waiting)
        if strategy.max_wait is None and not any(strategy.keys.model_dump().values()):
            message = f"who waits in {each} has no longest wait and no keys"
            yield view.finding(H001, name, field, message, "name a max_wait, or give the strategy keys")
            return


def _shared_secrets(view: View) -> Iterator[Finding]:
    flow = view.flow
    listed = sorted(flow.shareable) if flow.places is None else flow.places.data.get("shareable") or ()
    for index, name in enumerate(listed):
        if name in view.secret:
            line = None if flow.places is None else flow.places.line(("shareable", index))
            yield view.finding(H002, None, "shareable", f"{name} may be secret, and is not told then", line=line)
