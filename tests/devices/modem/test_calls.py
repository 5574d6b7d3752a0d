"""Calls over emulated modems of every kind, in virtual time."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ivr.devices.hardware import Alerting, Answered, Back, Failed, HungUp, Key, Ringing
from ivr.devices.modem.protocol import State, Wish
from tests.kit.modem.chips import CHIPS
from tests.kit.modem.exchange import Caller, Exchange
from tests.kit.modem.office import level_of, tone
from tests.kit.modem.virtual import VirtualLine

EVERY_CHIP = pytest.mark.parametrize("chip", CHIPS)
LOUD = 7000.0
"""Of a tone of 8000, whatever format it passed through."""


def ready(chip: str = "cx93010", **kept: object) -> VirtualLine:
    line = VirtualLine(chip, **kept)  # type: ignore[arg-type]
    line.await_event(Back)
    line.events.clear()
    return line


def answered(chip: str = "cx93010", **kept: object) -> VirtualLine:
    """A line in a call from 200."""
    line = ready(chip, **kept)
    line.phone.call("100", Caller("5551234", "ADA"))
    line.await_event(Ringing)
    line.do(line.line.answer)
    line.await_event(Answered)
    line.events.clear()
    line.phone.heard.clear()
    line.heard.clear()
    return line


@EVERY_CHIP
def test_a_caller_is_told_answered_heard_and_sounded_to(chip: str) -> None:
    line = ready(chip)
    line.phone.call("100", Caller("5551234", "ADA"))
    assert line.await_event(Ringing) == Ringing("5551234", "ADA")
    line.do(line.line.answer)
    assert line.await_event(Answered) == Answered(certain=True)
    assert line.line.state is State.TALKING
    assert line.line.setup is not None
    rate = line.line.setup.format.rate
    line.play(tone(1000 * 8000 / rate, 1.0 * rate / 8000))
    line.run(2.5)
    assert level_of(line.phone.recorded(), 1000) > LOUD
    line.heard.clear()
    line.phone.play(tone(600, 1.0))
    line.run(1.6)
    assert level_of(line.recorded(), 600 * 8000 / rate) > LOUD
    assert line.modem.counts.underruns == 0


@EVERY_CHIP
def test_keys_count_once_each_while_a_prompt_plays_and_in_silence(chip: str) -> None:
    line = answered(chip)
    assert line.line.setup is not None
    line.play(tone(700, 2.0))
    line.run(0.5)
    line.phone.press("1122", 0.12)
    line.run(3.5)
    line.phone.press("#99*", 0.3)
    line.run(4.0)
    keys = "".join(event.digit for event in line.events if isinstance(event, Key))
    assert keys == "1122#99*"


@EVERY_CHIP
def test_keys_are_sounded(chip: str) -> None:
    line = answered(chip)
    line.play(tone(700, 1.0))
    line.run(0.5)
    for digit in "19#":
        line.do(line.line.send_key, digit)
    line.run(4.0)
    assert "".join(line.phone.keys) == "19#"
    assert line.line.state is State.TALKING


@pytest.mark.parametrize(
    ("chip", "release"),
    [(name, release) for name, chip in CHIPS.items() for release in ("busy", "loop") if release[0] in chip.codes],
)
def test_who_hangs_up_is_noticed(chip: str, release: str) -> None:
    line = answered(chip, exchange=Exchange(release=release))  # type: ignore[arg-type]
    line.phone.hang()
    hung_up_at = line.now
    line.await_event(HungUp)
    assert line.now - hung_up_at < (0.5 if release == "loop" else 2.0)
    line.until(lambda: line.line.state is State.IDLE)
    assert not line.modem.line.off_hook
    assert [type(event) for event in line.events] == [HungUp]


@EVERY_CHIP
def test_hanging_up_goes_on_hook(chip: str) -> None:
    line = answered(chip)
    line.play(tone(700, 5.0))
    line.run(0.5)
    line.do(line.line.hang_up)
    line.until(lambda: line.line.state is State.IDLE, 4.0)
    assert line.phone.tone == "busy"
    line.run(1.0)
    assert line.events == []


@EVERY_CHIP
def test_calls_out(chip: str) -> None:
    line = ready(chip, wish=Wish(ring_gone=4.5))
    line.do(line.line.dial, "200")
    line.await_event(Alerting)
    line.run(7.0)
    assert line.phone.rung == 2
    line.phone.lift()
    assert line.await_event(Answered) == Answered(certain=True)
    line.phone.play(tone(600, 1.0))
    line.run(1.5)
    assert level_of(line.recorded(), 600 * 8000 / line.line.setup.format.rate) > LOUD  # type: ignore[union-attr]
    line.do(line.line.hang_up)
    line.until(lambda: line.line.state is State.IDLE)


@EVERY_CHIP
def test_why_calls_out_come_to_nothing(chip: str) -> None:
    line = ready(chip)
    line.phone.lift()
    line.do(line.line.dial, "200")
    assert line.await_event(Failed) == Failed("busy")
    line.until(lambda: line.line.state is State.IDLE)
    line.events.clear()
    line.phone.hang()
    line.modem.line.plugged = False
    line.do(line.line.dial, "200")
    assert line.await_event(Failed) == Failed("no_dial_tone")
    line.until(lambda: line.line.state is State.IDLE)
    line.events.clear()
    line.modem.line.plugged = True
    line.do(line.line.dial, "200")
    assert line.await_event(Failed, 300.0) == Failed("no_answer")


def test_ring_back_and_busy_may_be_told_by_codes() -> None:
    line = ready()
    line.do(line.line.dial, "200")
    line.until(lambda: line.line.state is State.DIALLING and any("ATD" in text for text in line.trace))
    line.modem.code("r")
    assert line.await_event(Alerting, 0.5) == Alerting()
    line.modem.code("b")
    assert line.await_event(Failed, 0.5) == Failed("busy")
    line.until(lambda: line.line.state is State.IDLE)


def test_a_call_out_is_given_up_while_it_rings() -> None:
    line = ready()
    line.do(line.line.dial, "200")
    line.await_event(Alerting)
    line.do(line.line.hang_up)
    line.until(lambda: line.line.state is State.IDLE, 4.0)
    assert not line.modem.line.off_hook
    assert line.phone.line.ringing_at is None
    assert [type(event) for event in line.events] == [Alerting]


def test_the_next_call_out_waits_for_the_end_of_the_one_before() -> None:
    line = answered()
    line.do(line.line.hang_up)
    line.phone.hang()
    line.do(line.line.dial, "200")
    assert line.line.state is State.ENDING
    line.await_event(Alerting)


def test_numbers_are_dialled_without_what_no_line_knows() -> None:
    line = ready(wish=Wish(pulse=True))
    line.do(line.line.dial, "0,+49 (30) 1-2x")
    line.until(lambda: any("ATD" in text for text in line.modem.counts.commands))
    assert line.modem.counts.commands[-1] == "ATDP0,493012"
    again = ready()
    again.do(again.line.dial, "+")
    assert again.events[-1] == Failed("refused")


def test_rings_are_counted_and_a_caller_who_gives_up_is_told() -> None:
    line = ready(wish=Wish(rings=3))
    line.phone.call("100", Caller("5551234"))
    line.run(11.0)
    assert line.events == []
    line.run(3.0)
    assert line.events == [Ringing("5551234")]
    line.phone.hang()
    line.await_event(HungUp, 12.0)
    assert line.line.state is State.IDLE


def test_a_caller_who_gives_up_before_he_is_told_is_not_told() -> None:
    line = ready()
    line.phone.call("100", Caller("5551234"))
    line.run(3.0)
    line.phone.hang()
    line.run(12.0)
    assert line.events == []
    assert line.line.state is State.IDLE


@pytest.mark.parametrize(("number", "told"), [("P", ""), ("O", ""), ("5551234", "5551234")])
def test_caller_id_before_the_first_ring(number: str, told: str) -> None:
    line = ready(wish=Wish(rings=1), exchange=Exchange(id_first=True))
    line.phone.call("100", Caller(number))
    line.run(1.5)
    assert line.events == [Ringing(told)]


def test_a_caller_id_does_not_stick_to_the_next_call() -> None:
    line = ready(wish=Wish(rings=1), exchange=Exchange(id_first=True))
    line.phone.call("100", Caller("5551234"))
    line.await_event(Ringing)
    line.phone.hang()
    line.await_event(HungUp)
    line.run(5.0)
    line.events.clear()
    line.exchange.id_first = False
    line.phone.call("100", Caller("777"))
    assert line.await_event(Ringing) == Ringing("")


def test_no_caller_id_where_none_is_wanted() -> None:
    line = ready(wish=Wish(caller_id=False))
    line.phone.call("100", Caller("5551234"))
    assert line.await_event(Ringing) == Ringing("")


def test_who_is_not_taken_rings_on_unheard() -> None:
    line = ready()
    line.phone.call("100", Caller("5551234"))
    line.await_event(Ringing)
    line.do(line.line.hang_up)
    line.run(13.0)
    assert [type(event) for event in line.events] == [Ringing]
    assert line.line.state is State.UNHEARD
    line.do(line.line.answer)
    assert isinstance(line.events[-1], HungUp)
    line.phone.hang()
    line.run(10.0)
    assert line.line.state is State.IDLE
    line.phone.call("100", Caller("777"))
    line.events.clear()
    assert line.await_event(Ringing) == Ringing("777")


def test_a_ring_out_of_nowhere_is_no_call() -> None:
    line = ready()
    line.modem.rings(line.now)
    line.run(10.0)
    assert line.events == []
    assert line.line.state is State.IDLE


def test_a_country_is_set_and_numbers_are_not_in_the_log() -> None:
    line = ready(wish=Wish(country="DE", rings=2))
    assert "AT+GCI=42" in line.modem.counts.commands
    line.phone.call("100", Caller("5551234", "ADA"))
    line.await_event(Ringing)
    line.phone.hang()
    line.await_event(HungUp)
    line.do(line.line.dial, "0301234567")
    line.await_event(Failed, 60.0)
    log = "\n".join(line.trace)
    assert "NMBR" in log
    assert "ATDT..." in log
    assert not any(secret in log for secret in ("5551234", "ADA", "0301234567"))


def test_a_modem_that_is_promised_duplex_and_has_none_is_half_duplex() -> None:
    line = answered("usr5637", wish=Wish(duplex="full"))
    assert line.line.full_duplex is False
    line.phone.play(tone(600, 1.0))
    line.run(1.5)
    assert level_of(line.recorded(), 600) > LOUD


def test_duplex_is_left_alone_where_half_is_asked_for() -> None:
    line = answered("cx93010", wish=Wish(duplex="half"))
    assert not any(text.startswith("AT+VTR") for text in line.modem.counts.commands)
    line.play(tone(1000, 0.5))
    line.run(1.5)
    assert level_of(line.phone.recorded(), 1000) > LOUD


def test_both_ways_at_once_where_the_chip_can() -> None:
    line = answered("cx93010")
    line.play(tone(1000, 2.0))
    line.phone.play(tone(600, 2.0))
    line.run(2.0)
    assert level_of(line.phone.recorded(), 1000) > LOUD
    assert level_of(line.recorded(), 600) > LOUD


def test_half_duplex_hears_nothing_while_it_sounds_and_turns_in_time() -> None:
    line = answered("usr5637")
    line.run(1.0)
    began = line.now
    line.play(tone(1000, 1.0))
    line.until(lambda: loud(line))
    assert line.now - began < 0.3  # to sounding
    line.run(1.0)
    line.heard.clear()
    line.until(lambda: bool(line.heard))
    assert line.now - began < 1.0 + 1.0  # to hearing: hang-over, what the modem still plays, two commands


def loud(line: VirtualLine) -> bool:
    """The other side hears something at this moment."""
    return bool(np.abs(line.phone.heard[-1]).max() > 4000)


def test_what_ends_the_sound_is_learnt() -> None:
    line = answered("v253")  # its +VRX ends with DLE ESC alone, which is not what is tried first
    line.play(tone(1000, 0.5))
    line.run(6.0)
    began = line.now
    line.play(tone(1000, 0.5))
    line.until(lambda: loud(line))
    assert line.now - began < 0.5


def test_pauses_within_a_prompt_do_not_turn_the_modem() -> None:
    line = answered("usr5637")
    turns = len(line.modem.counts.commands)
    for _ in range(4):
        line.play(np.concatenate((tone(700, 0.5), np.zeros(2400, np.int16))))
    line.run(3.0)
    assert line.modem.counts.commands[turns:].count("AT+VTX") <= 1
    assert line.modem.counts.underruns == 0


@pytest.mark.parametrize("ppm", [-900.0, 900.0])
def test_clocks_that_differ_do_not_add_up(ppm: float) -> None:
    line = answered("cx93010", ppm=ppm)
    pulse = np.concatenate((tone(1000, 0.5), np.zeros(4000, np.int16)))
    for _ in range(100):
        line.play(pulse)
    line.run(100.0)
    assert line.modem.counts.underruns <= 2
    assert line.modem.counts.most_held <= 1024
    line.phone.heard.clear()
    line.play(tone(2000, 0.3))
    line.until(lambda: level_of(line.phone.recorded()[-800:], 2000) > LOUD / 2, 1.0)


def test_no_sound_is_sent_while_the_port_still_has_some() -> None:
    line = answered("cx93010")
    line.line.held_up = True
    line.play(tone(1000, 1.0))
    line.run(1.5)
    assert level_of(line.phone.recorded()[4000:], 1000) < 100
    line.line.held_up = False
    line.run(1.5)
    assert level_of(line.phone.recorded(), 1000) > LOUD


def test_other_formats_are_tried_when_the_best_is_refused() -> None:
    methods = tuple(one for one in CHIPS["cx93010"].methods if one.coding != "ulaw")
    line = answered(dataclasses.replace(CHIPS["cx93010"], methods=methods))  # type: ignore[arg-type]
    assert line.line.setup is not None
    assert line.line.setup.format.coding == "u8"
    line.play(tone(1000, 0.5))
    line.run(1.0)
    assert level_of(line.phone.recorded(), 1000) > LOUD


def test_a_chip_that_hears_the_end_only_behind_a_further_shield() -> None:
    ends = {**CHIPS["cx93010"].ends, "+VTX": (b"\x10\x10\x03",), "+VRX": (b"\x10\x10!",)}
    chip = dataclasses.replace(CHIPS["cx93010"], ends=ends)
    line = answered(chip, wish=Wish(duplex="half"))  # type: ignore[arg-type]
    line.play(tone(1000, 0.5))
    line.run(6.0)
    assert level_of(line.phone.recorded(), 1000) > LOUD
    line.do(line.line.hang_up)
    line.until(lambda: line.line.state is State.IDLE, 8.0)
