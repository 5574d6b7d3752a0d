"""The state machine of a line on hardware: every order of events leaves both sides in the same state."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.devices.hardware import Alerting, Answered, Back, Failed, Gone, HungUp, Key, Ringing
from ivr.devices.line import (
    Accept,
    Connect,
    Dial,
    End,
    HangUp,
    Line,
    Offered,
    Over,
    Place,
    Pressed,
    Progress,
    Reject,
    SendKey,
    SoundKey,
    State,
    Taken,
    TakeUp,
)


def line(*, early_media: bool = False) -> Line:
    made = Line(early_media=early_media)
    assert made.receive(Back("a fake")) == []
    return made


def run(made: Line, *events: Any) -> list[list[Any]]:
    return [made.receive(event) for event in events]


def test_a_caller_rings_and_is_answered_and_hangs_up() -> None:
    made = line()
    assert run(made, Ringing("0301234567", "Anna"), Taken(1), Answered(True), Key("5"), Pressed(1, "7"), HungUp()) == [
        [Place(1, "0301234567", "Anna")],
        [TakeUp()],
        [Connect(1)],
        [SendKey(1, "5")],
        [SoundKey("7")],
        [HangUp(), End(1)],
    ]
    assert (made.state, made.call) == (State.IDLE, None)


def test_a_caller_who_stops_ringing_is_cancelled_and_a_late_answer_ends() -> None:
    made = line()
    assert run(made, Ringing(""), HungUp(), Ringing("2"), Taken(1)) == [
        [Place(1, "", "")],
        [HangUp(), End(1)],
        [Place(2, "2", "")],
        [End(1)],
    ]
    assert (made.state, made.call) == (State.RINGING, 2)


def test_a_call_that_the_daemon_does_not_want_is_left_ringing() -> None:
    made = line()
    assert run(made, Ringing("1"), Over(1, "486")) == [[Place(1, "1", "")], [HangUp()]]
    assert made.state is State.IDLE


def test_the_daemon_calls_and_ends_the_call() -> None:
    made = line()
    assert run(made, Offered(7, "100"), Alerting(), Answered(True), Over(7)) == [
        [Dial("100")],
        [Progress(7, heard=False)],
        [Accept(7)],
        [HangUp()],
    ]


def test_hardware_that_hears_the_line_while_it_dials_is_heard_at_once() -> None:
    assert run(line(early_media=True), Offered(7, "100"), Alerting()) == [[Dial("100"), Progress(7, heard=True)], []]


@pytest.mark.parametrize(
    ("reason", "status"), [("busy", 486), ("no_answer", 480), ("no_dial_tone", 503), ("error", 503), ("refused", 403)]
)
def test_a_call_that_comes_to_nothing_is_refused_with_its_cause(reason: Any, status: int) -> None:
    made = line()
    _, (hang_up, reject) = run(made, Offered(7, "100"), Failed(reason))
    assert (hang_up, reject.call, reject.status) == (HangUp(), 7, status)
    assert made.state is State.IDLE


@pytest.mark.parametrize("before", [(Ringing("1"),), (Offered(7, "100"),), (Ringing("1"), Taken(1))])
def test_a_second_call_is_busy(before: tuple[Any, ...]) -> None:
    made = line()
    run(made, *before)
    assert made.receive(Offered(99, "100")) == [Reject(99, 503, "Line In Use")]
    assert made.call != 99


def test_a_line_without_hardware_refuses_with_503_and_says_why() -> None:
    made = line()
    assert made.trouble == ""
    assert run(made, Gone("the port is gone"), Offered(7, "100")) == [[], [Reject(7, 503, "Line Gone")]]
    assert made.trouble == "the port is gone"
    assert run(made, Back("a fake"), Offered(8, "100")) == [[], [Dial("100")]]
    assert made.trouble == ""


def test_hardware_that_vanishes_in_mid_call_ends_it_with_the_reason() -> None:
    made = line()
    assert run(made, Ringing("1"), Taken(1), Gone("unplugged")) == [
        [Place(1, "1", "")],
        [TakeUp()],
        [End(1, "unplugged")],
    ]
    assert made.receive(Over(1)) == []
    made = line()
    assert run(made, Offered(7, "1"), Gone("unplugged")) == [[Dial("1")], [Reject(7, 503, "Line Gone")]]


class Ends:
    """Both ends of a line, as the commands leave them: what hardware and daemon believe."""

    def __init__(self) -> None:
        self.machine = Line(early_media=False)
        self.there = False
        self.hook: str = "on"
        """``on``, ``off``, ``dialling`` or ``rings`` (a caller that nobody has taken)."""
        self.up: dict[int, str] = {}
        """Calls of the daemon that are not over: ``in`` (to the daemon), ``out``, ``talk``."""
        self.offers = 1000

    def feed(self, event: Any) -> None:
        for command in self.machine.receive(event):
            self.carry_out(command)
        self.check()

    def carry_out(self, command: Any) -> None:
        match command:
            case Place(call):
                assert call not in self.up
                self.up[call] = "in"
            case TakeUp():
                assert self.hook == "rings"
                self.hook = "off"
            case Dial():
                assert self.hook == "on"
                self.hook = "dialling"
            case HangUp():
                self.hook = "on"
            case Accept(call):
                assert self.up[call] == "out"
                self.up[call] = "talk"
            case Reject(call):
                assert self.up.pop(call) == "out"
            case End(call):
                self.up.pop(call, None)
            case Progress(call):
                assert self.up[call] == "out"
            case SendKey(call) | Connect(call):
                assert self.up[call] == "talk"
            case SoundKey():
                assert self.hook == "off"

    def check(self) -> None:
        machine = self.machine
        assert list(self.up) == ([machine.call] if machine.call is not None else []), "one call, known to both"
        busy = machine.state in (State.RINGING, State.DIALLING, State.TALKING)
        assert busy == (machine.call is not None)
        if self.there and machine.state in (State.IDLE, State.TALKING, State.DIALLING):
            assert self.hook == {"idle": "on", "talking": "off", "dialling": "dialling"}[machine.state.value]

    # What may happen

    def step(self, what: str) -> None:
        call = self.machine.call
        match what:
            case "back" if not self.there:
                self.there, self.hook = True, "on"
                self.feed(Back("fake"))
            case "gone" if self.there:
                self.there = False
                self.feed(Gone("unplugged"))
            case "ring" if self.there and self.hook == "on":
                self.hook = "rings"
                self.feed(Ringing("1"))
            case "hung_up" if self.there and self.hook in ("rings", "off", "dialling"):
                self.feed(HungUp())
            case "answered" if self.there and self.hook in ("dialling", "off"):
                self.hook = "off"
                self.feed(Answered(True))
            case "failed" if self.there and self.hook == "dialling":
                self.feed(Failed("busy"))
            case "key" if self.there and self.hook == "off":
                self.feed(Key("1"))
            case "offer":
                self.offers += 1
                self.up[self.offers] = "out"
                self.feed(Offered(self.offers, "100"))
            case "taken" if call is not None and self.up.get(call) == "in":
                self.up[call] = "talk"
                self.feed(Taken(call))
            case "late":
                self.up[999] = "talk"  # it answers a call that we have cancelled
                self.feed(Taken(999))
            case "over" if call is not None:
                self.up.pop(call)
                self.feed(Over(call))
            case "pressed" if call is not None and self.up.get(call) == "talk":
                self.feed(Pressed(call, "1"))


STEPS = st.sampled_from(
    ["back", "gone", "ring", "hung_up", "answered", "failed", "key", "offer", "taken", "late", "over", "pressed"]
)


@given(st.lists(STEPS, max_size=40))
def test_there_is_never_a_second_call_and_both_sides_agree(steps: list[str]) -> None:
    ends = Ends()
    ends.step("back")
    for step in steps:
        ends.step(step)
    ends.step("over")
    assert not ends.up
    assert not ends.there or ends.hook == "on"


@given(st.lists(STEPS, max_size=20), st.data())
def test_whatever_is_told_at_the_wrong_time_changes_nothing_but_ends_what_nobody_waits_for(
    steps: list[str], data: st.DataObject
) -> None:
    ends = Ends()
    for step in steps:
        ends.step(step)
    stray = data.draw(st.sampled_from([Taken(555), Over(555), Pressed(555, "1"), Back("again")]))
    before = ends.machine.state
    told = ends.machine.receive(stray) if not (isinstance(stray, Back) and before is State.GONE) else []
    assert told == ([End(555)] if isinstance(stray, Taken) else [])
    assert ends.machine.state is before
