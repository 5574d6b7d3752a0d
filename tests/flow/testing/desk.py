"""A flow that does a little of everything, and cases run with it."""

from __future__ import annotations

from ivr.flow.loader import parse_flow
from ivr.flow.model import FlowSet
from ivr.flow.sim import Configured
from ivr.flow.testing import Outcome, parse_cases, run_case

DESK = """
variables: {language: en, pin: "", amount: 0, message: ""}
sensitive: [pin]
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: welcome}
  welcome: {type: play, text: "Welcome. Press 1, 2 or 3.", interruptible: true, next: menu}
  menu:
    type: collect
    responses: {"1": sales, "2": message, "3": ask, "4": language}
    attempts: 2
    retry_prompt: {text: "Please press a key."}
    branches: {no_match: bye}
  sales:
    type: forward_call
    to: phone:200
    branches: {no_answer: message, call_not_forwarded: bye}
  message: {type: record_voicemail, name: mine, save_as: message, next: bye, branches: {error: bye}}
  ask: {type: play, text: "Your PIN, please.", next: pin}
  pin: {type: collect, max_digits: 4, save_as: pin, next: check}
  check:
    type: call_api
    method: POST
    url: "https://bank.example/balance"
    headers: {X-Branch: north}
    body: {pin: "{{ pin }}", kind: giro}
    save: {amount: $.amount}
    next: tell
    branches: {error: bye}
  tell: {type: play, text: "You have {{ amount }} euros.", next: tagged}
  tagged: {type: tag, tags: [known], next: bye}
  language: {type: transfer_to_flow, flow: language, return_to: welcome}
  bye: {type: hang_up, prompt: "Goodbye."}
"""
LANGUAGE = """
elements:
  start: {type: start_from_flow, next: menu}
  menu: {type: collect, responses: {"1": english, "2": german}, reporting: masked}
  english: {type: set_variable, variables: {chosen: en}}
  german: {type: set_variable, variables: {chosen: de}}
"""
FLOWS = FlowSet(
    {name: parse_flow(text, name, f"{name}.yaml") for name, text in (("desk", DESK), ("language", LANGUAGE))}
)


def run(case: str, flows: FlowSet = FLOWS, surroundings: Configured | None = None) -> Outcome:
    """The outcome of a case, given without its name."""
    (read,) = parse_cases("- name: the case\n" + "".join(f"  {line}\n" for line in case.splitlines()), "desk.test.yaml")
    return run_case(read, flows["desk"], flows, surroundings)


def texts(case: str) -> list[str]:
    """Sentences of what differs."""
    return [difference.text for difference in run(case).differences]
