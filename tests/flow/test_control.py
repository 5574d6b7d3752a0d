"""Instructions from outside, carried out one after another."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.flow.control import MAX_WAITING, ControlElement
from ivr.flow.model import Flow
from ivr.flow.ports import HangUp, Instruction, InstructionDone, Moved, Play, Record, SendKeys, StopPlay, StopRecord
from tests.kit.flow import Talk, make_flow

MAIN = """
variables: {secret: "4711"}
sensitive: [secret]
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: hold}
  hold: {type: play, text: Hello, loop: 900}
"""
AFTER = make_flow("elements: {start: {type: start_from_flow, next: bye}, bye: {type: hang_up}}", "after")


def taken(idle: float = 60.0, filler: Any = "none") -> Talk:
    call = Talk(MAIN).start().wait(0.5)
    control = ControlElement.model_construct(
        type="control", by="api", idle=idle, filler=filler, next="bye", branches={}
    )
    flow = Flow("(taken)", {"control": control, "bye": AFTER.elements["bye"]})
    call.send(Moved(flow, "control", "api"))
    return call


class Orders:
    """Gives instructions and sees what comes of them."""

    def __init__(self, call: Talk) -> None:
        self.call = call
        self.last = 0

    def give(self, verb: str, **fields: Any) -> int:
        self.last += 1
        self.call.send(Instruction(self.last, verb, fields))
        return self.last

    def done(self, number: int) -> InstructionDone | None:
        found = [command for command in self.call.commands(InstructionDone) if command.id == number]
        assert len(found) <= 1
        return found[0] if found else None

    def error(self, number: int) -> str:
        done = self.done(number)
        assert done is not None
        return done.error or ""


def test_one_after_another() -> None:
    call = taken()
    orders = Orders(call)
    one, two = orders.give("say", text="One"), orders.give("play", file="two.wav")
    assert call.said[-1] == "One"
    assert orders.done(one) is None
    call.wait(2.0)
    assert orders.done(one) == InstructionDone(one, {"status": "completed"})
    assert call.said[-1] == "two.wav"
    call.wait(2.0)
    assert orders.done(two) is not None
    trace = call.details("control")["instructions"]
    assert [entry["verb"] for entry in trace] == ["say", "play"]
    assert trace[0]["played"][0]["heard"] == 2.0


def test_texts_from_outside_are_no_expressions() -> None:
    call = taken()
    orders = Orders(call)
    orders.give("say", text="{{ secret }} {{")
    assert call.said[-1] == "{{ secret }} {{"
    call.wait(2.0)
    orders.give("collect", prompt="{{ secret }}", retry_prompt={"text": "{{ call.from }}"}, attempts=2, wait=1)
    assert call.said[-1] == "{{ secret }}"
    call.wait(3.5)
    assert call.said[-1] == "{{ call.from }}"


def test_digits_as_reporting_lets_them_be_seen() -> None:
    for reporting, seen in (("show", "12"), ("masked", "xxxx"), ("hide", None)):
        call = taken()
        orders = Orders(call)
        number = orders.give("collect", max_digits=2, reporting=reporting)
        call.press("12")
        done = orders.done(number)
        assert done is not None and done.result["digits"] == seen
        assert done.result["status"] == "collected"


def test_a_key_cuts_the_prompt_of_a_collect_and_counts() -> None:
    call = taken()
    orders = Orders(call)
    number = orders.give("collect", prompt="Press", max_digits=2)
    call.wait(0.5).press("77")
    done = orders.done(number)
    assert done is not None and done.result["digits"] == "77"
    assert call.commands(StopPlay)


def test_a_recording_is_stopped_with_what_was_said() -> None:
    call = taken()
    orders = Orders(call)
    number = orders.give("record", min_duration=0)
    call._advance_until(True)
    call.call.speak(30)
    call.wait(4.0)
    orders.give("stop")
    call.wait(0.1)
    done = orders.done(number)
    assert done is not None and done.result["status"] == "recorded"
    assert done.result["duration"] >= 3.5


def test_stop_ends_what_runs_and_what_waits() -> None:
    call = taken()
    orders = Orders(call)
    one, two = orders.give("say", text="One"), orders.give("say", text="Two")
    orders.give("stop", all=True)
    done = orders.done(one)
    assert done is not None and done.result == {"status": "stopped"}
    assert orders.error(two) == "stopped before its turn"
    assert orders.error(orders.give("stop")) == "nothing runs"
    assert len(call.commands(StopPlay)) >= 1


def test_what_does_not_hold_is_said_at_once() -> None:
    orders = Orders(taken())
    for verb, fields, words in (
        ("dance", {}, "no instruction"),
        ("play", {"text": "x"}, "no field text"),
        ("play", {}, "needs file or url"),
        ("say", {}, "needs text"),
        ("play", {"voicemail": "/etc/passwd"}, "no field voicemail"),
        ("collect", {"max_digits": 0}, "max_digits"),
        ("collect", {"pattern": "("}, "not a usable pattern"),
        ("collect", {"prompt": {"voicemail": "x"}}, "no field voicemail"),
        ("record", {"max_duration": -1}, "max_duration"),
    ):
        assert words in orders.error(orders.give(verb, **fields)), verb


def test_only_so_many_wait() -> None:
    orders = Orders(taken())
    numbers = [orders.give("say", text="x") for _ in range(MAX_WAITING + 2)]
    assert "wait already" in orders.error(numbers[-1])


def test_nothing_asked_for_ends_it() -> None:
    call = taken(idle=10.0)
    orders = Orders(call)
    call.wait(8.0)
    orders.give("say", text="Still here")
    call.wait(11.0)
    assert not call.machine.finished
    call.wait(1.1)
    assert call.machine.finished
    assert call.details("control")["reason"] == "idle"


def test_music_while_nothing_is_asked_for() -> None:
    call = taken(filler="music").wait(1.5)
    assert call.said[-1] == "music"
    Orders(call).give("say", text="One")
    assert call.said[-1] == "One"
    call.wait(3.5)
    assert call.said[-1] == "music"


def test_the_end_of_the_call_completes_a_recording() -> None:
    call = taken()
    orders = Orders(call)
    one, two = orders.give("record", min_duration=0), orders.give("say", text="x")
    call._advance_until(True)
    call.call.speak(30)
    call.wait(3.0).hang_up()
    done = orders.done(one)
    assert done is not None and done.result["reason"] == "hung_up" and done.result["status"] == "recorded"
    assert orders.error(two) == "the call is over"
    assert call.machine.finished and call.machine.cause == "user_hung_up"


def test_hanging_up_from_outside() -> None:
    call = taken()
    orders = Orders(call)
    one, end = orders.give("say", text="x"), orders.give("hang_up")
    assert orders.error(end) == ""
    assert orders.error(one) == "the call is over"
    assert call.commands(HangUp)[-1].cause == "ended_by_api"
    assert call.machine.finished


def test_keys_are_sent_in_their_turn_and_are_out_when_that_is_said() -> None:
    call = taken()
    orders = Orders(call)
    one, keys, two = (
        orders.give("say", text="x"),
        orders.give("send_digits", digits="12w3#"),
        orders.give("say", text="y"),
    )
    assert not call.commands(SendKeys), "what is said is not cut to pieces"
    call.wait(0.5)
    while orders.done(one) is None:
        call.wait(0.1)
    assert [command.keys for command in call.commands(SendKeys)] == ["12w3#"]
    said = len(call.commands(Play))
    call.wait(0.9)
    assert orders.done(keys) is None and len(call.commands(Play)) == said
    call.wait(0.4)
    assert orders.error(keys) == "" and len(call.commands(Play)) == said + 1
    assert "1 to 64 of" in orders.error(orders.give("send_digits", digits="12x"))
    entered = [entry["fields"] for entry in call.details("control")["instructions"] if entry["verb"] == "send_digits"]
    assert entered == [{"digits": "**w**"}], "they may be a PIN"
    call.wait(5.0)
    assert orders.error(two) == ""


def test_moved_away_with_instructions_open() -> None:
    call = taken()
    orders = Orders(call)
    one, two = orders.give("record"), orders.give("say", text="x")
    call.send(Moved(AFTER, "start", "api"))
    assert orders.error(one) == orders.error(two) == "the call went on elsewhere"
    assert len(call.commands(StopRecord)) == len(call.commands(Record)) == 1
    assert call.machine.finished


VERBS = st.sampled_from(
    [
        ("say", {"text": "x"}),
        ("play", {"file": "x.wav", "interruptible": True}),
        ("collect", {"max_digits": 2, "wait": 2}),
        ("collect", {"prompt": "x", "wait": 1, "attempts": 2}),
        ("record", {"max_duration": 5}),
        ("answer", {}),
        ("stop", {}),
        ("stop", {"all": True}),
        ("nothing", {}),
        ("send_digits", {"digits": "1"}),
    ]
)


@given(st.lists(st.one_of(VERBS, st.floats(0, 8), st.sampled_from("0123456789*#")), max_size=30), st.booleans())
@settings(deadline=None, max_examples=80)
def test_every_instruction_is_answered_exactly_once(acts: list[Any], moved: bool) -> None:
    call = taken(idle=15.0)
    orders = Orders(call)
    for act in acts:
        if isinstance(act, float):
            call.wait(act)
        elif isinstance(act, str):
            call.press(act)
        else:
            orders.give(act[0], **act[1])
    if moved and not call.machine.finished:
        call.send(Moved(AFTER, "start", "api"))
    call.hang_up()
    call.wait(5.0)
    assert call.machine.finished
    assert call.machine.fault is None
    told = [command.id for command in call.commands(InstructionDone)]
    assert sorted(told) == list(range(1, orders.last + 1))
    stopped = [command.id for command in call.commands(StopPlay)]
    assert len(stopped) == len(set(stopped)) <= len(call.commands(Play))
