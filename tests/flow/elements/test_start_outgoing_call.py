"""start_outgoing_call: windows, pace, attempts, who answers, and what a restart changes (nothing)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.errors import FlowLoadError
from ivr.flow.expressions import Sensitive
from ivr.flow.lint import World, check_flows
from ivr.flow.loader import parse_flow
from ivr.flow.ports import (
    AnswererFound,
    CallEnded,
    CancelDial,
    Dial,
    DialAnswered,
    DialDone,
    DialProgress,
    DialReserved,
    Digit,
    DoNotContact,
    Event,
    HangUp,
    Play,
    ReserveDial,
    Speed,
    UpdateProfile,
)
from ivr.settings import Limits
from tests.kit.flow import Talk
from tests.kit.life import Life

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = "2026-03-02T12:00:00+01:00"
NUMBER = "+4930123456"

AFTER = """
  hello: {type: play, text: "Hello {{ call.to }}", next: bye}
  message: {type: play, text: "Please call back", next: bye}
  bye: {type: hang_up, next: done}
  done: {type: tag, tags: reached}
  failed: {type: tag, tags: "{{ result.status }} {{ result.sip_code }} {{ result.attempts }}"}
"""
BRANCHES = "next: hello, branches: {call_ended: failed}"


def flow(fields: str = "", branches: str = BRANCHES, more: str = "") -> str:
    comma = ", " if fields else ""
    return (
        f"elements:\n  start: {{type: start_from_audience, next: call}}\n"
        f"  call: {{type: start_outgoing_call{comma}{fields}, {branches}}}\n{AFTER}{more}"
    )


def busy(dial: Dial) -> list[tuple[float, Event]]:
    return [(0.5, DialProgress(dial.id, "ringing")), (1.0, DialDone(dial.id, "busy", "known", 486, "Busy Here"))]


def answered(dial: Dial, line: str = "pbx") -> list[tuple[float, Event]]:
    return [(5.0, DialAnswered(dial.id, line))]


def in_turn(*outcomes: Callable[[Dial], Iterable[tuple[float, Event]]]) -> Callable[[Dial], Any]:
    """What becomes of the attempts, the last for all the rest."""
    left = list(outcomes)
    return lambda dial: (left.pop(0) if len(left) > 1 else left[0])(dial)


def life(fields: str = "", branches: str = BRANCHES, more: str = "", **options: Any) -> Life:
    return Life(flow(fields, branches, more), **{"wall": MONDAY, "number": NUMBER, "callee": answered, **options})


def times(of: Life) -> list[str]:
    return [wall.astimezone(BERLIN).strftime("%a %H:%M:%S") for wall, _ in of.dialled]


# Placing the call


def test_it_calls_the_contact_and_a_session_begins() -> None:
    run = life("record_call: true, early_media: ignored, ring_timeout: 20s").run()
    assert run.path == ["start", "call", "hello", "bye", "done"]
    (dial,) = run.commands(Dial)
    assert (dial.to, dial.attempt, dial.chosen, dial.from_, dial.line) == (NUMBER, 1, True, None, None)
    assert (dial.ring_timeout, dial.early_media, dial.machine_detection) == (20.0, "ignored", "off")
    assert dial.record_name == "outgoing-f1"
    assert run.commands(Play)[0].prompts[0].value == f"Hello {NUMBER}"
    call = run.machine.call
    assert (call.direction, call.to, call.from_, call.line, call.id) == ("outbound", NUMBER, "", "pbx", "f1")
    assert [command.cause for command in run.commands(HangUp)] == ["ended_by_flow"]
    assert run.machine.cause == "ended_by_flow"


def test_what_the_flow_says_of_the_call() -> None:
    run = life(
        'to: "+49 30 99-88", from: "+4930111", line: "{{ settings.none or \'pbx\' }}",'
        ' headers: {X-Order: "{{ 1 + 1 }}"}, payload: {order: 7, list: "{{ [1, 2] }}", when: "{{ now }}"}'
    ).run()
    (dial,) = run.commands(Dial)
    assert (dial.to, dial.from_, dial.chosen) == ("+49309988", "+4930111", False)
    assert dial.headers == {"X-Order": "2"}
    assert dial.payload["order"] == 7
    assert dial.payload["list"] == [1, 2]
    assert dial.payload["when"] == "2026-03-02T12:00:00+01:00"
    assert run.machine.call.from_ == "+4930111"


def test_the_caller_id_that_was_shown_is_the_caller() -> None:
    run = life(callee=lambda dial: [(1.0, DialAnswered(dial.id, "pbx", "+4930555"))]).run()
    assert run.machine.call.from_ == "+4930555"


def test_without_a_number_nobody_is_called() -> None:
    run = life(number="").run()
    assert run.commands(Dial) == []
    assert run.branches[1] == "call_ended"
    assert run.machine.tags == ["no_number  0"]


def test_secrets_stand_in_no_trace_and_no_payload() -> None:
    run = Life(
        """
