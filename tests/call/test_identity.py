"""Whose call it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ivr.call.identity import LineTable, caller_number, identify, normalise, verification
from ivr.settings import Settings
from ivr.sip.message import Request
from ivr.sip.parser import parse_message

LINES = """
lines:
  pbx: {type: sip_trunk, host: 192.0.2.10, match: [198.51.100.0/24], called_from: to, caller_from: p_asserted_identity}
  carrier: {type: sip_trunk, host: carrier.example.net, match: [198.51.100.128/25], called_from: p_called_party_id}
"""


FROM = '"Anna" <sip:+49301234@host>'


def invite(uri: str = "sip:100@host", *extra: str, to: str = "sip:100@host", sender: str = FROM) -> Request:
    lines = [
        f"INVITE {uri} SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
        f"From: {sender};tag=a",
        f"To: <{to}>",
        "Call-ID: c",
        "CSeq: 1 INVITE",
        *extra,
        "Content-Length: 0",
    ]
    message = parse_message("\r\n".join([*lines, "", ""]).encode())
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("+49 (30) 123-45", "+493012345"),
        ("030/12", "030/12"),
        ("anna.smith", "anna.smith"),
        ("00491", "00491"),
        ("*21#", "*21#"),
        ("a\x00b", "ab"),
        ("a\udcffb\ud800", "a\ufffdb\ufffd"),
    ],
)
def test_numbers_are_compared_without_their_separators(written: str, compared: str) -> None:
    assert normalise(written) == compared


def test_the_most_exact_line_has_the_call(make_settings: Callable[[str], Settings]) -> None:
    table = LineTable(make_settings(LINES))
    table.resolved("pbx", ["192.0.2.10"])
    assert table.at("192.0.2.10") == "pbx"
    assert table.at("198.51.100.5") == "pbx"
    assert table.at("198.51.100.200") == "carrier"
    assert table.at("203.0.113.1") is None
    assert table.at("2001:db8::1") is None
    table.resolved("pbx", ["192.0.2.11"])
    assert table.at("192.0.2.10") is None
    assert table.at("192.0.2.11") == "pbx"


def test_a_line_says_where_the_numbers_stand(make_settings: Callable[[str], Settings]) -> None:
    lines = LineTable(make_settings(LINES)).lines
    request = invite(
        "sip:account@host",
        "P-Asserted-Identity: <sip:+4940999@carrier>",
        "P-Called-Party-ID: <sip:+4940111@carrier>",
        to="sip:+49-40-222@host",
    )
    pbx = identify(request, "pbx", lines, None)
    assert (pbx.kind, pbx.line, pbx.number, pbx.called) == ("line", "pbx", "+4940999", "+4940222")
    carrier = identify(request, "carrier", lines, None)
    assert (carrier.number, carrier.called) == ("+49301234", "+4940111")


def test_nobody_becomes_somebody_by_a_header(make_settings: Callable[[str], Settings]) -> None:
    request = invite("sip:100@host", "P-Asserted-Identity: <sip:200@host>")
    guest = identify(request, None, LineTable(make_settings(LINES)).lines, None)
    assert (guest.kind, guest.number, guest.display, guest.called) == ("guest", "+49301234", "Anna", "100")
    phone = identify(request, None, {}, "200")
    assert (phone.kind, phone.number) == ("phone", "200")


def test_a_broken_identity_header_does_not_cost_the_call(make_settings: Callable[[str], Settings]) -> None:
    request = invite("sip:100@host", "P-Asserted-Identity: <<<")
    caller = identify(request, "pbx", LineTable(make_settings(LINES)).lines, None)
    assert caller.number == "+49301234"


@pytest.mark.parametrize(
    ("sender", "of_line", "number"),
    [
        ('"Anonymous" <sip:anonymous@anonymous.invalid>', False, ""),
        ("<sip:Anonymous@pbx.example.net>", False, ""),
        ("<sip:4711@Anonymous.Invalid>", False, ""),
        ("<sip:unknown@pbx.example.net>", False, "unknown"),
        ("<sip:Restricted@pbx.example.net>", True, ""),
        ("<sip:anna@pbx.example.net>", True, "anna"),
    ],
)
def test_callers_who_withhold_their_number_have_none(sender: str, of_line: bool, number: str) -> None:
    assert caller_number(invite(sender=sender), "from", of_line=of_line)[0] == number


def test_an_asserted_number_is_that_of_a_caller_whose_from_says_none() -> None:
    asked = invite(
        "sip:100@host", "P-Asserted-Identity: <sip:+4930555@host>", sender="<sip:anonymous@anonymous.invalid>"
    )
    assert caller_number(asked, "p_asserted_identity", of_line=True)[0] == "+4930555"
    assert caller_number(asked, "from", of_line=True)[0] == ""


COUNTRY = """
lines:
  de: {type: sip_trunk, host: 192.0.2.10, country: DE}
  one: {type: sip_trunk, host: sip.example.net, register: {user: "4711", password: a}}
  two: {type: sip_trunk, host: sip.example.net, register: {user: "4712", password: b}}
