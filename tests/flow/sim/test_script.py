"""Scripts: how they are read, written and done."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ivr.errors import FaultsError
from ivr.flow.positions import Places
from ivr.flow.sim import Given, Script, ScriptError, Stubs, parse_script
from ivr.flow.sim.steps import HttpStep, PressStep
from tests.flow.sim.kit import DESK, call, walk

SUB = """
variables: {count: 0}
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: menu}
  menu: {type: transfer_to_flow, flow: flow1, return_to: bye}
  bye: {type: hang_up}
"""
INNER = """
elements:
  start: {type: start_from_flow, next: menu}
  menu: {type: collect, max_digits: 1, attempts: 3, next: done}
  done: {type: set_variable, variables: {x: 1}}
variables: {x: 0}
"""


def faults(text: str) -> list[str]:
    with pytest.raises(ScriptError) as caught:
        places = Places(text, "x.yaml")
        parse_script(places.data, places)
    return [str(fault) for fault in caught.value.faults]


# Reading


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('- {press: "1"}\n- {pres: "1"}', "x.yaml:2: 1: not a step, did you mean press? (expected one of press, "),
        ("- {press: 1}", 'x.yaml:1: 0.press: quote the digits (found 1; expected "1")'),
        ('- {press: "1x"}', "keys are of"),
        ('- {press: "1", aftr: 3}', "x.yaml:1: 0.aftr: unknown field, did you mean after?"),
        ("- {wait: long}", "0.wait: not a duration"),
        ("- {forward: sales, result: bussy}", "did you mean busy?"),
        ("- {http: api, status: 99}", "0.status"),
        ("- {until: 2026-03-02}", "needs its zone"),
        ('- {until: "soon"}', "not a time"),
        ("- {hang_up: false}", "an element, or true"),
        ("- 5", "must be a step"),
        ("press: 1", "must be a list of steps"),
    ],
)
def test_faults_say_where_and_what(text: str, expected: str) -> None:
    assert any(expected in fault for fault in faults(text)), faults(text)


def test_every_fault_is_told_and_there_is_a_limit() -> None:
    assert len(faults("- 1\n- 2\n- {wait: x}")) == 3
    with pytest.raises(FaultsError, match="too many steps"):
        parse_script([{"wait": 1}] * 501)


def test_plain_data_has_no_lines() -> None:
    with pytest.raises(ScriptError, match=r"^0\.press: quote the digits"):
        parse_script([{"press": 1}])


def test_it_is_written_as_a_person_would() -> None:
    steps: list[dict[str, Any]] = [
        {"at": "menu", "press": "1", "after": "1.5s"},
        {"silence": True},
        {"speak": 4},
        {"http": "GET *", "status": 404, "body": {"a": [1, None, "yes"]}},
        {"event": "paid", "properties": {"sum": 1.5}},
        {"until": "2026-03-02T10:00:00+01:00"},
        {"ai_agent": "bot", "reason": "completed"},
    ]
    text = parse_script(steps).to_yaml()
    assert text.splitlines() == [
        '- {at: menu, press: "1", after: 1.5s}',
        "- {silence: true}",
        "- {speak: 4s}",
        '- {http: "GET *", status: 404, body: {a: [1, null, "yes"]}}',
        "- {event: paid, properties: {sum: 1.5}}",
        '- {until: "2026-03-02T10:00:00+01:00"}',
        "- {ai_agent: bot, reason: completed}",
    ]
    assert Script().to_yaml() == "[]\n"


NAMES = st.text("abcXYZ_0 -äé#:{}", min_size=1, max_size=8)
SECONDS = st.integers(0, 100_000).map(lambda number: number / 1000)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
STEPS = st.one_of(
    st.fixed_dictionaries(
        {"press": st.text("0123456789*#", min_size=1, max_size=6)}, optional={"at": NAMES, "after": SECONDS}
    ),
    st.fixed_dictionaries({"silence": NAMES | st.just(True)}),
    st.fixed_dictionaries({"wait": SECONDS}),
    st.fixed_dictionaries({"hang_up": NAMES | st.just(True)}, optional={"after": SECONDS}),
    st.fixed_dictionaries({"hang_up_after": SECONDS}),
    st.fixed_dictionaries({"speak": SECONDS}),
    st.fixed_dictionaries(
        {"forward": NAMES, "result": st.sampled_from(["answered", "busy"])},
        optional={"talk": SECONDS, "accepts": st.booleans()},
    ),
    st.fixed_dictionaries({"http": NAMES}, optional={"status": st.integers(100, 599), "body": JSON}),
    st.fixed_dictionaries({"mail": NAMES}, optional={"error": NAMES}),
    st.fixed_dictionaries({"event": NAMES}, optional={"properties": st.dictionaries(NAMES, JSON, max_size=2)}),
)


@given(st.lists(STEPS, max_size=6))
def test_what_is_written_reads_as_it_was(steps: list[dict[str, Any]]) -> None:
    script = parse_script(steps)
    again = parse_script(yaml.safe_load(script.to_yaml()))
    assert again.data() == script.data()
    assert again == script


# Doing


def test_the_example_of_the_specification() -> None:
    found = walk(
        [{"at": "hello", "press": "1"}, {"forward": "sales", "result": "busy"}, {"hang_up_after": "1s"}],
    )
    assert found.path == ["start", "hello", "menu", "sales", "bye"]
    assert found.cause == "user_hung_up"
    assert found.ended_at == 1.0 + 1.0 + 1.0  # both phones are busy after a second, one after the other
    assert found.unused_steps == ()


def test_a_key_at_an_element_and_a_key_when_one_is_wanted() -> None:
    assert walk([{"at": "hello", "press": "5"}]).steps[1].left_at == 0.0
    assert walk([{"at": "hello", "press": "5", "after": "1s"}]).steps[1].left_at == 1.0
    assert walk([{"press": "5"}]).steps[1].left_at == 2.0
    found = walk([{"at": "menu", "press": "9"}, {"at": "menu", "press": "5"}])
    assert found.steps[2].details["wrong_inputs"] == 1
    assert found.path[-2:] == ["gap", "bye"]


def test_silence_lets_the_time_run_out() -> None:
    found = walk([{"silence": "menu"}, {"press": "5"}])
    assert found.steps[2].details["silences"] == 1
    assert found.steps[2].left_at == 2.0 + 5.0 + 2.0
    found = walk([{"silence": True}, {"silence": True}])
    assert found.steps[2].branch == "no_input"
    assert found.unused_steps == ()


def test_time_passes() -> None:
    assert walk([{"wait": "3s"}, {"press": "5"}]).steps[2].left_at == 3.0
    assert walk([{"until": "2026-03-02T12:00:04+00:00"}, {"press": "5"}]).steps[2].left_at == 4.0
    assert walk([{"hang_up": True}]).ended_at == 0.0
    assert walk([{"hang_up": "menu", "after": "1s"}]).ended_at == 3.0


def test_answers_are_there_before_their_turn_and_hold_up_what_comes_after() -> None:
    steps = [{"http": "api", "status": 500}, {"http": "api", "status": 404}, {"hang_up_after": "0.5s"}]
    found = walk([{"press": "4"}, *steps])
    assert [sent.status for sent in found.requests] == [500, 404]
    assert found.ended_at == pytest.approx(2.0 + 0.2 + 1.0 + 0.2 + 0.5)
    assert found.unused_steps == ()


def test_the_caller_may_be_the_one_who_leaves() -> None:
    found = walk([{"press": "1"}, {"forward": "phone:200", "after": "2s", "talk": "9s", "then": "hang_up"}])
    assert (found.forwards[0].talk_time, found.cause) == (9.0, "forwarded")


def test_steps_that_never_come_to_be_done_are_told() -> None:
    steps: list[dict[str, Any]] = [{"press": "5"}, {"at": "sales", "press": "1"}, {"http": "api"}, {"hang_up": True}]
    found = walk(steps)
    assert [step.data() for step in found.unused_steps] == [
        {"at": "sales", "press": "1"},
        {"http": "api"},
        {"hang_up": True},
    ]
    assert found.cause == "ended_by_flow"
    assert len(walk([{"hang_up": True}, {"hang_up": True}]).unused_steps) == 1


def test_without_an_end_the_call_stands_where_the_script_ends() -> None:
    found = parse_script([{"press": "5"}]).run(call(DESK), finish=False)
    assert (found.path[-1], found.now, found.finished) == ("gap", 2.0, False)
    again = parse_script([{"wait": "1s"}]).run(found, finish=False)
    assert again.now == 3.0


def test_elements_of_other_flows() -> None:
    found = parse_script([{"at": "flow1/menu", "press": "7"}]).run(call(SUB, INNER))
    assert found.path == ["start", "menu", "start", "menu", "done", "bye"]
    assert found.steps[3].details["digits"] == "7"


def test_the_answers_of_a_script_come_before_the_stubs() -> None:
    [step] = parse_script([{"http": "api", "status": 404}]).steps
    assert isinstance(step, HttpStep)
    stubs = Stubs(http=(step.answer.__class__("api", 500),))
    assert [sent.status for sent in walk([{"press": "4"}, {"http": "api", "status": 404}], stubs=stubs).requests] == [
        404
    ]


@given(
    st.lists(
        st.one_of(
            st.builds(
                lambda key, at: {"press": key, **at}, st.sampled_from("12345#"), st.sampled_from([{}, {"at": "menu"}])
            ),
            st.sampled_from(
                [{"silence": True}, {"wait": "1s"}, {"speak": "2s"}, {"forward": "sales", "result": "busy"}]
            ),
            st.sampled_from([{"http": "api", "error": "network"}, {"hang_up_after": "2s"}, {"hang_up": "gap"}]),
        ),
        max_size=6,
    )
)
def test_any_script_comes_to_an_end_and_is_done_the_same_way_again(steps: list[dict[str, Any]]) -> None:
    first, second = (walk(steps, given=Given(seed=3)) for _ in range(2))
    assert first.finished
    assert first.ended
    assert (first.path, first.now, first.cause) == (second.path, second.now, second.cause)
    assert first.said == second.said
    assert all(isinstance(step, PressStep) or step.data() for step in first.unused_steps)
