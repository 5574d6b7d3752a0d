"""Which card is meant."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from media.devices.cards import CardError, CardInfo, PortAudio, choose
from tests.kit.cards import card

THERE = [
    card(0, "HDA Intel PCH: ALC257 Analog (hw:0,0)", 2, 2),
    card(1, "USB PnP Sound Device: Audio (hw:1,0)"),
    card(2, "USB PnP Sound Device: Audio #1 (hw:2,0)"),
    card(3, "Monitor", 0, 2),
    card(4, "default", 32, 32, default=True),
]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (None, 4),
        ("", 4),
        (1, 1),
        ("2", 2),
        ("ALC257", 0),
        ("hw:2,0", 2),
        ("usb pnp sound device: audio (hw:1,0)", 1),
        ("default", 4),
    ],
)
def test_a_card_is_found_by_its_number_its_name_or_a_part_of_it(wanted: str | int | None, index: int) -> None:
    assert choose(wanted, "input", THERE).index == index


def test_a_name_that_is_a_part_of_another_means_its_own_card() -> None:
    there = [card(0, "USB Audio Two"), card(1, "USB Audio")]
    assert choose("USB Audio", "input", there).index == 1


def test_the_other_direction_does_not_count() -> None:
    assert choose("Monitor", "output", THERE).index == 3
    with pytest.raises(CardError, match="no input device 'Monitor'; there are: 0 'HDA"):
        choose("Monitor", "input", THERE)


def test_what_there_is_is_said_where_none_or_several_fit() -> None:
    with pytest.raises(CardError, match=r"'USB' is part of several input devices; there are: 0 'HDA.*, 4 'default'"):
        choose("USB", "input", THERE)
    with pytest.raises(CardError, match=r"no output device 'Handset'; there are: .*'Monitor'"):
        choose("Handset", "output", THERE)
    with pytest.raises(CardError, match="no input device 7"):
        choose(7, "input", THERE)
    with pytest.raises(CardError, match="no input device; there are: none"):
        choose(None, "input", [])


def test_without_a_default_the_first_is_taken() -> None:
    assert choose(None, "output", [card(0, "a", 1, 0), card(1, "b"), card(2, "c")]).index == 1


def test_what_to_install_is_said_where_pyaudio_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        if name == "pyaudio":
            raise ImportError(name)
        return real(name, globals, locals, fromlist, level)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(CardError, match=r"pip install 'ivr\[phone\]'"):
        PortAudio()


class FakePyAudio:
    """What PyAudio is to us: one device, that takes 16 kHz alone."""

    started = ended = 0

    def __init__(self) -> None:
        FakePyAudio.started += 1
        self.opened: list[dict[str, Any]] = []

    def terminate(self) -> None:
        FakePyAudio.ended += 1

    def get_device_count(self) -> int:
        return 1

    def get_device_info_by_index(self, index: int) -> dict[str, Any]:
        return {
            "index": index,
            "name": "Card",
            "maxInputChannels": 1,
            "maxOutputChannels": 2,
            "defaultSampleRate": 16000.0,
        }

    def get_default_input_device_info(self) -> dict[str, Any]:
        return {"index": 0}

    def get_default_output_device_info(self) -> dict[str, Any]:
        raise OSError("no default")

    def open(self, **wanted: Any) -> Any:
        if wanted["rate"] != 16000:
            raise OSError("Invalid sample rate")
        self.opened.append(wanted)
        return SimpleNamespace(close=lambda: None)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> PortAudio:
    fake = SimpleNamespace(PyAudio=FakePyAudio, paInt16=8, paContinue=0)
    monkeypatch.setitem(sys.modules, "pyaudio", fake)
    monkeypatch.setattr("media.devices.cards._quiet", lambda: None)
    FakePyAudio.started = FakePyAudio.ended = 0
    return PortAudio()


def test_devices_are_told_and_looked_for_anew_while_no_stream_is_open(host: PortAudio) -> None:
    (there,) = host.cards()
    assert there == CardInfo(0, "Card", 1, 2, 16000, default_input=True)
    stream = host.listen(there, 1, 0.02, lambda data, lost: None)
    assert (stream.rate, stream.channels) == (16000, 1)
    assert host._running.opened[0]["frames_per_buffer"] == 320
    host.cards(again=True)
    assert (FakePyAudio.started, FakePyAudio.ended) == (1, 0)  # it would end the stream
    stream.close()
    host.cards(again=True)
    assert (FakePyAudio.started, FakePyAudio.ended) == (2, 1)


def test_no_fault_reaches_portaudio(host: PortAudio) -> None:
    (there,) = host.cards()

    def fail(_: object, lost: bool) -> bytes:
        raise ZeroDivisionError

    host.listen(there, 1, 0.01, fail)  # type: ignore[arg-type]
    host.sound(there, 2, 0.01, fail)
    heard, sounded = (opened["stream_callback"] for opened in host._running.opened)
    assert heard(b"", 0, {}, 0) == (None, 0)
    assert sounded(None, 3, {}, 0) == (bytes(12), 0)


def test_a_device_that_takes_no_rate_is_said(host: PortAudio, monkeypatch: pytest.MonkeyPatch) -> None:
    (there,) = host.cards()
    monkeypatch.setattr("media.devices.cards._RATES", (8000, 44100))
    with pytest.raises(CardError, match="'Card' cannot be opened as an output: Invalid sample rate"):
        host.sound(there, 1, 0.01, lambda count, lost: bytes(count))
