"""Calls out through lines: who may place them, how many, and emergency calls."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from ivr.call.moving import goal_of
from ivr.sip import Answered, Ended, Rejected
from tests.kit.house import CALLER, CELL, DESK, SHOP, TRUNK, Address, House, Party

FLOW = """
variables: {whom: "+4930777"}
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: out}
  out: {type: forward_call, to: "TARGET", after: return, next: failed, branches: {call_not_forwarded: failed}}
  failed: {type: play, text: failed, next: wait}
  wait: {type: collect, max_digits: 1, wait: 60s, branches: {collected: bye, no_match: bye}}
  bye: {type: hang_up}
"""
SETTINGS = """
lines:
  pbx: {type: sip_trunk, host: 192.0.2.10, country: DE, dial_format: e164MAX}
phones:
  "200": {password: secret-200}
  "201": {password: secret-201}
settings: {boss: "+4930999"}
outbound_policy: {phones: ["+49*"]MORE}
"""


def house(folder: Path, more: str = "", target: str = "+4930123", line: str = "") -> House:
    text = SETTINGS.replace("MORE", f", {more}" if more else "").replace("MAX", f", {line}" if line else "")
    return House(folder, {"main": FLOW.replace("TARGET", target)}, text)


def dialled(trunk: Party) -> list[str]:
    return [session.request.uri.user for session in trunk.calls]


# Whose number it is


@pytest.mark.parametrize(
    ("target", "by_guest"),
    [
        ("+4930123", True),
        ("tel:{{ settings.boss }}", True),
        ("{{ whom }}", False),
        ("tel:{{ call.from }}", False),
        ("sip:{{ whom }}@192.0.2.10", False),
        ("sip:+4930123@192.0.2.10", True),
        ("sip:{{ whom }}@elsewhere.example", True),
    ],
)
def test_a_guest_has_a_line_dial_what_the_flow_names_alone(tmp_path: Path, target: str, by_guest: bool) -> None:
    one = house(tmp_path, target=target)
    trunk, guest, desk = one.party(TRUNK), one.party(CALLER), one.phone("200", DESK)
    guest.call("100")
    is_line = "elsewhere" not in target
    assert len(trunk.calls) == (1 if by_guest and is_line else 0)
    if is_line and "call.from" not in target:
        before = len(trunk.calls)
        desk.call_as("200", "100")
        assert len(trunk.calls) == before + 1, "what a phone brings is dialled"


def test_numbers_that_guests_bring_can_be_listed(tmp_path: Path) -> None:
    one = house(tmp_path, 'guests: ["+4930*"]', "{{ whom }}")
    trunk = one.party(TRUNK)
    one.party(CALLER).call("100")
    assert dialled(trunk) == ["+4930777"]


HELD = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: words}
  words: {type: play, text: welcome, loop: 50, next: bye}
  bye: {type: hang_up}
"""


@pytest.mark.parametrize(
    ("caller", "more", "by_application", "by_operator"),
    [
        (CALLER, "", 0, 1),
        (CALLER, 'guests: ["+4930*"]', 1, 1),
        (TRUNK, "", 1, 1),
        (TRUNK, 'flows: {main: ["+4989*"]}', 0, 1),
    ],
)
@pytest.mark.parametrize("chosen", [True, False])
def test_an_application_dials_by_a_move_what_its_call_may_have_dialled(
    tmp_path: Path, caller: Address, more: str, by_application: int, by_operator: int, chosen: bool
) -> None:
    text = SETTINGS.replace("MORE", f", {more}" if more else "").replace("MAX", "")
    one = House(tmp_path, {"main": HELD}, text)
    trunk = one.party(TRUNK)
    (trunk if caller == TRUNK else one.party(caller)).call("100")
    before = len(trunk.calls)
    goal = goal_of("to", "+4930123", one.manager.flows, one.settings, chosen=chosen)
    one.manager.move(next(iter(one.manager.calls)), goal.flow, goal.entry, "test")
    one.run(0.1)
    assert len(trunk.calls) - before == (by_application if chosen else by_operator)


@pytest.mark.parametrize(
    "more", ['deny: ["+4930*"]', 'prefixes: {"+4930": deny}', 'flows: {main: ["+4989*"]}', "total: {calls_per_day: 1}"]
)
def test_what_the_policy_forbids_is_not_dialled_and_the_flow_goes_on(tmp_path: Path, more: str) -> None:
    one = house(tmp_path, more)
    trunk, first, second = one.party(TRUNK), one.party(CALLER), one.party(SHOP)
    first.call("100")
    second.call("100")
    assert len(trunk.calls) == ("total" in more)
    assert ["failed"] in [port.heard() for port in one.pool.ports]


