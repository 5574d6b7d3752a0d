"""What is counted of the messages on the wire."""

from __future__ import annotations

from ivr.sip.traffic import Traffic
from tests.kit.sip import Peer, request


def test_messages_are_counted_by_method_and_by_class_of_the_answer() -> None:
    peer = Peer()
    peer.receive(request("OPTIONS"))
    peer.receive(request("FROBNICATE"))
    traffic = peer.stack.layer.traffic
    assert traffic.requests_in == {"OPTIONS": 1, "other": 1}
    assert traffic.responses_out[2] == 1 and traffic.responses_out[5] == 1


def test_what_is_repeated_counts_as_such() -> None:
    peer = Peer()
    invite = request("INVITE")
    peer.receive(invite)
    peer.events()  # the call gets its 100
    peer.receive(invite)
    traffic = peer.stack.layer.traffic
    assert (traffic.requests_in["INVITE"], traffic.repeats_in, traffic.repeats_out) == (2, 1, 1)
    assert traffic.responses_out[1] == 2


def test_what_cannot_be_read_is_counted() -> None:
    peer = Peer()
    peer.receive(b"INVITE sip:1@a SIP/2.0\r\nVia: \x00\r\nnonsense of some length\r\n\r\n")
    assert peer.stack.layer.traffic.broken == 1


def test_a_request_of_ours_is_counted_by_its_method() -> None:
    traffic = Traffic()
    traffic.sent(b"BYE sip:a@b SIP/2.0\r\n\r\n")
    traffic.sent(b"WHATEVER sip:a@b SIP/2.0\r\n\r\n")
    assert traffic.requests_out == {"BYE": 1, "other": 1}
