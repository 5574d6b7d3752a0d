"""Those whom a simulated flow calls: answers, refusals, machines, keys, pace and virtual time."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from ivr.flow.loader import join_flows, parse_flow
from ivr.flow.replay import read_record, replay
from ivr.flow.sim import CalleeAnswer, Given, SimulatedCall, Stubs, configured, parse_script
from ivr.flow.sim.report import data
from ivr.flow.sim.transcript import tell
from ivr.settings import Settings
from tests.kit.records import record_of

NUMBER = "+4930123456"

FLOW = """
variables: {name: null}
elements:
  start: {type: start_from_audience, save: {name: name}, next: call}
  call:
    type: start_outgoing_call
    window: {days: mon-fri, from: "09:00", to: "17:00"}
    retry: {times: 2, min_minutes: 30, max_minutes: 60}
    machine_detection: beep
    next: hello
    branches: {voicemail: message, call_ended: later}
  hello: {type: play, text: "Hello {{ name }}", next: ask}
  ask: {type: collect, responses: {"1": bye}, branches: {no_input: bye, no_match: bye}}
  message: {type: play, text: "Please call back.", next: bye}
  bye: {type: hang_up, next: done}
  done: {type: tag, tags: reached}
  later: {type: tag, tags: "{{ result.status }}"}
