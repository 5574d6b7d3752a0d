"""Who calls, as modems write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.devices.modem.protocol.callerid import MAX_NAME, CallerId


@pytest.mark.parametrize(
    ("lines", "number", "name"),
    [
        (["DATE = 0731", "TIME = 1030", "NMBR = 5551234567", "NAME = ADA LOVELACE"], "5551234567", "ADA LOVELACE"),
        (["DATE=0731", "TIME=1030", "NMBR=5551234567"], "5551234567", ""),
        (["NMBR = P", "NAME = P"], "", ""),  # withheld
        (["NMBR = O", "NAME = O"], "", ""),  # not known
        (["NMBR = PRIVATE", "NAME = UNAVAILABLE"], "", ""),
        (["NMBR = (030) 901-820"], "030901820", ""),
        (["NMBR = +4930901820"], "+4930901820", ""),
        (["NMBR = 12345; DROP"], "", ""),
        (["nmbr = 77", "name = x\x00y"], "77", "xy"),
        (["NAME = " + "n" * 500], "", "n" * MAX_NAME),
    ],
)
def test_reports(lines: list[str], number: str, name: str) -> None:
    caller = CallerId()
    assert all(caller.feed(line) for line in lines)
    assert (caller.number, caller.name) == (number, name)


@pytest.mark.parametrize("line", ["OK", "RING", "CONNECT 115200", "NMBR", "=", "NO CARRIER"])
def test_other_lines_are_left_alone(line: str) -> None:
    assert not CallerId().feed(line)


@given(st.text(max_size=300))
def test_whatever_comes_a_number_is_one(value: str) -> None:
    caller = CallerId()
    caller.feed(f"NMBR = {value}")
    assert set(caller.number) <= set("+0123456789*#")
    assert len(caller.number) <= 33
