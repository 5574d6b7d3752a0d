"""Lines on hardware in calls: whose call it is, who can be bridged, and where calls out go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ivr.call.duplex import HALF_DUPLEX
from ivr.call.identity import LineTable
from ivr.lines import DeviceEnd, end_of, profile_of
from ivr.settings import parse_settings
from ivr.sip import Answered, NameAddr, Uri
from tests.kit.house import CALLER, DEVICE, TRUNK, House

MODEM = "old: {type: modem, port: /dev/ttyACM0, country: DE, number: '4711'}"
FULL = "old: {type: modem, port: /dev/ttyACM0, profile: cx93010}"
CARD = "desk: {type: sound_card, answer: ring, dial: tones}"

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["4711", "old"], line: old, answer: ANSWER, next: who}
  who: {type: play, text: "from {{ call.from }}", next: desk}
  desk:
    type: forward_call
    to: "TO"
    branches: {no_answer: missed, busy: missed, declined: missed, call_not_forwarded: failed}
  missed: {type: play, text: missed, next: bye}
  failed: {type: play, text: failed, next: bye}
  bye: {type: hang_up}
"""

PHONES = "\nphones:\n  '200': {password: secret-200}\n"


def house(tmp_path: Path, line: str, to: str = "phone:200", answer: str = "immediately", more: str = "") -> House:
    flow = FLOW.replace("TO", to).replace("ANSWER", answer)
    return House(tmp_path, {"main": flow}, f"lines:\n  {line}\n{more}{PHONES}")


def ends(text: str) -> tuple[LineTable, dict[str, DeviceEnd]]:
    settings = parse_settings(f"lines:\n  {text}\n", Path("ivr.yaml"), {})
    (name,) = settings.lines
    made = {name: end_of(name, settings.lines[name], 40_000)}  # type: ignore[arg-type]
    return LineTable(settings, made), made


def test_a_line_is_known_by_its_port_and_by_nothing_else() -> None:
    table, _ = ends(MODEM)
    table.resolved("old", ["127.0.0.1"])
    assert table.end_at(("127.0.0.1", 40_000)) == "old"
    assert table.end_at(("127.0.0.1", 40_002)) is None
    assert table.end_at(("127.0.0.2", 40_000)) is None
    # A Via can say any port.
    assert table.at("127.0.0.1", "old", 40_000) is None
    assert not table.has_host("127.0.0.1")


@pytest.mark.parametrize(
    ("text", "full", "codecs", "dial_format"),
    [
        (MODEM, False, ("pcmu", "pcma"), "national"),
        (FULL, True, ("pcmu", "pcma"), "as_is"),
        (CARD, True, ("pcmu", "pcma"), "as_is"),
        ("a: {type: sound_card, wideband: true}", True, ("g722", "pcmu", "pcma"), "as_is"),
    ],
)
def test_what_a_line_is_to_the_daemon(text: str, full: bool, codecs: tuple[str, ...], dial_format: str) -> None:
    _, made = ends(text)
    (end,) = made.values()
    assert (end.full_duplex, end.codecs, end.dial_format) == (full, codecs, dial_format)
    # The hardware finds keys and busy tones itself.
    assert (end.dtmf, end.inband, profile_of(end).busy_tone) == (("rfc4733",), "off", False)
    assert profile_of(end).late_media > 0
    assert (end.host, end.port, end.max_calls) == ("127.0.0.1", 40_000, 1)


def call(made: House, number: str = "4711", caller: str = "0301234567", source: tuple[str, int] = DEVICE) -> Any:
    device = made.party(source)
    device.call(number, from_=NameAddr(Uri("sip", caller, "127.0.0.1")))
    return device


def test_a_call_from_the_line_has_the_number_in_full_and_belongs_to_it(tmp_path: Path) -> None:
    made = house(tmp_path, MODEM, "phone:299")
    device = call(made)
    assert device.got(Answered)
    made.run(10)
    assert made.port.heard() == ["from +49301234567"]
    device.hang_up()
    made.settled()
    assert made.record.line == "old"


def test_a_process_beside_the_line_is_a_guest(tmp_path: Path) -> None:
    made = house(tmp_path, MODEM)
    stranger = call(made, source=(DEVICE[0], DEVICE[1] + 1))
    assert not stranger.got(Answered)


