"""Encrypted calls: what a line requires is kept, whoever offers."""

from __future__ import annotations

import base64
import logging
from pathlib import Path
from typing import Any

import pytest

from ivr.sip import Answered, IncomingCall, Rejected
from media import SrtpKey
from tests.kit.house import CALLER, DESK, SETTINGS, House, Party
from tests.kit.sip import sdp

LONG, SHORT = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"
KEY, OTHER = bytes(range(30)), bytes(range(30, 60))

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: sound}
  sound: {type: play, text: hello, loop: forever, interruptible: true, next: bye}
  bye: {type: hang_up}
"""
FORWARD = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: desk}
  desk: {type: forward_call, to: "phone:200", timeout: 10s, branches: {call_not_forwarded: failed}}
  failed: {type: play, text: failed, next: bye}
  bye: {type: hang_up}
"""


def house_that(tmp_path: Path, srtp: str, flow: str = FLOW) -> House:
    return House(tmp_path, {"main": flow}, SETTINGS + f"media: {{srtp: {srtp}}}\n")


def secured(
    address: tuple[str, int] = CALLER,
    key: bytes = KEY,
    *,
    profile: str = "RTP/SAVP",
    suite: str = LONG,
    direction: str = "sendrecv",
    tag: int = 1,
) -> bytes:
    """A description with a key."""
    text = sdp(address[0], direction=direction).replace(b"RTP/AVP", profile.encode())
    return text + f"a=crypto:{tag} {suite} inline:{base64.b64encode(key).decode()}|2^31\r\n".encode()


def answered(party: Party) -> str:
    """The description that the party got with its last answer."""
    return str(party.got(Answered)[-1].sdp.encode().decode())


def key_of(text: str) -> bytes:
    (line,) = (line for line in text.splitlines() if line.startswith("a=crypto:"))
    return base64.b64decode(line.split("inline:")[1].split("|")[0])


@pytest.mark.parametrize("srtp", ["optional", "required"])
@pytest.mark.parametrize("profile", ["RTP/SAVP", "RTP/AVP"])
def test_keys_of_an_encrypted_call_reach_the_port(tmp_path: Path, srtp: str, profile: str) -> None:
    house = house_that(tmp_path, srtp)
    caller = house.party()
    caller.call("100", sdp=secured(profile=profile, suite=SHORT))
    said = answered(caller)
    assert f"m=audio {house.port.local[1]} {profile} 0 101" in said
    stream = house.port.streams[-1]
    assert stream.srtp_in == SrtpKey(SHORT, KEY)  # type: ignore[arg-type]
    assert stream.srtp_out == SrtpKey(SHORT, key_of(said))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("srtp", "description", "status"),
    [
        ("required", sdp(CALLER[0]), 488),
        ("required", secured(suite="AES_256_CM_HMAC_SHA1_80"), 488),
        ("off", secured(), 488),
        ("optional", sdp(CALLER[0]), 200),
        ("off", secured(profile="RTP/AVP"), 200),
    ],
)
def test_what_is_refused(tmp_path: Path, srtp: str, description: bytes, status: int) -> None:
    house = house_that(tmp_path, srtp)
    caller = house.party()
    caller.call("100", sdp=description)
    if status == 200:
        assert "crypto" not in answered(caller)
        assert house.port.streams[-1].srtp_in is None
    else:
        assert [event.status for event in caller.got(Rejected)] == [status]
        house.settled()


def test_a_hold_keeps_the_keys_and_new_keys_get_a_new_one(tmp_path: Path) -> None:
    house = house_that(tmp_path, "required")
    caller = house.party()
    caller.call("100", sdp=secured())
    first = house.port.streams[-1]
    for description in (secured(direction="sendonly"), secured()):
        caller.session.reinvite(description, house.now)
        house.run(0.5)
        stream = house.port.streams[-1]
        assert (stream.srtp_in, stream.srtp_out) == (first.srtp_in, first.srtp_out)
    caller.session.reinvite(secured(key=OTHER), house.now)
    house.run(0.5)
    stream = house.port.streams[-1]
    assert stream.srtp_in == SrtpKey(LONG, OTHER)  # type: ignore[arg-type]
    assert stream.srtp_out != first.srtp_out