variables: {who: "+4930777", pin: "1234"}
sensitive: [who, pin]
elements:
  start: {type: start_from_audience, next: call}
  call: {type: start_outgoing_call, to: "{{ who }}", payload: {pin: "{{ pin }}"}, next: bye}
  bye: {type: hang_up}
""",
        callee=answered,
        kept=lambda _: True,
    ).run()
    (dial,) = run.commands(Dial)
    assert (dial.to, dial.secret) == ("+4930777", True)
    assert "1234" not in str(dial.payload)
    assert "+4930777" not in str(run.machine.path())
    assert "+4930777" not in str([snapshot["steps"] for snapshot in run.snapshots])
    assert run.machine.call.to == ""


# Windows and pace


def test_outside_the_window_the_call_waits_in_the_callees_zone() -> None:
    run = life(
        'window: {days: mon-fri, from: "09:00", to: "17:00"}', wall="2026-03-06T18:00:00+01:00", number="+442079460000"
    ).run()
    assert times(run) == ["Mon 10:00:00"]


def test_the_flow_is_dormant_while_it_waits_and_not_while_it_dials() -> None:
    run = life(callee=lambda dial: [])
    run.start()
    assert run.machine.dormant
    run.run(turns=1)
    assert not run.machine.dormant
    assert run.commands(Dial)


def test_the_pace_is_asked_under_the_name_of_the_element() -> None:
    run = life("speed: {calls: 30, per: minute}").run()
    (asked,) = run.commands(ReserveDial)
    assert (asked.pace, asked.speed) == ("main/call", Speed(30, "minute"))
    assert life().run().commands(ReserveDial)[0].speed is None


def test_what_the_pace_offers_outside_the_window_is_asked_again() -> None:
    offers = [datetime(2026, 3, 2, 17, 30, tzinfo=BERLIN), datetime(2026, 3, 3, 9, 5, tzinfo=BERLIN)]
    run = life(
        'window: {days: mon-fri, from: "09:00", to: "17:00"}, speed: {calls: 1, per: hour}',
        pace=lambda asked: offers.pop(0),
    ).run()
    asked = [command.earliest.astimezone(BERLIN).isoformat() for command in run.commands(ReserveDial)]
    assert asked == ["2026-03-02T12:00:00+01:00", "2026-03-03T09:00:00+01:00"]
    assert times(run) == ["Tue 09:05:00"]


def test_who_wakes_up_after_the_window_waits_for_the_next_one() -> None:
    run = life('window: {days: mon-fri, from: "09:00", to: "17:00"}', wall="2026-03-02T08:00:00+01:00").start()
    kept = run.keep()
    run.pass_to(datetime(2026, 3, 2, 20, tzinfo=UTC))
    run.restart(kept)
    run._turn()
    run.run()
    assert times(run) == ["Tue 09:00:00"]


def test_paced_calls_that_are_late_ask_again_so_that_they_do_not_go_at_once() -> None:
    run = life("speed: {calls: 1, per: minute}").start()
    kept = run.keep()
    run.pass_to(datetime(2026, 3, 2, 13, tzinfo=UTC))
    run.restart(kept)
    run._turn()
    assert len(run.commands(ReserveDial)) == 2
    kept = run.keep()
    run.pass_to(datetime(2026, 3, 2, 15, tzinfo=UTC))
    run.restart(kept)
    run._turn()
    run.run()
    assert len(run.commands(ReserveDial)) == 2
    assert len(run.dialled) == 1


# Attempts


def test_retries_and_what_the_flow_hears_of_them() -> None:
    run = life("retry: {times: 2, min_minutes: 10, max_minutes: 30}", callee=busy).run()
    assert times(run) == ["Mon 12:00:00", "Mon 12:10:01", "Mon 12:40:02"]
    assert [dial.attempt for _, dial in run.dialled] == [1, 2, 3]
    assert run.branches[1] == "busy"
    assert run.machine.tags == ["busy 486 3"]
    attempts = run.machine.steps[1].details["attempts"]
    assert [(each["attempt"], each["outcome"], each["sip_code"]) for each in attempts] == [
        (1, "busy", 486),
        (2, "busy", 486),
        (3, "busy", 486),
    ]


def test_a_retry_waits_for_the_window() -> None:
    run = life(
        'window: {from: "09:00", to: "17:00"}, retry: {times: 1, min_minutes: 30}',
        wall="2026-03-02T16:45:00+01:00",
        callee=busy,
    ).run()
    assert times(run) == ["Mon 16:45:00", "Tue 09:00:00"]


@pytest.mark.parametrize(
    ("outcome", "branch", "status"),
    [
        (lambda i: DialDone(i, "no_answer", "known", 408, "Request Timeout"), "no_answer", "no_answer 408 1"),
        (lambda i: DialDone(i, "declined", "known", 603, "Decline"), "declined", "declined 603 1"),
        (lambda i: DialDone(i, "failed", "known", 503, "congestion"), "call_ended", "congestion 503 1"),
        (lambda i: DialDone(i, "failed", "final", None, "do_not_contact"), "call_ended", "do_not_contact  1"),
        (lambda i: DialDone(i, "failed", "final", None, "interrupted"), "call_ended", "interrupted  1"),
        (lambda i: DialDone(i, "failed", "final", 404, ""), "call_ended", "failed 404 1"),
    ],
)
def test_branches_of_failures(outcome: Callable[[int], DialDone], branch: str, status: str) -> None:
    run = life(callee=lambda dial: [(1.0, outcome(dial.id))]).run()
    assert run.branches[1] == branch
    assert run.machine.tags == [status]
    assert run.machine.cause is None


def test_what_is_final_is_not_retried_and_what_is_unexplained_is_without_retry() -> None:
    fields = "retry: {times: 3, min_minutes: 1}, validity: 10m"
    final = life(fields, callee=lambda dial: [(1.0, DialDone(dial.id, "failed", "final", 404))]).run()
    assert len(final.dialled) == 1
    ours = life("validity: 10m", callee=lambda dial: [(1.0, DialDone(dial.id, "failed", "unexplained"))]).run()
    assert times(ours) == ["Mon 12:00:00", "Mon 12:01:01", "Mon 12:03:02", "Mon 12:07:03"]
    assert ours.branches[1] == "call_ended"


def test_who_is_taken_up_after_the_validity_is_not_called() -> None:
    run = life("validity: 10m", callee=lambda dial: [(1.0, DialDone(dial.id, "failed", "unexplained", status="limit"))])
    run.run(until=90.0)
    assert times(run) == ["Mon 12:00:00", "Mon 12:01:01"]
    kept = run.keep()
    run.pass_to(datetime(2026, 3, 2, 12, tzinfo=UTC))
    run.restart(kept)
    run._turn()
    run.run()
    assert len(run.dialled) == 2
    assert run.branches[1] == "call_ended"
    assert run.machine.tags == ["limit  2"]


def test_a_call_of_which_nothing_is_heard_is_cancelled() -> None:
    run = life("validity: 1s", callee=lambda dial: []).run()
    assert run.branches[1] == "call_ended"
    assert run.machine.tags == ["lost  1"]
    assert len(run.commands(CancelDial)) == 1
    assert run.notes == ["the outcome of a call was never reported"]


def test_events_of_other_calls_are_nothing_to_it() -> None:
    run = life(callee=lambda dial: [(1.0, DialAnswered(dial.id + 5)), (2.0, DialDone(dial.id, "busy", "known"))]).run()
    assert run.branches[1] == "busy"


def test_a_flow_that_calls_again_and_again_is_broken_off() -> None:
    run = life(branches="next: hello, branches: {call_ended: call}", callee=busy).run()
    assert run.machine.fault == "limits.visits_without_input is reached at element call"
    assert len(run.dialled) == Limits().visits_without_input


# Who answers

DETECTED = "next: hello, branches: {voicemail: message, call_ended: failed}"


def found(who: Any, seconds: float = 2.0, beep: bool = False) -> Callable[[Dial], Iterator[tuple[float, Event]]]:
    def outcome(dial: Dial) -> Iterator[tuple[float, Event]]:
        yield 5.0, DialAnswered(dial.id, "pbx")
        yield 5.0 + seconds, AnswererFound(dial.id, who, 0.9, seconds, beep, "greeting")

    return outcome


@pytest.mark.parametrize("mode", ["fast", "beep"])
@pytest.mark.parametrize(("who", "follows"), [("human", "hello"), ("unknown", "hello"), ("machine", "message")])
def test_the_branch_is_taken_when_it_is_told(mode: str, who: str, follows: str) -> None:
    run = life(f"machine_detection: {mode}", DETECTED, callee=found(who, beep=mode == "beep")).run()
    assert run.path[2] == follows
    step = run.machine.steps[1]
    assert step.left_at is not None
    assert step.left_at - step.entered_at == pytest.approx(7.0)
    assert step.details["answerer"] == who
    assert run.commands(Dial)[0].machine_detection == mode


def test_a_machine_is_hung_up_on_where_nothing_else_is_said() -> None:
    run = life("machine_detection: fast", "next: hello", callee=found("machine")).run()
    assert run.path == ["start", "call"]
    assert run.branches[1] == "voicemail"
    assert run.machine.cause == "ended_by_flow"


def test_results() -> None:
    run = life("machine_detection: fast", "next: done", callee=found("human")).run()
    assert dict(run.machine.result) == {
        "status": "call_answered",
        "reason": "",
        "sip_code": 200,
        "answerer": "human",
        "confidence": 0.9,
        "attempts": 1,
        "line": "pbx",
    }


def test_who_hangs_up_while_it_is_found_out_ends_the_call() -> None:
    def outcome(dial: Dial) -> Iterator[tuple[float, Event]]:
        yield 5.0, DialAnswered(dial.id, "pbx")
        yield 5.5, CallEnded("user_hung_up")

    run = life("machine_detection: beep", DETECTED, callee=outcome).run()
    assert run.branches[1] == "call_ended"
    assert run.machine.tags == ["user_hung_up 200 1"]
    assert run.machine.cause == "user_hung_up"


@pytest.mark.parametrize("mode", ["fast", "beep"])
def test_who_presses_a_key_while_it_is_found_out_is_a_person(mode: str) -> None:
    def outcome(dial: Dial) -> Iterator[tuple[float, Event]]:
        yield 5.0, DialAnswered(dial.id, "pbx")
        yield 6.5, Digit("5", "rfc4733", 1006.5)
        yield 7.0, AnswererFound(dial.id, "machine", 0.9, 2.0, False, "greeting")

    more = "\n  asked: {type: collect, max_digits: 1, wait: 3s, branches: {no_input: bye}, next: done}"
    hello = AFTER.replace('"Hello {{ call.to }}", next: bye', '"Hello", interruptible: true, next: asked')
    text = flow(f"machine_detection: {mode}", DETECTED, more).replace(AFTER, hello)
    run = Life(text, wall=MONDAY, number=NUMBER, callee=outcome).run()
    assert run.path == ["start", "call", "hello", "asked", "bye", "done"]  # the key answers no question
    step = run.machine.steps[1]
    assert (step.branch, step.details["told_by"], step.details["confidence"]) == ("call_answered", "key", 1.0)
    assert step.left_at is not None
    assert step.left_at - step.entered_at == pytest.approx(6.5)


def test_detection_that_never_tells_counts_as_unknown() -> None:
    run = life("machine_detection: fast", DETECTED).run()
    assert run.path[2] == "hello"
    assert run.notes == ["who answered was never told"]


CONFIRM = 'confirm: {prompt: "Press 1.", key: "1", wait: 4s, attempts: 2}'


def test_a_key_says_that_a_person_is_there() -> None:
    def outcome(dial: Dial) -> Iterator[tuple[float, Event]]:
        yield 5.0, DialAnswered(dial.id)
        yield 6.0, Digit("5", at=0.0, duration=0.1)
        yield 8.0, Digit("1", at=0.0, duration=0.1)

    run = life(CONFIRM, DETECTED, callee=outcome).run()
    assert run.path[2] == "hello"
    assert run.machine.steps[1].details["answerer"] == "human"
    assert [key["key"] for key in run.machine.steps[1].details["keys"]] == ["5", "1"]


def test_who_presses_no_key_is_taken_for_a_machine() -> None:
    run = life(CONFIRM, DETECTED).run()
    assert run.path[2] == "message"
    step = run.machine.steps[1]
    assert step.left_at is not None
    assert step.left_at - step.entered_at == pytest.approx(5.0 + 2 * (2.0 + 4.0))
    assert step.details["answerer"] == "unknown"


def test_any_key_will_do_where_none_is_named() -> None:
    def outcome(dial: Dial) -> Iterator[tuple[float, Event]]:
        yield 5.0, DialAnswered(dial.id)
        yield 6.0, Digit("9", at=0.0, duration=0.1)

    assert life('confirm: {prompt: "Press any key."}', DETECTED, callee=outcome).run().path[2] == "hello"


# The session


def test_the_session_is_a_new_one_with_limits_of_its_own() -> None:
    limits = Limits(call_duration=60.0)
    run = life(
        "retry: {times: 1, min_minutes: 60}",
        "next: talk, branches: {call_ended: failed}",
        "  talk: {type: pause, duration: 10m, hold_music: true, next: hello, branches: {call_ended: done}}",
        callee=in_turn(busy, answered),
        limits=limits,
    ).run()
    assert run.path == ["start", "call", "talk", "done"]
    assert run.machine.cause == "max_duration"
    step = run.machine.steps[2]
    assert step.left_at is not None
    assert step.left_at - step.entered_at == pytest.approx(60.0)


def test_after_the_session_somebody_else_can_be_called() -> None:
    text = flow("", "next: bye").replace("next: done}", "next: again}", 1) + (
        '  again: {type: start_outgoing_call, to: "+4930222", next: mark}\n'
        "  mark: {type: do_not_contact, next: note}\n"
        "  note: {type: update_profile, fields: {seen: 1}, next: last}\n"
        "  last: {type: hang_up}\n"
    )
    run = Life(text, wall=MONDAY, number=NUMBER, callee=answered, kept=lambda _: True).run()
    assert [dial.to for _, dial in run.dialled] == [NUMBER, "+4930222"]
    assert run.machine.call.to == "+4930222"
    assert run.commands(DoNotContact)[0].number == "+4930222"
    assert run.commands(UpdateProfile)[0].number == NUMBER  # whose profile it is that the flow has
    assert run.machine.contact == NUMBER


def test_a_subroutine_may_call_and_come_back_with_the_call() -> None:
    main = """
