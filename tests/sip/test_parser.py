from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip.errors import ParseError
from ivr.sip.making import make_response
from ivr.sip.message import STAR, Request, Response
from ivr.sip.parser import MAX_HEAD, MAX_HEADERS, MAX_MESSAGE, parse_message

BASE = {
    "Via": "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1;rport",
    "Max-Forwards": "70",
    "From": "<sip:a@192.0.2.9>;tag=f1",
    "To": "<sip:1000@192.0.2.1>",
    "Call-ID": "c1@192.0.2.9",
    "CSeq": "1 OPTIONS",
    "Contact": "<sip:a@192.0.2.9:5060>",
    "Content-Length": "0",
}


def message(
    start: str = "OPTIONS sip:1000@192.0.2.1 SIP/2.0", *extra: str, body: bytes = b"", **changes: str | None
) -> bytes:
    headers = dict(BASE)
    for name, value in changes.items():
        name = name.replace("_", "-")
        if value is None:
            del headers[name]
        else:
            headers[name] = value
    lines = [start, *(f"{name}: {value}" for name, value in headers.items()), *extra]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def request_of(data: bytes) -> Request:
    parsed = parse_message(data)
    assert isinstance(parsed, Request)
    return parsed


def refused(data: bytes) -> ParseError:
    with pytest.raises(ParseError) as caught:
        parse_message(data)
    error = caught.value
    if error.request is not None:
        assert error.status is not None
        answer = make_response(error.request, error.status, to_tag="x").encode()
        assert answer.startswith(b"SIP/2.0 %d " % error.status)
    else:
        assert error.status is None
    return error


def test_plain_request() -> None:
    request = request_of(message())
    assert request.method == "OPTIONS"
    assert request.uri.user == "1000"
    assert [name for name, _ in request.headers] == list(BASE)
    assert request.top_via.port == 5060
    assert request.body == b""


def test_compact_forms_folding_and_blanks() -> None:
    request = request_of(
        b"OPTIONS sip:h SIP/2.0\r\nTO :\r\n sip:b@h ;   tag    = 19\r\n"
        b'f   : "J \\\\\\""       <sip:a@h>\r\n  ;\r\n  tag = 98\r\n'
        b"MaX-fOrWaRdS: 0068\r\ni: x.y@z\r\nl   : 0\r\ncseq: 0009\r\n  OPTIONS\r\n"
        b"Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390\r\n"
        b"s :\r\nNew:   a  \r\n\t b\r\nUnknown: ;;,,;;,;\r\n"
        b"v:  SIP  / 2.0  / TCP     s.example.com   ;\r\n  branch  =   z9hG4bK9  ,\r\n"
        b" SIP  /    2.0   / UDP  192.0.2.3\r\n"
        b'm:"Q \\"\\"" <sip:j@h> ; newparam =\r\n      newvalue ;\r\n  secondparam ; q = 0.33\r\n\r\n'
    )
    assert (request.to.tag, request.from_.tag, request.from_.display) == ("19", "98", 'J \\"')
    assert (request.max_forwards, request.cseq, request.call_id) == (68, 9, "x.y@z")
    assert [(via.transport, via.host) for via in request.vias] == [
        ("UDP", "192.0.2.2"),
        ("TCP", "s.example.com"),
        ("UDP", "192.0.2.3"),
    ]
    assert request.get("Subject") == ""
    assert request.get("new") == "a   b"
    assert request.get("Unknown") == ";;,,;;,;"
    assert request.contacts[0].params == {"newparam": "newvalue", "secondparam": None, "q": "0.33"}


def test_a_response() -> None:
    response = parse_message(message("SIP/2.0 183 Séance \udcff"))
    assert isinstance(response, Response)
    assert (response.status, response.reason) == (183, "Séance \udcff")
    assert parse_message(message("SIP/2.0 100 ")).start_line() == "SIP/2.0 100 "
    assert isinstance(parse_message(message("sip/2.0 200")), Response)


