"""Keys that callers press: responses that force a wait, cannot be keyed, or are asked for too often or too late."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator

from ivr.flow.elements.base import Element
from ivr.flow.elements.collect import CollectElement
from ivr.flow.elements.play import PlayElement
from ivr.flow.lint.codes import code
from ivr.flow.lint.findings import Finding
from ivr.flow.lint.sound import seconds_of
from ivr.flow.lint.view import View
from ivr.flow.model import Edge

__all__ = ["rules"]

MOST_TRIES = 3
"""Tries after which one more helps nobody: people give up, servers stay down."""

MOST_SHOWN = 5
"""Responses that one finding lists."""

LONG_PROMPT = 8.0
"""Seconds that callers who know what they want must listen before their key counts; 130 characters take as long."""

I001 = code(
    "I001",
    "warning",
    "response that begins another one",
    """A caller who presses the shorter one has to wait until no further key comes (`wait_between`), since the longer
    one could be meant. In a menu with `1` and `10` everybody who presses 1 waits. Give all responses the same number
    of digits.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask: {type: play, text: "Your extension, please.", interruptible: true, next: menu}
      menu: {type: collect, responses: {"1": sales, "10": service}, branches: {no_match: bye}}
      sales: {type: hang_up, prompt: "Sales is closed."}
      service: {type: hang_up, prompt: "Service is closed."}
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask: {type: play, text: "Your extension, please.", interruptible: true, next: menu}
      menu: {type: collect, responses: {"10": sales, "11": service}, branches: {no_match: bye}}
      sales: {type: hang_up, prompt: "Sales is closed."}
      service: {type: hang_up, prompt: "Service is closed."}
      bye: {type: hang_up}
    """,
)
I002 = code(
    "I002",
    "warning",
    "# as a response",
    """The pound key ends an input everywhere else, and many callers press it after every input out of habit: here it
    would be taken for a choice. Choose a digit or the star.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask: {type: play, text: "To hear this again press pound.", interruptible: true, next: menu}
      menu: {type: collect, responses: {"#": again}, branches: {no_match: bye}}
      again: {type: play, text: "Once more.", next: bye}
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask: {type: play, text: "To hear this again press star.", interruptible: true, next: menu}
      menu: {type: collect, responses: {"*": again}, branches: {no_match: bye}}
      again: {type: play, text: "Once more.", next: bye}
      bye: {type: hang_up}
    """,
)
I003 = code(
    "I003",
    "warning",
    "more than three tries",
    """Who has not managed after three tries does not manage at the fourth, and a server that failed three times in a
    row keeps a caller waiting for nothing. Lead to a person or a message instead.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask: {type: play, text: "Press 1 for the news.", interruptible: true, next: menu}
      menu: {type: collect, responses: {"1": news}, attempts: 6, branches: {no_match: bye}}
      news: {type: play, text: "There are none.", next: bye}
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask: {type: play, text: "Press 1 for the news.", interruptible: true, next: menu}
      menu: {type: collect, responses: {"1": news}, attempts: 3, branches: {no_match: bye}}
      news: {type: play, text: "There are none.", next: bye}
      bye: {type: hang_up}
    """,
)
I004 = code(
    "I004",
    "warning",
    "long prompt that no key stops before an input",
    f"""Callers who know what to press have to hear it all first; keys that they press meanwhile are lost, so that they
    press too early and fail. Make the prompt `interruptible`. Prompts that follow each other before the input count
    together; more than {LONG_PROMPT:g} seconds are long, as far as the length can be told beforehand.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask:
        type: play
        text: "Welcome to the company that makes everything you need. All our lines are open today. For sales press 1."
        next: more
      more: {type: play, text: "For service press 2. For everything else, please stay on the line.", next: menu}
      menu: {type: collect, responses: {"1": bye, "2": bye}, branches: {no_match: bye}}
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask:
        type: play
        text: "Welcome to the company that makes everything you need. All our lines are open today. For sales press 1."
        interruptible: true
        next: more
      more:
        type: play
        text: "For service press 2. For everything else, please stay on the line."
        interruptible: true
        next: menu
      menu: {type: collect, responses: {"1": bye, "2": bye}, branches: {no_match: bye}}
      bye: {type: hang_up}
    """,
)
I005 = code(
    "I005",
    "warning",
    "response that nobody can enter",
    """The other fields of the collect rule this response out: it is shorter than `min_digits`, longer than
    `max_digits`, does not fit the `pattern`, or its keys are complete as another response before the last one is
    pressed.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask: {type: play, text: "Your extension, please.", interruptible: true, next: menu}
      menu: {type: collect, max_digits: 1, responses: {"1": sales, "20": sales}, branches: {no_match: bye}}
      sales: {type: hang_up, prompt: "Sales is closed."}
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask: {type: play, text: "Your extension, please.", interruptible: true, next: menu}
      menu: {type: collect, responses: {"10": sales, "20": sales}, branches: {no_match: bye}}
      sales: {type: hang_up, prompt: "Sales is closed."}
      bye: {type: hang_up}
    """,
)


def rules(view: View) -> Iterator[Finding]:
    """Findings of this module."""
    for name, element in view.flow.elements.items():
        yield from _tries(view, name, element)
        if isinstance(element, CollectElement):
            yield from _responses(view, name, element)
    yield from _long_prompts(view)


def _tries(view: View, name: str, element: Element) -> Iterator[Finding]:
    attempts = getattr(element, "attempts", 0)
    # Calls to people have a rule of their own.
    retry = None if element.type == "start_outgoing_call" else getattr(element, "retry", None)
    for field, tries in (("attempts", attempts), ("retry.times", getattr(retry, "times", 0))):
        if isinstance(tries, int) and tries > MOST_TRIES:
            yield view.finding(I003, name, field, f"{tries} tries", f"{MOST_TRIES} at most, then another way")


def _responses(view: View, name: str, element: CollectElement) -> Iterator[Finding]:
    following = sorted(element.responses)
    for key in element.responses:
        field = f"responses.{key}"
        longer = _longer(key, following)
        if not _can_be_entered(element, key):
            yield view.finding(
                I005, name, field, f"{key} can never be entered", "mend min_digits, max_digits or pattern"
            )
        elif any(_can_be_entered(element, other) for other in longer):
            shown = ", ".join(longer[:MOST_SHOWN]) + (", …" if len(longer) > MOST_SHOWN else "")
            message = f"{key} begins {shown}: who presses {key} waits {element.wait_between:g} s"
            yield view.finding(I001, name, field, message, "give all responses the same number of digits")
        if "#" in key:
            yield view.finding(I002, name, field, "callers end inputs with #", "use a digit or *")


def _longer(key: str, responses: list[str]) -> list[str]:
    """Responses that begin with another one, of those in their order."""
    at = bisect.bisect_right(responses, key)
    return list(itertools.takewhile(lambda other: other.startswith(key), itertools.islice(responses, at, None)))


def _can_be_entered(element: CollectElement, keys: str) -> bool:
    return element.valid(keys) and all(element.extends(keys[:size]) for size in range(1, len(keys)))


# Prompts before an input


def _long_prompts(view: View) -> Iterator[Finding]:
    leading: dict[str, list[Edge]] = {}
    for edge in view.flow.edges:
        if edge.target is not None and not edge.session_over and (edge.source, True) in view.reached:
            leading.setdefault(edge.target, []).append(edge)
    memo: dict[str, tuple[float, tuple[str, ...]]] = {}
    for name, element in view.flow.elements.items():
        if isinstance(element, CollectElement) and (name, True) in view.reached:
            seconds, prompts = _before(view, name, leading, memo)
            if seconds > LONG_PROMPT and not element.type_ahead:
                message = f"callers listen {seconds:.0f} s ({', '.join(prompts)}) before a key counts"
                path = (*view.way(prompts[0], True), *prompts[1:], name)
                yield view.finding(I004, name, "", message, f"make {prompts[-1]} interruptible", path=path)


def _before(
    view: View, name: str, leading: dict[str, list[Edge]], memo: dict[str, tuple[float, tuple[str, ...]]]
) -> tuple[float, tuple[str, ...]]:
    """The longest time, with its prompts, in which a caller listens before an element and no key counts."""
    if name in memo:
        return memo[name]
    memo[name] = (0.0, ())  # a loop counts once
    best: tuple[float, tuple[str, ...]] = (0.0, ())
    for edge in leading.get(name, ()):
        source = view.flow.elements[edge.source]
        if isinstance(source, PlayElement):
            if source.interruptible:
                continue
            seconds = (seconds_of(source, view.flow, view.world.speech) + source.pause) * max(source.loop, 1)
        elif source.NEEDS_CALL or source.DORMANT:
            continue
        else:
            seconds = 0.0
        earlier, prompts = _before(view, edge.source, leading, memo)
        if seconds + earlier > best[0]:
            best = (seconds + earlier, (*prompts, edge.source) if seconds else prompts)
    memo[name] = best
    return best