elements:
  start: {type: start_from_audience, next: reach}
  reach: {type: transfer_to_flow, flow: reach, return_to: hello}
  hello: {type: play, text: Hello, next: bye}
  bye: {type: hang_up}
"""
    reach = """
elements:
  start: {type: start_from_flow, next: call}
  call: {type: start_outgoing_call, branches: {call_ended: gone}}
  gone: {type: transfer_to_flow, flow: nothing}
"""
    nothing = "elements: {start: {type: start_from_flow}}"
    run = Life(main, {"reach": reach, "nothing": nothing}, number=NUMBER, callee=answered, kept=lambda _: True).run()
    assert run.path == ["start", "reach", "start", "call", "hello", "bye"]
    assert run.machine.fault is None
    flows = [parse_flow(text, name) for name, text in (("main", main), ("reach", reach), ("nothing", nothing))]
    assert check_flows(flows, World())["main"] == []
    flows[1] = parse_flow(reach.replace("branches: {call_ended: gone}", "next: gone"), "reach")
    assert [finding.code for finding in check_flows(flows, World())["main"]][:1] == ["S002"]


INBOUND = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: QUIT}
  bye: {type: hang_up, next: call}
  call: {type: start_outgoing_call, next: hello}
  hello: {type: play, text: Hello}
"""


