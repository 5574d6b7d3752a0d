"""Numbers that a caller wants to be called back on: judged before anything is promised, as when he is called."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ivr.center.callable import judge
from ivr.flow.ports import NumberJudged
from ivr.sip import NameAddr, Uri
from tests.kit.house import TRUNK
from tests.kit.queue_house import PBX, QueueHouse, desk_flow

POLICY = (
    "outbound_policy: {country: DE, deny: ['+49900*'], international: deny, emergency: ['112'], "
    "guests: ['+4930*', '299']}"
)
QUEUE = "{join_when_empty: always, waiting: {music: false, keys: {callback: '2'}}}"


def house_of(folder: Path, more: str = POLICY, line: str = PBX) -> QueueHouse:
    return QueueHouse(folder, {"main": desk_flow("100")}, {"anna": "200"}, queue=QUEUE, more=more, line=line)


def callable_in(house: QueueHouse, number: str, *, guest: bool = False) -> bool:
    told: list[Any] = []
    runner = cast(Any, SimpleNamespace(guest=guest, feed=told.append))
    judge(house.services, number, runner, lambda found: NumberJudged(7, found))
    (event,) = told
    assert event.id == 7
    return bool(event.callable)


@pytest.mark.parametrize(
    ("number", "flow", "guest"),
    [
        ("+4930123456", True, True),
        ("030123456", True, True),
        ("+4989123456", True, False),
        ("+49900123", False, False),
        ("+15550100", False, False),
        ("112", False, False),
        ("200", True, False),
        ("299", True, True),
        ("+4930666", False, False),
    ],
)
def test_numbers_that_can_be_called_back(tmp_path: Path, number: str, flow: bool, guest: bool) -> None:
    house = house_of(tmp_path)
    house.outside.blocked.add("+4930666")
    assert callable_in(house, number) is flow
    assert callable_in(house, number, guest=True) is guest


def test_hours_and_limits_pass_and_forbid_no_promise(tmp_path: Path) -> None:
    calendar = "calendars: {never: {time_zone: UTC, hours: {mon: '00:00-00:01'}}}"
    more = f"{POLICY[:-1]}, hours: never, total: {{calls_per_day: 1}}}}\n{calendar}"
    assert callable_in(house_of(tmp_path, more), "+4930123456")


@pytest.mark.parametrize(
    ("own", "entered", "kept"),
    [("+4930123456", "", "+4930123456"), ("+49900123", "030123456", "030123456"), ("+49900123", "0900123", "")],
)
def test_nobody_leaves_his_place_for_a_call_that_cannot_be(tmp_path: Path, own: str, entered: str, kept: str) -> None:
    house = house_of(tmp_path)
    promised: list[str] = []
    house.desk.callbacks = cast(
        Any,
        SimpleNamespace(of_call=lambda call: None, kept=lambda name, command, *more: promised.append(command.number)),
    )
    caller = house.party(TRUNK)
    caller.call("100", from_=NameAddr(Uri("sip", own, TRUNK[0])))
    house.run(1.0)

    def press(keys: str) -> None:
        for key in keys:
            house.port.press(key, house.now)
            house.run(0.3)

    press("2")
    heard = house.port.heard()
    if entered:
        assert heard[-1].startswith("Please key in the number"), heard
        press(entered + "#")
    if kept:
        press("1")
        assert promised == [kept]
    else:
        assert house.port.heard()[-1] == "We cannot call that number."
        house.play_out()
        house.run(0.1)
        assert house.port.heard()[-1].startswith("Please key in the number"), "he is asked for another one"
        assert not promised
        assert house.desk.center.callers()[0]["state"] == "waiting"
    caller.hang_up()
    house.run(5.0)


def test_without_a_line_nobody_is_called_back(tmp_path: Path) -> None:
    house = house_of(tmp_path)
    house.services.lines.lines.clear()
    assert not callable_in(house, "+4930123456")
