"""Simulated calls driven by hand: time, keys, speech, hanging up, and what can be asked of them."""

from __future__ import annotations

import pytest

from ivr.flow.ports import CallEnded, StopPlay
from ivr.flow.sim import Given, Silence, Stubs, tell
from ivr.settings import Limits
from tests.flow.sim.kit import call, walk

ASLEEP = """
variables: {count: 0}
elements:
  start: {type: start_incoming_call, numbers: ["100"], answer: {after: 3s}, next: bye}
  bye: {type: hang_up, next: wait}
  wait: {type: pause, duration: 3d, next: done}
  done: {type: set_variable, variables: {count: "{{ count + 1 }}"}}
"""


def test_time_stands_still_until_it_is_told_to_pass() -> None:
    found = call().start()
    assert (found.now, found.path) == (0.0, ["start", "hello"])
    assert found.next_moment() == 2.0
    assert found.advance()
    assert (found.now, found.path[-1]) == (2.0, "menu")
    found.wait(4.9)
    assert (found.now, found.said[-1].text) == (6.9, "Hello")
    found.run(until=7.5)
    assert (found.now, found.said[-1].text) == (7.5, "Again")


def test_a_silent_caller_is_walked_to_the_end() -> None:
    found = call().start().run()
    assert found.path == ["start", "hello", "menu", "bye"]
    assert [step.branch for step in found.steps] == ["next", "audio_played", "no_input", "next"]
    assert found.cause == "ended_by_flow"
    assert found.duration == found.now == 2.0 + 5.0 + 2.0 + 5.0 + 2.0
    assert [(said.element, said.text, said.heard) for said in found.said] == [
        ("hello", "Hello", 2.0),
        ("menu", "Again", 2.0),
        ("bye", "Goodbye", 2.0),
    ]


def test_a_key_cuts_a_prompt_short_and_counts() -> None:
    found = call().start().wait(0.75).press("5")
    assert found.path[-1] == "gap"
    assert any(type(command) is StopPlay for _, command in found.log)
    found.wait(0.0)
    assert (found.said[0].heard, found.said[0].until) == (0.75, 0.75)


def test_keys_come_one_after_the_other() -> None:
    found = call().start().press("3").press("12", gap=0.5)
    assert found.now == 0.5
    assert found.waiting is not None
    assert found.waiting.element == "ask_pin"
    found.press("34", gap=0.5).run()
    assert found.variables()["pin"] == "(sensitive)"
    assert found.path[-1] == "bye"


@pytest.mark.parametrize("cause", ["user_hung_up", "network"])
def test_the_caller_leaves(cause: str) -> None:
    found = call().start().wait(1.0).hang_up(cause)  # type: ignore[arg-type]
    assert found.ended
    assert (found.ended_at, found.cause) == (1.0, cause)
    assert found.finished
    found.run()
    assert found.said[0].heard == 1.0
    assert found.hang_up().press("1").speak(3.0).now == 1.0
    assert len([line for line in tell(found) if line.who == "caller"]) == 1


def test_what_is_waited_for() -> None:
    found = call().start()

    def waiting() -> tuple[str, str, float | None, bool]:
        now = found.waiting
        assert now is not None
        return now.element, now.kind, now.until, now.interruptible

    assert waiting() == ("hello", "prompt", 2.0, True)
    found.advance()
    assert waiting() == ("menu", "keys", 7.0, True)
    found.advance()
    assert waiting() == ("menu", "prompt", 9.0, True)
    found.press("5")
    found.wait(0.0)
    assert waiting() == ("gap", "time", 16.0, False)
    found.run()
    assert found.waiting is None


def test_a_flow_goes_on_without_its_caller_and_days_pass_at_once() -> None:
    found = call(ASLEEP).start().run()
    assert found.path == ["start", "bye", "wait", "done"]
    assert found.duration == 3.0
    assert found.now == 3 * 86400 + 3.0
    assert (found.wall() - found.given.time).days == 3
    assert found.variables()["count"] == 1
    assert not found.silences


def test_times_in_which_nothing_is_heard() -> None:
    found = walk([{"press": "5"}])
    assert found.silences == [Silence(2.0, 11.0, "gap")]
    assert found.silences[0].seconds == 9.0
    assert walk([{"press": "2"}, {"speak": "2s"}]).silences == []


def test_a_pause_before_a_prompt_is_silent() -> None:
    source = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: wait}
  wait: {type: pause, duration: 4s, next: hello}
  hello: {type: play, text: Hello, pause: 3s, next: bye}
  bye: {type: hang_up}
"""
    assert walk([], source).silences == [Silence(0.0, 7.0, "wait")]
    assert walk([], source.replace("next: wait}", "next: hello}")).silences == [Silence(0.0, 3.0, "hello")]


def test_what_is_given() -> None:
    source = """
variables: {who: nobody}
elements:
  start: {type: start_incoming_call, numbers: ["100"], line: trunk, next: hello}
  hello:
    type: play
    text: "{{ who }} {{ call.from }} {{ call.to }} {{ call.line }} {{ profile.name }} {{ settings.shop }}
      {{ call.headers.x }}"
    next: bye
  bye: {type: hang_up}
"""
    given = Given(
        caller="200",
        variables={"who": "me"},
        profile={"name": "Ann"},
        settings={"shop": "here"},
        headers={"x": "y"},
        tags=("vip",),
    )
    found = call(source, given=given, settings={"shop": "there", "more": 1}).start()
    assert found.said[0].text == "me 200 100 trunk Ann here y"
    assert found.machine.tags == ["vip"]


def test_the_same_seed_the_same_call() -> None:
    assert call(given=Given(seed=7)).call_info == call(given=Given(seed=7)).call_info
    assert call(given=Given(seed=7)).call_info.id != call(given=Given(seed=8)).call_info.id


def test_another_entry() -> None:
    source = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: one}
  other: {type: start_incoming_call, numbers: ["101"], next: two}
  one: {type: hang_up}
  two: {type: hang_up}
"""
    found = call(source, given=Given(entry="other")).start()
    assert (found.path, found.call_info.to) == (["other", "two"], "101")


def test_a_limit_ends_it() -> None:
    source = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: a}
  a: {type: play, text: a, next: a}
"""
    found = call(source, limits=Limits(visits_without_input=3)).start().run()
    assert found.path == ["start", "a", "a", "a"]
    assert (found.cause, found.machine.fault) == ("system", "limits.visits_without_input is reached at element a")


def test_events_as_a_shell_would_send_them() -> None:
    found = call(stubs=Stubs(manual=True)).start()
    found.send(CallEnded("media_timeout"))
    assert found.cause == "media_timeout"
