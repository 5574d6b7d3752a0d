"""Transfers that peers ask for: who takes whose place, what the others hear, and who may ask at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.sip import Answered, Ended, Flow, ReferProgress, Rejected, Replaces, Uri
from tests.kit.house import CALLER, CELL, DESK, HOUSE, SETTINGS, SHOP, TRUNK, House, Party
from tests.kit.sip import sdp

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: desk}
  desk: {type: forward_call, to: "phone:200", timeout: 10s, branches: {call_not_forwarded: bye}}
  bye: {type: hang_up}
"""
MENU = """
elements:
  start: {type: start_incoming_call, numbers: ["101"], next: ask}
  ask: {type: collect, max_digits: 1, wait: 300s, responses: {"1": one, "9": bye}, branches: {no_match: bye}}
  one: {type: play, text: one, next: bye}
  bye: {type: hang_up}
"""
ALL = SETTINGS + 'sip: {transfers: {accept: all, to: ["+49*"]}}\noutbound_policy: {phones: ["+4930*"]}\n'


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, {"main": FLOW, "menu": MENU}, ALL)


def progress(party: Party) -> list[tuple[int, bool]]:
    """What a party heard of its REFER."""
    return [(event.status, event.final) for event in party.got(ReferProgress)]


def talking(house: House) -> tuple[Party, Party]:
    """A caller and the phone 200, connected."""
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.answer()
    assert house.port.bridged is house.pool.ports[1]
    return desk, caller


def to(number: str) -> Uri:
    return Uri("sip", number, HOUSE[0])


def test_the_called_party_hands_the_caller_over(house: House) -> None:
    cell = house.phone("201", CELL)
    desk, caller = talking(house)
    desk.session.refer(to("201"), house.now)
    house.run(0.5)
    cell.ring()
    assert progress(desk) == [(202, False), (100, False), (180, False)]
    cell.answer(port=4300)
    assert progress(desk)[-1] == (200, True)
    assert house.pool.ports[1].streams[-1].remote == (CELL[0], 4300)
    assert house.port.bridged is house.pool.ports[1]
    house.run(3)
    assert desk.got(Ended) and not caller.got(Ended)
    request = cell.session.request
    assert request.from_.uri.user == "caller" and request.get("Referred-By") is not None
    caller.hang_up()
    assert cell.got(Ended)
    house.settled()
    assert house.record.cause == "forwarded"
    (transfer,) = house.record.details["transfers"]
    assert (transfer["by"], transfer["status"], transfer["attended"]) == ("called", 200, False)


def test_who_hangs_up_after_the_202_leaves_the_caller_ringing(house: House) -> None:
    cell = house.phone("201", CELL)
    desk, caller = talking(house)
    desk.session.refer(to("201"), house.now)
    house.run(0.3)
    desk.hang_up()
    assert house.port.heard() == ["ringback"]
    assert not caller.got(Ended)
    cell.answer()
    assert house.port.heard() == []
    assert house.pool.ports[1].streams[-1].remote == (CELL[0], 4100)
    cell.hang_up()
    assert caller.got(Ended)
    house.settled()


@pytest.mark.parametrize("leaves", [False, True])
def test_a_transfer_that_nobody_takes(house: House, leaves: bool) -> None:
    cell = house.phone("201", CELL)
    desk, caller = talking(house)
    desk.session.refer(to("201"), house.now)
    house.run(0.3)
    if leaves:
        desk.hang_up()
    cell.refuse(486)
    house.run(0.5)
    assert bool(caller.got(Ended)) is leaves
    if not leaves:
        assert progress(desk)[-1] == (486, True)
        assert house.port.bridged is house.pool.ports[1]
        desk.hang_up()
    house.settled()
    assert house.record.details["transfers"][0]["status"] == 486


def test_nobody_answers_for_long(house: House) -> None:
    house.phone("201", CELL)
    desk, caller = talking(house)
    desk.session.refer(to("201"), house.now)
    house.run(62)
    assert progress(desk)[-1] == (408, True)
    assert not caller.got(Ended)
    caller.hang_up()
    house.settled()


