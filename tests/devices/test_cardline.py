"""The state machine of a line on a sound card, frame by frame in virtual time."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.devices.cardline import CardLine, CardWish, Sounding, State
from ivr.devices.hardware import Alerting, Answered, Back, Failed, Gone, HardwareEvent, HungUp, Key, Ringing
from media.devices import EarReport

SILENCE, VOICE = -80.0, -20.0
THROUGH = Answered(certain=True)


class Bench:
    """A line with its clock."""

    def __init__(
        self,
        answer: Literal["hook", "voice", "ring", "always"] = "hook",
        dial: Literal["tones", "handset"] = "handset",
        hang_up_after: float | None = None,
    ) -> None:
        self.line = CardLine(CardWish(answer, dial, -40.0, hang_up_after))
        self.now = 100.0
        self.told: list[HardwareEvent] = []
        self.do("found", "Card")
        self.hear(0.5)
        self.take()

    def do(self, what: str, *words: Any) -> None:
        self.told += getattr(self.line, what)(*words, self.now)

    def hear(
        self,
        seconds: float,
        level: float = SILENCE,
        keys: str = "",
        tone: Literal["busy", "dial"] | None = None,
        digits_left: bool = False,
    ) -> None:
        for at in range(round(seconds * 50)):
            self.now += 0.02
            first = at == 0
            report = EarReport(np.zeros(160, np.int16), level, keys if first else "", tone if first else None)
            self.told += self.line.hear(report, digits_left, self.now)

    def bell(self, bursts: int) -> None:
        for _ in range(bursts):
            self.hear(1, VOICE)
            self.hear(4)

    def take(self) -> list[HardwareEvent]:
        told, self.told = self.told, []
        return told

    def talk(self) -> None:
        """A call that came by the handset."""
        self.do("hook", True)
        self.do("answer")
        self.hear(0.1)
        assert self.take() == [Ringing(""), THROUGH]


def test_a_handset_that_is_lifted_calls_and_ends_the_call_when_it_is_put_down() -> None:
    bench = Bench()
    bench.do("hook", True)
    assert bench.take() == [Ringing("")]
    assert (bench.line.sounding, bench.line.heard, bench.line.off_hook) == (Sounding.NOTHING, False, True)
    bench.do("answer")
    bench.hear(0.1)
    assert bench.take() == [THROUGH]
    assert (bench.line.sounding, bench.line.heard) == (Sounding.NETWORK, True)
    bench.hear(0.1, VOICE, keys="4")
    bench.do("key", "2")
    assert bench.take() == [Key("4"), Key("2")]
    bench.do("hook", False)
    assert bench.take() == [HungUp()]
    assert bench.line.state is State.IDLE


def test_a_handset_put_down_before_the_answer() -> None:
    bench = Bench()
    bench.do("hook", True)
    bench.do("hook", False)
    bench.do("answer")
    assert bench.take() == [Ringing(""), HungUp()]
    assert bench.line.state is State.IDLE


def test_who_is_hung_up_on_hears_it_until_he_puts_the_handset_down_or_for_a_while() -> None:
    bench = Bench()
    bench.talk()
    bench.do("hang_up")
    assert bench.line.sounding is Sounding.BUSY
    bench.do("hook", False)
    assert (bench.line.state, bench.take()) == (State.IDLE, [])
    bench.talk()
    bench.do("hang_up")
    bench.hear(4.1)
    assert (bench.line.state, bench.take()) == (State.IDLE, [])
    bench.do("hook", True)
    assert bench.take() == [Ringing("")]  # a headset does not tell that it is on hook again


def test_the_bell_of_a_handset_rings_until_it_is_lifted() -> None:
    bench = Bench()
    bench.do("dial", "200")
    assert (bench.line.sounding, bench.take()) == (Sounding.RING, [Alerting()])
    bench.hear(1, VOICE)
    bench.do("hook", True)
    assert (bench.line.sounding, bench.take()) == (Sounding.NETWORK, [THROUGH])


def test_a_handset_that_is_off_hook_answers_at_once() -> None:
    bench = Bench(answer="voice")
    bench.do("hook", True)
    bench.do("dial", "200")
    assert bench.take() == [Alerting(), THROUGH]


def test_a_call_that_is_given_up_stops_the_bell_silently() -> None:
    bench = Bench()
    bench.do("dial", "200")
    bench.do("hang_up")
    assert (bench.line.state, bench.line.sounding) == (State.IDLE, Sounding.NOTHING)
    bench.do("hook", True)
    assert bench.take() == [Alerting(), Ringing("")]


def test_a_voice_calls_and_hears_the_prompt_once_it_pauses() -> None:
    bench = Bench("voice")
    bench.hear(0.5, VOICE)
    assert bench.take() == [Ringing("")]
    bench.do("answer")
    bench.hear(0.5, VOICE, keys="1")
    bench.hear(0.3)
    assert bench.take() == []
    bench.hear(0.2)
    assert bench.take() == [THROUGH]


def test_a_voice_that_does_not_pause_hears_the_prompt_all_the_same() -> None:
    bench = Bench("voice")
    bench.hear(0.5, VOICE)
    bench.do("answer")
    bench.hear(3.1, VOICE)
    assert bench.take() == [Ringing(""), THROUGH]


def test_a_voice_answers_a_bell() -> None:
    bench = Bench("voice")
    bench.do("dial", "200")
    bench.hear(0.5, VOICE)
    assert bench.take() == [Alerting(), THROUGH]


def test_a_bell_calls_after_two_bursts_and_one_that_stops_is_over() -> None:
    bench = Bench("ring")
    bench.bell(1)
    assert bench.take() == []
    bench.bell(1)
    assert bench.take() == [Ringing("")]
    bench.bell(2)
    assert bench.take() == []
    bench.hear(7)
    assert bench.take() == [HungUp()]


def test_a_bell_that_nobody_wants_is_told_once_and_the_next_one_again() -> None:
    bench = Bench("ring")
    bench.bell(2)
    bench.do("hang_up")
    assert bench.line.state is State.IDLE
    bench.bell(4)
    assert bench.take() == [Ringing("")]
    bench.hear(8)
    bench.bell(2)
    assert bench.take() == [Ringing("")]


def test_an_adapter_answers_and_a_busy_tone_ends_the_call() -> None:
    bench = Bench("ring")
    bench.bell(2)
    bench.do("answer")
    bench.hear(0.1)
    bench.hear(1, VOICE, tone="busy")
    assert bench.take() == [Ringing(""), THROUGH, HungUp()]
    assert bench.line.state is State.IDLE


def test_a_busy_tone_after_the_call_is_no_voice() -> None:
    bench = Bench("voice")
    bench.hear(0.5, VOICE)
    bench.do("answer")
    bench.hear(0.5)
    bench.hear(0.1, VOICE, tone="busy")
    assert bench.take() == [Ringing(""), THROUGH, HungUp()]
    for _ in range(10):
        bench.hear(0.5, VOICE)
        bench.hear(0.5)
    assert bench.take() == []
    bench.hear(2.1)
    bench.hear(0.5, VOICE)
    assert bench.take() == [Ringing("")]


def test_a_number_is_dialled_in_tones_and_nobody_can_tell_who_answers() -> None:
    bench = Bench("ring", "tones")
    bench.do("dial", "+49 30,12a")
    assert (bench.line.sounding, bench.line.dialled, bench.line.heard) == (Sounding.DIGITS, "4930,12A", True)
    bench.hear(2, digits_left=True)
    assert bench.take() == []
    bench.hear(0.02)
    assert bench.take() == [Answered(certain=False)]


def test_a_line_that_always_has_a_call() -> None:
    bench = Bench("always")
    bench.hear(2)
    assert bench.take() == [Ringing("")]
    bench.do("answer")
    bench.hear(0.1)
    bench.do("hang_up")
    bench.hear(4.1)
    bench.hear(1.8)
    assert bench.take() == [THROUGH]
    bench.hear(0.4)
    assert bench.take() == [Ringing("")]
    bench.do("hang_up")
    bench.hear(4.2)
    bench.do("dial", "200")
    bench.hear(0.1)
    assert bench.take() == [Alerting(), THROUGH]


def test_silence_ends_a_call_where_it_is_told_to() -> None:
    bench = Bench(hang_up_after=5.0)
    bench.talk()
    bench.hear(4)
    bench.hear(0.3, VOICE)
    bench.hear(4.9)
    assert bench.take() == []
    bench.hear(0.3)
    assert bench.take() == [HungUp()]
    assert bench.line.state is State.ENDING


def test_a_call_waits_until_the_one_before_has_ended() -> None:
    bench = Bench()
    bench.talk()
    bench.do("hang_up")
    bench.do("dial", "200")
    assert bench.take() == []
    bench.do("hook", False)
    assert (bench.line.state, bench.take()) == (State.ALERTING, [Alerting()])


def test_the_card_goes_and_comes_back() -> None:
    bench = Bench()
    bench.talk()
    bench.do("lost", "pulled out")
    bench.do("lost", "pulled out")
    bench.do("lost", "still not there")
    bench.hear(1, VOICE)
    bench.do("dial", "200")
    bench.do("hang_up")
    assert (bench.take(), bench.line.sounding) == ([Gone("pulled out"), Gone("still not there")], Sounding.NOTHING)
    bench.do("found", "Card")
    bench.do("found", "Card")
    assert bench.take() == [Back("Card")]


STEPS = st.one_of(
    st.tuples(st.just("hear"), st.sampled_from((0.02, 0.5, 3.0)), st.sampled_from((SILENCE, VOICE))),
    st.tuples(st.just("busy")),
    st.tuples(st.sampled_from(("answer", "hang_up", "drop"))),
    st.tuples(st.just("hook"), st.booleans()),
    st.tuples(st.just("dial"), st.sampled_from(("", "200"))),
    st.tuples(st.just("key"), st.just("5")),
    st.tuples(st.just("lost"), st.just("gone")),
    st.tuples(st.just("found"), st.just("Card")),
)
IN_CALL = (State.TALKING,)


@given(
    st.sampled_from(("hook", "voice", "ring", "always")),
    st.sampled_from(("tones", "handset")),
    st.lists(STEPS, max_size=25),
)
@settings(deadline=None)
def test_every_order_of_events_tells_calls_that_begin_before_they_end(
    answer: Any, dial: Any, steps: list[tuple[Any, ...]]
) -> None:
    bench = Bench(answer, dial)
    there, offered, dialling, talking = True, False, False, False
    for what, *words in steps:
        before = bench.line.state
        if what == "hear":
            bench.hear(*words)
        elif what == "busy":
            bench.hear(0.02, VOICE, tone="busy")
        else:
            bench.do(what, *words)
            # What the daemon wants begins and ends calls without an event.
            dialling = dialling or (what == "dial" and before in (State.IDLE, State.ENDING))
            if what == "hang_up":
                offered = talking = dialling = False
        for event in bench.take():
            match event:
                case Ringing():
                    assert there and not (offered or talking)
                    offered = True
                case Answered():
                    assert there and (offered or dialling)
                    offered, dialling, talking = False, False, True
                case HungUp():
                    assert offered or talking
                    offered = talking = False
                case Key():
                    assert talking
                case Gone():
                    there = offered = dialling = talking = False
                case Back():
                    assert not there
                    there = True
                case Alerting():
                    assert there
                case Failed():
                    raise AssertionError(event)
        line = bench.line
        assert line.heard is (line.state in (State.TALKING, State.DIALLING))
        assert (line.sounding is Sounding.NETWORK) is (line.state is State.TALKING)
        assert talking is (line.state is State.TALKING)