def test_odd_but_right() -> None:
    assert request_of(b"\r\n\r\n" + message()).method == "OPTIONS"
    assert request_of(message("OPTIONS sip:h sip/2.0")).uri.host == "h"
    assert request_of(message("re%47 sip:h SIP/2.0", CSeq="1 re%47")).method == "re%47"
    assert request_of(message("OPTIONS soap.beep://192.0.2.1 SIP/2.0")).uri.is_sip is False
    assert request_of(message(CSeq="4294967295 OPTIONS")).cseq == 0xFFFFFFFF
    assert request_of(message(Contact="*")).contacts is STAR
    assert request_of(message(Max_Forwards=None, Contact=None, Content_Length=None, body=b"rest")).body == b"rest"
    assert request_of(message(Via="SIP/2.0/UDP h")).top_via.branch is None
    assert request_of(message(Max_Forwards="x", Expires="9" * 500)).expires == 0xFFFFFFFF
    # A quoted-pair is the one place where the grammar has control characters.
    assert request_of(message(To='"BEL:\\\x07 NUL:\\\x00" <sip:a@h>')).to.display == "BEL:\x07 NUL:\x00"
    # The header of another name is no Contact, however it is escaped.
    assert request_of(message("OPTIONS sip:h SIP/2.0", "C%6Fntact: <sip:evil@h>")).contacts[0].uri.user == "a"
    # A blank before the colon does not make it another header.
    assert request_of(message("OPTIONS sip:h SIP/2.0", "P-Asserted-Identity : <sip:+1@h>")).get(
        "p-asserted-identity"
    ) == ("<sip:+1@h>")