def test_it_is_not_allowed_while_a_caller_is_there() -> None:
    talk = Talk(INBOUND.replace("QUIT", "call")).start().wait(1.0)
    assert talk.machine.fault == "element call is not allowed while a caller is there: hang up first"
    assert talk.machine.cause == "system"


def test_after_hang_up_the_caller_is_called_back() -> None:
    talk = Talk(INBOUND.replace("QUIT", "bye")).start().wait(1.0)
    assert [dial.to for dial in talk.commands(Dial)] == ["+15550199"]


# As if it had not been away


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Any]:
    outcomes = draw(
        st.lists(st.sampled_from(["busy", "no_answer", "failed", "ours", "human", "machine", "left"]), max_size=6)
    )
    fields = ["machine_detection: " + draw(st.sampled_from(["off", "fast", "beep"]))]
    if draw(st.booleans()):
        fields.append('window: {days: mon-sat, from: "22:00", to: "03:30"}')
    if draw(st.booleans()):
        fields.append(f"retry: {{times: {draw(st.integers(1, 4))}, min_minutes: 3, max_minutes: 400}}")
    if draw(st.booleans()):
        fields.append("speed: {calls: 2, per: hour}")
    fields.append(f"validity: {draw(st.sampled_from(['1m', '20m', '48h']))}")
    return {
        "outcomes": outcomes,
        "fields": ", ".join(fields),
        "hour": draw(st.integers(0, 24 * 7)),
        "kept": draw(st.sets(st.integers(1, 12))),
        "delay": draw(st.sampled_from([0, 50, 4000])),
    }


