from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip.errors import ParseError
from ivr.sip.headers import (
    MAX_LIST,
    NameAddr,
    Via,
    format_params,
    parse_number,
    parse_params,
    parse_value,
    printable,
    quote,
    split_list,
    unquote,
)
from ivr.sip.uri import Uri


@pytest.mark.parametrize(
    ("text", "display", "uri", "params"),
    [
        ("<sip:a@h>;tag=1", "", "sip:a@h", {"tag": "1"}),
        ("sip:a@h;tag=1", "", "sip:a@h", {"tag": "1"}),
        ('"A. Bell" <sip:a@h>', "A. Bell", "sip:a@h", {}),
        ('"A. Bell"<sip:a@h>', "A. Bell", "sip:a@h", {}),
        ("caller<sip:a@h>;tag=323", "caller", "sip:a@h", {"tag": "323"}),
        ("T. Watson <sip:t@h>", "T. Watson", "sip:t@h", {}),
        (r'"J \"R\" \\" <sip:j@h> ; tag = 98', 'J "R" \\', "sip:j@h", {"tag": "98"}),
        ('"%Z%45" <sip:r@h>', "%Z%45", "sip:r@h", {}),
        ('"a, b;c <x>" <sip:r@h;lr>;q=0.5', "a, b;c <x>", "sip:r@h;lr", {"q": "0.5"}),
        ("<sip:r@h?Route=%3Csip:x%3E>", "", "sip:r@h?Route=%3Csip:x%3E", {}),
        (
            '<sip:a@h>;+sip.instance="<urn:uuid:1>";reg-id=1',
            "",
            "sip:a@h",
            {"+sip.instance": "<urn:uuid:1>", "reg-id": "1"},
        ),
        ("<tel:+1;ext=3>;TAG=x", "", "tel:+1;ext=3", {"tag": "x"}),
        ("sip:+1@gw;unknownparam", "", "sip:+1@gw", {"unknownparam": None}),
        ("Jos\u00e9 <sip:j@h>", "Jos\u00e9", "sip:j@h", {}),
        ("<sip:a@h>;tag=1;a;b=2", "", "sip:a@h", {"tag": "1", "a": None, "b": "2"}),
    ],
)
def test_name_addr(text: str, display: str, uri: str, params: dict[str, str | None]) -> None:
    address = NameAddr.parse(text)
    assert (address.display, str(address.uri), address.params) == (display, uri, params)
    assert NameAddr.parse(str(address)) == address
    assert address.tag == params.get("tag")


@pytest.mark.parametrize(
    "text",
    [
        "",
        '"Mr. J. User <sip:j.user@example.com>',
        "Bell, Alexander <sip:a@h>",
        '"a" sip:a@h',
        "<sip:a@h",
        "<sip:a@h>x",
        "<sip:a@h>;;",
        "<sip:a@h>;tag=",
        "<sip:a@h>;tag=1;tag=2",
        "<sip:a@h>;tag=1;x;TAG=2",
        "sip:a@h?Route=x",
        "sip:a@h,b",
        "< sip:a@h >",
        '<sip:a@h>;x="a',
        '<sip:a@h>;x="a"b',
        "<sip:a@h>;a b=c",
        "<sip:a@h>" + ";a" * 70,
        "<sip:a@h>;x=\u2028",
    ],
)
def test_malformed_name_addr(text: str) -> None:
    with pytest.raises(ParseError):
        NameAddr.parse(text)


def test_with_tag_leaves_the_original() -> None:
    address = NameAddr(Uri.parse("sip:a@h"), "A")
    assert str(address.with_tag("x")) == '"A" <sip:a@h>;tag=x'
    assert address.tag is None
    assert "sip:a@h" in repr(address)
    assert address != "x"


def test_via() -> None:
    via = Via.parse("SIP/2.0/udp Host.example.com:5062;branch=z9hG4bK1;rport")
    assert (via.transport, via.host, via.port, via.branch) == ("UDP", "host.example.com", 5062, "z9hG4bK1")
    assert via.rport is None
    assert via.received is None
    assert str(via) == "SIP/2.0/UDP host.example.com:5062;branch=z9hG4bK1;rport"
    assert "5062" in repr(via)


def test_via_with_blanks_and_ipv6() -> None:
    via = Via.parse("SIP  / 2.0  / TCP     spindle.example.com   ;  branch  =   z9hG4bK9ikj8  ")
    assert (via.transport, via.host, via.branch) == ("TCP", "spindle.example.com", "z9hG4bK9ikj8")
    via = Via.parse("SIP/2.0/UDP [2001:DB8::9:1]:6050;received=2001:db8::9:255;branch=z9hG4bKas3")
    assert (via.host, via.port, via.received) == ("2001:db8::9:1", 6050, "2001:db8::9:255")
    assert str(via).startswith("SIP/2.0/UDP [2001:db8::9:1]:6050;")
    assert Via.parse("SIP/2.0/UDP h;received=[2001:db8::9:255]").received == "2001:db8::9:255"


