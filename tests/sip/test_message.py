from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip.errors import BuildError, ParseError
from ivr.sip.headers import NameAddr, Via
from ivr.sip.making import make_request, make_response
from ivr.sip.message import STAR, Request, Response
from ivr.sip.names import KNOWN_NAMES, REASONS, canonical_name
from ivr.sip.parser import parse_message
from ivr.sip.uri import Uri


def an_invite(**changes: object) -> Request:
    arguments: dict[str, object] = {
        "call_id": "c1@192.0.2.1",
        "cseq": 1,
        "from_": '"A" <sip:a@example.com>;tag=f1',
        "to": "<sip:b@example.com>",
        "via": Via("UDP", "192.0.2.1", 5060, {"branch": "z9hG4bK1", "rport": None}),
        "contact": "sip:a@192.0.2.1:5060",
        **changes,
    }
    return make_request("INVITE", "sip:b@example.com", **arguments)  # type: ignore[arg-type]


def test_request_round_trip() -> None:
    request = an_invite(
        routes=["<sip:p1;lr>", NameAddr(Uri.parse("sip:p2;lr"))],
        headers=[("subject", "hi"), ("k", "timer")],
        body=b"v=0\r\n",
        content_type="application/sdp",
    )
    data = request.encode()
    assert data.startswith(
        b"INVITE sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport\r\n"
    )
    assert data.endswith(b"Content-Length: 5\r\n\r\nv=0\r\n")
    parsed = parse_message(data)
    assert isinstance(parsed, Request)
    assert parsed.method == "INVITE"
    assert parsed.uri == Uri.parse("sip:b@example.com")
    assert (parsed.call_id, parsed.cseq, parsed.cseq_method) == ("c1@192.0.2.1", 1, "INVITE")
    assert (parsed.from_.display, parsed.from_.tag, parsed.to.tag) == ("A", "f1", None)
    assert parsed.top_via.branch == "z9hG4bK1"
    assert [str(route.uri) for route in parsed.routes] == ["sip:p1;lr", "sip:p2;lr"]
    assert [str(contact.uri) for contact in parsed.contacts] == ["sip:a@192.0.2.1:5060"]
    assert (parsed.max_forwards, parsed.content_type, parsed.body) == (70, "application/sdp", b"v=0\r\n")
    assert parsed.get("Subject") == parsed.get("s") == "hi"
    assert parsed.get_list("Supported") == ["timer"]
    assert "INVITE" in repr(parsed)


def test_response_copies_what_it_must() -> None:
    request = parse_message(
        b"INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP p;branch=z9hG4bK2\r\nv: SIP/2.0/UDP c;branch=z9hG4bK1\r\n"
        b"Record-Route: <sip:p;lr>\r\nf: <sip:a@h>;tag=1\r\nTo:   <sip:b@h>\r\nCall-ID: x\r\nCSeq: 7 INVITE\r\n"
        b"Timestamp: 54\r\nSubject: s\r\nContent-Length: 0\r\n\r\n"
    )
    assert isinstance(request, Request)
    response = make_response(request, 200, to_tag="t1", contact="sip:me@h", body=b"x", content_type="text/plain")
    assert response.headers == [
        ("Via", "SIP/2.0/UDP p;branch=z9hG4bK2"),
        ("Via", "SIP/2.0/UDP c;branch=z9hG4bK1"),
        ("Record-Route", "<sip:p;lr>"),
        ("From", "<sip:a@h>;tag=1"),
        ("To", "<sip:b@h>;tag=t1"),
        ("Call-ID", "x"),
        ("CSeq", "7 INVITE"),
        ("Contact", "<sip:me@h>"),
        ("Content-Type", "text/plain"),
    ]
    parsed = parse_message(response.encode())
    assert isinstance(parsed, Response)
    assert (parsed.status, parsed.reason, parsed.to.tag) == (200, "OK", "t1")
    trying = make_response(request, 100)
    assert trying.get("Timestamp") == "54"
    assert trying.get("Record-Route") is None
    assert make_response(request, 404).get("Record-Route") is None
    assert make_response(request, 299).encode().startswith(b"SIP/2.0 299 \r\n")
    assert make_response(request, 480, "Gone fishing", headers=[("Retry-After", "9")]).get("retry-after") == "9"


def test_a_tag_is_added_once() -> None:
    request = an_invite(to="<sip:b@example.com>;tag=dialog")
    assert make_response(request, 200, to_tag="new").to.tag == "dialog"
    request = an_invite(to='"x;tag=y" <sip:b@example.com;tag=z>')
    assert make_response(request, 200, to_tag="new").to.tag == "new"


def test_header_editing() -> None:
    request = an_invite()
    assert request.contacts[0].uri.user == "a"
    request.replace("m", "<sip:new@h>")
    assert request.contacts[0].uri.user == "new"
    request.add("Contact", "<sip:other@h>")
    assert [contact.uri.user for contact in request.contacts] == ["new", "other"]
    request.replace("Contact", "*")
    assert request.contacts is STAR
    request.remove("CONTACT")
    assert request.contacts == []
    assert request.get("Contact") is None
    request.replace("X-New", "1")
    assert request.headers[-1] == ("X-New", "1")
    assert request.get_all("x-new") == ["1"]