def test_the_body_ends_where_content_length_says() -> None:
    assert request_of(message(Content_Length="3", body=b"abcINVITE sip:x SIP/2.0\r\n")).body == b"abc"
    assert request_of(message(Content_Length="003", body=b"abc")).body == b"abc"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (message(Content_Length="1"), 400),
        (message(Content_Length="9999999999999999999999"), 400),
        (message("OPTIONS sip:h SIP/2.0", "l: 0"), 400),
        (message("OPTIONS sip:h SIP/2.0", "Content-Length: 5", body=b"12345"), 400),
        *((message(Content_Length=bad), 400) for bad in ("-1", "+0", "1_0", "0x0", "", "0 0", "\u0660")),
        (message(CSeq="1 INVITE"), 400),
        *(
            (message(CSeq=bad), 400)
            for bad in ("1", "OPTIONS", "4294967296 OPTIONS", "-1 OPTIONS", "9" * 90 + " OPTIONS")
        ),
        *((message(Via=bad), 400) for bad in ("SIP/2.0/UDP 192.0.2.15;;,;,,", "x", "SIP/2.0/UDP h,")),
        (message(To='"Mr. J. User <sip:j@h>'), 400),
        (message(From="Bell, Alexander <sip:a@h>;tag=1"), 400),
        (message(From="<sip:a@h>;tag=1;tag=2"), 400),
        (message(Contact='"Joe" <sip:joe@example.org>;;;;'), 400),
        (message(Contact="sip:a@h?Route=%3Csip:x%3E"), 400),
        (message("OPTIONS sip:h SIP/2.0", "Route: <sip:p;lr"), 400),
        (message("OPTIONS sip:h SIP/2.0", "Record-Route: x"), 400),
        *((message(Call_ID=bad), 400) for bad in ("", "a b")),
        *((message(**{name: None}), 400) for name in ("From", "To", "Call_ID", "CSeq")),
        *(
            (message("OPTIONS sip:h SIP/2.0", f"{name}: {BASE.get(name, 'x')}"), 400)
            for name in ("From", "To", "Call-ID", "CSeq", "Max-Forwards")
        ),
        (message("OPTIONS sip:h SIP/2.0", "Refer-To: <sip:a@h>", "r: <sip:b@h>"), 400),
        (message("OPTIONS sip:user@h; lr SIP/2.0"), 400),
        (message("OPTIONS  sip:h  SIP/2.0"), 400),
        (message("OPTIONS sip:h SIP/2.0  "), 400),
        (message("OPTIONS <sip:h> SIP/2.0"), 400),
        (message("OPTIONS sip:h?Route=%3Csip:x%3E SIP/2.0"), 400),
        (message("OPTIONS sip:2001:db8::10 SIP/2.0"), 400),
        (message("OPTIONS sip:h SIP/7.0"), 505),
        (message("OPTIONS sip:h SIP/2.1"), 505),
        (message("OPTIONS sip:h SIP/2.0", "no colon"), 400),
        (message("OPTIONS sip:h SIP/2.0", "Subject"), 400),
        (message("OPTIONS sip:h SIP/2.0", ": x"), 400),
        (message("OPTIONS sip:h SIP/2.0", "b@d: x"), 400),
        (message("OPTIONS sip:h SIP/2.0", "Subject: a\x00b"), 400),
        (message("OPTIONS sip:h SIP/2.0", "Subject: \x1b[2J"), 400),
        (message("OPTIONS sip:h SIP/2.0", "Subject: a\nX: b"), 400),
        (message("OPTIONS sip:h SIP/2.0", "Subject: a\rb"), 400),
        (message("OPTIONS sip:h SIP/2.0", "Subject: a\\\r\nX: b\nc"), 400),
        (message().replace(b"\r\n", b"\n"), 400),
        (message()[:-2], 400),
        (message("OPTIONS sip:h SIP/2.0", *["X: y"] * MAX_HEADERS), 513),
        (message("OPTIONS sip:h SIP/2.0", "X: " + "y" * MAX_HEAD), 513),
        (message(Content_Length="70000", body=b"x" * 70000), 513),
    ],
)
def test_refused_with_an_answer(data: bytes, status: int) -> None:
    error = refused(data)
    assert error.status == status
    assert error.request is not None
    assert error.request.method == "OPTIONS"
    assert error.request.get_all("Via")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\x00",
        bytes(20),
        b"hello",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"OPTIONS sip:h\r\n\r\n",
        message(Via=None),
        message("SIP/2.0 4294967301 better not"),
        message("SIP/2.0 99 x"),
        message("SIP/2.0 700 x"),
        message("SIP/2.0 2_0 x"),
        message("SIP/3.0 200 OK"),
        message("SIP/2.0 200 OK", CSeq="9292394834772304023312 OPTIONS"),
        message("SIP/2.0 200 OK", Content_Length="5"),
        message("SIP/2.0 200 OK", "To: <sip:x@h>"),
        message("ACK sip:h SIP/2.0"),
        message("ACK sip:h SIP/7.0", CSeq="1 ACK"),
        message("OPT[ONS sip:h SIP/2.0"),
        b"SIP/2.0",
    ],
)
def test_dropped_without_an_answer(data: bytes) -> None:
    assert refused(data).request is None


def test_the_answer_to_what_is_broken_has_what_it_came_with() -> None:
    error = refused(message("INVITE sip:h SIP/2.0", "CSeq: 59 INVITE", CSeq="5 INVITE", Via="SIP/2.0/UDP h;;,"))
    assert error.request is not None
    answer = make_response(error.request, 400, to_tag="t").encode()
    assert b"\r\nVia: SIP/2.0/UDP h;;,\r\n" in answer
    assert b"\r\nCSeq: 5 INVITE\r\n" in answer
    assert b"CSeq: 59" not in answer
    assert b"\r\nTo: <sip:1000@192.0.2.1>;tag=t\r\n" in answer
    # A tag in a To that cannot be read is found all the same.
    error = refused(message(To="x <<sip:h>;tag=mine"))
    assert error.request is not None
    assert make_response(error.request, 400, to_tag="t").get("To") == "x <<sip:h>;tag=mine"


