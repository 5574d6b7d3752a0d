"""Modems that answer wrongly, late or not at all: the line never waits for ever, and nobody is left off hook."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr.devices.hardware import Answered, Back, Failed, Gone, HungUp, Key, Ringing
from ivr.devices.modem.protocol import ModemLine, State, Wish
from tests.kit.modem.chips import CHIPS
from tests.kit.modem.emulator import Fault, Misbehaviour
from tests.kit.modem.exchange import Caller, Exchange
from tests.kit.modem.office import level_of, tone
from tests.kit.modem.virtual import VirtualLine

SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def ready(chip: str = "cx93010", wish: Wish | None = None, **kept: object) -> VirtualLine:
    line = VirtualLine(chip, wish=wish or Wish(rings=1, ring_gone=1.0), **kept)  # type: ignore[arg-type]
    line.await_event(Back)
    line.events.clear()
    return line


def answered(chip: str = "cx93010") -> VirtualLine:
    line = ready(chip, exchange=Exchange((0.4, 0.6), id_first=True))
    line.phone.call("100", Caller("5551234"))
    line.await_event(Ringing)
    line.do(line.line.answer)
    line.await_event(Answered)
    line.events.clear()
    return line


@pytest.mark.parametrize("command", ["Z", "E0", "I0", "I3", "+FMI", "&F", "+FCLASS=8", "+VSM", "+VRA", "+VCID"])
@pytest.mark.parametrize("does", ["silent", "garbage", "lost_ok", "no_carrier"])
def test_one_fault_at_any_command_is_got_over(command: str, does: Misbehaviour) -> None:
    line = VirtualLine()
    line.modem.faults.append(Fault(command, does))
    line.await_event(Back)
    assert line.line.setup is not None
    assert line.line.setup.profile.name == "cx93010"
    line.phone.call("100", Caller("5551234"))
    line.await_event(Ringing)


@pytest.mark.parametrize("command", ["+FCLASS=8", "+VSD", "+VSM", "+VLS=1", "+VTR"])
@pytest.mark.parametrize("does", ["silent", "garbage", "lost_ok"])
def test_one_fault_while_a_call_is_taken_is_got_over(command: str, does: Misbehaviour) -> None:
    line = ready(exchange=Exchange((0.4, 0.6), id_first=True))
    line.phone.call("100", Caller("5551234"))
    line.await_event(Ringing)
    line.modem.faults.append(Fault(command, does))
    line.do(line.line.answer)
    line.await_event(Answered)
    line.play(tone(1000, 0.5))
    line.run(1.5)
    assert level_of(line.phone.recorded(), 1000) > 7000


def test_what_must_be_obeyed_and_is_not_ends_the_call() -> None:
    for command in ("+FCLASS=8", "+VLS=1"):
        line = ready(exchange=Exchange((0.4, 0.6)))
        line.phone.call("100")
        line.await_event(Ringing)
        line.modem.faults.append(Fault(command, "error"))
        line.do(line.line.answer)
        line.await_event(HungUp)
        line.until(lambda line=line: line.line.state in (State.IDLE, State.RINGING))
        assert Answered(certain=True) not in line.events


def test_a_modem_without_voice_is_none() -> None:
    line = VirtualLine()
    line.modem.faults.append(Fault("+FCLASS=8", "error", 10))
    assert line.await_event(Gone) == Gone("the modem has no voice: no OK for AT+FCLASS=8")


def test_a_modem_whose_formats_nobody_understands_is_none() -> None:
    line = VirtualLine()
    line.modem.faults.append(Fault("+VSM", "error", 10))
    gone = line.await_event(Gone)
    assert isinstance(gone, Gone)
    assert "sample format" in gone.reason


def test_a_modem_that_is_dead_is_gone_within_seconds() -> None:
    line = VirtualLine()
    line.modem.hung = True
    line.modem._wake = lambda: None  # type: ignore[method-assign]
    assert line.await_event(Gone, 15.0) == Gone("the modem does not answer")
    assert line.doings == ["break", "drop_dtr"]
    assert line.line.wake_at() is None


def test_a_modem_that_hangs_is_woken_by_a_break() -> None:
    line = VirtualLine()
    line.modem.hung = True
    line.await_event(Back, 20.0)
    assert line.doings == ["break"]


def test_an_idle_modem_that_dies_is_noticed() -> None:
    line = ready()
    line.run(100.0)
    assert line.events == []
    line.modem.hung = True
    line.modem._wake = lambda: None  # type: ignore[method-assign]
    line.await_event(Gone, 60.0)


def test_a_modem_that_was_left_in_its_sound_is_got_out_of_it() -> None:
    line = answered()
    again = ModemLine(Wish())
    line.line = again
    line.events.clear()
    again.open(line.now)
    line.await_event(Back, 20.0)


def test_a_modem_that_sends_no_samples_any_more_ends_the_call() -> None:
    line = answered()
    line.modem.hung = True
    line.until(lambda: any(isinstance(event, HungUp | Gone) for event in line.events), 20.0)
    line.until(lambda: line.line.state in (State.IDLE, State.CLOSED), 30.0)


def test_dtr_hangs_up_where_commands_do_not() -> None:
    line = answered()
    line.modem.faults.append(Fault("H", "silent", 4))
    line.do(line.line.hang_up)
    line.until(lambda: line.line.state is State.IDLE, 20.0)
    assert "drop_dtr" in line.doings
    assert not line.modem.line.off_hook


def test_the_end_of_the_sound_may_be_lost() -> None:
    line = answered()
    line.modem._leave = lambda: (setattr(line.modem, "mode", "command"), line.modem._answer("OK"))  # type: ignore
    line.do(line.line.send_key, "5")
    line.run(1.5)
    assert line.phone.keys == ["5"]
    assert line.line.state is State.TALKING


def test_codes_that_nobody_knows_change_nothing() -> None:
    line = answered()
    for octet in range(256):
        if chr(octet) not in "\x03\x10\x1abdl/~0123456789*#ABCD":
            line.modem.garbage(bytes([0x10, octet]))
    line.run(2.0)
    assert line.events == []
    assert line.line.state is State.TALKING


def test_no_carrier_in_a_call_is_its_end() -> None:
    line = answered("usr5637")
    line.run(1.0)
    line.modem.garbage(b"\x10\x03\r\nNO CARRIER\r\n")
    line.modem.mode = "command"
    line.await_event(HungUp)


def test_a_few_lost_octets_cost_no_call() -> None:
    line = answered()
    line.modem.lose_every = 997
    line.phone.play(tone(600, 3.0))
    line.run(20.0)
    assert line.line.state is State.TALKING or any(isinstance(event, HungUp) for event in line.events)
    line.modem.lose_every = 0
    if line.line.state is State.TALKING:
        line.do(line.line.hang_up)
    line.until(lambda: line.line.state is State.IDLE, 30.0)


@SLOW
@given(
    st.sampled_from(sorted(CHIPS)),
    st.lists(
        st.tuples(
            st.sampled_from(["", "+FCLASS", "+V", "+VTX", "+VRX", "+VTR", "+VLS", "H", "D", "+VTS"]),
            st.sampled_from(["error", "silent", "garbage", "no_carrier", "lost_ok", "hang"]),
            st.integers(1, 3),
        ),
        max_size=4,
    ),
    st.lists(
        st.tuples(
            st.sampled_from(["answer", "hang_up", "dial", "key", "call", "phone hangs", "noise", "codes", "play"]),
            st.floats(0.0, 3.0),
        ),
        max_size=10,
    ),
    st.binary(max_size=40),
)
def test_whatever_happens_the_line_comes_to_rest(
    chip: str, faults: list[tuple[str, Misbehaviour, int]], steps: list[tuple[str, float]], noise: bytes
) -> None:
    line = ready(chip, exchange=Exchange((0.4, 0.6)))
    line.modem.faults += [Fault(*fault) for fault in faults]
    for what, later in steps:
        match what:
            case "answer":
                line.do(line.line.answer)
            case "hang_up":
                line.do(line.line.hang_up)
            case "dial":
                line.do(line.line.dial, "200")
            case "key":
                line.do(line.line.send_key, "5")
            case "call":
                line.phone.call("100", Caller("5551234"))
            case "phone hangs":
                line.phone.hang()
            case "noise":
                line.modem.garbage(noise)
            case "codes":
                line.modem.garbage(b"\x10" + noise[:1] + b"\x10\x10\x10")
            case "play":
                line.play(tone(1000, 0.3)) if line.line.setup else None
        line.run(later)
        if line.line.state is State.CLOSED:
            line.do(line.line.open)
    line.modem.faults.clear()
    line.modem.hung = False
    line.phone.hang()
    line.do(line.line.hang_up)
    end = line.now + 60.0
    while line.line.state is not State.IDLE:
        assert line.now < end, (line.line.state, line.trace[-20:])
        if line.line.state is State.CLOSED:
            line.do(line.line.open)
        line.step()
    line.run(1.0)
    assert not line.modem.line.off_hook
    told = [event for event in line.events if isinstance(event, Answered | Failed | HungUp | Ringing | Key | Gone)]
    assert len(told) <= 40
    line.events.clear()
    line.phone.call("100", Caller("777"))
    line.await_event(Ringing, 20.0)


@SLOW
@given(st.binary(max_size=300), st.lists(st.floats(0, 5), max_size=8))
def test_garbage_from_a_port_that_is_no_modem_ends_in_gone(noise: bytes, times: list[float]) -> None:
    line = ModemLine(Wish())
    now = 0.0
    line.open(now)
    for later in times:
        now += later
        line.receive(noise, now)
        line.timer(now)
    for _ in range(1000):
        wake = line.wake_at()
        if wake is None:
            break
        now = max(now, wake)
        line.timer(now)
        line.take_output()
        if line.state is not State.SETTING_UP:
            break
    assert now < 600.0
    assert line.state in (State.CLOSED, State.IDLE, State.RINGING)
