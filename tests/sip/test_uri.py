from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip.errors import ParseError
from ivr.sip.uri import Uri, escape, unescape


def test_simple_uri() -> None:
    uri = Uri.parse("sip:+4930123@IVR.example.com:5062;transport=udp;lr")
    assert (uri.scheme, uri.user, uri.host, uri.port) == ("sip", "+4930123", "ivr.example.com", 5062)
    assert uri.params == {"transport": "udp", "lr": None}
    assert uri.is_sip
    assert uri.host_port == "ivr.example.com:5062"


def test_text_of_a_parsed_uri_is_kept() -> None:
    text = "SIP:Al%69ce@Example.COM;Lr;x=%41"
    assert str(Uri.parse(text)) == text


def test_escapes_are_undone_once() -> None:
    assert Uri.parse("sip:sips%3Auser%40example.com@example.net").user == "sips:user@example.com"
    assert Uri.parse("sip:a@h;n%61me=v%61lue%25%34%31").params == {"name": "value%41"}
    assert Uri.parse("sip:null-%00-null@example.com").user == "null-\x00-null"


def test_user_part_with_parameters_of_its_own() -> None:
    uri = Uri.parse("sip:user;par=u%40example.net@example.com")
    assert (uri.user, uri.host, uri.params) == ("user;par=u@example.net", "example.com", {})


def test_password_and_headers() -> None:
    uri = Uri.parse("sip:alice:se%63ret@h?Subject=hi%20there&Priority=urgent")
    assert (uri.user, uri.password) == ("alice", "secret")
    assert uri.headers == {"Subject": "hi there", "Priority": "urgent"}
    assert str(uri.without_headers()) == "sip:alice:se%63ret@h"
    assert not uri.without_headers().headers


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("sip:[2001:DB8::10]:5070", "2001:db8::10", 5070),
        ("sip:[2001:db8::10:5070]", "2001:db8::10:5070", None),
        ("sip:user@[2001:db8:::192.0.2.1]", "2001:db8::192.0.2.1", None),
    ],
)
def test_ipv6(text: str, host: str, port: int | None) -> None:
    uri = Uri.parse(text)
    assert (uri.host, uri.port) == (host, port)
    assert str(Uri("sip", host=host, port=port)).startswith("sip:[")


def test_tel_and_opaque() -> None:
    tel = Uri.parse("tel:+49-30-123;phone-context=example.com")
    assert (tel.scheme, tel.user, tel.params) == ("tel", "+49-30-123", {"phone-context": "example.com"})
    assert not tel.is_sip
    isbn = Uri.parse("isbn:2983792873")
    assert (isbn.scheme, isbn.opaque, isbn.is_sip) == ("isbn", "2983792873", False)
    assert Uri.parse("soap.beep://192.0.2.103:3002").scheme == "soap.beep"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sip:@host",
        "user@host",
        "<sip:user@example.com>",
        "sip:user@",
        "sip:2001:db8::10",
        "sip:[2001:db8::zz]",
        "sip:[::1",
        "sip:a@b@c",
        "sip:h:0",
        "sip:h:65536",
        "sip:h:123456",
        "sip:h;",
        "sip:h;;lr",
        "sip:h;=x",
        "sip:us er@h",
        "sip:user@h ;lr",
        "sip:u%4@h",
        "sip:u%zz@h",
        "sip:u@h?",
        "sip:u@h?a",
        "sip:" + "h" * 300,
        "tel:",
        "tel:1 2",
        "sip:ü@h",
        "sip:u@h\r\nX: y",
        "sip:u@h:\u0663",
    ],
)
def test_malformed(text: str) -> None:
    with pytest.raises(ParseError) as error:
        Uri.parse(text)
    assert error.value.status == 400


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", True),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", True),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5", True),
        ("SIP:ALICE@AtLanTa.CoM", "sip:alice@AtLanTa.CoM", False),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", False),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", False),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next", False),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", False),
    ],
)
def test_equality_of_rfc_3261_19_1_4(one: str, two: str, same: bool) -> None:
    first, second = Uri.parse(one), Uri.parse(two)
    assert (first == second) is same
    assert (second == first) is same
    if same:
        assert hash(first) == hash(second)
    assert first != "sip:x"


def test_uri_made_of_parts() -> None:
    uri = Uri("sip", "a@b c", "example.com", 5060, {"lr": None, "x": "y;z"}, {"Replaces": "1;to-tag=a"}, "p:w")
    assert str(uri) == "sip:a%40b%20c:p%3Aw@example.com:5060;lr;x=y%3Bz?Replaces=1%3Bto-tag%3Da"
    assert Uri.parse(str(uri)) == uri
    assert str(Uri("tel", "+1", params={"ext": "2"})) == "tel:+1;ext=2"
    assert str(Uri("urn", opaque="service:sos")) == "urn:service:sos"


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=30))
def test_escape_round_trip(text: str) -> None:
    assert unescape(escape(text)) == text


@given(st.text(max_size=80))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        uri = Uri.parse(text)
    except ParseError:
        return
    assert Uri.parse(str(uri)) == uri
    _ = uri.params, hash(uri), repr(uri)


@given(st.text(alphabet="sip:@;=?&%[]1aA.lr<> ", max_size=40).map(lambda tail: "sip:" + tail))
def test_any_tail_parses_or_is_refused(text: str) -> None:
    try:
        uri = Uri.parse(text)
    except ParseError:
        return
    rebuilt = Uri(uri.scheme, uri.user, uri.host, uri.port, uri.params, uri.headers, uri.password)
    assert rebuilt == uri
