"""A device as a row of the plane: rates, codecs, mute, meters; without sockets and without time."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from media.devices.rtp_sound import FLOOR, DeviceSound, level
from tests.kit.plane import PlaneBench, rtp

SECOND = 50


def tone(rate: int, hertz: float = 1000.0, seconds: float = 1.0, peak: float = 8000.0) -> NDArray[np.int16]:
    at = np.arange(round(rate * seconds)) / rate
    return np.rint(peak * np.sin(2 * np.pi * hertz * at)).astype(np.int16)


class Both:
    """A device that says a tone and keeps what it hears."""

    def __init__(self, rate: int, hertz: float = 1000.0) -> None:
        self.rate = rate
        self.said = tone(rate, hertz).reshape(-1, rate // 50)
        self.heard: list[NDArray[np.int16]] = []
        self.reads = 0

    def read(self) -> NDArray[np.int16]:
        self.reads += 1
        return self.said[(self.reads - 1) % len(self.said)]

    def write(self, frame: NDArray[np.int16]) -> None:
        assert frame.shape == (self.rate // 50,) and frame.dtype == np.int16
        self.heard.append(frame)

    def close(self) -> None:
        raise AssertionError("a stream does not close its device")


def strongest(samples: NDArray[np.int16], rate: int) -> tuple[float, float]:
    """Frequency of the strongest tone, and its peak value."""
    spectrum = np.abs(np.fft.rfft(samples.astype(float) * np.hanning(len(samples))))
    place = int(spectrum[5:].argmax()) + 5
    return place * rate / len(samples), float(spectrum[place]) * 4 / len(samples)


def talk(codec: str, rate: int, hertz: float = 1000.0) -> tuple[PlaneBench, Both, DeviceSound]:
    """A second of a call: the device speaks, and hears what it sent itself."""
    bench = PlaneBench(capacity=1)
    device = Both(rate, hertz)
    sound = bench.plane.live = DeviceSound(bench.plane, device)
    bench.call(codec=codec, payload_type={"pcmu": 0, "pcma": 8, "g722": 9}[codec], events=101)
    back: list[bytes] = []
    for _ in range(SECOND):
        bench.arrive(back)
        back = [sent.data for sent in bench.first()]
        sound.sound()
        sound.listen()
        bench.second()
    return bench, device, sound


@pytest.mark.parametrize("codec", ["pcmu", "pcma", "g722"])
@pytest.mark.parametrize("rate", [8000, 16000])
def test_what_is_said_comes_back_as_it_was(codec: str, rate: int) -> None:
    _, device, sound = talk(codec, rate)
    heard = np.concatenate(device.heard[10:])
    hertz, peak = strongest(heard, rate)
    assert hertz == pytest.approx(1000, abs=5)
    assert peak == pytest.approx(8000, rel=0.1)
    assert device.reads == len(device.heard) == SECOND
    assert sound.level_in == pytest.approx(level(device.said[0]), abs=0.5)
    assert sound.level_out == pytest.approx(level(device.said[0]), abs=0.1)


def test_wide_sound_stays_wide_between_wide_ends_alone() -> None:
    for codec, rate, passes in (("g722", 16000, True), ("g722", 8000, False), ("pcma", 16000, False)):
        _, device, _ = talk(codec, rate, hertz=5600.0 if rate == 16000 else 2400.0)
        hertz, peak = strongest(np.concatenate(device.heard[10:]), rate)
        if passes:
            assert (hertz, peak) == (pytest.approx(5600, abs=5), pytest.approx(8000, rel=0.15))
        elif rate == 16000:
            assert peak < 100, "what a narrow codec cannot carry is filtered out before it"
        else:
            assert hertz == pytest.approx(2400, abs=5)


def test_muted_is_silence_and_the_device_is_read_all_the_same() -> None:
    bench, device, sound = talk("pcmu", 8000)
    sound.muted = True
    before = device.reads
    for _ in range(3):
        sound.listen()
        bench.second()
        sent = bench.first()
    assert device.reads == before + 3
    assert set(sent[0].payload) == {0xFF}
    assert sound.level_out > -20, "the meter shows the microphone"


def test_a_detached_device_is_left_alone() -> None:
    bench, device, sound = talk("pcmu", 8000)
    sound.attached = False
    reads, writes = device.reads, len(device.heard)
    for _ in range(3):
        sound.listen()
        bench.second()
        sent = bench.first()
        sound.sound()
    assert (device.reads, len(device.heard)) == (reads, writes)
    assert set(sent[0].payload) == {0xFF}


def test_a_prompt_goes_before_the_device() -> None:
    bench, _, sound = talk("pcmu", 8000)
    bench.sounds["prompt"] = np.full(1600, 5000, np.int16)
    bench.play(0, 1, "prompt")
    bench.second()
    sound.listen()
    bench.second()
    assert len(set(bench.first()[0].payload)) == 1


def test_silence_is_given_where_nothing_comes_and_quiet_is_counted() -> None:
    bench = PlaneBench(capacity=1)
    device = Both(8000)
    sound = bench.plane.live = DeviceSound(bench.plane, device)
    for _ in range(10):
        bench.first()
        sound.sound()
        sound.listen()
        bench.second()
    assert len(device.heard) == 10 and not np.concatenate(device.heard).any()
    assert (sound.level_in, sound.heard_seconds) == (FLOOR, 0.0)
    assert sound.quiet_seconds == pytest.approx(0.2)
    bench.call()
    for n in range(20):
        bench.arrive([rtp(n, 160 * n, bytes((0x00, 0x80)) * 80)])
        bench.first()
        sound.sound()
        sound.listen()
        bench.second()
    assert sound.heard_seconds == pytest.approx(0.38, abs=0.05)
    assert sound.quiet_seconds == 0.0
    assert sound.level_in > -3


def test_levels() -> None:
    assert level(np.zeros(160, np.int16)) == FLOOR
    assert level(np.full(160, -32768, np.int16)) == pytest.approx(0.0, abs=0.01)
    assert level(tone(8000)[:160]) == pytest.approx(-15.26, abs=0.1)
