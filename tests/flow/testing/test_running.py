"""Names in cases that the flow does not know."""

from __future__ import annotations

import pytest

from ivr.flow.loader import parse_flow
from ivr.flow.testing import case_faults, parse_cases
from tests.flow.testing.desk import FLOWS


def faults(text: str) -> list[str]:
    (case,) = parse_cases(f"- name: a\n  {text}", "desk.test.yaml")
    return [str(fault) for fault in case_faults(case, FLOWS["desk"], FLOWS)]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("expect: {path: [strt]}", "expect.path.0: there is no element strt, did you mean start?"),
        ("expect: {visits: [salse]}", "expect.visits.salse: there is no element salse, did you mean sales?"),
        ("expect: {not_visited: [x]}", "expect.not_visited.0: there is no element x"),
        ("expect: {branches: {mneu: x}}", "expect.branches.mneu: there is no element mneu, did you mean menu?"),
        ("expect: {within: {mneu: 1s}}", "expect.within.mneu: there is no element mneu"),
        (
            "expect: {variables: {amuont: 1}}",
            "expect.variables.amuont: there is no variable amuont, did you mean amount?",
        ),
        ("when: [{at: wellcome, press: '1'}]", "when.0.at: there is no element wellcome, did you mean welcome?"),
        ("when: [{hang_up: x}]", "when.0.hang_up: there is no element x"),
        ("when: [{silence: x}]", "when.0.silence: there is no element x"),
        ("given: {entry: welcome}", "given.entry: there is no entry element welcome"),
        ("given: {variables: {langage: de}}", "given.variables.langage: there is no variable langage, did you mean"),
        ("given: {recordings: {x: failed}}", "given.recordings.x: there is no element x"),
    ],
)
def test_slips(text: str, fault: str) -> None:
    (found,) = faults(text)
    assert found.startswith(f"desk.test.yaml:2: {fault}"), found


@pytest.mark.parametrize(
    "text",
    [
        "expect: {path: [start, ..., language/english, english]}",
        "expect: {variables: {chosen: de, message: x, amount: 1}}",
        "when: [{silence: true}, {hang_up: true}, {at: language/menu, press: '1'}, {forward: 'phone:*'}, {http: '*'}]",
        "given: {entry: start, variables: {language: de}}",
    ],
)
def test_what_is_known(text: str) -> None:
    assert faults(text) == []


def test_only_flows_that_a_call_can_come_to_count() -> None:
    (case,) = parse_cases("- name: a\n  expect: {path: [start, welcome]}", "language.test.yaml")
    (found,) = case_faults(case, FLOWS["language"], FLOWS)
    assert found.text == "there is no element welcome"
    anywhere = parse_flow(
        "elements: {start: {type: start_incoming_call, numbers: ['1'], next: a},"
        " a: {type: transfer_to_flow, flow: '{{ call.to }}'}}",
        "language",
    )
    assert case_faults(case, anywhere, FLOWS) == []
