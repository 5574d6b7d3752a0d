"""The built-in flow that an agent gets who dials a code: says what became of it, and asks for digits where some are
needed. What it asks for is done by :class:`~ivr.center.codes.Codes`."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ivr.center.pins import MAX_CODE
from ivr.center.words import WORDS
from ivr.flow import Flow, parse_flow
from ivr.flow.custom import BUILT_IN, BranchSpec, Element, ElementTypes
from ivr.flow.ports import AgentCode, AgentCodeDone
from ivr.settings import TelephoneAction

if TYPE_CHECKING:
    from ivr.flow.custom import Run, Session

__all__ = ["DIALLED_CODE", "code_flow"]

DIALLED_CODE = "(code)"
"""Name in records; no file can be called so."""
ANSWER_SECONDS = 5.0
"""In which it is known what becomes of a code: at once, or when it is hashed, some hundredths of a second later."""


class AgentCodeElement(Element):
    """Asks for what the agent wants. It is in this flow alone."""

    BRANCHES = (
        BranchSpec("done", "It is done, or cannot be.", success=True),
        BranchSpec("digits_needed", "More is asked for."),
    )
    RESULTS = ("say",)

    type: Literal["agent_code"] = "agent_code"
    action: TelephoneAction
    """What is wanted."""
    digits: str = Field("", max_length=64)
    """Variable with digits that were asked for; empty: none were."""

    def run(self, ctx: Session) -> Run:
        value: Any = ctx.variables.get(self.digits, "") if self.digits else ""
        command = AgentCode(ctx.next_id(), self.action, str(getattr(value, "value", value)))
        ctx.emit(command)
        deadline = ctx.now + ANSWER_SECONDS
        while True:
            event: Any = yield deadline
            if event is None:
                event = AgentCodeDone(command.id, "refused", "This is not possible now.")
            if type(event) is AgentCodeDone and event.id == command.id:
                ctx.details.update(action=self.action, outcome=event.outcome)
                ctx.set_result({"say": event.say})
                return "digits_needed" if event.outcome == "digits_needed" else "done"


_TYPES = ElementTypes({**BUILT_IN.models, "agent_code": AgentCodeElement})

_TEXT = """
description: An agent has dialled a code, or is asked for a disposition.
variables: {language: %(language)s, code: ""}
sensitive: [code]
elements:
  start: {type: start_incoming_call, numbers: ["*"], next: first}
  first: {type: agent_code, action: %(action)s, next: said, branches: {digits_needed: ask}}
  ask: {type: play, text: "{{ result.say }}", interruptible: true, next: digits}
  digits:
    type: collect
    max_digits: %(digits)d
    wait: 8s
    attempts: 2
    retry_prompt: {text: %(again)s}
    reporting: hide
    save_as: code
    next: second
    branches: {no_match: bye, no_input: bye}
  second: {type: agent_code, action: %(action)s, digits: code, next: said, branches: {digits_needed: ask}}
  said: {type: play, text: "{{ result.say }}", next: bye}
  bye: {type: hang_up}
"""
FLOWS = 64
"""Flows that are kept made: one for each code, language and length of what is entered."""


@lru_cache(FLOWS)
def code_flow(action: TelephoneAction, language: str = "en", digits: int = MAX_CODE, again: str = "") -> Flow:
    """The flow of one code: it speaks a language, takes an input of so many digits at the most, and says `again` to
    who enters nothing."""
    again = again or WORDS["en"].enter_digits
    text = _TEXT % {"action": action, "language": json.dumps(language), "digits": digits, "again": json.dumps(again)}
    parsed = parse_flow(text, "code", types=_TYPES)
    return replace(parsed, name=DIALLED_CODE, version="built-in", source=None)
