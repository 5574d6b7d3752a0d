"""Who is let in, who is told what, and what the guard hears of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ivr.sip import Account, Answered, Flow, NameAddr, Rejected, Uri
from ivr.sip.digest import authorize
from ivr.sip.parser import parse_message
from tests.kit.house import CALLER, CELL, DESK, HOUSE, SHOP, TRUNK, House, Party
from tests.kit.sip import request

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: wait}
  wait: {type: collect, max_digits: 1, wait: 60s, branches: {collected: bye, no_match: bye}}
  bye: {type: hang_up}
"""
RINGS = FLOW.replace("next: wait}", "answer: {after: 20s}, next: wait}", 1)
SETTINGS = """
lines:
  pbx: {type: sip_trunk, host: 192.0.2.10}
phones:
  "200": {password: secret-200}
  "201": {password: secret-201}
"""


def house(folder: Path, more: str = "", flow: str = FLOW) -> House:
    return House(folder, {"main": flow}, SETTINGS + more)


def refusals(party: Party) -> list[int]:
    return [event.status for event in party.got(Rejected)]


def wrong(party: Party, user: str, number: str = "100") -> None:
    who = NameAddr(Uri("sip", user, HOUSE[0]))
    party.call(number, from_=who, account=Account(user, "wrong"))


# Blocked callers


@pytest.mark.parametrize(
    ("rule", "number", "refused"),
    [
        ('blocked_callers: ["+49900*"]', "+49 900 123", True),
        ('blocked_callers: ["+49900*"]', "+4930123", False),
        ('blocked_callers: ["*123"]', "+4930123", True),
        ('blocked_callers: ["+4930 123"]', "+4930 123", True),
        ("block_anonymous: true", "anonymous", True),
        ("block_anonymous: true", "+4930123", False),
    ],
)
def test_callers_who_are_not_wanted(tmp_path: Path, rule: str, number: str, refused: bool) -> None:
    one = house(tmp_path, f"security: {{{rule}, blocked_status: 486}}\n")
    for address in (CALLER, TRUNK):
        caller = one.party(address)
        caller.call("100", from_=NameAddr(Uri("sip", number, address[0])))
        assert refusals(caller) == ([486] if refused else [])
        assert bool(caller.got(Answered)) is not refused


def test_phones_of_the_house_are_not_blocked(tmp_path: Path) -> None:
    one = house(tmp_path, 'security: {blocked_callers: ["*"]}\n')
    desk = one.phone("200", DESK)
    desk.call_as("200", "100")
    assert desk.got(Answered)


# How many


def test_a_phone_has_so_many_calls_and_others_are_not_touched(tmp_path: Path) -> None:
    one = house(tmp_path, "limits: {calls_per_phone: 1}\n")
    desk, again, shop = one.phone("200", DESK), one.party(CELL), one.phone("201", SHOP)
    desk.call_as("200", "100")
    again.call_as("200", "100")
    (refused,) = again.got(Rejected)
    assert refused.status == 486
    assert ("Retry-After", "5") in refused.headers
    shop.call_as("201", "100")
    assert shop.got(Answered)
    desk.hang_up()
    again.call_as("200", "100")
    assert again.got(Answered)


def test_a_number_has_so_many_calls_whichever_line_it_comes_by(tmp_path: Path) -> None:
    one = house(tmp_path, "limits: {calls_per_caller: 1}\n")
    first, second, third = one.party(TRUNK), one.party(CALLER), one.party(SHOP)
    first.call("100", from_=NameAddr(Uri("sip", "+4930123", TRUNK[0])))
    second.call("100", from_=NameAddr(Uri("sip", "+49 30 123", CALLER[0])))
    third.call("100", from_=NameAddr(Uri("sip", "+4930124", SHOP[0])))
    assert (refusals(second), refusals(third)) == ([486], [])
    assert one.manager._gate.capacity.refused == {"caller": 1}


@pytest.mark.parametrize(("limit", "own"), [("limits: {calls_per_flow: 2}\n", ""), ("", ", max_calls: 2")])
def test_a_flow_has_so_many_calls(tmp_path: Path, limit: str, own: str) -> None:
    one = house(tmp_path, limit, FLOW.replace('numbers: ["100"]', f'numbers: ["100"]{own}'))
    parties = [one.party(address) for address in (CALLER, TRUNK, SHOP)]
    for party in parties:
        party.call("100")
    assert [refusals(party) for party in parties] == [[], [], [486]]
    parties[0].hang_up()
    parties[2].call("100")
    assert parties[2].got(Answered)


# Calls that nobody acknowledges


def test_a_stranger_has_few_calls_that_he_has_not_acknowledged(tmp_path: Path) -> None:
    one = house(tmp_path, "security: {half_open: 2}\n", RINGS)
    stranger, trunk = one.party(CALLER), one.party(TRUNK)
    for _ in range(3):
        stranger.call("100")
    assert refusals(stranger) == [503]
    for _ in range(3):
        trunk.call("100")
    assert refusals(trunk) == []
    one.run(25)
    assert len(stranger.got(Answered)) == 2
    for _ in range(5):
        stranger.call("100")
    assert refusals(stranger) == [503], "who acknowledges calls may begin more of them"


