"""The flow and the case of the specification, as they stand there."""

from __future__ import annotations

from ivr.flow.loader import parse_flow
from ivr.flow.model import FlowSet
from ivr.flow.sim import configured
from ivr.flow.testing import case_faults, parse_cases, run_case
from ivr.settings import Settings

FLOW = """
description: Front desk
variables:
  language: en
  pin: ""
sensitive: [pin]
elements:
  start:
    type: start_incoming_call
    numbers: ["100", "+15550100"]
    next: welcome
  welcome:
    type: play
    text: "Welcome. For sales press 1. For support press 2."
    interruptible: true
    next: menu
  menu:
    type: collect
    max_digits: 1
    responses: {"1": sales, "2": support}
    attempts: 3
    retry_prompt: {text: "Please press 1 or 2."}
    branches: {no_input: bye, no_match: bye}
  sales:
    type: forward_call
    to: "sip:200@{{ settings.pbx }}"
    branches: {no_answer: voicemail, busy: voicemail, call_not_forwarded: voicemail}
  support: {type: forward_call, to: phone:201}
  voicemail: {type: record_voicemail}
  bye: {type: hang_up, prompt: "Goodbye."}
"""
CASE = """
- name: sales is busy
  given: {caller: "+15550199", time: "2026-03-02T10:00:00+01:00"}
  when: [{at: welcome, press: "1"}, {forward: sales, result: busy}, {hang_up_after: 5s}]
  expect: {path: [start, welcome, menu, sales, voicemail], said: ["Welcome*"], ended_by: user_hung_up}
"""


def test_the_case_passes() -> None:
    flow = parse_flow(FLOW, "reception")
    flows = FlowSet({"reception": flow})
    (case,) = parse_cases(CASE, "config/flows/reception.test.yaml")
    assert case_faults(case, flow, flows) == []
    outcome = run_case(case, flow, flows, configured(Settings(settings={"pbx": "pbx.example.net"})))
    assert outcome.passed, "\n".join(map(str, outcome.differences))
    assert outcome.call.forwards[0].targets == ("sip:200@pbx.example.net",)
    assert outcome.call.wall().isoformat().startswith("2026-03-02T10:00:0")
