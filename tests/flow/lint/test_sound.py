"""What callers hear, and for how long they hear nothing."""

from __future__ import annotations

import pytest

from ivr.flow.lint.sound import seconds_of
from ivr.flow.loader import parse_flow
from ivr.flow.sim.speech import SpeechModel
from tests.kit.lint import codes, lint

FLOW = """
variables: {words: "%s", language: en}
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: one}
  one: {%s, next: bye%s}
  bye: {type: hang_up}
"""


@pytest.mark.parametrize(
    ("words", "fields", "expected"),
    [
        ("", f"type: play, text: {'a' * 160}", ["V002"]),
        ("", f"type: play, text: {'a' * 161}", ["V002", "S001"]),
        ("b" * 161, "type: play, text: '{{ words }}'", ["S001"]),
        ("b" * 150, "type: play, text: 'Hello, you {{ words }}'", ["S001"]),
        ("b" * 150, "type: play, text: '{{ words }}'", []),
        ("b", f"type: play, text: '{{{{ call.from }}}} {{{{ words }}}} {'a' * 161}'", ["S001"]),
    ],
)
def test_long_texts(words: str, fields: str, expected: list[str]) -> None:
    assert codes(FLOW % (words, fields, "")) == expected


def test_texts_in_every_language() -> None:
    text = """
variables: {language: en, texts: {en: {hello: Hello.}, de: {hello: %s}}}
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: one}
  one: {type: play, text: "{{ texts[language].hello }}", next: bye}
  bye: {type: hang_up}
"""
    assert codes(text % ("a" * 160)) == []
    assert codes(text % ("a" * 161)) == ["S001"]


def test_prompts_inside_elements_count() -> None:
    text = """
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: keys}
  keys: {type: collect, responses: {"1": bye}, retry_prompt: %s, branches: {no_match: bye}}
  bye: {type: hang_up, prompt: {text: %s}}
"""
    found = [(each.code, each.field) for each in lint(text % ("a" * 161, "b" * 161))]
    assert found == [("S001", "retry_prompt.text"), ("S001", "prompt.text")]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("type: pause, duration: 10s", []),
        ("type: pause, duration: 11s", ["S003"]),
        ("type: pause, duration: 11s, hold_music: true", []),
        ("type: pause, duration: 11s, hold_music: {text: One moment.}", []),
        ('type: pause, until: {at: "09:00"}', ["S003"]),
        ("type: wait_for_event, event: paid, timeout: 5s", []),
        ("type: wait_for_event, event: paid", ["S003"]),
        ("type: wait_for_event, event: paid, hold_music: true", []),
        ("type: call_api, url: 'https://x.example', timeout: 30s", []),
        ("type: call_api, url: 'https://x.example', timeout: 30s, filler: none", ["S003"]),
        ("type: call_api, url: 'https://x.example', timeout: 30s, filler: none, wait: false", []),
        ("type: call_api, url: 'https://x.example', timeout: 6s, filler: none, retry: {times: 1}", ["S003"]),
    ],
)
def test_silence(fields: str, expected: list[str]) -> None:
    branches = (
        "" if "pause" in fields else ", branches: {timeout: bye}" if "event" in fields else ", branches: {error: bye}"
    )
    text = FLOW % ("", fields, branches)
    assert codes(text.replace('words: "", ', "")) == expected


def test_silence_without_a_caller_is_none() -> None:
    text = """
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: bye}
  bye: {type: hang_up, next: wait}
  wait: {type: pause, duration: 2d}
"""
    assert codes(text) == []


def test_voice_where_a_flow_begins_outside_a_call() -> None:
    text = """
elements:
  start: {type: start_from_audience, next: hello}
  hello: {type: play, text: Hello., next: bye}
  bye: {type: hang_up}
"""
    found = [each for each in lint(text) if each.code == "S002"]
    assert [each.path for each in found] == [("start", "hello")]


def test_voice_after_a_branch_for_the_end_of_the_call() -> None:
    text = """
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: hello}
  hello: {type: play, text: Hello., next: bye, branches: {user_hung_up: sorry}}
  sorry: {type: play, text: Are you there?, next: bye}
  bye: {type: hang_up}
"""
    assert codes(text) == ["S002"]


def test_estimates() -> None:
    def seconds(text: str) -> float:
        flow = parse_flow(FLOW % ("three more words", f"type: play, text: '{text}'", ""), "test")
        return seconds_of(flow.elements["one"], flow, SpeechModel())  # type: ignore[arg-type]

    assert 1.5 < seconds("These are five short words.") < 3
    assert seconds("{{ words }}") == seconds("three more words")
    assert seconds("Hello {{ call.from }}") == pytest.approx(seconds("Hello ") + 1.0, abs=0.2)