def test_stamping_writes_where_a_request_came_from() -> None:
    plain = Via.parse("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")
    assert plain.stamped("192.0.2.1", 5060).params == {"branch": "z9hG4bK1"}
    assert plain.stamped("198.51.100.7", 5060).received == "198.51.100.7"
    rport = Via.parse("SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bK1").stamped("192.0.2.1", 40000)
    assert (rport.received, rport.rport) == ("192.0.2.1", 40000)
    forged = Via.parse("SIP/2.0/UDP 192.0.2.1;received=203.0.113.9;branch=z9hG4bK1")
    assert forged.stamped("192.0.2.1", 5060).received is None
    assert forged.stamped("192.0.2.2", 5060).received == "192.0.2.2"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ;branch=x",
        "SIP/3.0/UDP h",
        "SIP/2.0/UDP h:0",
        "SIP/2.0/UDP h:99999",
        "SIP/2.0/UDP 192.0.2.15;;,;,,",
        "SIP/2.0/UDP h;branch=a;branch=b",
        "SIP/2.0/UDP h i;branch=a",
        "HTTP/1.1/UDP h",
        "SIP/2.0/UDP [::g];branch=a",
    ],
)
def test_malformed_via(text: str) -> None:
    with pytest.raises(ParseError):
        Via.parse(text)


def test_lists() -> None:
    assert split_list("a") == ["a"]
    assert split_list('"x, y" <sip:a@h,b>;q="1,2" , <sip:b@h>') == ['"x, y" <sip:a@h,b>;q="1,2"', "<sip:b@h>"]
    for bad in ("a,,b", ",", "a,", 'a,"b', "a,<b", "a," * MAX_LIST + "a"):
        with pytest.raises(ParseError):
            split_list(bad)


def test_params() -> None:
    assert parse_params("") == {}
    assert parse_params(' ; A = b ; flag; c="x;\\"y\\"=" ; d=1') == {"a": "b", "flag": None, "c": 'x;"y"=', "d": "1"}
    assert parse_params("purpose=x", first_semicolon=False) == {"purpose": "x"}
    assert format_params({"a": None, "b": "1", "c": "x y", "d": ""}) == ';a;b=1;c="x y";d=""'
    for bad in ("x", ";", ";a=;b", ';a="x', ';a="x"y', ";a;a", ';a="1";a="2"', ';a="1"' + ";b" * 3, ";é=1"):
        with pytest.raises(ParseError):
            parse_params(bad)
    with pytest.raises(ParseError):
        parse_params(";x=" + '"";'.join(f"p{i}=" for i in range(100)) + '""')


def test_values() -> None:
    assert parse_value("1800;refresher=uac") == ("1800", {"refresher": "uac"})
    assert parse_value("application/SDP") == ("application/SDP", {})
    assert parse_value('Q.850;cause=16;text="Normal, clearing"') == (
        "Q.850",
        {"cause": "16", "text": "Normal, clearing"},
    )
    assert parse_value("120 (I'm in a meeting);duration=60") == ("120", {"duration": "60"})
    assert parse_value("abc@h;to-tag=1;from-tag=2;early-only")[1]["early-only"] is None
    for bad in ("", " ;x", "a;=b"):
        with pytest.raises(ParseError):
            parse_value(bad)


def test_numbers() -> None:
    assert parse_number("0070") == 70
    assert parse_number("4294967295") == 0xFFFFFFFF
    for bad in ("", "-1", "+1", "1_0", "4294967296", "9" * 5000, "\u0663", "²", "1 "):
        assert parse_number(bad) is None


@given(st.text(max_size=50))
def test_quote_round_trip(text: str) -> None:
    assert unquote(quote(text)) == text


def test_unquote() -> None:
    assert unquote("plain") == "plain"
    with pytest.raises(ParseError):
        unquote('"open')


def test_printable_is_one_harmless_line() -> None:
    assert printable("x\x1b[2J\r\ny\u2028z\u202e\x00\udc80é") == "x\\x1b[2J\\r\\ny\\u2028z\\u202e\\x00\\udc80é"
    assert printable("a" * 500) == "a" * 200 + "…"


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (NameAddr.parse, Via.parse, split_list, parse_params, parse_value):
        try:
            read(text)
        except ParseError:
            continue


@given(st.text(alphabet='"\\<>;,= at1:@sip', max_size=60))
def test_any_delimiters_are_read_or_refused(text: str) -> None:
    for prefix in ("", "<sip:a@h>", "SIP/2.0/UDP h", ";a=", "a,"):
        for read in (NameAddr.parse, Via.parse, split_list, parse_params, parse_value):
            try:
                read(prefix + text)
            except ParseError:
                continue