def test_stamping_the_source() -> None:
    request = parse_message(
        b"OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP c;rport;branch=z9hG4bK2, SIP/2.0/UDP d;branch=z9hG4bK1\r\n"
        b"From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: x\r\nCSeq: 7 OPTIONS\r\n\r\n"
    )
    assert isinstance(request, Request)
    request.stamp_source("192.0.2.9", 1234)
    assert (request.top_via.received, request.top_via.rport) == ("192.0.2.9", 1234)
    assert len(request.vias) == 2
    answered = parse_message(make_response(request, 200, to_tag="x").encode())
    assert answered.top_via.rport == 1234
    assert answered.vias[1].branch == "z9hG4bK1"


def test_generic_headers() -> None:
    request = an_invite(
        headers=[
            ("P-Asserted-Identity", '"Cullen" <sip:c@h>, <tel:+1>'),
            ("Diversion", "<sip:d@h>;reason=user-busy"),
            ("Require", "100rel, Timer"),
            ("Require", "foo"),
            ("Expires", "99999999999999999999"),
            ("Allow", "INVITE,, BYE ,"),
        ]
    )
    assert [address.uri.user for address in request.addresses("P-Asserted-Identity")] == ["c", "+1"]
    assert request.addresses("Diversion")[0].params == {"reason": "user-busy"}
    assert request.addresses("Referred-By") == []
    assert request.unsupported(["timer", "replaces"]) == ["100rel", "foo"]
    assert request.expires == 0xFFFFFFFF
    assert request.allow == ["INVITE", "BYE"]
    assert an_invite().unsupported([]) == []


@pytest.mark.parametrize(
    ("value", "number"), [("0", 0), ("0068", 68), ("300", 255), ("9" * 400, 255), ("-1", None), ("x", None), ("", None)]
)
def test_max_forwards(value: str, number: int | None) -> None:
    request = an_invite()
    request.replace("Max-Forwards", value)
    assert request.max_forwards == number


def test_what_is_missing_or_malformed_is_told() -> None:
    request = Request("INVITE", Uri.parse("sip:h"), [("CSeq", "1"), ("From", "x")])
    for read in (
        lambda: request.call_id,
        lambda: request.cseq,
        lambda: request.cseq_method,
        lambda: request.from_,
        lambda: request.to,
        lambda: request.vias,
        lambda: request.replace_top_via(Via("UDP", "h")),
    ):
        with pytest.raises(ParseError):
            read()
    assert (request.content_type, request.max_forwards, request.expires) == (None, None, None)


BREAKING = ["a\r\nX: y", "a\nb", "a\rb", "a\x00b"]


@pytest.mark.parametrize("evil", BREAKING)
def test_nothing_given_can_break_out_of_its_line(evil: str) -> None:
    request = an_invite()
    attempts = [
        lambda: request.add("Subject", evil),
        lambda: request.add(evil, "x"),
        lambda: request.replace("Subject", evil),
        lambda: an_invite(call_id=evil),
        lambda: an_invite(from_=evil),
        lambda: an_invite(to=NameAddr(Uri.parse("sip:a@h"), evil)),
        lambda: an_invite(via=evil),
        lambda: an_invite(routes=[evil]),
        lambda: an_invite(contact=evil),
        lambda: an_invite(headers=[("Subject", evil)]),
        lambda: an_invite(headers=[(evil, "x")]),
        lambda: an_invite(content_type=evil),
        lambda: make_response(request, 200, evil),
        lambda: make_response(request, 200, to_tag=evil),
        lambda: make_response(request, 200, contact=evil),
        lambda: make_response(request, 200, headers=[("X", evil)]),
        lambda: make_response(request, 200, content_type=evil),
    ]
    for attempt in attempts:
        with pytest.raises(BuildError):
            attempt()


def test_nor_can_what_was_written_into_a_message_directly() -> None:
    request = an_invite()
    request.headers.append(("X", "a\r\nY: b"))
    with pytest.raises(BuildError):
        request.encode()
    request.headers[-1] = ("X", "a\rb")
    with pytest.raises(BuildError):
        request.encode()


def test_a_request_line_is_three_words() -> None:
    for method in ("", "IN VITE", "A" * 65, "INVITE\r\n"):
        with pytest.raises(BuildError):
            make_request(method, "sip:h", call_id="c", cseq=1, from_="a", to="b", via="v")
    with pytest.raises(ParseError):
        make_request("BYE", "sip:h x", call_id="c", cseq=1, from_="a", to="b", via="v")
    with pytest.raises(BuildError):
        make_request("BYE", Uri("sip", host="h x"), call_id="c", cseq=1, from_="a", to="b", via="v")


def test_names() -> None:
    assert canonical_name("i") == canonical_name("CALL-ID") == canonical_name("call-id") == "Call-ID"
    assert canonical_name("x-FOO-bar") == "X-Foo-Bar"
    assert canonical_name("WWW-authenticate") == "WWW-Authenticate"
    assert canonical_name("C%6Fntact") != "Contact"
    for spelling, name in KNOWN_NAMES.items():
        assert canonical_name(name) == name == canonical_name(spelling)
    assert all(100 <= status < 700 for status in REASONS)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\n\x00"), min_size=1, max_size=40))
def test_any_text_survives_as_display_name(text: str) -> None:
    clean = "".join(c for c in text if c >= " " and c != "\x7f")
    request = an_invite(from_=NameAddr(Uri.parse("sip:a@h"), clean).with_tag("1"))
    assert parse_message(request.encode()).from_.display == clean
