"""What a hand-over packet tells, and what it never does."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.errors import FlowLoadError
from ivr.flow.expressions import MASK, Sensitive
from ivr.flow.loader import join_flows, parse_flow
from ivr.flow.machine import Machine
from ivr.flow.packet import MAX_BYTES, MAX_WAITS, AiTalk, HandedOver, Wait, packet
from ivr.flow.ports import CallInfo, Digit
from tests.kit.flow import NOON

FLOW = """
variables: {order: "", pin: "0000", colour: red}
sensitive: [pin]
shareable: [order, colour]
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: ask}
  ask: {type: collect, max_digits: 2, reporting: masked, save_as: order, next: again, branches: {no_match: bye}}
  again: {type: collect, max_digits: 1, next: rest, branches: {no_match: bye}}
  rest: {type: pause, duration: 5s, next: bye}
  bye: {type: hang_up}
"""


CALL = CallInfo("c1", "+4930111", "100", NOON, line="pbx", short_id=7)


def _at_rest(text: str = FLOW, profile: dict[str, Any] | None = None) -> Machine:
    flow = parse_flow(text, "reception")
    machine = Machine(flow, join_flows([flow]), CALL, {}, profile=profile, tags=["vip"])
    machine.start("start", 0.0)
    for digit in "421":
        machine.receive(Digit(digit, at=1.0), 1.0)
    assert machine.element == "rest"
    return machine


def _packet(machine: Machine, **more: Any) -> dict[str, Any]:
    found = packet(machine._ctx, **more)
    assert json.loads(json.dumps(found)) == found
    return found


def test_it_tells_who_calls_and_what_happened() -> None:
    found = _packet(_at_rest(), origin="front desk", metadata={"order": 12})
    assert found["version"] == 1
    assert found["call"]["from"] == "+4930111"
    assert found["call"]["short_id"] == 7
    assert found["call"]["channel"] == "voice"
    assert found["flow"]["name"] == "reception"
    assert found["flow"]["element"] == "rest"
    assert [(step["element"], step["branch"]) for step in found["path"]] == [
        ("start", "next"),
        ("ask", "collected"),
        ("again", "collected"),
        ("rest", None),
    ]
    assert found["origin"] == "front desk"
    assert found["metadata"] == {"order": 12}
    assert found["tags"] == ["vip"]
    assert found["cut"] == []


def test_inputs_stand_there_as_reporting_says() -> None:
    assert [entry["digits"] for entry in _packet(_at_rest())["inputs"]] == [MASK, "1"]


def test_only_shareable_variables_leave_the_call_and_secret_values_never() -> None:
    machine = _at_rest()
    assert _packet(machine)["variables"] == {"colour": "red"}, "the masked input made order secret"
    machine._ctx.set_variable("order", "12")
    assert _packet(machine)["variables"] == {"colour": "red", "order": "12"}
    machine._ctx.set_variable("order", ["a", Sensitive("b")])
    assert _packet(machine)["variables"]["order"] == ["a", MASK]


def test_secret_fields_of_the_profile_and_of_metadata_are_masked() -> None:
    machine = _at_rest(profile={"name": "Anna", "pin": Sensitive("1234")})
    found = _packet(machine, metadata={"a": {"b": Sensitive("1234")}})
    assert found["profile"] == {"name": "Anna", "pin": MASK}
    assert found["metadata"] == {"a": {"b": MASK}}


def test_a_variable_cannot_be_secret_and_shareable() -> None:
    try:
        parse_flow(FLOW.replace("shareable: [order, colour]", "shareable: [order, pin]"), "reception")
    except FlowLoadError as error:
        (fault,) = error.faults
        assert "never shared" in str(fault)
        assert fault.line == 4
    else:
        raise AssertionError("no fault")


def test_what_is_too_long_is_cut_from_its_beginning_and_named() -> None:
    machine = _at_rest(profile={"long": "x" * 9000, "name": "Anna"})
    ctx = machine._ctx
    ctx.handed.ai = AiTalk(
        "bot", "completed", summary="s" * 9000, transcript=({"role": "user", "text": "t" * 1000},) * 50
    )
    found = _packet(machine)
    assert found["profile"]["name"] == "Anna"
    assert len(found["ai"]["summary"]) < 9000
    assert 0 < len(found["ai"]["transcript"]) < 50
    assert found["cut"] == ["profile", "ai"]


def test_waits_and_the_talk_with_an_ai_agent_are_remembered_within_bounds() -> None:
    handed = HandedOver()
    for number in range(MAX_WAITS + 5):
        handed.waited(Wait("support", float(number), "max_wait"))
    assert len(handed.waits) == MAX_WAITS
    handed.ai = AiTalk("bot", "completed", transcript=({"role": "user", "text": "hello"},))
    again = HandedOver.of(json.loads(json.dumps(handed.data())))
    assert json.dumps(again.data()) == json.dumps(handed.data())
    assert again.ai is not None
    assert isinstance(again.ai.transcript, tuple)


_TEXT = st.builds(str.__mul__, st.text(max_size=5), st.sampled_from([1, 700]))
_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | _TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(_TEXT, inner, max_size=5),
    max_leaves=5,
)


@settings(max_examples=25)
@given(st.dictionaries(_TEXT, _JSON, max_size=5), st.dictionaries(_TEXT, _JSON, max_size=5), _TEXT)
def test_it_is_never_larger_than_it_may_be(profile: Any, metadata: Any, text: str) -> None:
    machine = _at_rest(profile=profile)
    ctx = machine._ctx
    ctx.handed.ai = AiTalk(text, "completed", text, text, ({"text": text},) * 30)
    for number in range(30):
        ctx.tag(f"{text[:90]}{number}")
        ctx.handed.waited(Wait(text, 1.0, "max_wait", text))
    found = _packet(machine, origin=text, metadata=metadata)
    assert len(json.dumps(found)) <= MAX_BYTES
