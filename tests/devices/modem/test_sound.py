"""What the network's side of a modem gives and gets: paced, converted, without our own echo."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from ivr.devices.hardware import Answered, Back, HungUp, Ringing
from ivr.devices.modem.protocol import State
from ivr.devices.modem.sound import ModemSound
from tests.kit.modem.exchange import Caller
from tests.kit.modem.office import level_of, tone
from tests.kit.modem.virtual import VirtualLine
from tests.kit.sound import speechlike

Sound = NDArray[np.int16]


def conversation(chip: str, echo: float = 0.0) -> tuple[VirtualLine, ModemSound, Callable[[Sound], Sound]]:
    """A call, and what plays frames of 20 ms to it and gives what is heard meanwhile."""
    line = VirtualLine(chip)
    line.await_event(Back)
    line.phone.call("100", Caller("5551234"))
    line.await_event(Ringing)
    line.do(line.line.answer)
    line.await_event(Answered)
    line.modem.echo = echo
    setup = line.line.setup
    assert setup is not None
    device = ModemSound(
        lambda frame: line.sound.append(device.converted(frame)),
        lambda: line.do(line.line.call_over),
        "DE",
        lambda: line.now,
    )
    device.begin(setup.format.rate, line.line.full_duplex)

    def play(sound: Sound) -> Sound:
        heard = []
        for at in range(0, len(sound) - 159, 160):
            device.write(sound[at : at + 160])
            for _ in range(2):
                line.step()
                for samples in line.heard:
                    device.heard(samples)
                line.heard.clear()
            heard.append(device.read())
        return np.concatenate(heard)

    return line, device, play


@pytest.mark.parametrize("chip", ["cx93010", "v253"])
def test_sound_goes_both_ways_at_the_networks_rate(chip: str) -> None:
    line, _, play = conversation(chip)
    play(np.concatenate((tone(1000, 1.0), np.zeros(24000, np.int16))))  # half duplex: it has to turn, twice
    assert level_of(line.phone.recorded(), 1000) > 7000
    line.phone.play(tone(600, 1.5))
    assert level_of(play(np.zeros(12000, np.int16)), 600) > 7000


def test_no_call_no_sound() -> None:
    frames: list[Sound] = []
    device = ModemSound(frames.append, lambda: None)
    device.write(tone(1000, 0.02))
    device.heard(tone(1000, 0.02))
    assert frames == []
    assert device.read().tolist() == [0] * 160
    device.begin(8000, duplex=False)
    device.write(tone(1000, 0.02))
    assert len(frames) == 1
    device.end()
    device.write(tone(1000, 0.02))
    assert len(frames) == 1


def test_our_own_sound_does_not_come_back() -> None:
    _, _, play = conversation("cx93010", echo=0.3)
    prompt = (speechlike(8.0, 5) / 2).astype(np.int16)
    heard = play(prompt).astype(float)
    late = slice(len(heard) // 2, None)
    thrown = 0.3 * prompt.astype(float)
    assert np.mean(heard[late] ** 2) < np.mean(thrown[late] ** 2) / 100  # 20 dB less than came back


def test_who_speaks_meanwhile_is_heard() -> None:
    line, _, play = conversation("cx93010", echo=0.3)
    prompt = (speechlike(6.0, 5) / 2).astype(np.int16)
    play(prompt)
    line.phone.play(tone(600, 3.0, 4000.0))
    assert level_of(play(prompt)[8000:], 600) > 3000


@pytest.mark.parametrize("chip", ["cx93010", "usr5637"])
def test_a_busy_tone_that_the_modem_does_not_know_ends_the_call(chip: str) -> None:
    line, _, play = conversation(chip)
    play(np.zeros(8000, np.int16))
    line.modem.code = lambda code: None  # type: ignore[method-assign]
    line.events.clear()
    line.phone.hang()
    play(np.zeros(32000, np.int16))
    assert line.events == [HungUp()]
    line.until(lambda: line.line.state is State.IDLE)


def test_our_own_busy_tone_is_no_hang_up() -> None:
    line, _, play = conversation("cx93010", echo=0.3)
    line.events.clear()
    play(np.concatenate([tone(425, 0.48), np.zeros(3840, np.int16)] * 6))
    assert line.events == []
