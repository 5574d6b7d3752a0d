"""Analog gateways as they are: peers that act like an ATA, and what a caller notices of it."""

from __future__ import annotations

import typing
from pathlib import Path

import pytest

from ivr.lines import PROFILES, profile_of
from ivr.settings import Gateway, GatewayProfile
from ivr.sip import NameAddr, Uri
from media import Tone
from tests.kit.house import HOUSE, SHOP, House, Party
from tests.kit.sip import sdp

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: menu}
  menu: {type: play, text: menu, next: ask}
  ask: {type: collect, max_digits: 1, next: chosen, branches: {no_input: gone}}
  chosen: {type: play, text: chosen, next: bye}
  gone: {type: play, text: gone, next: bye}
  bye: {type: hang_up}
"""
OUT = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: out}
  out:
    type: forward_call
    to: "0401"
    after: return
    branches: {returned: back, busy: busy, call_not_forwarded: failed}
  back: {type: play, text: back, next: bye}
  busy: {type: play, text: busy, next: bye}
  failed: {type: play, text: failed, next: bye}
  bye: {type: hang_up}
"""
GATEWAY = SHOP
KINDS: tuple[GatewayProfile, ...] = ("grandstream_ht8xx_fxo", "cisco_spa_fxo")


def settings(kind: str, more: str = "") -> str:
    return f"lines: {{fxo: {{type: gateway, host: {GATEWAY[0]}, profile: {kind}, country: DE{more}}}}}\n"


def make(tmp_path: Path, kind: str, flow: str = FLOW, more: str = "") -> tuple[House, Party]:
    house = House(tmp_path, {"main": flow}, settings(kind, more))
    return house, house.party(GATEWAY)


def test_every_profile_of_the_configuration_is_there() -> None:
    assert set(PROFILES) == set(typing.get_args(GatewayProfile))
    assert all(profile.title for profile in PROFILES.values())
    assert profile_of(None).late_media == 0.0 and not profile_of(None).busy_tone


def test_quirks_go_before_the_profile(tmp_path: Path) -> None:
    house, _ = make(tmp_path, "cisco_spa_fxo", more=", quirks: {late_media: 200ms, busy_tone: false, flash: event}")
    line = house.settings.lines["fxo"]
    assert isinstance(line, Gateway)
    profile = profile_of(line)
    assert (profile.late_media, profile.busy_tone, profile.flash) == (0.2, False, "event")


@pytest.mark.parametrize("kind", KINDS)
def test_late_media_the_first_prompt_waits_for_the_gateways_sound(tmp_path: Path, kind: GatewayProfile) -> None:
    house, gateway = make(tmp_path, kind)
    gateway.call("100")
    assert house.port.heard() == [], "the exchange has not connected the line yet"
    house.port.packets_in = 3
    house.run(0.2)
    assert house.port.heard() == ["menu"]
    gateway.hang_up()
    house.settled()


@pytest.mark.parametrize("kind", KINDS)
def test_late_media_nobody_waits_for_ever(tmp_path: Path, kind: GatewayProfile) -> None:
    house, gateway = make(tmp_path, kind)
    gateway.call("100")
    house.run(PROFILES[kind].late_media - 0.7)
    assert house.port.heard() == []
    house.run(0.5)
    assert house.port.heard() == ["menu"], (
        "a gateway that is silent until somebody speaks hears the prompt all the same"
    )
    gateway.hang_up()
    house.settled()


def test_late_media_is_waited_for_once(tmp_path: Path) -> None:
    house, gateway = make(tmp_path, "grandstream_ht8xx_fxo")
    gateway.call("100")
    house.port.packets_in = 1
    house.run(0.2)
    house.play_out()
    house.press("1")
    assert house.port.heard() == ["chosen"], "at once"
    gateway.hang_up()
    house.settled()


def test_a_caller_who_leaves_while_the_prompt_waits(tmp_path: Path) -> None:
    house, gateway = make(tmp_path, "cisco_spa_fxo")
    gateway.call("100")
    gateway.hang_up()
    assert house.record.cause == "user_hung_up"
    house.settled()


def test_a_trunk_hears_the_first_prompt_at_once(tmp_path: Path) -> None:
    house, gateway = make(tmp_path, "generic")
    gateway.call("100")
    assert house.port.heard() == ["menu"]
    gateway.hang_up()