def play(world: dict[str, Any], kept: set[int]) -> Life:
    left = list(world["outcomes"])

    def callee(dial: Dial) -> Iterator[tuple[float, Event]]:
        what = left.pop(0) if left else "human"
        known = {"busy": ("busy", "known"), "no_answer": ("no_answer", "known"), "failed": ("failed", "known")}
        if what in known or what == "ours":
            outcome, kind = known.get(what, ("failed", "unexplained"))
            yield 1.5, DialDone(dial.id, outcome, kind, 500)  # type: ignore[arg-type]
            return
        yield 5.0, DialAnswered(dial.id, "pbx")
        if what == "left":
            yield 5.2, CallEnded("user_hung_up")
        elif dial.machine_detection != "off":
            yield 7.0, AnswererFound(dial.id, "machine" if what == "machine" else "human", 0.9)

    branches = BRANCHES if "detection: off" in world["fields"] else DETECTED
    return Life(
        flow(world["fields"], branches),
        wall=(datetime(2026, 3, 22, 23, tzinfo=UTC) + timedelta(hours=world["hour"])).astimezone(BERLIN),
        number=NUMBER,
        callee=callee,
        pace=lambda asked: asked.earliest + timedelta(seconds=world["delay"]),
        kept=lambda number: number in kept,
    ).run()