HOSTILE = {
    "folded lines": b"OPTIONS sip:h SIP/2.0\r\nSubject: a" + b"\r\n b" * 16000 + b"\r\n\r\n",
    "folded lines within the limit": b"OPTIONS sip:h SIP/2.0\r\nSubject: a" + b"\r\n b" * 4000 + b"\r\n\r\n",
    "blanks": b"OPTIONS sip:h SIP/2.0\r\nVia: SIP" + b" " * 16000 + b"\r\n\r\n",
    "blanks in a fold": b"OPTIONS sip:h SIP/2.0\r\nVia: x" + b" \t" * 7000 + b"\r\n" + b" " * 2000 + b"x\r\n\r\n",
    "quotes": message(To='"' + '\\"' * 7500),
    "more quotes": message(To='"' * 15000),
    "backslashes": message(To='"' + "\\" * 15001 + '" <sip:a@h>'),
    "brackets": message(To="<" * 15000),
    "parameters": message(To="<sip:a@h>" + ";a=b" * 3500),
    "semicolons": message(Via="SIP/2.0/UDP h" + ";" * 15000),
    "quoted parameters": message(To="<sip:a@h>" + ';a="b"' * 2400),
    "commas": message(Contact="," * 15000),
    "contacts": message(Contact=",".join(["<sip:a@h>"] * 1500)),
    "at signs": message(To="<sip:" + "a@" * 7500 + ">"),
    "escapes": message(To="<sip:" + "%41" * 5000 + "@h>"),
    "colons in an address": message(To="<sip:a@[" + ":" * 15000 + "]>"),
    "digits": message(CSeq="9" * 15000 + " OPTIONS"),
    "headers": b"OPTIONS sip:h SIP/2.0\r\n" + b"X: y\r\n" * 3000 + b"\r\n",
    "one long header": message("OPTIONS sip:h SIP/2.0", "X: " + "y" * 60000),
    "no end": b"OPTIONS sip:h SIP/2.0\r\n" + b"X: y\r\n" * 10000,
    "line breaks": b"\r\n" * 32000,
    "bare line breaks": b"OPTIONS sip:h SIP/2.0\r\nVia: x\r\n" + b"\n" * 32000 + b"\r\n\r\n",
    "nothing but blanks": b" " * 65000 + b"\r\n\r\n",
    "escaped controls": message(To='"' + "\\\x01" * 7500 + '" <sip:a@h>'),
    "words": b"a " * 32000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_costs_no_more_than_its_size(name: str) -> None:
    data = HOSTILE[name]
    assert len(data) <= MAX_MESSAGE
    best = 1.0
    for _ in range(3):
        start = time.process_time()
        with contextlib.suppress(ParseError):
            parse_message(data)
        best = min(best, time.process_time() - start)
    # A quadratic pattern takes seconds on these; the bound is for a machine ten times slower than ours.
    assert best < 0.05


@given(st.binary(max_size=300))
def test_any_octets_are_parsed_or_refused(data: bytes) -> None:
    plain = message()
    for whole in (data, b"INVITE " + data, plain + data, plain[: len(plain) // 2] + data + plain[len(plain) // 2 :]):
        try:
            parsed = parse_message(whole)
        except ParseError as error:
            if error.request is not None:
                assert error.status is not None
                make_response(error.request, error.status, to_tag="x").encode()
            continue
        _ = parsed.contacts, parsed.expires, parsed.require, parsed.content_type


FIELDS = st.sampled_from(
    ["Via", "From", "To", "Call-ID", "CSeq", "Contact", "Route", "Content-Length", "Max-Forwards", "X"]
)


@given(st.lists(st.tuples(FIELDS, st.text(alphabet='sip:@<>;,="\\ a1/2.0UDPtag*\t', max_size=30)), max_size=4))
def test_what_is_accepted_can_be_used_and_answered(extra: list[tuple[str, str]]) -> None:
    headers = dict(BASE)
    headers.update(extra)
    data = "\r\n".join(["OPTIONS sip:h SIP/2.0", *(f"{n}: {v}" for n, v in headers.items()), "", ""]).encode()
    try:
        request = request_of(data)
    except ParseError:
        return
    _ = request.vias, request.from_.tag, request.to.tag, request.cseq, request.contacts, request.routes
    request.stamp_source("192.0.2.77", 1234)
    answer = parse_message(make_response(request, 200, to_tag="x", contact="sip:h").encode())
    assert answer.to.tag is not None
    assert answer.top_via.received in (None, "192.0.2.77")
    assert parse_message(request.encode()).headers[:-1] == [h for h in request.headers if h[0] != "Content-Length"]
