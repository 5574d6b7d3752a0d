"""Which chip it is."""

from __future__ import annotations

import pytest

from ivr.devices.modem.protocol.profiles import COUNTRIES, PROFILES, choose
from tests.kit.modem.chips import CHIPS


@pytest.mark.parametrize("chip", CHIPS)
def test_chips_are_known_by_their_answers(chip: str) -> None:
    answers = tuple(line for lines in CHIPS[chip].answers.values() for line in lines)
    assert choose(answers).name == chip


def test_usb_numbers_go_before_answers() -> None:
    assert choose(("V1.00",), (0x0572, 0x1321)).name == "cx93010"
    assert choose(("CONEXANT",), (0x0BAF, 0x0303)).name == "usr5637"
    assert choose(("V1.00",), (0x1234, 0x5678)).name == "v253"


def test_what_profiles_promise() -> None:
    for profile in PROFILES.values():
        assert profile.leave_transmit
        assert profile.leave_receive
        assert profile.leave_duplex
        assert all(text.startswith("AT") for text in (*profile.setup, *profile.voice))
        assert all(format_.rate == 8000 for format_ in profile.formats)


def test_countries_are_octets() -> None:
    assert all(len(name) == 2 and 0 <= int(code, 16) <= 255 for name, code in COUNTRIES.items())
