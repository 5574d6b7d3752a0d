"""Samples there and back, and formats as modems list them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.devices.modem.protocol.formats import Coding, SampleFormat, decode, encode, listed
from tests.kit.modem.chips import CHIPS


@pytest.mark.parametrize(("coding", "error"), [("ulaw", 520), ("u8", 256), ("s8", 256), ("s16", 0)])
def test_there_and_back(coding: Coding, error: int) -> None:
    sound = np.linspace(-32000, 32000, 4001).astype(np.int16)
    again = decode(coding, encode(coding, sound))
    assert again.dtype == np.int16
    assert np.abs(again.astype(int) - sound).max() <= error


@pytest.mark.parametrize("coding", ["ulaw", "u8", "s8", "s16"])
def test_silence_stays_silent(coding: Coding) -> None:
    assert not decode(coding, encode(coding, np.zeros(160, np.int16))).any()


def test_half_a_sample_is_left_out() -> None:
    assert decode("s16", b"\x01\x00\x02").tolist() == [1]


@pytest.mark.parametrize(
    ("chip", "best"),
    [
        ("usr5637", SampleFormat("AT+VSM=131,8000", "ulaw", 8000)),
        ("cx93010", SampleFormat("AT+VSM=131,8000", "ulaw", 8000)),
        ("v253", SampleFormat("AT+VSM=128,11025", "u8", 11025)),
    ],
)
def test_the_best_of_what_is_listed(chip: str, best: SampleFormat) -> None:
    assert listed(method.text for method in CHIPS[chip].methods)[0] == best


def test_what_is_not_understood_is_left_out() -> None:
    lines = [
        '2,"ADPCM",2,0,(8000)',
        '133,"14 bit PCM",14,0,8000,0,0',
        '5,"8-BIT ALAW",(8000)',
        "OK",
        "",
        '7,"PCM",(44100)',
    ]
    assert listed(lines) == []


@given(st.lists(st.text(max_size=40), max_size=5))
def test_any_lines_can_be_looked_at(lines: list[str]) -> None:
    for format_ in listed(lines):
        assert format_.rate in (7200, 8000, 11025)
