"""What callers hear, and for how long they hear nothing; with the estimate of how long prompts last."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ivr.flow.elements.prompts import PromptFields
from ivr.flow.expressions import Scope, Template
from ivr.flow.lint.codes import code
from ivr.flow.lint.findings import Finding
from ivr.flow.ports import PromptSpec
from ivr.flow.positions import dotted
from ivr.flow.sim.speech import SpeechModel
from ivr.flow.walk import at_first

if TYPE_CHECKING:
    from ivr.flow.lint.view import View
    from ivr.flow.model import Flow

__all__ = ["rules", "seconds_of"]

LONG_TEXT = 160
"""Characters of a spoken text above which callers lose the thread."""

LONGEST_SILENCE = 10.0
"""Seconds without a sound after which callers think that the line is dead, and hang up."""

LANGUAGE = "language"
"""Variable by which flows choose among texts."""

MOST_LANGUAGES = 20
"""Languages of one flow that are looked at."""

EXPRESSION_SECONDS = 1.0
"""What the value of an expression is taken to last, where it is not known."""

S001 = code(
    "S001",
    "warning",
    "long spoken text",
    f"""Callers follow {LONG_TEXT} characters, about ten seconds; after that they have lost the first options of a menu.
    Split the text into several plays, or say less. Texts with expressions are measured with the defaults of the
    variables, where these say all; `texts[language]` in each language that there is.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: hours}
      hours:
        type: play
        text: >-
          Our offices are open from Monday to Thursday from eight in the morning to five in the afternoon, on Fridays
          from eight in the morning to two in the afternoon, and on Saturdays only by appointment.
        next: bye
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: hours}
      hours: {type: play, text: "We are open from Monday to Thursday from eight to five.", next: friday}
      friday: {type: play, text: "On Fridays from eight to two, on Saturdays by appointment.", next: bye}
      bye: {type: hang_up}
    """,
)
S002 = code(
    "S002",
    "warning",
    "voice after the end of the call",
    """The element needs a caller, and on this way there is none any more: it follows hang_up, a forwarded call, or a
    branch for the end of the call; or the flow began outside a call. The flow breaks off there, with a fault in its
    record. Lead such branches to elements that need nobody (call_api, set_variable, notify).""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: hello}
      hello: {type: play, text: "Hello.", next: bye}
      bye: {type: hang_up, next: thanks}
      thanks: {type: play, text: "Thank you for calling."}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: hello}
      hello: {type: play, text: "Hello.", next: thanks}
      thanks: {type: play, text: "Thank you for calling.", next: bye}
      bye: {type: hang_up}
    """,
)
S003 = code(
    "S003",
    "warning",
    "long silence",
    f"""The flow waits here for more than {LONGEST_SILENCE:g} seconds and the caller hears nothing: people hang up. A
    wait in a call is cut to {LONGEST_SILENCE:g} seconds where it has no `hold_music`; a request has its `filler`.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: wait}
      wait: {type: pause, duration: 1m, next: bye}
      bye: {type: hang_up, prompt: "Nobody is free."}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: wait}
      wait: {type: pause, duration: 1m, hold_music: true, next: bye}
      bye: {type: hang_up, prompt: "Nobody is free."}
    """,
)


def rules(view: View) -> Iterator[Finding]:
    """Findings of this module."""
    flow = view.flow
    for name, element in flow.elements.items():
        for path, prompt in view.prompts(name):
            length = _characters(prompt, flow)
            if length > LONG_TEXT:
                mend = f"callers follow {LONG_TEXT} at most: split it"
                yield view.finding(S001, name, dotted((*path, "text")), f"a spoken text of {length} characters", mend)
        ups = view.ups(name)
        if element.NEEDS_CALL and False in ups:
            message = f"{element.type} needs a caller, and on this way there is none"
            yield view.finding(S002, name, "", message, "lead branches for the end of the call elsewhere", up=False)
        silence = element.silent_wait()
        if silence > LONGEST_SILENCE and True in ups:
            how_long = f"for {silence:g} s" if silence < float("inf") else "for a time that nobody knows beforehand"
            message = f"the caller waits {how_long} and hears nothing"
            yield view.finding(S003, name, "", message, "let the caller hear music or a prompt", up=True)


def _characters(prompt: PromptFields, flow: Flow) -> int:
    if prompt.text is None:
        return 0
    if prompt.text.fixed:
        return len(prompt.text.source)
    texts = [at_first(prompt.text, scope) or "" for scope in _scopes(prompt.text, flow)]
    return max(*map(len, texts), len(prompt.text.words))


def _scopes(text: Template[str], flow: Flow) -> Iterator[Scope]:
    """The defaults of the variables, for each language that a record of texts has where the text asks for it."""
    yield flow.first
    if not any(LANGUAGE in expression.names for expression in text.expressions):
        return
    records = [value for value in flow.variables.values() if isinstance(value, Mapping)]
    languages = dict.fromkeys(key for record in records for key in itertools.islice(record, MOST_LANGUAGES))
    for language in itertools.islice(languages, MOST_LANGUAGES):
        yield Scope({**flow.variables, LANGUAGE: language}, sensitive=flow.sensitive)


def seconds_of(prompt: PromptFields, flow: Flow, speech: SpeechModel) -> float:
    """How long a prompt lasts, once, as far as it can be told beforehand."""
    text = prompt.text
    if text is None:
        source = prompt.file or prompt.url
        known = None if source is None else at_first(source, flow.first)
        return speech.seconds(PromptSpec("file", known or "")) or 0.0
    language = flow.variables.get("language")
    spoken = language if isinstance(language, str) else None
    known = at_first(text, flow.first)
    if known is not None:
        return speech.seconds(PromptSpec("text", known, spoken, rate=prompt.rate)) or 0.0
    fixed = speech.seconds(PromptSpec("text", text.words, spoken, rate=prompt.rate)) or 0.0
    return fixed + EXPRESSION_SECONDS * len(text.expressions)
