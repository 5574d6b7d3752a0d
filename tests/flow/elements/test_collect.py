"""collect: when an input is complete, what it matches, and what is kept of it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ivr.flow.elements.collect import CollectElement
from ivr.flow.expressions import Sensitive
from ivr.flow.ports import DigitEnded, PauseCallRecording, Play, ResumeCallRecording
from tests.kit.flow import Talk


def talk(fields: str, prompt: str = "", record: str = "", **options: Any) -> Talk:
    """A call that collects at second 0, or after a prompt of 2 s."""
    first = "hello" if prompt else "keys"
    return Talk(
        f"""
variables: {{saved: "", secret: ""}}
sensitive: [secret]
elements:
  start: {{type: start_incoming_call, numbers: ["100"], {record} next: {first}}}
  hello: {{type: play, text: Hello, {prompt} next: keys}}
  keys: {{type: collect, {fields}}}
  a: {{type: hang_up}}
  b: {{type: hang_up}}
  good: {{type: hang_up}}
  bad: {{type: hang_up}}
  silent: {{type: hang_up}}
""",
        **options,
    ).start()


OTHERS = "branches: {no_match: bad, no_input: silent}"


@pytest.mark.parametrize(
    ("fields", "keys", "end", "at"),
    [
        # completes at once when no longer input could match
        ('responses: {"1": a, "2": b}', "1", "a", 0.0),
        ('responses: {"1": a, "2": b}', "3", "bad", 0.0),
        ('responses: {"12": a, "34": b}', "5", "bad", 0.0),
        # a response that is the beginning of another waits
        ('responses: {"1": a, "10": b}', "1", "a", 3.0),
        ('responses: {"1": a, "10": b}', "10", "b", 0.5),
        ('responses: {"1": a, "10": b}', "1#", "a", 0.5),
        ('responses: {"1": a, "10": b}, wait_between: 1s', "1", "a", 1.0),
        # max_digits, terminator, time
        ("max_digits: 4, next: good", "1234", "good", 1.5),
        ("max_digits: 4, next: good", "12#", "good", 1.0),
        ("max_digits: 4, next: good", "12", "good", 3.5),
        ("next: good", "123456", "good", 5.5),
        ("min_digits: 3, max_digits: 4, next: good", "12#", "bad", 1.0),
        ("min_digits: 3, max_digits: 4, next: good", "12", "bad", 3.5),
        ("max_digits: 4, terminator: none, next: good", "12#4", "good", 1.5),
        ('max_digits: 4, terminator: "*", next: good', "12*", "good", 1.0),
        ("max_digits: 4, next: good", "#", "bad", 0.0),
        ("min_digits: 0, max_digits: 4, next: good", "#", "good", 0.0),
        ('responses: {"#": a, "1": b}', "#", "a", 0.0),
        # silence
        ("max_digits: 4, next: good", "", "silent", 5.0),
        ("max_digits: 4, next: good, wait: 8s", "", "silent", 8.0),
        # pattern
        ('pattern: "[1-5]", next: good', "3", "good", 0.0),
        ('pattern: "[1-5]", next: good', "7", "bad", 0.0),
        ('pattern: "\\\\d{4}", next: good', "1234", "good", 1.5),
        ('pattern: "0\\\\d{2,4}", next: good', "012", "good", 4.0),
        ('pattern: "0\\\\d{2,4}", next: good', "1", "bad", 0.0),
    ],
)
def test_when_an_input_is_complete(fields: str, keys: str, end: str, at: float) -> None:
    call = talk(f"{fields}, {OTHERS}")
    if keys:
        call.press(keys[:-1], gap=0.5).press(keys[-1], gap=0.0)
    call.finish()
    assert call.path[-1] == end
    assert call.elapsed == at


def test_no_input_falls_back_to_no_match() -> None:
    assert talk("max_digits: 1, next: good, branches: {no_match: bad}").finish().path[-1] == "bad"


def test_the_wait_counts_from_the_end_of_the_prompt() -> None:
    assert talk(f"max_digits: 1, next: good, {OTHERS}", prompt="pause: 1s,").finish().elapsed == 8.0


def test_silences_and_wrong_inputs_have_their_own_prompts_and_counts() -> None:
    call = talk(
        'responses: {"1": a}, attempts: 4, retry_prompt: {text: Quiet}, invalid_prompt: {text: Wrong}, ' + OTHERS
    )
    call.wait(5.0)
    assert call.said == ["Quiet"]
    call.wait(2.0).press("7", gap=0)
    assert call.said == ["Quiet", "Wrong"]
    call.wait(2.0 + 5.0 + 2.0).press("8", gap=0).finish()
    assert call.said == ["Quiet", "Wrong", "Quiet"]
    assert call.path[-1] == "bad"
    result: Any = call.machine._ctx.result
    assert (result["silences"], result["wrong_inputs"], result["attempts"]) == (2, 2, 4)
    assert call.details("keys")["silences"] == 2


def test_a_wrong_input_takes_the_retry_prompt_where_there_is_no_other_but_silence_does_not() -> None:
    call = talk(f'responses: {{"1": a}}, attempts: 2, retry_prompt: {{text: Again}}, {OTHERS}').press("7")
    assert call.said == ["Again"]
    call = talk(f'responses: {{"1": a}}, attempts: 2, invalid_prompt: {{text: Wrong}}, {OTHERS}').finish()
    assert call.said == []
    assert call.elapsed == 10.0


def test_a_key_interrupts_the_retry_prompt_and_counts() -> None:
    call = talk(f'responses: {{"1": a}}, attempts: 2, retry_prompt: {{text: Again}}, {OTHERS}').wait(5.5).press("1")
    assert call.path[-1] == "a"
    assert call.details("keys")["played"][0]["reason"] == "stopped"


@pytest.mark.parametrize(
    ("prompt", "ahead", "end"),
    [
        ("pause: 0,", "", "silent"),
        ("pause: 0,", "type_ahead: true,", "a"),
        ("interruptible: true,", "", "a"),
        ("interruptible: true,", "type_ahead: false,", "silent"),
    ],
)
def test_type_ahead(prompt: str, ahead: str, end: str) -> None:
    call = talk(f'{ahead} responses: {{"1": a}}, {OTHERS}', prompt=prompt).wait(1.0).press("1").finish()
    assert call.path[-1] == end


def test_keys_typed_ahead_of_the_prompt_are_spread_over_several_collects() -> None:
    call = Talk(
        """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: p1}
  p1: {type: play, text: one, interruptible: true, next: k1}
  k1: {type: collect, max_digits: 2, next: p2}
  p2: {type: play, text: two, interruptible: true, next: k2}
  k2: {type: collect, max_digits: 2, next: bye}
  bye: {type: hang_up}