@pytest.mark.parametrize("kind", KINDS)
def test_keys_are_heard_in_the_sound_although_events_were_agreed(tmp_path: Path, kind: GatewayProfile) -> None:
    """The gateway offers telephone-event for its own phone; keys of the analog side come as tones."""
    house, gateway = make(tmp_path, kind)
    gateway.call("100")
    stream = house.port.streams[-1]
    assert stream.event_type_in == 101 and stream.inband
    gateway.hang_up()
    plain, gateway = make(tmp_path, "generic")
    gateway.call("100")
    assert not plain.port.streams[-1].inband
    gateway.hang_up()


@pytest.mark.parametrize("kind", KINDS)
def test_a_busy_tone_is_the_callers_hang_up(tmp_path: Path, kind: GatewayProfile) -> None:
    house, gateway = make(tmp_path, kind)
    gateway.call("100")
    stream = house.port.streams[-1]
    assert stream.busy_tone and stream.tones == "de"
    house.run(2.0)
    house.port.say(Tone(house.port, "busy", house.now))  # type: ignore[arg-type]
    house.run(1.0)
    assert house.record.cause == "user_hung_up"
    assert "BYE" in house.link.lines(HOUSE), "the gateway goes on-hook"
    house.settled()


def test_a_phone_may_play_any_tone(tmp_path: Path) -> None:
    house, gateway = make(tmp_path, "generic")
    gateway.call("100")
    assert not house.port.streams[-1].busy_tone
    gateway.hang_up()


@pytest.mark.parametrize(("kind", "text"), [("busy", "busy"), ("congestion", "failed")])
def test_an_exchange_that_says_by_a_tone_that_nobody_can_be_reached(tmp_path: Path, kind: str, text: str) -> None:
    """The gateway has sent 183 with the sound of the line, which holds the tone."""
    house, gateway = make(tmp_path, "grandstream_ht8xx_fxo", OUT)
    caller = house.party()
    caller.call("100")
    gateway.calls[-1].progress(sdp(GATEWAY[0]), house.now)
    house.run(3.0)
    leg = house.pool.ports[1]
    leg.say(Tone(leg, kind, house.now))  # type: ignore[arg-type]
    house.run(0.5)
    assert house.port.heard() == [text] and gateway.calls[-1].ended
    caller.hang_up()
    house.settled()


def test_a_called_party_who_leaves_is_known_by_the_tone(tmp_path: Path) -> None:
    house, gateway = make(tmp_path, "cisco_spa_fxo", OUT)
    caller = house.party()
    caller.call("100")
    gateway.answer()
    house.run(5.0)
    leg = house.pool.ports[1]
    leg.say(Tone(leg, "busy", house.now))  # type: ignore[arg-type]
    house.run(0.5)
    assert gateway.calls[-1].ended and house.port.heard() == ["back"]
    caller.hang_up()
    house.settled()


@pytest.mark.parametrize("name", ["unavailable", "Anonymous", "unknown"])
def test_a_gateway_that_did_not_wait_for_the_caller_id(tmp_path: Path, name: str) -> None:
    """The number comes between the first ring and the second; one that answers before that calls without it."""
    house, gateway = make(tmp_path, "grandstream_ht8xx_fxo")
    gateway.call("100", from_=NameAddr(Uri("sip", name, GATEWAY[0]), "Unknown"))
    gateway.hang_up()
    assert house.record.caller == ""


def test_the_number_that_the_exchange_sent(tmp_path: Path) -> None:
    """Local numbers come without the area of the country: 0401234567, not +49401234567."""
    house, gateway = make(tmp_path, "cisco_spa_fxo")
    gateway.call("100", from_=NameAddr(Uri("sip", "0401234567", GATEWAY[0])))
    gateway.hang_up()
    assert house.record.caller == "+49401234567"


@pytest.mark.parametrize(("kind", "way"), [("grandstream_ht8xx_fxo", "event"), ("cisco_spa_fxo", "info")])
def test_a_hook_flash_goes_the_way_that_the_gateway_takes_it(tmp_path: Path, kind: GatewayProfile, way: str) -> None:
    house, gateway = make(tmp_path, kind, OUT)
    caller = house.party()
    caller.call("100")
    gateway.answer()
    caller.session.info("application/dtmf-relay", b"Signal=hf\r\nDuration=250\r\n", house.now)
    house.run(0.5)
    infos = [data for _, source, target, data in house.link.sent if data.startswith(b"INFO") and target == GATEWAY]
    assert bool(infos) is (way == "info") and house.pool.ports[1].digits == ("!" if way == "event" else "")
    assert all(b"Content-Type: application/hook-flash\r\n" in data and b"signal=hf" in data for data in infos)
    caller.hang_up()
    house.settled()