"""


def simulate(*steps: dict[str, object], text: str = FLOW, time: str = "2026-03-02T12:00:00+01:00") -> SimulatedCall:
    flow = parse_flow(text, "main")
    given = Given(caller=NUMBER, time=datetime.fromisoformat(time), properties={"name": "Ada"}, audience=True)
    return parse_script(list(steps)).run(SimulatedCall(flow, join_flows([flow]), given))


def test_without_a_word_a_person_answers() -> None:
    call = simulate()
    assert call.path == ["start", "call", "hello", "ask", "bye", "done"]
    (made,) = call.dialled
    assert (made.to, made.attempt, made.outcome, made.answerer, made.answered_at) == (
        NUMBER,
        1,
        "answered",
        "human",
        5.0,
    )
    assert [said.text for said in call.said] == ["Hello Ada"]
    assert call.call_info.direction == "outbound"
    assert call.duration == pytest.approx(call.ended_at - 5.0 if call.ended_at else 0.0)


def test_the_callee_is_the_caller_of_the_script() -> None:
    call = simulate({"press": "1"}, {"hang_up_after": "0s"})
    assert call.steps[3].branch == "1"
    call = simulate({"hang_up": "hello", "after": "1s"})
    assert call.cause == "user_hung_up"


def test_attempts_in_a_row_over_a_weekend() -> None:
    call = simulate(
        {"callee": "call", "result": "no_answer"},
        {"callee": "call", "result": "busy"},
        {"callee": "+49*", "result": "machine"},
        time="2026-03-06T16:45:00+01:00",
    )
    assert [(made.attempt, made.outcome) for made in call.dialled] == [(1, "no_answer"), (2, "busy"), (3, "answered")]
    assert call.path[2] == "message"
    assert call.dialled[2].answerer == "machine"
    assert call.wall() > datetime(2026, 3, 9, 9, tzinfo=UTC)
    assert not call.unused_steps


@pytest.mark.parametrize("result", ["busy", "no_answer", "declined"])
def test_nobody_is_reached(result: str) -> None:
    call = simulate(*({"callee": "call", "result": result} for _ in range(3)))
    assert call.machine.tags == [result]
    assert call.cause is None
    assert not call.said


def test_failures_have_kinds_and_words() -> None:
    final = simulate({"callee": "call", "result": "failed", "kind": "final", "status": "do_not_contact"})
    assert final.machine.tags == ["do_not_contact"]
    assert len(final.dialled) == 1
    ours = simulate({"callee": "call", "result": "failed", "kind": "unexplained", "sip_code": 500}, {"callee": "call"})
    assert [made.outcome for made in ours.dialled] == ["failed", "answered"]


def test_who_hangs_up_before_it_is_known_who_it_is() -> None:
    call = simulate({"callee": "call", "hangs_up": "0.5s"})
    assert call.machine.tags == ["user_hung_up"]
    assert call.ended


def test_a_machine_without_a_beep_is_waited_for_longer() -> None:
    with_beep = simulate({"callee": "call", "result": "machine", "greeting": "10s"})
    without = simulate({"callee": "call", "result": "machine", "greeting": "10s", "beep": False})
    assert with_beep.steps[1].left_at == pytest.approx(5.0 + 10.5)
    assert without.steps[1].left_at == pytest.approx(5.0 + 15.0)
    assert not [silence for silence in with_beep.silences if silence.element == "call"]


def test_a_key_pressed_before_it_is_known_who_it_is_tells_a_person() -> None:
    flow, time = parse_flow(FLOW, "main"), datetime.fromisoformat("2026-03-02T12:00:00+01:00")
    stubs = Stubs(callees=(CalleeAnswer(result="machine", greeting=9.0),))
    call = SimulatedCall(flow, join_flows([flow]), Given(caller=NUMBER, time=time, audience=True), stubs).start()
    call.wait(6.0)
    call.press("1")
    call.run()
    # The key answers no question that was not asked yet.
    assert call.path == ["start", "call", "hello", "ask", "bye", "done"]
    assert call.steps[1].left_at == pytest.approx(6.0)
    assert call.dialled[0].answerer == "human"
    recorded = read_record({**record_of(call), "cause": call.cause}, time.tzinfo or UTC)
    found = replay(recorded, call.flow, call.flows, configured(Settings()))
    assert found.divergence is None, (found.divergence, found.path)


CONFIRM = FLOW.replace("machine_detection: beep", 'confirm: {prompt: "Press 5.", key: "5"}')


def test_a_person_presses_the_key_unless_he_does_not() -> None:
    assert simulate(text=CONFIRM).path[2] == "hello"
    assert simulate({"callee": "call", "accepts": False}, text=CONFIRM).path[2] == "message"
    assert simulate({"callee": "call", "result": "machine"}, text=CONFIRM).path[2] == "message"


def test_the_pace_holds_for_the_attempts_of_one_flow() -> None:
    text = FLOW.replace("machine_detection", "speed: {calls: 2, per: hour}\n    machine_detection").replace(
        "times: 2, min_minutes: 30, max_minutes: 60", "times: 3, min_minutes: 1"
    )
    call = simulate(*({"callee": "call", "result": "busy"} for _ in range(4)), text=text)
    assert [round(made.at) for made in call.dialled] == [0, 61, 3600, 3661]


def test_by_hand() -> None:
    flow = parse_flow(FLOW, "main")
    call = SimulatedCall(flow, join_flows([flow]), Given(caller=NUMBER, audience=True), Stubs(manual=True)).start()
    assert not call.callee_result(CalleeAnswer())
    call.wait(3.0)
    assert call.waiting is not None
    assert call.waiting.kind == "dial"
    assert call.callee_result(CalleeAnswer(result="machine"))
    call.run()
    assert call.path[2] == "message"
    lines = [str(line) for line in tell(call)]
    assert any(line.endswith(f"calls {NUMBER}, attempt 1") for line in lines)
    assert any(line.endswith(f"{NUMBER} answers") for line in lines)
    shown = json.loads(json.dumps(data(call)))
    assert shown["calls"][0]["outcome"] == "answered"


# Replays


@pytest.mark.parametrize(
    "steps",
    [
        [{}],
        [{"result": "busy"}, {"result": "no_answer"}, {"result": "human", "after": "12s"}],
        [{"result": "busy"}] * 3,
        [{"result": "failed", "kind": "unexplained"}, {"result": "machine", "greeting": "9s"}],
        [{"result": "failed", "kind": "final", "status": "interrupted"}],
        [{"hangs_up": "0.5s"}],
    ],
)
@pytest.mark.parametrize(
    "text", [FLOW, CONFIRM, FLOW.replace("machine_detection: beep", "speed: {calls: 1, per: day}")]
)
def test_a_recorded_call_goes_the_same_way_again(steps: list[dict[str, object]], text: str) -> None:
    text = text if "beep" in text or "confirm" in text else text.replace("voicemail: message, ", "")
    call = simulate(*({"callee": "call", **step} for step in steps), text=text, time="2026-03-06T16:20:00+01:00")
    assert call.finished
    record = {**record_of(call), "cause": call.cause or "ended_by_flow"}
    recorded = read_record(record, datetime.fromisoformat("2026-03-06T16:20:00+01:00").tzinfo or UTC)
    found = replay(recorded, call.flow, call.flows, configured(Settings()))
    assert found.divergence is None, (found.divergence, found.path)
    assert list(found.path) == call.path
