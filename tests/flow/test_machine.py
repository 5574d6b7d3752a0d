"""The machine: ways through a flow, ends of a call, limits, subroutines, and what is left in the trace."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.flow.expressions import Sensitive
from ivr.flow.machine import Machine
from ivr.flow.model import FlowSet
from ivr.flow.ports import (
    CallAnswered,
    CallEnded,
    CallInfo,
    Digit,
    DigitEnded,
    Forward,
    ForwardAnswered,
    ForwardDone,
    ForwardRinging,
    HangUp,
    Play,
    PlayDone,
    PromptSpec,
    Record,
    RecordDone,
)
from ivr.settings import Limits
from tests.kit.flow import NOON, Talk, make_flow

GREETING = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: hello}
  hello: {type: play, text: Hello, next: bye}
  bye: {type: hang_up}
"""


def test_a_call_from_start_to_end() -> None:
    call = Talk(GREETING).start().finish()
    assert call.names == ["Answer", "Play", "HangUp"]
    assert call.machine.cause == "ended_by_flow"
    assert call.machine.fault is None
    assert call.machine.next_timer() is None
    assert call.machine.settled


def test_the_path_is_json_with_times_of_the_epoch() -> None:
    call = Talk(GREETING).start().finish()
    path = json.loads(json.dumps(call.machine.path()))
    assert [step["element"] for step in path] == ["start", "hello", "bye"]
    assert path[1]["entered_at"] == NOON.timestamp()
    assert path[1]["left_at"] == NOON.timestamp() + 2.0
    assert path[1]["played"] == [
        {"prompts": [{"kind": "text", "value": "Hello"}], "at": 0.0, "heard": 2.0, "reason": "completed"}
    ]


def test_how_much_was_heard_is_entered_after_the_end() -> None:
    call = Talk(GREETING).start().wait(0.5)
    call.send(CallEnded("user_hung_up"))
    assert call.machine.finished
    assert not call.machine.settled
    call.send(PlayDone(call.commands(Play)[0].id, 0.5, "stopped"))
    assert call.machine.settled
    assert call.details("hello")["played"][0]["heard"] == 0.5


def test_causes_and_branches_of_the_end() -> None:
    source = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: hello}
  hello: {type: play, text: Hello, next: bye, branches: {user_hung_up: left, call_ended: lost}}
  left: {type: set_variable, variables: {a: 1}}
  lost: {type: set_variable, variables: {a: 1}}
  bye: {type: hang_up}
"""
    causes: list[Any] = ["user_hung_up", "ended_by_api", "network", "media_timeout", "system"]
    for cause in causes:
        call = Talk(source).start().wait(0.5).hang_up(cause)
        assert call.path[-1] == ("left" if cause == "user_hung_up" else "lost")
        assert call.machine.cause == cause
        assert call.machine.finished


def test_ringing_first() -> None:
    source = GREETING.replace('["100"],', '["100"], answer: {after: 3s},')
    call = Talk(source).start()
    assert call.names == ["Ring"]
    call.wait(3.0)
    assert call.names == ["Ring", "Answer", "Play"]
    call = Talk(source).start().wait(1.0).hang_up()
    assert call.branches == ["user_hung_up"]
    call = Talk(source).start().wait(1.0).send(CallAnswered())
    assert call.names == ["Ring", "Play"]


def test_early_media_and_rejection() -> None:
    call = Talk(
        """
elements:
  start: {type: start_incoming_call, numbers: ["100"], answer: early_media, next: hello}
  hello: {type: play, text: Closed, next: bye}
  bye: {type: hang_up, cause: busy}
"""
    )
    call.start().finish()
    assert call.names == ["EarlyMedia", "Play", "HangUp"]
    assert call.commands(HangUp)[0].sip_status == 486


def test_consent_before_the_recording_of_the_call() -> None:
    source = GREETING.replace('["100"],', '["100"], record_call: true, consent: {text: Recorded},')
    call = Talk(source).start()
    assert call.names == ["Answer", "Play"]
    call.wait(2.0)
    assert call.names[2] == "StartCallRecording"


def test_an_unnamed_branch_hangs_up() -> None:
    call = Talk(GREETING.replace(", next: bye", "")).start().finish()
    assert call.names[-1] == "HangUp"
    assert call.machine.cause == "ended_by_flow"


def test_a_voice_element_after_the_end_is_a_fault_not_a_crash() -> None:
    call = Talk(
        """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: bye}
  bye: {type: hang_up, next: hello}
  hello: {type: play, text: Hello}