def test_the_caller_leaves_while_a_transfer_rings(house: House) -> None:
    cell = house.phone("201", CELL)
    desk, caller = talking(house)
    desk.session.refer(to("201"), house.now)
    house.run(0.3)
    caller.hang_up()
    assert cell.got(Ended)
    house.settled()


def test_the_flow_goes_on_with_whom_the_caller_names(house: House) -> None:
    cell, phone = house.phone("201", CELL), house.phone("200", DESK)
    phone.call_as("200", "101")
    phone.session.refer(to("201"), house.now)
    house.run(0.3)
    cell.answer(port=4300)
    assert house.port.streams[-1].remote == (CELL[0], 4300)
    house.run(3)
    assert phone.got(Ended)
    house.press("1")
    assert house.port.heard() == ["one"]
    house.play_out()
    house.run(0.5)
    assert cell.got(Ended)
    house.settled()
    assert house.record.cause == "ended_by_flow"


def test_a_party_that_took_over_may_transfer_again_but_not_for_ever(house: House) -> None:
    cell = house.phone("201", CELL)
    desk, caller = talking(house)
    parties, there = [desk, cell], ["201", "200"]
    for turn in range(10):
        giver, taker = parties[turn % 2], parties[(turn + 1) % 2]
        giver.calls[-1].refer(to(there[turn % 2]), house.now)
        house.run(0.5)
        taker.answer()
        house.run(5)
    desk.calls[-1].refer(to("201"), house.now)
    house.run(0.5)
    assert progress(desk)[-1] == (503, True)
    assert not caller.got(Ended)
    caller.hang_up()
    house.settled()


def test_an_attended_transfer_between_two_calls_here(house: House) -> None:
    """200 talks to the caller, asks 201 whether it takes the call, and joins the two."""
    cell = house.phone("201", CELL)
    desk, caller = talking(house)
    first = desk.calls[-1]
    desk.call_as("200", "201")
    cell.answer()
    house.run(0.5)
    assert desk.got(Answered)
    consultation = desk._session
    first.refer(to("201"), house.now, replaces=consultation.as_replaced())
    house.run(4)
    assert progress(desk)[-1] == (200, True)
    assert first.ended and consultation.ended
    assert not caller.got(Ended) and not cell.got(Ended)
    cell.hang_up()
    house.run(1)
    assert caller.got(Ended)
    house.settled()
    assert {record.cause for record in house.books.calls} == {"forwarded"}


def test_an_attended_transfer_into_a_flow(house: House) -> None:
    desk, caller = talking(house)
    first = desk.calls[-1]
    desk.call_as("200", "101")
    first.refer(to("101"), house.now, replaces=desk._session.as_replaced())
    house.run(4)
    assert desk._session.ended and not caller.got(Ended)
    assert len(house.manager.calls) == 2
    caller.hang_up()
    house.settled()


def test_a_call_replaces_the_caller(house: House) -> None:
    """The PBX has the caller of the flow replaced by another of its parties."""
    trunk, other = house.party(TRUNK), house.party(SHOP)
    trunk.call("101")
    wanted = trunk.session.as_replaced()
    refused = other.call("101", replaces=wanted)
    assert [event.status for event in other.got(Rejected)] == [403]
    assert refused.ended and not trunk.got(Ended)
    old = trunk._session
    trunk.call("101", replaces=wanted)
    house.run(0.5)
    assert old.ended and not trunk._session.ended
    assert len(house.pool.ports) == 1
    house.press("1")
    assert house.port.heard() == ["one"]
    house.play_out()
    house.settled()


def test_what_cannot_be_replaced(house: House) -> None:
    trunk = house.party(TRUNK)
    trunk.call("101")
    wanted = trunk.session.as_replaced()
    for replaces, status in (
        (Replaces("nobody", wanted.to_tag, wanted.from_tag), 481),
        (Replaces(wanted.call_id, wanted.to_tag, wanted.from_tag, early_only=True), 486),
        (Replaces(wanted.call_id, wanted.from_tag, wanted.to_tag), 481),
    ):
        before = len(trunk.got(Rejected))
        old = trunk._session
        trunk.call("101", replaces=replaces)
        assert trunk.got(Rejected)[before].status == status
        trunk._session = old
    strange = sdp(TRUNK[0]).replace(b"AVP 0 101", b"AVP 18").replace(b"0 PCMU", b"18 G729")
    old = trunk._session
    trunk.call("101", replaces=wanted, sdp=strange)
    assert trunk.got(Rejected)[-1].status == 488
    assert not old.ended and house.manager.calls
    old.hangup(house.now)
    house.settled()


