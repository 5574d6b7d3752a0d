"""Transfers that a flow asks for: REFER, what becomes of it, and the bridge where the peer will not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.sip import Ended, IncomingRefer, Replaces
from tests.call.test_forward import connected, house_with
from tests.kit.house import DESK, House, Party

REFER = 'to: "sip:200@192.0.2.20"\n    mode: refer'


def refer(house: House, caller: Party, answers: list[int]) -> list[str]:
    """Have the caller answer REFER as told; Refer-To of those that came."""
    seen: list[str] = []

    def on_refer(session: object, request: object, transaction: object, now: float) -> None:
        seen.append(request.get("Refer-To"))  # type: ignore[attr-defined]
        session._reply(transaction, answers.pop(0), now)  # type: ignore[attr-defined]

    import ivr.sip.session as module

    house.handlers = {**module._HANDLERS, "REFER": on_refer}  # type: ignore[attr-defined]
    return seen


@pytest.mark.parametrize("status", [403, 405, 501, 603])
def test_a_refused_refer_is_bridged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    house = house_with(tmp_path, REFER)
    desk, caller = house.party(DESK), house.party()
    seen = refer(house, caller, [status])
    monkeypatch.setattr("ivr.sip.session._HANDLERS", house.handlers)  # type: ignore[attr-defined]
    caller.call("100")
    assert seen == ["<sip:200@192.0.2.20>"]
    assert len(desk.calls) == 1
    desk.answer()
    connected(house, caller, desk)


def test_a_transfer_that_is_accepted_and_then_hung_up_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = house_with(tmp_path, REFER)
    desk, caller = house.party(DESK), house.party()
    refer(house, caller, [202])
    monkeypatch.setattr("ivr.sip.session._HANDLERS", house.handlers)  # type: ignore[attr-defined]
    caller.call("100")
    caller.hang_up()
    house.settled()
    assert desk.calls == []
    assert house.record.cause == "forwarded"
    assert house.record.hand_offs[0]["outcome"] == "forwarded"


@pytest.mark.parametrize(
    ("status", "outcome", "heard"), [(200, "forwarded", []), (486, "busy", ["taken"]), (503, "failed", ["failed"])]
)
def test_what_the_notify_tells_of_a_transfer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, outcome: str, heard: list[str]
) -> None:
    house = house_with(tmp_path, REFER)
    house.party(DESK)
    caller = house.party()
    refer(house, caller, [202])
    monkeypatch.setattr("ivr.sip.session._HANDLERS", house.handlers)  # type: ignore[attr-defined]
    caller.call("100")
    headers = "Event: refer\r\nSubscription-State: {}\r\n"
    for code, state in ((100, "active;expires=60"), (status, "terminated;reason=noresource")):
        body = f"SIP/2.0 {code} Whatever\r\n".encode()
        caller.session._send("NOTIFY", house.now, headers.format(state), body, "message/sipfrag")
        house.run(0.5)
    assert house.port.heard() == heard
    if heard:
        caller.hang_up()
    house.settled()
    assert house.record.hand_offs[0]["outcome"] == outcome


def test_a_peer_that_never_answers_refer_is_bridged(tmp_path: Path) -> None:
    house = house_with(tmp_path, REFER)
    desk, caller = house.party(DESK), house.party()
    house.link.impairment.drop = lambda data, number: data.startswith(b"REFER")
    caller.call("100")
    house.run(16)
    desk.answer()
    connected(house, caller, desk)


# Attended: bridged, then joined without us

ATTENDED = 'to: "phone:200"\n    mode: attended\n    headers: {User-to-User: "61626364;encoding=hex"}'


def test_a_caller_takes_our_place_beside_whom_he_talks_to(tmp_path: Path) -> None:
    house = house_with(tmp_path, ATTENDED)
    desk, caller = house.phone("200", DESK), house.party()
    asked: list[IncomingRefer] = []
    caller.on_refer = asked.append
    caller.takes_refers = True
    caller.call("100")
    desk.answer()
    house.run(0.5)
    (event,) = asked
    ours = desk.session
    assert event.target.replaces == Replaces(ours.call_id, ours.local_tag, ours.remote_tag or "")
    assert event.target.uri.host == DESK[0]
    assert event.target.headers == (("User-To-User", "61626364;encoding=hex"),)
    caller.session.accept_refer(house.now)
    house.run(0.2)
    desk.hang_up()  # the caller's INVITE has replaced our dialog
    assert not caller.got(Ended)
    caller.session.notify_refer(200, house.now)
    house.run(1)
    assert caller.got(Ended)
    house.settled()
    assert house.record.cause == "forwarded"
    assert house.record.hand_offs[0]["talk_time"] > 0


@pytest.mark.parametrize("how", ["refuses", "fails", "silent"])
def test_a_caller_who_cannot_take_our_place_stays_bridged(tmp_path: Path, how: str) -> None:
    house = house_with(tmp_path, ATTENDED)
    desk, caller = house.phone("200", DESK), house.party()
    caller.takes_refers = how != "refuses"
    caller.call("100")
    if how == "silent":
        house.link.impairment.drop = lambda data, _: data.startswith(b"REFER")
    desk.answer()
    house.run(0.5)
    if how == "fails":
        caller.session.accept_refer(house.now)
        house.run(0.2)
        caller.session.notify_refer(404, house.now)
    house.run(40)
    connected(house, caller, desk)
    desk.hang_up()
    assert caller.got(Ended)
    house.settled()


def test_what_goes_along_with_a_transfer(tmp_path: Path) -> None:
    house = house_with(tmp_path, REFER + '\n    headers: {User-to-User: "61;encoding=hex", X-Case: "7 & 8"}')
    caller = house.party()
    asked: list[IncomingRefer] = []
    caller.on_refer = asked.append
    caller.takes_refers = True
    caller.call("100")
    assert asked[0].target.headers == (("User-To-User", "61;encoding=hex"), ("X-Case", "7 & 8"))
    assert asked[0].target.referred_by == "<sip:192.0.2.2:5060>"
    caller.session.accept_refer(house.now)
    house.run(0.2)
    caller.session.notify_refer(200, house.now)
    house.settled()
    assert house.record.cause == "forwarded"