"""
    ).start()
    assert call.machine.finished
    assert call.machine.fault == "element hello needs a caller, and the session is over"
    assert call.machine.cause == "ended_by_flow"
    assert len(call.commands(HangUp)) == 1


def test_elements_without_voice_run_after_the_end() -> None:
    call = Talk(
        """
variables: {a: 0}
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: bye}
  bye: {type: hang_up, next: later}
  later: {type: pause, duration: 48h, next: last}
  last: {type: set_variable, variables: {a: 1}, next: again}
  again: {type: hang_up}
"""
    ).start()
    assert not call.machine.finished
    call.wait(49 * 3600)
    assert call.machine.finished
    assert call.machine.variables["a"] == 1
    assert len(call.commands(HangUp)) == 1


def test_visits_without_input_are_limited() -> None:
    loop = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: hello}
  hello: {type: play, text: Hello, next: keys}
  keys: {type: collect, max_digits: 1, next: hello, branches: {no_input: hello}}
"""
    call = Talk(loop).start().finish()
    assert call.path.count("hello") == 10
    assert call.machine.cause == "system"
    assert "visits_without_input" in str(call.machine.fault)
    call = Talk(loop).start()
    for _ in range(30):
        call.wait(2.5).press("1")
    assert not call.machine.finished


def test_steps_are_limited() -> None:
    call = Talk(
        """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: a}
  a: {type: set_variable, variables: {x: 1}, next: b}
  b: {type: set_variable, variables: {x: 1}, next: a}
""",
        limits=Limits(visits_without_input=10**6),
    ).start()
    assert call.machine.finished
    assert len(call.machine.steps) == 1000
    assert call.machine.cause == "system"


def test_call_duration_is_limited_by_a_courteous_prompt() -> None:
    source = GREETING.replace("text: Hello,", "text: Hello, loop: forever, interruptible: true,")
    call = Talk(source).start().wait(4 * 3600)
    assert call.machine.finished
    assert call.machine.cause == "max_duration"
    assert call.branches[-1] == "call_ended"
    courtesy = PromptSpec("text", "We must end this call.")
    call = Talk(source, courtesy=courtesy).start().wait(4 * 3600)
    assert not call.machine.finished
    assert call.said[-1] == "We must end this call."
    call.wait(2.0)
    assert call.commands(HangUp) == [HangUp("max_duration", 480)]
    assert call.elapsed == 4 * 3600 + 2
    call = Talk(source, courtesy=courtesy).start().wait(4 * 3600).hang_up()
    assert call.machine.cause == "max_duration"
    call = Talk(source, courtesy=courtesy, prompt_seconds=1e6).start().wait(4 * 3600 + 20)
    assert call.machine.finished


SUB = """
variables: {given: "", secret: ""}
sensitive: [secret]
elements:
  start: {type: start_from_flow, next: hello}
  hello: {type: play, text: "Sub {{ given }}", next: work}
  work: {type: set_variable, variables: {made: "{{ given + '!' }}", secret: "s3"}}
"""


def main(transfer: str) -> str:
    return f"""
variables: {{name: Ann, pin: "1"}}
sensitive: [pin]
elements:
  start: {{type: start_incoming_call, numbers: ["100"], next: sub}}
  sub: {{type: transfer_to_flow, {transfer}}}
  back: {{type: set_variable, variables: {{made: "{{{{ result.variables.made }}}}",
          secret: "{{{{ result.variables.secret }}}}"}}, next: bye}}
  gone: {{type: set_variable, variables: {{left: true}}}}
  bye: {{type: hang_up, prompt: {{text: Bye}}}}
  failed: {{type: hang_up, prompt: {{text: Failed}}}}
"""


def test_a_subroutine_comes_back() -> None:
    call = Talk(main('flow: sub, pass: {given: "{{ name }}"}, return_to: back'), {"sub": SUB}).start().finish()
    assert call.path == ["start", "sub", "start", "hello", "work", "back", "bye"]
    assert call.said == ["Sub Ann", "Bye"]
    assert call.machine.variables["made"] == "Ann!"
    assert call.machine.variables["secret"] == Sensitive("s3")
    assert [step.flow for step in call.machine.steps][2:5] == ["sub"] * 3


