"""Redirections: who may send a caller elsewhere, where to, and how often."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.call.redirects import contacts_of
from tests.call.test_forward import connected, flow
from tests.kit.house import CELL, DESK, SETTINGS, TRUNK, House, Party

POLICY = 'outbound_policy: {phones: ["+4930*"]}\n'
PHONE = 'to: "phone:200"\n    timeout: 10s'
NUMBER = 'to: "tel:+49301"\n    timeout: 10s'


def house_of(tmp_path: Path, fields: str, settings: str = SETTINGS) -> House:
    return House(tmp_path, {"main": flow("100", fields)}, settings)


def moved(party: Party, *contacts: str, status: int = 302) -> None:
    """Answer the last call with a redirection."""
    session = party.calls[-1]
    transaction = session._server_invite  # type: ignore[attr-defined]
    lines = "".join(f"Contact: {contact}\r\n" for contact in contacts)
    session._settle()  # type: ignore[attr-defined]
    session._reply(transaction, status, party.house.now, lines)
    session._gone()
    party.house.run(0.3)


def test_a_phone_sends_the_caller_to_another_phone(tmp_path: Path) -> None:
    house = house_of(tmp_path, PHONE)
    desk, cell, caller = house.phone("200", DESK), house.phone("201", CELL), house.party()
    caller.call("100")
    moved(desk, "<sip:201@192.0.2.2>")
    cell.answer()
    connected(house, caller, cell)
    caller.hang_up()
    house.settled()


def test_a_phone_sends_callers_only_where_it_may_dial(tmp_path: Path) -> None:
    house = house_of(tmp_path, PHONE, SETTINGS + POLICY)
    desk, trunk, caller = house.phone("200", DESK), house.party(TRUNK), house.party()
    caller.call("100")
    moved(desk, "<sip:+491900@192.0.2.2>, <tel:+49305>;q=0.5")
    assert [session.request.uri.user for session in trunk.calls] == ["+49305"]
    trunk.answer()
    connected(house, caller, trunk)
    caller.hang_up()
    house.settled()


@pytest.mark.parametrize(("allowed", "calls"), [(False, 1), (True, 2)])
def test_a_line_redirects_where_that_is_configured(tmp_path: Path, allowed: bool, calls: int) -> None:
    settings = SETTINGS.replace("host: 192.0.2.10", f"host: 192.0.2.10, redirects: {str(allowed).lower()}")
    house = house_of(tmp_path, NUMBER, settings)
    trunk, caller = house.party(TRUNK), house.party()
    caller.call("100")
    moved(trunk, "<sip:+49302@192.0.2.10>")
    assert len(trunk.calls) == calls
    if allowed:
        trunk.answer()
        connected(house, caller, trunk)
    else:
        assert house.port.heard() == ["failed"]
    caller.hang_up()
    house.settled()


def test_nobody_is_sent_round_in_circles(tmp_path: Path) -> None:
    house = house_of(tmp_path, PHONE)
    desk, cell, caller = house.phone("200", DESK), house.phone("201", CELL), house.party()
    caller.call("100")
    moved(desk, "<sip:201@192.0.2.2>")
    moved(cell, "<sip:200@192.0.2.2>")
    moved(desk, "<sip:201@192.0.2.2>", "<sip:200@192.0.2.2>")
    assert (len(desk.calls), len(cell.calls)) == (2, 1)
    assert house.port.heard() == ["failed"]
    caller.hang_up()
    house.settled()


def test_a_chain_is_followed_five_times(tmp_path: Path) -> None:
    settings = SETTINGS.replace("host: 192.0.2.10", "host: 192.0.2.10, redirects: true")
    house = house_of(tmp_path, NUMBER, settings)
    trunk, caller = house.party(TRUNK), house.party()
    caller.call("100")
    for number in range(10, 20):
        if trunk.calls[-1].ended:
            break
        moved(trunk, f"<sip:+4930{number}@192.0.2.10>")
    assert len(trunk.calls) == 6
    caller.hang_up()
    house.settled()


@pytest.mark.parametrize(
    ("values", "users"),
    [
        (["<sip:a@h>;q=0.1, <sip:b@h>;q=0.7", "<sip:c@h>"], ["c", "b", "a"]),
        (["<sip:a@h>, ,"], []),
        (["*"], []),
        (["<sip:a@h>;q=much"], ["a"]),
        ([", ".join(f"<sip:{n}@h>" for n in range(9))], ["0", "1", "2", "3"]),
    ],
)
def test_contacts(values: list[str], users: list[str]) -> None:
    assert [uri.user for uri in contacts_of([("Contact", value) for value in values])] == users