def test_calls_that_end_are_not_half_open_any_more(tmp_path: Path) -> None:
    one = house(tmp_path, "security: {half_open: 1}\n", RINGS)
    stranger = one.party(CALLER)
    for _ in range(5):
        stranger.call("100")
        stranger.hang_up()
    assert refusals(stranger).count(503) == 0
    one.settled()
    assert one.guard.half_open == 0


def test_a_flood_of_calls_shuts_out(tmp_path: Path) -> None:
    one = house(tmp_path, "security: {half_open: 1, bans: {unacknowledged: 5}}\n", RINGS)
    stranger = one.party(CALLER)
    for _ in range(6):
        stranger.call("100")
    assert [(ban.source, ban.reason) for ban in one.guard.bans(one.now)] == [(CALLER[0], "unacknowledged")]


# Guessing


def test_wrong_passwords_shut_out_where_they_were_proved(tmp_path: Path) -> None:
    one = house(tmp_path, "security: {bans: {auth_failures: 4}}\n")
    guesser = one.party(CALLER)
    for _ in range(4):
        wrong(guesser, "200")
    (ban,) = one.guard.bans(one.now)
    assert (ban.reason, ban.proven) == ("auth_failed", True)


def test_known_and_unknown_users_get_the_same_answers(tmp_path: Path) -> None:
    one = house(tmp_path)
    told = []
    for number, user in enumerate(("200", "nobody")):
        party = one.party((f"192.0.2.{100 + number}", 5060))
        wrong(party, user, "555")
        (event,) = party.got(Rejected)
        told.append((event.status, event.reason, [name for name, _ in event.headers]))
    assert told[0] == told[1]
    assert told[0][0] == 401


def test_known_and_unknown_users_get_the_same_answers_to_register(tmp_path: Path) -> None:
    one = house(tmp_path)
    told = []
    for user in ("200", "nobody"):
        to = f"<sip:{user}@192.0.2.2>"
        one.link.inject(request("REGISTER", to=to, call_id=f"r-{user}", cseq_method="REGISTER"), CALLER, HOUSE)
        one.run(0.2)
        _, _, _, data = one.link.sent[-1]
        told.append([line.partition(":")[0] for line in data.decode().split("\r\n")])
    assert told[0] == told[1]
    assert told[0][0] == "SIP/2.0 401 Unauthorized"


def test_numbers_that_nobody_has_shut_out(tmp_path: Path) -> None:
    one = house(tmp_path, "security: {bans: {unknown_numbers: 3}}\n")
    scanner = one.party(CALLER)
    for number in ("900", "9001", "00441"):
        scanner.call(number)
    assert [ban.reason for ban in one.guard.bans(one.now)] == ["unknown_number"]
    trunk = one.party(TRUNK)
    for _ in range(5):
        trunk.call("999")
    assert refusals(trunk) == [404] * 5
    assert len(one.guard.bans(one.now)) == 1


def test_a_phone_that_has_proved_itself_is_known_and_barred_alone(tmp_path: Path) -> None:
    one = house(tmp_path, "security: {bans: {auth_failures: 3, unknown_numbers: 1}}\n")
    desk = one.party(DESK)
    desk.call_as("200", "100")
    assert not one.guard.is_stranger(DESK[0], one.now)
    for _ in range(3):
        wrong(desk, "201")
    assert not one.guard.bans(one.now)
    desk.call_as("201", "100")
    assert refusals(desk)[-1] == 401, "barred, with the answer of a wrong password"
    desk.call_as("200", "100")
    assert len(desk.got(Answered)) == 2


def test_a_call_that_stands_makes_its_caller_known_until_it_is_over(tmp_path: Path) -> None:
    one = house(tmp_path)
    caller = one.party(CALLER)
    caller.call("100")
    assert not one.guard.is_stranger(CALLER[0], one.now)
    caller.hang_up()
    one.run(1.0)
    assert one.guard.is_stranger(CALLER[0], one.now)
    one.settled()


@pytest.mark.parametrize("bind", [True, False])
def test_an_answer_from_another_address_is_asked_again(tmp_path: Path, bind: bool) -> None:
    one = house(tmp_path, f"security: {{bind_nonces: {str(bind).lower()}}}\n")
    gate: Any = one.manager._gate
    message: Any = parse_message(request("REGISTER", to="<sip:200@192.0.2.2>", cseq_method="REGISTER"))
    challenge = gate._challenger.challenge(one.now, source=CALLER[0] if bind else "")
    message.add("Authorization", authorize(challenge, "REGISTER", str(message.uri), "200", "secret-200", cnonce="c"))
    flows = [Flow("udp", HOUSE, address) for address in (SHOP, CALLER)]
    answers = [type(gate._verify(message, flow, one.now)).__name__ for flow in flows]
    assert answers == (["Stale", "Verified"] if bind else ["Verified", "Stale"])
