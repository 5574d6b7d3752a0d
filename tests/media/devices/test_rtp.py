"""Two endpoints on the loopback in real time: sound, keys, figures, and their end."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import soundfile

from media import Digit, MediaEvent, MediaFull, RecordDone, RecordOptions, Stats, Stream
from media.devices import FileDevice, RtpEndpoint, SilentDevice

LONGEST = 20.0


class End:
    """An endpoint, and what it told."""

    def __init__(self, device: FileDevice | SilentDevice) -> None:
        self.events: list[MediaEvent] = []
        self.over = Event()
        self.endpoint = RtpEndpoint(("127.0.0.1", 0), device, self._told)

    def _told(self, event: MediaEvent) -> None:
        self.events.append(event)
        if isinstance(event, Stats):
            self.over.set()

    def towards(self, other: End, **more: object) -> None:
        self.endpoint.update(
            Stream(remote=other.endpoint.local, event_type=101, event_type_in=101, **more)  # type: ignore[arg-type]
        )


def until(condition: object, what: str) -> None:
    deadline = time.monotonic() + LONGEST
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_two_ends_hear_each_other(tmp_path: Path) -> None:
    tone = 8000 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    soundfile.write(tmp_path / "tone.wav", tone.astype(np.int16), 16000)
    speaker = FileDevice(tmp_path / "tone.wav", rate=16000, at_end="loop")
    listener = FileDevice(record=tmp_path / "heard.wav", rate=8000)
    a, b = End(speaker), End(listener)
    a.towards(b, codec="g722", payload_type=9)
    b.towards(a, codec="g722", payload_type=9)
    number = b.endpoint.record(tmp_path / "both.wav", RecordOptions(sides="both"))
    until(lambda: b.endpoint.levels.heard_seconds > 0.5, "nothing is heard")
    assert b.endpoint.levels.heard == pytest.approx(-15.3, abs=1.0)
    assert a.endpoint.levels.said == pytest.approx(-15.3, abs=1.0)
    b.endpoint.send_digits("12")
    until(lambda: len([e for e in a.events if isinstance(e, Digit) and e.phase == "end"]) == 2, "keys do not come")
    now = b.endpoint.statistics()
    assert now.packets_in > 20 and now.mos > 3.5
    b.endpoint.paused = True
    until(lambda: a.endpoint.levels.quiet_seconds > 0.1, "it goes on")
    for end in (a, b):
        end.endpoint.release()
    assert a.over.wait(LONGEST) and b.over.wait(LONGEST)
    assert a.endpoint.join() and b.endpoint.join()
    listener.close()
    assert next(e for e in b.events if isinstance(e, RecordDone)).record_id == number
    assert isinstance(b.events[-1], Stats) and b.events[-1].packets_in >= now.packets_in
    heard, rate = soundfile.read(tmp_path / "heard.wav", dtype="int16")
    spectrum = np.abs(np.fft.rfft(heard[-4000:].astype(float) if len(heard) > 4000 else heard))
    assert rate == 8000 and spectrum.size
    both, _ = soundfile.read(tmp_path / "both.wav", dtype="int16")
    assert both.shape[1] == 2 and np.abs(both[:, 0]).max() > 4000
    # Its ports are free again, and what is said to it does nothing.
    b.endpoint.update(Stream(remote=a.endpoint.local))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(b.endpoint.local)


def test_a_port_that_is_taken_is_refused() -> None:
    first = End(SilentDevice())
    try:
        with pytest.raises(MediaFull):
            RtpEndpoint(first.endpoint.local, SilentDevice(), lambda event: None)
        with pytest.raises(MediaFull):
            RtpEndpoint(("192.0.2.1", 0), SilentDevice(), lambda event: None)
    finally:
        first.endpoint.release()
        assert first.endpoint.join()


def test_a_fault_of_who_listens_costs_no_sound() -> None:
    def fails(event: MediaEvent) -> None:
        raise RuntimeError("not taken")

    endpoint = RtpEndpoint(("127.0.0.1", 0), SilentDevice(), fails)
    endpoint.release()
    assert endpoint.join()
