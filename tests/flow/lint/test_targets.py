"""Targets that do not exist."""

from __future__ import annotations

import pytest

from tests.kit.lint import World, alone, codes, lint

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: ring}
  ring: {type: forward_call, to: %s, branches: {call_not_forwarded: bye}}
  bye: {type: hang_up}
"""


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("phone:200", []),
        ("phone:299", [("T003", "there is no phone 299")]),
        ("agent:anna", []),
        ("agent:bob", [("T003", "there is no agent bob")]),
        ("anna", []),
        ("bob", [("T003", "bob is no phone, no agent and no number")]),
        ('"200"', [("T007", "200 can be a phone or a number")]),
        ('"+49 30 123"', []),
        ("tel:200", []),
        ("sip:200@pbx.example", []),
        ("'{{ call.from }}'", []),
        ("'phone:{{ call.from }}'", []),
        ("[phone:200, phone:299]", [("T003", "there is no phone 299")]),
    ],
)
def test_who_is_called(target: str, expected: list[tuple[str, str]]) -> None:
    assert [(each.code, each.message) for each in lint(FLOW % target)] == expected


def test_a_number_needs_a_line_to_be_one() -> None:
    lone = World(phones={"200"}, agents={"200"}, lines=())
    assert codes(FLOW % '"200"', lone) == ["T007"]
    assert codes(FLOW % '"200"', World(phones={"200"}, lines=())) == []
    assert codes(FLOW % '"201"', World(phones={"200"}, lines=())) == []


def test_nothing_is_said_of_a_world_that_is_not_known() -> None:
    text = FLOW % "[phone:299, '200', bob]"
    text = text.replace("next: ring", "line: nowhere, next: play")
    text += "  play: {type: play, file: none.wav, next: office}\n"
    text += "  office: {type: hours, calendar: none, next: ring, branches: {closed: ring}}\n"
    assert alone(text, World()) == []


def test_places_of_prompts_and_lines() -> None:
    text = """
elements:
  start: {type: start_incoming_call, numbers: ["1"], line: guest, consent: {file: consent.wav}, next: keys}
  keys: {type: collect, max_digits: 1, retry_prompt: {file: again.wav}, next: ring, branches: {no_match: ring}}
  ring: {type: forward_call, to: tel:1, line: none, ringback: {file: welcome.wav}, branches: {call_not_forwarded: bye}}
  bye: {type: hang_up}
"""
    assert [(each.code, each.field) for each in lint(text)] == [
        ("T001", "consent.file"),
        ("T001", "retry_prompt.file"),
        ("T002", "line"),
    ]


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    flow = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: desk}
  desk: {type: transfer_to_agent, queue: calmm, branches: {call_not_forwarded: bye}}
  bye: {type: hang_up}
"""
    [finding] = [finding for finding in lint(flow) if finding.code == "T008"]
    assert finding.mend == "did you mean calm?"