@settings(max_examples=120, deadline=None)
@given(worlds())
def test_a_restart_changes_nothing(world: dict[str, Any]) -> None:
    plain, restarted = play(world, set()), play(world, world["kept"])
    assert restarted.path == plain.path
    assert restarted.branches == plain.branches
    # Machines of another process have other clocks: what they add up differs in the last digits.
    for (at, dial), (wanted_at, wanted) in zip(restarted.dialled, plain.dialled, strict=True):
        assert abs((at.astimezone(UTC) - wanted_at.astimezone(UTC)).total_seconds()) < 0.01
        assert (dial.attempt, dial.to) == (wanted.attempt, wanted.to)
    assert restarted.machine.tags == plain.machine.tags
    assert restarted.machine.cause == plain.machine.cause
    shown = [each["outcome"] for each in restarted.machine.steps[1].details["attempts"]]
    assert shown == [each["outcome"] for each in plain.machine.steps[1].details["attempts"]]


# What is refused


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ("machine_detection: beep, confirm: {prompt: Hi}", "confirm stands instead of machine_detection"),
        ("branches: {voicemail: hello}", "voicemail needs machine_detection"),
        ("validity: 49h", "too large"),
        ("retry: {times: 99}", "too large"),
        ("ring_timeout: 10m", "too large"),
        ("speed: {calls: 0, per: minute}", "too small"),
        ('window: {from: "09:00", to: "09:00"}', "the same time"),
        ("window: {time_zone: Nowhere}", "not a time zone"),
        ("confirm: {}", "the field is missing"),
        ("headers: {from: x}", "belongs to the call itself"),
        ("headers: {V: x}", "belongs to the call itself"),
        ('headers: {"X Y": z}', "not the name of a SIP header"),
    ],
)
def test_what_is_refused(fields: str, fault: str) -> None:
    start = "elements:\n  start: {type: start_from_audience, next: call}\n"
    text = f"{start}  call: {{type: start_outgoing_call, {fields}}}\n{AFTER}"
    with pytest.raises(FlowLoadError, match=fault):
        parse_flow(text, "main")


