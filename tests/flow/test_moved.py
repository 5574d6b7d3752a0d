"""Calls that somebody outside moves to another flow, and what can be asked of a call in any state."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.flow.ports import (
    CancelForward,
    Forward,
    ForwardAnswered,
    HangUp,
    Instruction,
    InstructionDone,
    Moved,
    Play,
    Record,
    RecordDone,
    SendKeys,
    StartCallRecording,
    StopCallRecording,
    StopPlay,
    StopRecord,
)
from tests.kit.flow import Talk, make_flow

MAIN = """
variables: {kept: 1}
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: hello}
  hello: {type: play, text: Hello, next: ask}
  ask: {type: collect, max_digits: 4, wait: 20s, retry_prompt: Again, attempts: 2, next: message}
  message: {type: record_voicemail, next: away}
  away: {type: forward_call, to: "200", branches: {call_not_forwarded: sub}}
  sub: {type: transfer_to_flow, flow: other, return_to: bye}
  bye: {type: hang_up}
"""
OTHER = """
elements:
  start: {type: start_from_flow, next: words}
  words: {type: play, text: Inside, loop: 50}
"""
TARGET = make_flow(
    """
variables: {who: nobody}
elements:
  start: {type: start_from_flow, next: words}
  words: {type: play, text: "Moved for {{ who }}", next: bye}
  bye: {type: hang_up}
