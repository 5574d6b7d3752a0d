"""Which phones and agents are in a call."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.call.occupied import Occupied, Use
from ivr.call.services import Services
from tests.call.test_forward import PHONE, house_with
from tests.kit.house import CALLER, DESK, House


def test_a_use_begins_and_ends_once() -> None:
    occupied, told = Occupied(), list[tuple[Use, bool]]()
    occupied.on_change = lambda use, begins: told.append((use, begins))
    call = object()
    occupied.begin(call, None)
    occupied.end(call)
    assert told == []
    occupied.begin(call, "200")
    occupied.begin(call, None, "anna")
    occupied.end(call)
    occupied.end(call)
    phone, agent = Use(call, "200", None), Use(call, None, "anna")
    assert told == [(phone, True), (phone, False), (agent, True), (agent, False)]
    assert len(occupied) == 0


def phones(services: Services) -> list[str]:
    """Phones that are in a call now."""
    return sorted(use.phone or "" for use in vars(services.occupied)["_uses"].values())


def test_a_phone_that_is_called_is_occupied_from_the_invite_to_the_end(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE)
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    assert phones(house.services) == ["200"]
    desk.answer()
    assert phones(house.services) == ["200"]
    caller.hang_up()
    house.settled()
    assert phones(house.services) == []


@pytest.mark.parametrize("refused", [486, 404])
def test_a_phone_that_refuses_is_free(tmp_path: Path, refused: int) -> None:
    house = house_with(tmp_path, PHONE)
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.refuse(refused)
    assert phones(house.services) == []


def test_a_phone_that_calls_is_occupied(tmp_path: Path) -> None:
    house: House = house_with(tmp_path, 'to: "phone:201"\n    timeout: 10s')
    house.phone("201", DESK)
    caller = house.phone("200", CALLER)
    caller.call_as("200", "100")
    assert phones(house.services) == ["200", "201"]
    caller.hang_up()
    house.settled()
    assert phones(house.services) == []
