"""Simulated calls told as lines, in short, and as data."""

from __future__ import annotations

import json

import pytest

from ivr.flow.sim import Given, SimulatedCall, Stubs, tell
from ivr.flow.sim.report import data, faults, summary
from ivr.flow.sim.transcript import clock
from ivr.settings import Limits
from tests.flow.sim.kit import call, walk

SECRETS = """
variables: {pin: "4711", account: ""}
sensitive: [pin]
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: ask}
  ask: {type: collect, max_digits: 3, save_as: pin, next: check, branches: {no_match: bye}}
  check:
    type: call_api
    method: POST
    url: "https://x.example/{{ pin }}"
    body: {pin: "{{ pin }}"}
    next: say
    branches: {error: bye}
  say: {type: play, text: "It is {{ pin }}", next: keep}
  keep: {type: update_profile, fields: {pin: "{{ pin }}"}, next: tell}
  tell: {type: notify, by: email, to: a@b.example, subject: "{{ pin }}", text: "{{ pin }}", next: bye}
  bye: {type: hang_up}
"""


def lines(found: SimulatedCall) -> list[str]:
    return [str(line) for line in tell(found)]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0:00.0"),
        (4.26, "0:04.3"),
        (59.96, "1:00.0"),
        (3724.0, "1:02:04.0"),
        (86400.0 * 3 + 61.0, "3 d 00:01:01.0"),
    ],
)
def test_times(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_a_call_in_lines() -> None:
    found = walk([{"press": "1"}, {"forward": "phone:200", "result": "busy"}, {"forward": "phone:201", "talk": "9s"}])
    assert lines(found) == [
        "0:00.0  start (start_incoming_call) -> next",
        "0:00.0  hello (play) -> audio_played",
        '0:00.0    says "Hello" [en] (2.0 s heard)',
        "0:02.0  menu (collect) -> 1",
        "0:02.0    caller presses 1",
        "0:02.0  sales (forward_call) -> call_forwarded",
        "0:02.0    calls phone:200, phone:201",
        "0:08.0    phone:201 answers",
        "0:17.0    after 9.0 s of talk: forwarded",
        "0:17.0  the flow ends the call: forwarded",
    ]
    assert summary(found) == ["path: start, hello, menu, sales", "duration: 0:17.0", "ended by: forwarded"]
    assert faults(found) == []


def test_what_the_caller_does_and_what_comes_from_outside() -> None:
    found = walk([{"press": "2"}, {"speak": "4s"}, {"event": "paid", "after": 0}, {"hang_up": "listen", "after": "1s"}])
    told = "\n".join(lines(found))
    for text in (
        "caller speaks for 4 s",
        "event paid",
        "says recording voicemail-1.wav (1.0 s heard)",
        "caller hangs up",
    ):
        assert text in told
    assert "the call breaks off: network" in lines(call().start().hang_up("network"))[-1]


def test_part_of_the_lines() -> None:
    found = call().start()
    first = tell(found)
    found.advance()
    assert [line.text for line in tell(found, len(first))] == ["menu (collect)"]


def test_requests_and_mails() -> None:
    found = walk([{"press": "4"}, {"http": "api", "error": "network"}, {"http": "api", "status": 404}])
    told = [line.text for line in tell(found) if line.who == "world"]
    assert told == [
        "sends GET https://x.example/%2B15550199",
        "answer: network",
        "sends GET https://x.example/%2B15550199",
        "answer: 404",
    ]


def test_no_secret_is_told() -> None:
    found = walk([{"press": "852"}], SECRETS)
    assert [sent.body for sent in found.requests] == [b'{"pin": "852"}']
    assert found.path[-1] == "bye"
    told = "\n".join([*lines(found), *summary(found), json.dumps(data(found))])
    assert "852" not in told
    assert "4711" not in told
    assert told.count("caller presses a key") == 6  # the lines, and those in the data
    assert "sends POST (sensitive) (sensitive)" in told


def test_faults() -> None:
    found = walk([{"press": "5"}, {"hang_up": "sales"}], limits=Limits(steps_per_call=3))
    assert faults(found) == ["fault: limits.steps_per_call is reached", 'not used: {"hang_up": "sales"}']
    waiting = call("""
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: bye}
  bye: {type: hang_up, next: wait}
  wait: {type: wait_for_event, event: never, timeout: 1d}
""").start()
    assert faults(waiting)[0].startswith("the flow has no end: it stands at wait")


def test_long_silences_are_told() -> None:
    assert "silence: 9.0 s from 0:02.0 at gap" in summary(walk([{"press": "5"}]))


def test_data_is_json_and_the_same_each_time() -> None:
    first, second = (data(walk([{"press": "2"}, {"speak": "3s"}], given=Given(seed=5))) for _ in range(2))
    assert first == second
    assert json.loads(json.dumps(first)) == first
    assert first["path"] == ["start", "hello", "menu", "record", "listen", "bye"]
    assert first["steps"][3]["entered_at"] == 2.0
    said = first["said"][0]
    assert (said["at"], said["until"], said["element"], said["text"], said["heard"]) == (
        0.0,
        2.0,
        "hello",
        "Hello",
        2.0,
    )
    assert first["ended_by"] == "ended_by_flow"


def test_a_call_in_the_middle() -> None:
    found = call(stubs=Stubs(manual=True)).start().press("1")
    assert lines(found)[-1] == "0:00.0    calls phone:200, phone:201"
    assert data(found)["finished"] is False


def test_notes_stand_at_the_element_that_gave_them() -> None:
    walked = call(
        """
variables: {v: null, w: 0}
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: one}
  one: {type: set_variable, variables: {w: "{{ 1 / 0 }}"}, next: two}
  two: {type: set_variable, variables: {w: "1"}, next: three}
  three: {type: play, text: "{{ money(v, 'EUR') }}", next: four}
  four: {type: set_variable, variables: {w: "{{ 1 / 0 }}"}, next: bye}
  bye: {type: hang_up}
"""
    )
    walked.start().run()
    told = [str(line).split("  ", 1)[1].strip() for line in tell(walked)]
    names = [line.split(" ")[0] for line in told]
    assert names == ["start", "one", "note:", "two", "three", "note:", "four", "note:", "bye", "the"]