def test_a_caller_on_a_half_duplex_line_is_not_connected_and_hears_why_not(tmp_path: Path) -> None:
    made = house(tmp_path, MODEM)
    desk = made.phone("200", ("192.0.2.20", 5060))
    device = call(made)
    made.run(10)
    made.play_out()
    assert made.port.heard() == ["failed"]
    assert not desk.calls
    device.hang_up()
    made.settled()
    (hand_off,) = made.record.hand_offs
    assert (hand_off["outcome"], hand_off["status"]) == ("failed", HALF_DUPLEX)


def test_a_caller_on_a_full_duplex_modem_is_connected(tmp_path: Path) -> None:
    made = house(tmp_path, FULL)
    desk = made.phone("200", ("192.0.2.20", 5060))
    device = call(made, "old")
    made.run(10)
    made.play_out()
    desk.answer()
    assert made.port.bridged is not None
    device.hang_up()
    made.settled()


SIP_FLOW = FLOW.replace('["4711", "old"], line: old', '["100"]')


@pytest.mark.parametrize("failover", [False, True])
def test_calls_are_not_connected_through_a_half_duplex_line_but_through_one_that_stands_in(
    tmp_path: Path, failover: bool
) -> None:
    modem = MODEM.replace("number: '4711'", "failover: [pbx]") if failover else MODEM
    settings = f"lines:\n  {modem}\n  pbx: {{type: sip_trunk, host: {TRUNK[0]}}}\n"
    made = House(tmp_path, {"main": SIP_FLOW.replace("TO", "+493012345").replace("ANSWER", "immediately")}, settings)
    trunk, device, caller = made.party(TRUNK), made.party(DEVICE), made.party(CALLER)
    caller.call("100")
    made.play_out()
    made.run(1)
    assert not device.calls
    assert len(trunk.calls) == failover
    if not failover:
        assert made.port.heard() == ["failed"]
    caller.hang_up()
    made.settled()


def test_a_line_without_sound_before_the_answer_is_answered_for_it(tmp_path: Path) -> None:
    made = house(tmp_path, MODEM, answer="early_media")
    device = call(made)
    assert device.got(Answered)
    device.hang_up()
    made.settled()


def test_a_call_out_goes_to_the_process_of_the_line_in_the_form_that_is_dialled(tmp_path: Path) -> None:
    settings = f"lines:\n  {FULL.replace('profile', 'country: DE, profile')}\n"
    made = House(tmp_path, {"main": SIP_FLOW.replace("TO", "+49301234567").replace("ANSWER", "immediately")}, settings)
    device, caller = made.party(DEVICE), made.party(CALLER)
    caller.call("100")
    made.play_out()
    made.run(1)
    (session,) = device.calls
    assert str(session.request.uri) == f"sip:0301234567@{DEVICE[0]}:{DEVICE[1]}"
    device.answer(port=4200)
    (attempt,) = [port for port in made.pool.ports if port is not made.port]
    assert attempt.streams[-1].remote == (DEVICE[0], 4200)
    caller.hang_up()
    made.settled()


def test_a_second_call_out_and_one_that_the_hardware_cannot_take_go_by_the_line_that_stands_in(tmp_path: Path) -> None:
    modem = FULL.replace("profile", "failover: [pbx], profile")
    settings = f"lines:\n  {modem}\n  pbx: {{type: sip_trunk, host: {TRUNK[0]}}}\noutbound_policy: {{line: old}}\n"
    flow = SIP_FLOW.replace("TO", "+49301234567").replace("ANSWER", "immediately")
    made = House(tmp_path, {"main": flow}, settings)
    device, trunk = made.party(DEVICE), made.party(TRUNK)
    first, second, third = (made.party((f"192.0.2.{number}", 5060)) for number in (61, 62, 63))
    first.call("100")
    made.play_out()
    made.run(1)
    device.answer(port=4200)
    assert (len(device.calls), len(trunk.calls)) == (1, 0)
    second.call("100")
    made.pool.ports[2].played()
    made.run(1)
    assert (len(device.calls), len(trunk.calls)) == (1, 1)
    for party in (first, second):
        party.hang_up()
    made.run(40)
    # The hardware is gone: the process says so, and the trunk is called within the same call.
    third.call("100")
    next(port for port in reversed(made.pool.ports) if port.heard()).played()
    made.run(1)
    assert (len(device.calls), len(trunk.calls)) == (2, 1)
    device.refuse(503)
    made.run(1)
    assert len(trunk.calls) == 2
    third.hang_up()
    made.settled()