"""
    ).start()
    call.press_at_once("1234").finish()
    assert (call.details("k1")["digits"], call.details("k2")["digits"]) == ("12", "34")


def test_a_terminator_after_a_full_input_is_no_input_of_its_own() -> None:
    call = Talk(
        """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: k1}
  k1: {type: collect, max_digits: 4, next: menu}
  menu: {type: play, text: menu, interruptible: true, next: k2}
  k2: {type: collect, max_digits: 1, next: bye, branches: {no_match: bye}}
  bye: {type: hang_up}
"""
    ).start()
    call.press("1234#", gap=0.2).wait(0.5).press("5").finish()
    assert call.details("k1")["digits"] == "1234"
    assert call.details("k2")["digits"] == "5"


@pytest.mark.parametrize(
    ("fields", "digits", "keys"),
    [
        ("save_as: saved", "12", ["1", "2"]),
        ("save_as: saved, reporting: masked", "xxxx", ["x", "x"]),
        ("save_as: saved, reporting: hide", None, None),
        ("save_as: secret", "xxxx", ["x", "x"]),
        ("save_as: secret, reporting: hide", None, None),
        ("sensitive: true", "xxxx", ["x", "x"]),
    ],
)
def test_reporting(fields: str, digits: str | None, keys: list[str] | None) -> None:
    call = talk(f"{fields}, max_digits: 2, next: good").press("12").finish()
    details = call.details("keys")
    assert details.get("digits") == digits
    assert ([key["key"] for key in details["keys"]] if "keys" in details else None) == keys
    if digits != "12":
        assert "12" not in repr([step["digits"] for step in call.machine.digits() if "digits" in step])
        assert type(call.machine.variables.get("saved")) is Sensitive or "saved" not in fields


def test_a_masked_response_does_not_show_in_the_branch() -> None:
    call = talk('responses: {"69": a}, reporting: masked').press("69").finish()
    assert call.path[-1] == "a"
    assert "69" not in repr(call.machine.path())


def test_results_and_variables() -> None:
    call = talk("save_as: saved, max_digits: 3, next: good").press("123").finish()
    assert call.machine.variables["saved"] == "123"
    call = talk("save_as: saved, max_digits: 3, min_digits: 3, next: good, branches: {no_match: bad}").press("1#")
    assert call.machine.variables["saved"] == ""


def test_keys_have_source_time_and_length() -> None:
    call = talk("max_digits: 2, next: good").wait(1.0).press("1", source="info").press("2", source="inband").finish()
    assert call.details("keys")["keys"] == [
        {"key": "1", "source": "info", "at": 1.0, "duration": 0.1},
        {"key": "2", "source": "inband", "at": 1.3, "duration": 0.1},
    ]


def test_the_length_of_a_key_comes_when_it_is_let_go() -> None:
    from ivr.flow.ports import Digit

    call = talk("max_digits: 1, next: good")
    call.send(Digit("5", "rfc4733", call.now)).send(DigitEnded("5", call.now, 0.25))
    assert call.machine.finished
    assert call.details("keys")["keys"][0]["duration"] == 0.25


def test_whole_call_recording_pauses_while_secret_keys_are_collected() -> None:
    call = talk("save_as: secret, max_digits: 2, next: good", record="record_call: true,")
    assert call.names[-1] == "PauseCallRecording"
    call.press("12").finish()
    assert len(call.commands(ResumeCallRecording)) == 1
    call = talk("save_as: saved, max_digits: 2, next: good", record="record_call: true,").press("12").finish()
    assert not call.commands(PauseCallRecording)
    call = talk("save_as: secret, max_digits: 2, next: good", record="record_call: true,").press("1").hang_up()
    assert call.machine.finished
    assert not call.commands(ResumeCallRecording)


def test_hanging_up_takes_its_branch_at_once() -> None:
    call = talk("max_digits: 2, next: good").press("1").hang_up()
    assert call.branches[-1] == "user_hung_up"
    call = talk("max_digits: 2, next: good").press("1").hang_up("network")
    assert call.branches[-1] == "call_ended"


def test_a_stuck_key_fills_nothing() -> None:
    call = talk("max_digits: 1, next: good", prompt="pause: 5s,")
    call.press("1" * 500, gap=0.001)
    assert len(call.machine._ctx.keys) <= 64


@pytest.mark.parametrize(
    "fields",
    [
        {"responses": {1: "a"}},
        {"responses": {"x": "a"}},
        {"responses": {"1": "a"}, "next": "b"},
        {"responses": {"1": "a"}, "branches": {"1": "b"}},
        {"terminator": "##"},
        {"terminator": 5},
        {"min_digits": 3, "max_digits": 2},
        {"max_digits": 0},
        {"attempts": 0},
        {"pattern": "("},
        {"pattern": "(?=1)"},
        {"reporting": "loud"},
        {"save_as": "not a name"},
    ],
)
def test_refuses(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CollectElement.model_validate({"type": "collect", **fields})


def test_prompts_of_a_collect_are_played_once_each() -> None:
    call = talk(f"max_digits: 1, attempts: 3, retry_prompt: {{text: Quiet}}, next: good, {OTHERS}").finish()
    assert len(call.commands(Play)) == 2
    assert call.elapsed == 5 + 2 + 5 + 2 + 5
