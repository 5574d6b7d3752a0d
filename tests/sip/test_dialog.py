"""Dialogs: order of requests, the way to the peer."""

from __future__ import annotations

import pytest

from ivr.sip import Flow, Request, Uri, parse_message
from ivr.sip.dialog import Dialog, is_unicast, next_hop
from tests.kit.sip import A, B, request


def dialog(**more: object) -> Dialog:
    message = parse_message(request(**more))  # type: ignore[arg-type]
    assert isinstance(message, Request)
    return Dialog.of_request(message, "ours", Flow("udp", B, A))


@pytest.mark.parametrize(
    ("host", "one"),
    [
        ("192.0.2.1", True),
        ("127.0.0.1", True),
        ("2001:db8::1", True),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("0.0.0.0", False),
        ("::", False),
        ("ff02::1", False),
        ("example.com", False),
        ("", False),
    ],
)
def test_unicast(host: str, one: bool) -> None:
    assert is_unicast(host) is one


def test_requests_of_the_peer_come_in_order() -> None:
    found = dialog(cseq=5)
    assert [found.accept_cseq(number) for number in (5, 4, 6, 6, 9, 7)] == [False, False, True, False, True, False]


def test_our_requests_count_up_and_an_ack_repeats() -> None:
    found = dialog()
    assert [found.request("INFO").cseq, found.request("INVITE").cseq] == [1, 2]
    assert found.request("ACK", cseq=2).cseq == 2
    assert found.request("BYE").cseq == 3


def test_a_dialog_without_remote_tag() -> None:
    found = dialog(from_="<sip:alice@192.0.2.1>")
    assert found.id == ("call-1", "ours", None)
    assert found.request("BYE").to == "<sip:alice@192.0.2.1>"


def test_headers_of_a_contact_are_not_taken_over() -> None:
    found = dialog(contact="<sip:alice@192.0.2.1?Route=%3Csip:evil%3E>")
    assert found.request("BYE").uri == "sip:alice@192.0.2.1"


def test_next_hop_of_what_is_near() -> None:
    flow = Flow("udp", B, A)
    assert next_hop(Uri.parse("sip:x@192.0.2.1:5060"), flow) is flow
    assert next_hop(Uri.parse("sips:x@192.0.2.9"), flow) is flow
    assert next_hop(Uri.parse("sip:x@192.0.2.9:5070"), flow).remote == ("192.0.2.9", 5070)


def test_next_hop_by_streams() -> None:
    flow = Flow("tcp", B, ("192.0.2.1", 45000), 7)
    listens = Flow("tcp", B, ("192.0.2.1", 5070), 7)
    assert next_hop(Uri.parse("sip:x@192.0.2.1:5070"), flow) == listens, "the connection while it stands"
    assert next_hop(Uri.parse("sip:x@192.0.2.1"), flow).remote == ("192.0.2.1", 5060)
    assert next_hop(Uri.parse("sip:x@192.0.2.9:5070"), flow) == Flow("tcp", B, ("192.0.2.9", 5070))
    for uri in ("sip:x@pbx.example.net", "sip:x@[2001:db8::1]"):
        assert next_hop(Uri.parse(uri), flow) is flow
    public = Flow("tcp", B, ("9.9.9.9", 45000), 7)
    assert next_hop(Uri.parse("sip:x@10.0.0.1:5060"), public) is public, "behind a NAT"
    trunk = Flow("tls", B, ("192.0.2.1", 5061), 0, "example.net")
    assert next_hop(Uri.parse("sips:x@192.0.2.9"), trunk) == Flow("tls", B, ("192.0.2.9", 5061), 0, "example.net")
    browser = Flow("wss", B, ("192.0.2.1", 45000), 7)
    assert next_hop(Uri.parse("sip:x@192.0.2.1;transport=ws"), browser) is browser