def test_a_phone_picks_up_what_rings_at_another(house: House) -> None:
    desk, caller, cell = house.phone("200", DESK), house.party(), house.phone("201", CELL)
    caller.call("100")
    desk.ring()
    ringing = desk.session
    replaces = Replaces(ringing.call_id, ringing.remote_tag or "", ringing.local_tag, early_only=True)
    cell.call_as("201", "200", replaces=replaces)
    house.run(0.5)
    assert cell.got(Answered)
    assert desk.got(Ended)[0].cause == "cancel"
    assert house.pool.ports[1].streams[-1].remote == (CELL[0], 4000)
    assert house.port.bridged is house.pool.ports[1]
    caller.hang_up()
    house.settled()
    assert house.record.cause == "forwarded"


@pytest.mark.parametrize("settings", [SETTINGS, ALL])
def test_guests_transfer_nobody(tmp_path: Path, settings: str) -> None:
    house = House(tmp_path, {"menu": MENU}, settings)
    guest = house.party(CALLER)
    guest.call("101")
    guest.session.refer(to("201"), house.now)
    house.run(0.5)
    assert progress(guest) == [(603, True)]
    guest.hang_up()
    house.settled()


@pytest.mark.parametrize(
    ("accept", "number", "status"),
    [
        ("phones", "+49301234", 202),
        ("phones", "+4440", 403),
        ("phones", "+49891", 202),  # transfers.to
        ("lines", "+49301234", 603),
        ("never", "201", 603),
        ("phones", "201", 480),  # not registered
    ],
)
def test_where_a_phone_may_transfer_to(tmp_path: Path, accept: str, number: str, status: int) -> None:
    house = House(tmp_path, {"menu": MENU}, ALL.replace("accept: all", f"accept: {accept}"))
    phone, trunk = house.phone("200", DESK), house.party(TRUNK)
    phone.call_as("200", "101")
    phone.session.refer(to(number), house.now)
    house.run(0.5)
    assert progress(phone)[0][0] == status
    assert len(trunk.calls) == (status == 202)
    phone.hang_up()
    house.settled()


@pytest.mark.parametrize(("number", "status"), [("+49301234", 202), ("+4440", 403), ("200", 202)])
def test_where_a_line_may_transfer_to(house: House, number: str, status: int) -> None:
    house.phone("200", DESK)
    trunk = house.party(TRUNK)
    trunk.call("101")
    trunk.session.refer(to(number), house.now)
    house.run(0.5)
    assert progress(trunk)[0][0] == status
    trunk.hang_up()
    house.settled()


def test_nonsense_is_refused(house: House) -> None:
    phone = house.phone("200", DESK)
    phone.call_as("200", "101")
    for target in ("mailto:somebody", "sip:192.0.2.2"):
        phone.session.refer(target, house.now)
        house.run(0.5)
    assert [status for status, _ in progress(phone)] == [404, 404]
    phone.hang_up()
    house.settled()


@pytest.mark.parametrize(("listener", "taken"), [(("tcp", "0.0.0.0", 5070), True), (("tls", "0.0.0.0", 5061), False)])
def test_the_way_to_ourselves_for_a_call_that_came_by_tls(
    house: House, listener: tuple[str, str, int], taken: bool
) -> None:
    desk, _ = talking(house)
    desk.call_as("200", "101")
    named = desk._session.as_replaced()
    dialog = house.stack.dialogs[(named.call_id, named.to_tag, named.from_tag)]
    dialog.flow = Flow("tls", HOUSE, DESK, 7)
    house.services.shell.addresses = [listener]  # type: ignore[misc]
    house.services.shell.flow_to = lambda host, port, transport: Flow(transport, HOUSE, (host, port))  # type: ignore[method-assign, assignment, misc]
    way = house.services._own_dialog(named)
    assert way == (Flow("tcp", HOUSE, (HOUSE[0], 5070)) if taken else None)
