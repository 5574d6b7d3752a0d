"""Keys over a bridge: by what way each party gets them, and that each comes once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ivr.sip.session as session_module
from ivr.call.keys import Keys
from ivr.flow import ports
from ivr.sip import DtmfInfo
from tests.call.test_forward import PHONE, flow
from tests.kit.house import DESK, SETTINGS, House, Party
from tests.kit.sip import sdp

NO_EVENTS = (
    sdp(DESK[0], 4100)
    .replace(b" 101\r\na=rtpmap:0", b"\r\na=rtpmap:0")
    .replace(b"a=rtpmap:101 telephone-event/8000\r\n", b"")
)


def by_info(party: Party) -> str:
    return "".join(event.digit for event in party.got(DtmfInfo))


def talking(tmp_path: Path, dtmf: str, answer: bytes = NO_EVENTS, *, reads: bool = False) -> tuple[House, Party, Party]:
    """A caller and the phone 200, which answers so."""
    house = House(tmp_path, {"main": flow("100", PHONE)}, SETTINGS + f"media: {{dtmf: [{dtmf}]}}\n")
    desk, caller = house.phone("200", DESK), house.party()
    if reads:
        desk.stack.allow_line += "Accept: application/sdp, application/dtmf-relay\r\n"
    caller.call("100")
    desk.calls[-1].answer(answer, house.now)
    house.run(0.3)
    assert house.port.bridged is house.pool.ports[1]
    return house, desk, caller


@pytest.mark.parametrize(
    ("dtmf", "reads", "info"),
    [
        ("rfc4733, info, inband", False, False),  # tones are heard by everybody
        ("rfc4733, info, inband", True, True),
        ("rfc4733, inband, info", True, False),
        ("rfc4733, info", False, True),
        ("info", False, True),
        ("rfc4733", True, False),
    ],
)
def test_the_way_to_a_party_without_events(tmp_path: Path, dtmf: str, reads: bool, info: bool) -> None:
    house, desk, caller = talking(tmp_path, dtmf, reads=reads)
    called = house.pool.ports[1]
    assert called.streams[-1].keys_signalled is info
    house.press("7")
    house.run(0.5)
    assert by_info(desk) == ("7" if info else "")
    caller.session.info("application/dtmf-relay", b"Signal=8\r\nDuration=100\r\n", house.now)
    house.run(0.5)
    if "info" in dtmf:
        assert by_info(desk) == ("78" if info else "")
        assert called.digits == ("" if info else "8")
    caller.hang_up()
    house.settled()


def test_a_party_with_events_gets_events(tmp_path: Path) -> None:
    house, desk, caller = talking(tmp_path, "rfc4733, info, inband", sdp(DESK[0], 4100), reads=True)
    house.press("7")
    house.run(0.5)
    assert by_info(desk) == "" and not house.pool.ports[1].streams[-1].keys_signalled
    caller.hang_up()
    house.settled()


def test_a_party_that_refuses_info_gets_tones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house, desk, caller = talking(tmp_path, "info, inband", reads=True)
    called = house.pool.ports[1]
    assert called.streams[-1].keys_signalled

    def refuse(session: Any, _: object, transaction: object, now: float) -> None:
        session._reply(transaction, 415, now)

    monkeypatch.setattr("ivr.sip.session._HANDLERS", {**session_module._HANDLERS, "INFO": refuse})
    house.press("7")
    house.run(0.5)
    assert not called.streams[-1].keys_signalled
    monkeypatch.undo()
    caller.session.info("application/dtmf-relay", b"Signal=8\r\nDuration=100\r\n", house.now)
    house.run(0.5)
    assert called.digits == "8" and by_info(desk) == ""
    caller.hang_up()
    house.settled()


def test_keys_of_the_called_party_reach_the_caller_once(tmp_path: Path) -> None:
    house, desk, caller = talking(tmp_path, "rfc4733, info, inband", sdp(DESK[0], 4100))
    house.press("5", house.pool.ports[1])  # the sound path passes it on
    desk.session.info("application/dtmf-relay", b"Signal=5\r\nDuration=300\r\n", house.now)
    house.run(0.5)
    assert house.port.digits == ""
    desk.session.info("application/dtmf-relay", b"Signal=6\r\nDuration=100\r\n", house.now)
    house.run(0.5)
    assert house.port.digits == "6"
    caller.hang_up()
    house.settled()


def test_a_reinvite_changes_the_way_of_keys(tmp_path: Path) -> None:
    house, desk, caller = talking(tmp_path, "rfc4733, info", sdp(DESK[0], 4100))
    called = house.pool.ports[1]
    assert not called.streams[-1].keys_signalled and called.streams[-1].event_type == 101
    desk.session.reinvite(NO_EVENTS, house.now)
    house.run(0.5)
    assert called.streams[-1].keys_signalled and called.streams[-1].event_type is None
    house.press("3")
    house.run(0.5)
    assert by_info(desk) == "3"
    desk.session.reinvite(sdp(DESK[0], 4100, version=3), house.now)
    house.run(0.5)
    assert not called.streams[-1].keys_signalled
    house.press("4")
    house.run(0.5)
    assert by_info(desk) == "3"
    caller.hang_up()
    house.settled()


@pytest.mark.parametrize("inband", [True, False])
def test_a_caller_who_takes_events_away_is_heard_in_band(tmp_path: Path, inband: bool) -> None:
    """A re-INVITE without telephone-event in the middle of a call: the flow still hears keys."""
    text = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: ask}
  ask: {type: collect, max_digits: 1, wait: 60s, responses: {"9": bye}, branches: {no_match: ask}}
  bye: {type: hang_up}
"""
    house = House(tmp_path, {"main": text})
    caller = house.party()
    caller.call("100")
    assert not house.port.streams[-1].inband
    offer = NO_EVENTS if inband else sdp(version=2)
    caller.session.reinvite(offer, house.now)
    house.run(0.5)
    assert house.port.streams[-1].inband is inband
    caller.session.info("application/dtmf-relay", b"Signal=9\r\nDuration=100\r\n", house.now)
    house.settled()
    assert house.record.cause == "ended_by_flow"


def test_a_flash_by_info_is_passed_on_and_never_a_key_of_the_flow() -> None:
    fed: list[ports.Event] = []
    passed: list[tuple[str | None, bool]] = []

    def pass_on(digit: str | None, sounded: bool) -> bool:
        passed.append((digit, sounded))
        return False

    keys = Keys(lambda: 100.0, fed.append, pass_on)
    keys.info("!", 0.25)
    assert (fed, passed) == ([], [("!", False)])
    keys.info("5", 0.1)
    assert fed == [ports.Digit("5", "info", 99.9, 0.1)]
