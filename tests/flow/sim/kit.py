"""Flows and calls for the tests of the simulator."""

from __future__ import annotations

from typing import Any

from ivr.flow import FlowSet, parse_flow
from ivr.flow.sim import Given, SimulatedCall, SpeechModel, Stubs, parse_script

TWO_SECONDS = SpeechModel(fixed=2.0)

DESK = """
variables: {language: en, pin: "", message: "", name: nobody}
sensitive: [pin]
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: hello}
  hello: {type: play, text: Hello, interruptible: true, next: menu}
  menu:
    type: collect
    responses: {"1": sales, "2": record, "3": ask_pin, "4": api, "5": gap}
    attempts: 2
    retry_prompt: {text: Again}
    branches: {no_input: bye, no_match: bye}
  sales:
    type: forward_call
    to: ["phone:200", "phone:201"]
    ring: in_turn
    timeout: 10s
    branches: {busy: bye, call_not_forwarded: bye}
  record: {type: record_voicemail, max_silence: 3s, save_as: message, next: listen, branches: {nothing_recorded: bye}}
  listen: {type: play, voicemail: message, next: bye}
  ask_pin: {type: collect, max_digits: 4, save_as: pin, next: bye, branches: {no_match: bye}}
  api:
    type: call_api
    url: "https://x.example/{{ call.from }}"
    retry: {times: 1, wait: 1s}
    next: bye
    branches: {error: bye}
  gap: {type: pause, duration: 9s, next: bye}
  bye: {type: hang_up, prompt: {text: Goodbye}}
"""


def call(source: str = DESK, *others: str, **options: Any) -> SimulatedCall:
    """A call to a flow, not begun; the others are called `flow1`, `flow2`..."""
    flow = parse_flow(source, "main")
    more = {f"flow{number}": parse_flow(text, f"flow{number}") for number, text in enumerate(others, 1)}
    given = options.pop("given", Given())
    stubs = options.pop("stubs", Stubs())
    return SimulatedCall(flow, FlowSet({"main": flow, **more}), given, stubs, **{"speech": TWO_SECONDS, **options})


def walk(steps: list[dict[str, Any]], source: str = DESK, **options: Any) -> SimulatedCall:
    """A whole call with a script."""
    return parse_script(steps).run(call(source, **options))