def test_a_call_that_leaves_for_good_does_not() -> None:
    call = Talk(main("flow: sub"), {"sub": SUB}).start().finish()
    assert call.path == ["start", "sub", "start", "hello", "work"]
    assert call.machine.cause == "ended_by_flow"


def test_the_caller_leaving_in_a_subroutine() -> None:
    transfer = "flow: sub, return_to: back, branches: {call_ended: gone}"
    call = Talk(main(transfer), {"sub": SUB}).start().wait(1.0).hang_up()
    assert call.path[-1] == "gone"
    assert call.machine.cause == "user_hung_up"
    call = Talk(main("flow: sub, return_to: back"), {"sub": SUB}).start().wait(1.0).hang_up()
    assert call.path[-1] == "hello"
    assert call.machine.finished


def test_a_flow_that_cannot_be_entered_takes_other() -> None:
    for flow in ("nowhere", "main", '"{{ pin }}"'):
        call = Talk(main(f"flow: {flow}, branches: {{other: failed}}")).start().finish()
        assert call.said == ["Failed"]
        assert call.machine.steps[1].branch == "other"


def test_a_flow_that_calls_itself_without_end() -> None:
    endless = """
elements:
  start: {type: start_from_flow, next: again}
  again: {type: transfer_to_flow, flow: sub, return_to: done}
  done: {type: set_variable, variables: {x: 1}}
"""
    call = Talk(main("flow: sub, return_to: bye"), {"sub": endless}).start().finish()
    assert call.machine.finished
    assert len(call.machine.steps) < 100


def test_passed_sensitive_values_stay_so() -> None:
    call = Talk(main('flow: sub, pass: {given: "{{ pin }}"}, return_to: bye'), {"sub": SUB}).start()
    play = call.commands(Play)[0].prompts[0]
    assert play.value == "Sub 1"
    assert play.sensitive


def test_an_element_that_breaks_ends_the_call_and_not_the_machine(monkeypatch: Any) -> None:
    from ivr.flow.elements.play import PlayElement

    def broken(self: PlayElement, ctx: object) -> str:
        raise RuntimeError("4711")

    monkeypatch.setattr(PlayElement, "run", broken)
    call = Talk(GREETING).start()
    assert call.machine.finished
    assert call.machine.cause == "system"
    assert call.notes == ["element hello failed: RuntimeError"]


def test_early_and_late_timers_do_nothing() -> None:
    call = Talk(GREETING).start()
    call.machine.handle_timer(call.now + 1.0)
    assert call.machine.element == "hello"
    call.finish()
    call.machine.handle_timer(call.now + 1e6)
    assert call.machine.commands() == []


EVERYTHING = """
variables: {language: en, pin: "", message: "", n: 0}
sensitive: [pin]
elements:
  start: {type: start_incoming_call, numbers: ["100"], answer: {after: 1s}, record_call: true, consent: {text: Rec},
    next: menu_text}
  menu_text: {type: play, text: "Hello {{ n }}", interruptible: true, pause: 1s, loop: 2, next: menu}
  menu:
    type: collect
    responses: {"1": pin, "12": record, "3": forward, "4": refer, "5": sub, "6": hold, "#": choose, "9": early}
    attempts: 2
    retry_prompt: {text: Again}
    branches: {no_match: menu_text, no_input: choose}
  pin: {type: collect, pattern: "[0-9]{2,3}", save_as: pin, attempts: 2, invalid_prompt: {text: Wrong}, next: menu_text,
    branches: {no_match: choose}}
  record: {type: record_voicemail, save_as: message, next: listen, branches: {error: choose, user_hung_up: after}}
  listen: {type: play, voicemail: message, next: menu_text}
  forward: {type: forward_call, to: ["phone:200", "{{ n }}"], ring: in_turn, after: return, timeout: 5s, next: after,
    branches: {returned: menu_text, call_not_forwarded: record, call_ended: after}}
  refer: {type: forward_call, to: "200", mode: refer, next: after, branches: {call_not_forwarded: choose}}
  sub: {type: transfer_to_flow, flow: sub, pass: [n], return_to: choose, branches: {call_ended: after}}
  hold: {type: pause, duration: 30s, hold_music: true, next: menu_text}
  early: {type: answer, next: bye}
  choose:
    type: branch
    conditions:
      - {when: "n > 3", to: bye}
      - {value: "{{ nothing }}", before: "2020-01-01", to: bye}
    branches: {otherwise: count}
  count: {type: set_variable, variables: {n: "{{ n + 1 }}", x: "{{ 1 / 0 }}"}, next: menu_text}
  bye: {type: hang_up, prompt: {text: Bye}, next: after}
  after: {type: pause, duration: 1s, next: last}
  last: {type: set_variable, variables: {n: "{{ result.talk_time }}"}}
"""
FLOW = make_flow(EVERYTHING)
FLOWS = FlowSet({"main": FLOW, "sub": make_flow(SUB, "sub")})