"""


@pytest.mark.parametrize(
    ("sender", "number"),
    [
        ("030123456", "+4930123456"),
        ("0049 30 123456", "+4930123456"),
        ("+4930123456", "+4930123456"),
        ("0033123456789", "+33123456789"),
        ("21", "21"),
        ("110", "110"),
    ],
)
def test_numbers_of_a_line_with_a_country_are_made_public_ones(
    make_settings: Callable[[str], Settings], sender: str, number: str
) -> None:
    table = LineTable(make_settings(COUNTRY))
    caller = identify(invite("sip:04940111@h", sender=f"<sip:{sender.replace(' ', '')}@h>"), "de", table.lines, None)
    assert caller.number == number and not caller.withheld


def test_a_called_number_is_found_however_it_is_written(make_settings: Callable[[str], Settings]) -> None:
    table = LineTable(make_settings(COUNTRY))
    for written in ("+4930123456", "4930123456", "030123456"):
        caller = identify(invite(f"sip:{written}@h"), "de", table.lines, None)
        assert caller.called == written
        assert {caller.called, *caller.spellings} >= {"+4930123456", "4930123456", "030123456"}, written
    assert identify(invite("sip:200@h"), "de", table.lines, None).spellings == ()


@pytest.mark.parametrize("privacy", ["id", "header;ID", "user", "critical; id"])
def test_a_caller_who_withholds_the_number_has_none(make_settings: Callable[[str], Settings], privacy: str) -> None:
    lines = LineTable(make_settings(LINES)).lines
    asserted = "P-Asserted-Identity: <sip:+4930999@host>"
    caller = identify(invite("sip:100@h", asserted, f"Privacy: {privacy}"), "pbx", lines, None)
    assert (caller.number, caller.display, caller.withheld) == ("", "", True)
    caller = identify(invite("sip:100@h", asserted, "Privacy: none"), "pbx", lines, None)
    assert (caller.number, caller.withheld) == ("+4930999", False)


def test_several_accounts_at_one_provider_are_told_apart(make_settings: Callable[[str], Settings]) -> None:
    table = LineTable(make_settings(COUNTRY))
    for name in ("one", "two"):
        table.resolved(name, ["192.0.2.80", "2001:db8::80"])
    assert [table.at("192.0.2.80", user) for user in ("4711", "4712", "555")] == ["one", "two", "one"]
    assert table.at("2001:db8::80", "4712") == "two"
    table.resolved("one", ["192.0.2.81"])
    assert (table.at("192.0.2.80", "4711"), table.at("192.0.2.81")) == ("two", "one")


def test_of_two_peers_on_one_machine_the_port_tells_which(make_settings: Callable[[str], Settings]) -> None:
    text = "type: sip_trunk, host: 192.0.2.80"
    table = LineTable(
        make_settings(f"lines: {{one: {{{text}, port: 5080}}, two: {{{text}}}, three: {{{text}, transport: tls}}}}")
    )
    for name in ("one", "two", "three"):
        table.resolved(name, ["192.0.2.80"])
    assert [table.at("192.0.2.80", "100", port) for port in (5080, 5060, 5061)] == ["one", "two", "three"]
    assert table.at("192.0.2.80", "100", 40000) == "one"


def test_a_number_with_parameters(make_settings: Callable[[str], Settings]) -> None:
    lines = LineTable(make_settings(LINES)).lines
    sender = "<sip:+4930999;verstat=TN-Validation-Passed@host;user=phone>"
    request = invite("sip:+49301000;npdi@h", sender=sender, to="sip:+49301000;npdi@h")
    caller = identify(request, "pbx", lines, None)
    assert (caller.number, caller.called) == ("+4930999", "+49301000")
    assert verification(request) == "TN-Validation-Passed" and verification(invite()) is None
    assert identify(invite("sip:a;b@h", to="sip:a;b@h"), "pbx", lines, None).called == "a;b"


@pytest.mark.parametrize(
    "asserted",
    [
        '"A, B" <sip:+4930999@host>, <tel:+4930999>',
        "<tel:+4930999;verstat=No-TN-Validation>",
        "<tel:+49-30-999>",
    ],
)
def test_an_asserted_identity_may_be_two(make_settings: Callable[[str], Settings], asserted: str) -> None:
    lines = LineTable(make_settings(LINES)).lines
    assert identify(invite("sip:1@h", f"P-Asserted-Identity: {asserted}"), "pbx", lines, None).number == "+4930999"