""",
    "target",
)


def talk() -> Talk:
    return Talk(MAIN, {"other": OTHER}).start()


def move(call: Talk, **variables: Any) -> Talk:
    return call.send(Moved(TARGET, "start", "api", variables)) or call


def test_a_prompt_is_stopped_and_the_call_goes_on_elsewhere() -> None:
    call = talk().wait(0.5)
    first = call.commands(Play)[0].id
    move(call, who="Anna")
    assert [command.id for command in call.commands(StopPlay)] == [first]
    assert call.said == ["Hello", "Moved for Anna"]
    assert call.branches[1] == "moved by api"
    assert call.finish().path == ["start", "hello", "start", "words", "bye"]
    assert call.machine.cause == "ended_by_flow"
    assert [step.flow for step in call.machine.steps] == ["main", "main", "target", "target", "target"]


def test_keys_pressed_before_do_not_count_there() -> None:
    call = talk().wait(2.5).press("12")
    move(call)
    assert not call.machine._ctx.keys
    assert call.finish().machine.cause == "ended_by_flow"


def test_a_recording_is_completed_and_in_the_trace() -> None:
    call = talk().wait(2.5).press("1234")
    call.wait(1.0)
    record = call.commands(Record)[0]
    move(call)
    assert [command.id for command in call.commands(StopRecord)] == [record.id]
    assert not call.machine.settled
    call.wait(0.1)
    assert call.details("message")["reason"] == "cut"
    call.finish()
    assert call.machine.settled


def test_a_recording_that_is_closed_late_completes_the_trace_after_the_end() -> None:
    call = talk().wait(2.5).press("1234")
    call.wait(1.0)
    number = call.commands(Record)[0].id
    call.lose_recording()
    move(call)
    call.finish()
    assert call.machine.finished and not call.machine.settled
    call.send(RecordDone(number, "/r/one.wav", 1.2, "stopped"))
    assert call.machine.settled
    assert call.details("message")["recording"] == "/r/one.wav"


def test_out_of_a_forward_ringing_or_bridged() -> None:
    for answered in (False, True):
        call = talk().wait(2.5).press("1234").speak(2.0)
        forward = call.commands(Forward)[0]
        if answered:
            call.send(ForwardAnswered(forward.id, "200"))
        move(call)
        assert [command.id for command in call.commands(CancelForward)] == [forward.id]
        assert not call.commands(HangUp)
        assert call.finish().machine.cause == "ended_by_flow"


def test_subroutines_are_dropped() -> None:
    call = talk().wait(2.5).press("1234").speak(2.0)
    call.call.forward_result("busy")
    assert call.machine.element == "words"
    assert call.machine.flow == "other"
    move(call)
    assert call.finish().path[-1] == "bye"
    assert call.machine.steps[-1].flow == "target"


def test_refused_once_the_session_is_over() -> None:
    call = talk().wait(0.5).hang_up()
    assert call.machine.move_refusal() == "the call is over"
    steps = len(call.machine.steps)
    move(call)
    assert len(call.machine.steps) == steps


def test_moves_have_no_end_and_the_limits_still_hold() -> None:
    call = talk()
    for _ in range(3000):
        if call.machine.finished:
            break
        move(call)
    assert call.machine.finished
    assert "limits.steps_per_call" in (call.machine.fault or "")


# In any state


def instruct(call: Talk, verb: str, **fields: Any) -> InstructionDone:
    call.send(Instruction(7, verb, fields))
    done: InstructionDone = call.commands(InstructionDone)[-1]
    assert done.id == 7
    return done


def test_hang_up_takes_the_branch_for_it() -> None:
    call = talk().wait(0.5)
    assert instruct(call, "hang_up").error is None
    assert call.machine.cause == "ended_by_api"
    assert call.commands(HangUp)[-1].cause == "ended_by_api"
    assert call.machine.finished
    assert instruct(call, "hang_up").error == "the call is over"


def test_keys_are_sent() -> None:
    call = talk().wait(0.5)
    assert instruct(call, "send_digits", digits="12w#").error is None
    assert call.commands(SendKeys)[-1].keys == "12w#"
    assert "digits" in (instruct(call, "send_digits", digits="12x").error or "")
    assert [entry["verb"] for entry in call.details("hello")["instructions"]] == ["send_digits", "send_digits"]
    assert "12w#" not in str(call.machine.path())


def test_the_whole_call_is_recorded_once() -> None:
    call = talk().wait(0.5)
    assert instruct(call, "stop_recording").error is not None
    assert instruct(call, "start_recording").error is None
    assert instruct(call, "start_recording").error is not None
    assert instruct(call, "stop_recording").error is None
    assert (len(call.commands(StartCallRecording)), len(call.commands(StopCallRecording))) == (1, 1)


def test_other_instructions_need_control() -> None:
    call = talk().wait(0.5)
    assert "under its flow" in (instruct(call, "play", text="x").error or "")
    assert call.machine.element == "hello"


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0, 40)),
        st.tuples(st.just("press"), st.sampled_from("0123456789*#")),
        st.tuples(st.just("move"), st.none()),
        st.tuples(st.just("order"), st.sampled_from(["send_digits", "start_recording", "stop_recording", "play"])),
        st.tuples(st.just("speak"), st.floats(0.1, 5)),
        st.tuples(st.just("forward"), st.sampled_from(["busy", "answered", "no_answer"])),
    ),
    max_size=25,
)


@given(ACTS)
@settings(deadline=None, max_examples=60)
def test_whatever_happens_everything_that_was_begun_is_ended_once(acts: list[tuple[str, Any]]) -> None:
    call = talk()
    for act, value in acts:
        match act:
            case "wait":
                call.wait(value)
            case "press":
                call.press(value)
            case "move":
                if not call.machine.finished:
                    move(call)
            case "order":
                call.send(Instruction(1, value, {"digits": "1"}))
            case "speak" if call.call.recording:
                call.call.speak(value)
            case "forward" if any(type(command) is Forward for command in call.commands()):
                call.call.forward_result(value)
    if not call.machine.finished:
        call.hang_up()
    call.finish()
    assert call.machine.fault is None or call.machine.fault.startswith("limits.")
    for kind in (StopPlay, StopRecord, CancelForward):
        ids = [command.id for command in call.commands(kind)]
        assert len(ids) == len(set(ids))
    assert len(call.commands(HangUp)) <= 1
