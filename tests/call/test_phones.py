"""What a registered phone reaches: flows, other phones, numbers it may dial, and only then a flow for any number."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.house import CELL, DESK, TRUNK, House

ANY = """
elements:
  start: {type: start_incoming_call, numbers: ["*"], next: wait}
  wait: {type: collect, max_digits: 1, wait: 60s, branches: {collected: bye, no_match: bye}}
  bye: {type: hang_up}
"""


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, {"any": ANY})


def test_a_flow_for_any_number_does_not_hide_a_phone(house: House) -> None:
    desk, cell = house.phone("200", DESK), house.phone("201", CELL)
    desk.call_as("200", "201")
    assert len(cell.calls) == 1


def test_a_flow_for_any_number_does_not_hide_the_emergency_number(house: House) -> None:
    trunk, desk = house.party(TRUNK), house.phone("200", DESK)
    desk.call_as("200", "112")
    assert len(trunk.calls) == 1


def test_a_flow_for_any_number_takes_the_rest(house: House) -> None:
    house.phone("200", DESK).call_as("200", "999999")
    assert [row["flow"] for row in house.manager.live()] == ["any"]
