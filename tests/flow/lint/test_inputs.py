"""Keys that callers press."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.flow.sim.speech import SpeechModel
from tests.kit.lint import WORLD, codes, lint

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: ask}
  ask: {type: play, text: "Please press a key.", interruptible: true, next: keys}
  keys: {type: collect, %s, branches: {no_match: bye}}
  bye: {type: hang_up}
"""


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ('responses: {"1": bye, "2": bye}', []),
        ('responses: {"1": bye, "12": bye}', ["I001"]),
        ('responses: {"1": bye, "12": bye, "123": bye}', ["I001", "I001"]),
        ('responses: {"1": bye, "12": bye}, max_digits: 1', ["I005"]),
        ('responses: {"12": bye, "2": bye}, min_digits: 2', ["I005"]),
        ('responses: {"12": bye, "34": bye}, pattern: "1[0-9]"', ["I005"]),
        ('responses: {"*": bye, "#": bye}', ["I002"]),
        ('responses: {"1": bye}, attempts: 3', []),
        ('responses: {"1": bye}, attempts: 4', ["I003"]),
    ],
)
def test_responses(fields: str, expected: list[str]) -> None:
    assert codes(FLOW % fields) == expected


def test_who_waits_and_for_how_long() -> None:
    found = lint(FLOW % 'responses: {"1": bye, "12": bye}, wait_between: 2s')
    assert str(found[0]) == (
        "example.yaml:5: warning I001 element keys responses.1: 1 begins 12: who presses 1 waits 2 s "
        "(give all responses the same number of digits) [start > ask > keys]"
    )


def test_tries_of_a_request() -> None:
    text = """
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: ask}
  ask: {type: call_api, url: "https://x.example", retry: {times: 4}, next: bye, branches: {error: bye}}
  bye: {type: hang_up}
"""
    assert [(each.code, each.field) for each in lint(text)] == [("I003", "retry.times")]


# Long prompts

LONG = "All our lines are open today, and somebody will be with you in a moment if you stay on the line."
PROMPTS = """
variables: {a: 1}
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: one}
  one: {type: play, text: "%s"%s, next: between}
  between: {type: set_variable, variables: {a: 2}, next: two}
  two: {type: play, text: "%s"%s, next: keys}
  keys: {type: collect, responses: {"1": bye}, branches: {no_match: bye}%s}
  bye: {type: hang_up, prompt: "{{ a }}"}
"""
STOPS = ", interruptible: true"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((LONG, "", LONG, "", ""), ["I004"]),
        ((LONG, "", "Press 1.", "", ""), []),
        ((LONG, "", LONG, STOPS, ""), []),
        ((LONG, STOPS, LONG, "", ""), []),
        ((LONG, "", LONG, "", ", type_ahead: true"), []),
    ],
)
def test_prompts_that_no_key_stops(values: tuple[str, ...], expected: list[str]) -> None:
    assert codes(PROMPTS % values) == expected


def test_the_prompts_are_named() -> None:
    found = lint(PROMPTS % (LONG, "", LONG, "", ""))[0]
    assert found.path == ("start", "one", "two", "keys")
    assert "(one, two)" in found.message


def test_a_loop_of_prompts_counts_once() -> None:
    text = """
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: one}
  one: {type: play, text: "Again.", next: keys}
  keys: {type: collect, responses: {"1": bye}, branches: {no_match: one, no_input: bye}}
  bye: {type: hang_up}
"""
    assert codes(text) == []


def test_files_are_as_long_as_they_are() -> None:
    text = """
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: one}
  one: {type: play, file: welcome.wav, next: keys}
  keys: {type: collect, responses: {"1": bye}, branches: {no_match: bye}}
  bye: {type: hang_up}
"""
    assert codes(text) == []
    assert codes(text, replace(WORLD, speech=SpeechModel(files={"welcome.wav": 20.0}))) == ["I004"]
