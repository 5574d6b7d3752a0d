"""Which card is meant."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from media.devices.cards import CardError, PortAudio, choose
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