# How much


def test_calls_at_once_are_given_back(tmp_path: Path) -> None:
    one = house(tmp_path, "per_line: {calls: 1}")
    trunk, first, second = one.party(TRUNK), one.party(CALLER), one.party(SHOP)
    first.call("100")
    second.call("100")
    assert len(trunk.calls) == 1
    first.hang_up()
    one.run(1.0)
    one.party(CELL).call("100")
    assert len(trunk.calls) == 2
    assert one.services.outbound.refused == {"line.calls": 1}


def test_minutes_of_a_phone(tmp_path: Path) -> None:
    one = house(tmp_path, "per_phone: {minutes_per_day: 5}")
    trunk, desk = one.party(TRUNK), one.phone("200", DESK)
    desk.call_as("200", "+4930123")
    trunk.answer()
    one.run(310.0)
    desk.hang_up()
    desk.call_as("200", "+4930123")
    assert len(trunk.calls) == 1
    other = one.phone("201", SHOP)
    other.call_as("201", "+4930123")
    assert len(trunk.calls) == 2


def test_a_phone_is_refused_what_is_not_for_it(tmp_path: Path) -> None:
    one = house(tmp_path, 'prefixes: {"+4918": deny}')
    trunk, desk = one.party(TRUNK), one.phone("200", DESK)
    for number in ("+33123456", "+4918012345", "+499001234567"):
        desk.call_as("200", number)
    assert trunk.calls == []
    assert len(desk.got(Rejected)) == 3


# Emergencies


def test_an_emergency_call_counts_for_nothing_and_is_written_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    more = 'deny: ["*"], total: {calls: 1}, emergency_prefixes: ["0"], emergency_caller_id: "+4930555"'
    one = house(tmp_path, more)
    trunk, desk, shop = one.party(TRUNK), one.phone("200", DESK), one.phone("201", SHOP)
    with caplog.at_level(logging.WARNING, "ivr.call.outbound"):
        desk.call_as("200", "0112")
        shop.call_as("201", "112")
    assert dialled(trunk) == ["112", "112"]
    assert [session.request.from_.uri.user for session in trunk.calls] == ["+4930555", "+4930555"]
    assert "emergency call to 112 by 200" in caplog.text
    assert one.services.outbound.emergencies == 2
    trunk.answer()
    assert shop.got(Answered)


def test_an_emergency_call_has_another_one_end_where_there_is_no_room(tmp_path: Path) -> None:
    one = house(tmp_path, line="max_calls: 1")
    trunk, desk, shop = one.party(TRUNK), one.phone("200", DESK), one.phone("201", SHOP)
    desk.call_as("200", "+4930123")
    trunk.answer()
    assert desk.got(Answered)
    shop.call_as("201", "112")
    assert dialled(trunk) == ["+4930123", "112"]
    assert desk.got(Ended)
    trunk.answer(trunk.calls[-1])
    assert shop.got(Answered)
    desk.call_as("200", "112")
    assert dialled(trunk)[-1] == "112", "one emergency call does not end another"
    assert len(shop.got(Ended)) == 0
    shop.hang_up()
    desk.hang_up()
    one.settled()
    assert one.services.load.calls["pbx"] == 0


def test_the_emergency_line(tmp_path: Path) -> None:
    text = SETTINGS.replace("MAX", "").replace("MORE", ", emergency_line: mobile, line: pbx")
    text = text.replace("lines:\n", "lines:\n  mobile: {type: sip_trunk, host: 192.0.2.11}\n")
    one = House(tmp_path, {"main": FLOW.replace("TARGET", "+4930123")}, text)
    trunk, mobile, desk = one.party(TRUNK), one.party(("192.0.2.11", 5060)), one.phone("200", DESK)
    desk.call_as("200", "911")
    assert (dialled(trunk), dialled(mobile)) == ([], ["911"])


def test_a_guest_makes_no_emergency_call_with_a_number_of_his(tmp_path: Path) -> None:
    one = house(tmp_path, target="{{ whom }}")
    trunk, guest = one.party(TRUNK), one.party(CALLER)
    guest.call("112")
    assert trunk.calls == []