identifiers = st.integers(0, 12)
seconds = st.floats(0, 40, allow_nan=False)
events = st.one_of(
    st.builds(
        Digit, st.sampled_from("0123456789*#A"), st.sampled_from(["rfc4733", "info", "inband"]), seconds, seconds
    ),
    st.builds(DigitEnded, st.sampled_from("123#"), seconds, seconds),
    st.builds(PlayDone, identifiers, seconds, st.sampled_from(["completed", "stopped", "failed"])),
    st.builds(
        RecordDone,
        identifiers,
        st.sampled_from(["", "a.wav"]),
        seconds,
        st.sampled_from(["stopped", "max_duration", "silence", "hung_up", "failed"]),
    ),
    st.just(CallAnswered()),
    st.builds(ForwardRinging, identifiers, st.just("phone:200")),
    st.builds(ForwardAnswered, identifiers, st.just("phone:200")),
    st.builds(
        ForwardDone,
        identifiers,
        st.sampled_from(["forwarded", "returned", "no_answer", "busy", "declined", "failed"]),
    ),
    st.just("last id"),
    st.just("timer"),
    st.builds(CallEnded, st.sampled_from(["user_hung_up", "network", "media_timeout", "ended_by_api"])),
)


def answer_to(command: Any) -> Any:
    """The event that ends the command given last."""
    match command:
        case Play():
            return PlayDone(command.id, 1.0)
        case Record():
            return RecordDone(command.id, "a.wav", 3.0)
        case Forward():
            return ForwardDone(command.id, "returned", "phone:200", 200, "OK", 5.0)
    return None


@settings(max_examples=1000, deadline=None)
@given(st.sampled_from(sorted(FLOW.elements)), st.lists(st.tuples(seconds, events), max_size=60))
def test_whatever_comes_at_whatever_element_the_machine_ends(entry: str, script: list[tuple[float, Any]]) -> None:
    call = CallInfo("c", "+1", "100", NOON)
    machine = Machine(FLOW, FLOWS, call, {}, Limits(), courtesy=PromptSpec("text", "Sorry"))
    now = 0.0
    machine.start(entry, now)
    last: Any = None
    hang_ups = 0

    def drain() -> None:
        nonlocal last, hang_ups
        for command in machine.commands():
            if isinstance(command, (Play, Record, Forward)):
                last = command
            hang_ups += isinstance(command, HangUp)

    drain()
    for pause, event in script:
        if event == "timer":
            timer = machine.next_timer()
            now = max(now, timer) if timer is not None else now
            machine.handle_timer(now)
        elif event == "last id":
            if (done := answer_to(last)) is not None:
                machine.receive(done, now)
        else:
            now += pause
            machine.receive(event, now)
        drain()
        ctx = machine._ctx
        assert len(ctx.keys) <= 64 and len(ctx._open_plays) <= 32 and len(ctx._open_keys) <= 16
    machine.receive(CallEnded("user_hung_up"), now)
    drain()
    for _ in range(2000):
        timer = machine.next_timer()
        if timer is None:
            break
        now = max(now, timer)
        machine.handle_timer(now)
        drain()
    assert machine.finished
    assert machine.cause is not None
    assert hang_ups <= 1
    assert all(step.left_at is not None for step in machine.steps)
    json.dumps(machine.path())
    json.dumps(machine.digits())
    assert "failed:" not in (machine.fault or "")
