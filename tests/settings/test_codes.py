from __future__ import annotations

from collections.abc import Callable

import pytest

from ivr.errors import ConfigError
from ivr.settings import Settings, TelephoneCodes

Make = Callable[[str], Settings]


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("*11", ("log_in", "")),
        ("*11*", ("log_in", "*")),
        ("*111234", None),
        ("*12", ("log_out", "")),
        ("*162", ("disposition", "2")),
        ("*15*7#", ("status", "7")),
        ("*17", None),
        ("*11x", None),
        ("100", None),
    ],
)
def test_a_number_is_a_code_with_what_follows(number: str, found: tuple[str, str] | None) -> None:
    assert TelephoneCodes().read(number) == found


def test_a_code_can_be_taken_away(make_settings: Make) -> None:
    codes = make_settings("telephone_codes: {pause: null, log_in: '*81'}").telephone_codes
    assert codes.read("*13") is None and codes.read("*81") == ("log_in", "")


def test_codes_are_told_apart(make_settings: Make) -> None:
    with pytest.raises(ConfigError, match="begins as log_in does"):
        make_settings("telephone_codes: {log_in: '*1'}")
    with pytest.raises(ConfigError, match="not a code"):
        make_settings("telephone_codes: {log_in: 'one'}")