def test_no_later_offer_may_turn_the_encryption_off(tmp_path: Path) -> None:
    house = house_that(tmp_path, "required")
    caller = house.party()
    caller.call("100", sdp=secured())
    before = len(house.port.streams)
    caller.session.reinvite(sdp(CALLER[0], version=2), house.now)
    house.run(0.5)
    assert len(house.port.streams) == before
    assert house.port.streams[-1].srtp_in is not None
    assert house.manager.calls


def forwarded(tmp_path: Path, srtp: str) -> tuple[House, Party, Party]:
    house = house_that(tmp_path, srtp, FORWARD)
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100", sdp=secured() if srtp == "required" else sdp(CALLER[0]))
    return house, caller, desk


@pytest.mark.parametrize(("srtp", "profile"), [("optional", "RTP/AVP"), ("required", "RTP/SAVP")])
def test_a_forward_offers_keys_and_takes_those_of_the_answer(tmp_path: Path, srtp: str, profile: str) -> None:
    house, _, desk = forwarded(tmp_path, srtp)
    assert desk.got(IncomingCall)[-1].session.remote_sdp.media[0].protocol == profile
    desk.calls[-1].answer(secured(DESK, OTHER, profile=profile, suite=SHORT, tag=2), house.now)
    house.run(0.5)
    other = house.port.bridged
    assert other is not None
    stream = other.streams[-1]
    assert stream.srtp_in == SrtpKey(SHORT, OTHER)  # type: ignore[arg-type]
    assert stream.srtp_out is not None and stream.srtp_out.suite == SHORT
    assert stream.srtp_out != house.port.streams[-1].srtp_out


def test_a_phone_that_wants_encryption_alone_is_offered_that(tmp_path: Path) -> None:
    house, caller, desk = forwarded(tmp_path, "optional")
    desk.refuse(488)
    assert [call.remote_sdp.media[0].protocol for call in desk.calls] == ["RTP/AVP", "RTP/SAVP"]
    desk.calls[-1].answer(secured(DESK, OTHER), house.now)
    house.run(0.5)
    assert house.port.bridged is not None and house.port.bridged.streams[-1].srtp_out is not None
    caller.hang_up()
    house.settled()


def test_who_likes_neither_description_is_asked_twice_and_no_more(tmp_path: Path) -> None:
    house, caller, desk = forwarded(tmp_path, "optional")
    desk.refuse(488)
    desk.refuse(488)
    assert len(desk.calls) == 2 and "failed" in str(house.port.heard())
    caller.hang_up()
    house.settled()


@pytest.mark.parametrize(
    "description",
    [
        pytest.param(sdp(DESK[0], 4100), id="plain"),
        pytest.param(sdp(DESK[0], 4100).replace(b"RTP/AVP", b"RTP/SAVP"), id="without-key"),
        pytest.param(secured(DESK, tag=7), id="another-tag"),
    ],
)
def test_an_answer_without_a_key_is_no_connection_where_one_is_required(tmp_path: Path, description: bytes) -> None:
    house, caller, desk = forwarded(tmp_path, "required")
    desk.calls[-1].answer(description, house.now)
    house.run(1.0)
    assert house.port.bridged is None
    assert all(stream.srtp_out is not None for port in house.pool.ports for stream in port.streams)
    assert desk.session.state.value != "confirmed"
    assert "failed" in str(house.port.heard())
    caller.hang_up()
    house.settled()


def test_keys_are_in_no_log_and_no_record(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        house = house_that(tmp_path, "required")
        caller = house.party()
        caller.call("100", sdp=secured())
        ours = key_of(answered(caller))
        caller.hang_up()
    shown: Any = caplog.text + repr(house.record) + repr(house.port.streams) + repr(house.manager)
    for key in (KEY, ours):
        assert base64.b64encode(key).decode()[:20] not in shown
        assert repr(key)[2:30] not in shown


@pytest.mark.parametrize(("description", "suite"), [(secured(suite=SHORT), SHORT), (sdp(CALLER[0]), None)])
def test_the_record_says_whether_the_sound_was_encrypted(tmp_path: Path, description: bytes, suite: str | None) -> None:
    house = house_that(tmp_path, "optional")
    caller = house.party()
    caller.call("100", sdp=description)
    caller.hang_up()
    house.settled()
    assert house.record.details["media"]["srtp"] == suite
