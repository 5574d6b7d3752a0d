"""`ivr simulate`, from a script and by hand."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ivr.cli.main import cli

DESK = """
variables: {name: nobody, count: 1, pin: "0000"}
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: hello}
  other: {type: start_incoming_call, numbers: ["101"], next: bye}
  hello: {type: play, text: "Hello {{ name }}, {{ count + 1 }}, {{ profile.vip }}, {{ call.from }}.", next: menu}
  menu:
    type: collect
    responses: {"1": sales, "2": ask, "3": record, "4": sub, "5": sound}
    branches: {no_input: bye, no_match: bye}
  sales: {type: forward_call, to: phone:200, branches: {call_not_forwarded: bye}}
  ask: {type: call_api, url: "https://x.example/", save: {name: "$.name"}, next: bye, branches: {error: bye}}
  record: {type: record_voicemail, next: bye}
  sub: {type: transfer_to_flow, flow: sub, return_to: bye, branches: {other: bye}}
  sound: {type: play, file: tune.wav, next: bye}
  bye: {type: hang_up}
"""
SUB = """
elements:
  start: {type: start_from_flow, next: wait}
  wait: {type: wait_for_event, event: paid, hold_music: true}
"""


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("flows", "prompts"):
        (tmp_path / folder).mkdir()
    (tmp_path / "flows" / "desk.yaml").write_text(DESK)
    (tmp_path / "flows" / "sub.yaml").write_text(SUB)
    (tmp_path / "ivr.yaml").write_text("flows: flows/\nprompts: prompts/\n")
    with wave.open(str(tmp_path / "prompts" / "tune.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(2 * 8000 * 3))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["--config", "ivr.yaml", "simulate", *arguments], input=typed)


def scripted(script: str, *arguments: str) -> Result:
    return run("desk", "--script", "-", *arguments, typed=script)


# From a script


def test_a_transcript_and_a_summary() -> None:
    result = scripted('[{press: "1"}, {forward: sales, result: busy}]')
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "0:00.0  start (start_incoming_call) -> next"
    assert "    calls phone:200" in result.stdout
    assert lines[-3:] == ["path: start, hello, menu, sales, bye", lines[-2], "ended by: ended_by_flow"]


def test_json() -> None:
    found = json.loads(scripted('- {press: "2"}\n- {http: ask, body: {name: Ann}}', "--json").stdout)
    assert found["path"] == ["start", "hello", "menu", "ask", "bye"]
    assert found["requests"][0]["status"] == 200
    assert found["variables"]["name"] == "Ann"


def test_what_is_given() -> None:
    given = ["--caller", "200", "--set", "name=Ann", "--set", "count=4", "--profile", "vip=true", "--seed", "4"]
    found = json.loads(scripted("[]", "--json", "--time", "2026-03-02T10:00", *given).stdout)
    assert found["said"][0]["text"] == "Hello Ann, 5, true, 200."
    assert (found["started_at"], found["seed"]) == ("2026-03-02T10:00:00+00:00", 4)
    assert json.loads(scripted("[]", "--json", "--set", "pin=0815").stdout)["variables"]["pin"] == "0815"
    assert json.loads(scripted("[]", "--json", "--from", "other").stdout)["path"] == ["other", "bye"]


def test_a_test_case_and_a_file_of_a_flow(house: Path) -> None:
    (house / "case.yaml").write_text('name: x\nwhen:\n  - {press: "9"}\n')
    (house / "away.yaml").write_text(SUB.replace("wait_for_event, event: paid, hold_music: true", "hang_up"))
    assert "no_match" in run("desk", "--script", "case.yaml").stdout
    assert run("away.yaml", "--script", "case.yaml").exit_code == 1  # the key is never wanted
    (house / "empty.yaml").write_text("")
    assert run("away.yaml", "--script", "empty.yaml").exit_code == 0


def test_files_are_as_long_as_they_are() -> None:
    assert "says file tune.wav (3.0 s heard)" in scripted('[{press: "5"}]').stdout


def test_steps_that_are_not_done_are_a_fault() -> None:
    result = scripted('[{at: sales, press: "1"}]')
    assert result.exit_code == 1
    assert 'not used: {"at": "sales", "press": "1"}' in result.stdout


@pytest.mark.parametrize(
    ("arguments", "script", "code", "text"),
    [
        (["none"], "[]", 2, "there is no flow none; there are desk, sub"),
        (["desk", "--from", "nowhere"], "[]", 2, "there is no element nowhere; there are start,"),
        (["desk", "--set", "zzz=1"], "[]", 2, "the flow has no variable zzz; it has name, count, pin"),
        (["desk", "--set", "zzz"], "[]", 2, "write NAME=VALUE"),
        (["desk", "--time", "noon"], "[]", 2, "not a time, like"),
        (["desk"], "[{pres: '1'}]", 1, "-:1: 0: not a step, did you mean press?"),
        (["desk"], "[{", 1, "not valid YAML"),
        (["desk", "--script", "none.yaml"], "", 1, "none.yaml cannot be read"),
    ],
)
def test_refuses(arguments: list[str], script: str, code: int, text: str) -> None:
    more = [] if "--script" in arguments else ["--script", "-"]
    result = run(*arguments, *more, typed=script)
    assert result.exit_code == code, result.output
    assert text in result.output


def test_json_needs_a_script() -> None:
    assert run("desk", "--json").exit_code == 2


# By hand


def by_hand(*lines: str) -> str:
    result = run("desk", typed="\n".join([*lines, ""]))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_keys_silence_and_hanging_up() -> None:
    told = by_hand("", "9")
    assert 'says "Hello nobody' in told
    assert "[hello: something is said, 0:0" in told
    assert "[menu: keys are awaited, 0:05.0 left] > 9" in told
    assert told.endswith("path: start, hello, menu, bye\nduration: " + told.split("duration: ")[1])
    assert "ended by: user_hung_up" in by_hand("h")


def test_a_called_party() -> None:
    told = by_hand("", "1", "l", "a", "w 5s", "l")
    assert "[sales: it rings] > a" in told
    assert "phone:200 answers" in told
    assert "[sales: the two talk] > w 5s" in told
    assert "after 5.0 s of talk: forwarded" in told
    for key, outcome in (("b", "busy"), ("n", "no_answer"), ("d", "declined"), ("f", "failed")):
        assert f"phone:200: {outcome}" in by_hand("", "1", key)


def test_an_http_answer() -> None:
    told = by_hand("", "2", '200 {"name": "Ann"}', "v")
    assert "[ask: an HTTP answer is awaited (200 {...})] > 200" in told
    assert "answer: 200" in told
    assert "answer: timeout" in by_hand("", "2", "timeout")
    assert "caller presses 2\n" in by_hand("", "2", "p 200")
    assert "answer: 404" in by_hand("", "2", "404 nothing here")


def test_speaking_and_events() -> None:
    told = by_hand("", "3", "s 3s", "w 0.5s", "s 3s", "#")
    assert "nobody listens" in told
    assert "caller speaks for 3 s" in told
    assert "duration: 0:" in told
    told = by_hand("", "4", "e", "e paid [1]", 'e paid {"sum": 5}')
    assert told.count('like: e order.paid {"amount": 5}') == 2
    assert 'event paid {"sum": 5}' in told


def test_help_trace_variables_and_nonsense() -> None:
    told = by_hand("?", "t", "v", "zzz", "w x", "s x", "a", "p", "q")
    assert "the caller hangs up" in told
    assert "  start -> next\n  hello\n" in told
    assert '  name = "nobody"' in told
    assert "what is that?" in told
    assert told.count("not a duration") == 2
    assert "nobody is being called" in told
    assert "keys are of" in told


def test_the_end_of_the_input_is_the_end() -> None:
    assert "path: start, hello\n" in by_hand()