def test_a_secret_number_stays_one_over_a_restart() -> None:
    run = Life(
        """
variables: {who: "+4930777"}
sensitive: [who]
elements:
  start: {type: start_from_audience, next: call}
  call: {type: start_outgoing_call, to: "{{ who }}"}
""",
    ).start()
    assert run.machine._ctx.kept["to"] == Sensitive("+4930777")
    run.restart()
    run.run(turns=1)
    assert run.commands(Dial)[0].secret


# Whatever comes

EVENTS = st.sampled_from(
    [
        "reserved",
        "progress",
        "answered",
        "machine",
        "human",
        "busy",
        "ours",
        "final",
        "ended",
        "key",
        "timer",
        "restart",
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(EVENTS, st.integers(-1, 1), st.floats(0.0, 4000.0)), max_size=40), st.sampled_from(["a", "b"])
)
def test_events_in_any_order_break_nothing(events: list[tuple[str, int, float]], which: str) -> None:
    """Also those of other calls, and late ones: the flow comes to an end without a fault of its own."""
    fields = "machine_detection: beep, retry: {times: 2, min_minutes: 1}, validity: 1h"
    text = flow(fields, DETECTED) if which == "a" else flow(f"{CONFIRM}, speed: {{calls: 1, per: minute}}", DETECTED)
    run = Life(text, wall=MONDAY, number=NUMBER, pace=lambda asked: asked.earliest, callee=lambda dial: [])
    run.start()
    for what, off, later in events:
        machine = run.machine
        if machine.finished:
            break
        number = max((dial.id for _, dial in run.dialled), default=1) + off
        run.pass_to(run.wall.astimezone(UTC) + timedelta(seconds=later))
        made: dict[str, Event] = {
            "reserved": DialReserved(number, run.wall),
            "progress": DialProgress(number, "early_media", 183),
            "answered": DialAnswered(number, "pbx"),
            "machine": AnswererFound(number, "machine", 0.8),
            "human": AnswererFound(number, "human", 0.8),
            "busy": DialDone(number, "busy", "known", 486, "busy"),
            "ours": DialDone(number, "failed", "unexplained", None, "limit"),
            "final": DialDone(number, "failed", "final", 404, "unknown_number"),
            "ended": CallEnded("user_hung_up"),
            "key": Digit("1", at=run.now, duration=0.1),
        }
        if what in made:
            machine.receive(made[what], run.now)
        elif what == "timer":
            machine.handle_timer(run.now)
        elif machine.dormant:
            run.restart()
        run._turn()
        up = machine.cause is None and machine.call.direction == "outbound"
        assert not (machine.dormant and up)
    run.run()
    assert run.machine.finished
    assert run.machine.fault is None
    attempts = run.machine.steps[1].details.get("attempts", [])
    assert [each["attempt"] for each in attempts] == list(range(1, len(attempts) + 1))
    assert [dial.attempt for _, dial in run.dialled] == list(range(1, len(run.dialled) + 1))
