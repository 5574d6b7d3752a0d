"""Requests of ours as text."""

from __future__ import annotations

import pytest

from ivr.sip import BuildError, Request, Response, parse_message
from ivr.sip.outgoing import OutgoingRequest, header_lines
from tests.kit.sip import reply

VIA = "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKx"


def invite() -> OutgoingRequest:
    return OutgoingRequest(
        "INVITE",
        "sip:b@y",
        "<sip:a@x>;tag=1",
        "<sip:b@y>",
        "call",
        7,
        ("<sip:p;lr>",),
        "X-A: 1\r\n",
        b"body",
        "text/plain",
    )


def test_what_is_written_can_be_read() -> None:
    message = parse_message(invite().encode(VIA))
    assert isinstance(message, Request)
    assert message.method == "INVITE" and str(message.uri) == "sip:b@y" and message.body == b"body"
    assert message.content_type == "text/plain" and message.max_forwards == 70
    assert message.get("Route") == "<sip:p;lr>" and message.get("X-A") == "1" and message.cseq == 7


def test_companions_repeat_what_identifies_the_invite() -> None:
    request = invite()
    request.credentials = 'Authorization: Digest realm="r"\r\n'
    answer = parse_message(reply(request.encode(VIA), 486))
    assert isinstance(answer, Response)
    for data, method, tag in ((request.ack(VIA, answer), "ACK", "b1"), (request.cancel(VIA), "CANCEL", None)):
        message = parse_message(data)
        assert isinstance(message, Request) and message.method == method
        assert message.top_via.branch == "z9hG4bKx" and message.cseq == 7 and message.to.tag == tag
        assert message.get("Authorization") == 'Digest realm="r"' and message.get("Route") == "<sip:p;lr>"
        assert message.body == b"" and message.get("X-A") is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("X-A", "1\r\nX-B: 2"), ("X-A", "1\n"), ("X-A", "\0"), ("X:A", "1"), ("", "1"), ("Call-ID", "x"), ("v", "x")],
)
def test_headers_that_cannot_be_added(name: str, value: str) -> None:
    with pytest.raises(BuildError):
        header_lines([(name, value)])


def test_headers_are_written_canonically() -> None:
    assert header_lines([("x-foo", "1"), ("s", "hello")]) == "X-Foo: 1\r\nSubject: hello\r\n"
