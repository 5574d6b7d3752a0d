"""Requests that are too large for a datagram (RFC 3261 §18.1.1)."""

from __future__ import annotations

import pytest

from ivr.sip import Answered, Flow, Rejected, Stack, StackConfig, parse_message
from ivr.sip.layer import LARGE, REFUSAL_HOLDS
from tests.kit.sip import A, B, invite, reply, rng, sdp

UDP = Flow("udp", B, A)
TCP = Flow("tcp", B, A)
LONG = (("X-Long", "x" * LARGE),)


@pytest.fixture
def stack() -> Stack:
    made = Stack(StackConfig(), rng())
    made.layer.stream_for = lambda flow: TCP
    return made


def sent(stack: Stack) -> list[tuple[bytes, Flow]]:
    found = list(stack.outgoing)
    stack.outgoing.clear()
    return found


def events(stack: Stack) -> list[object]:
    found = []
    while (event := stack.next_event()) is not None:
        found.append(event)
    return found


def test_it_goes_by_tcp_and_is_not_repeated(stack: Stack) -> None:
    stack.invite(invite(UDP, headers=LONG, stream_ok=True), 0.0)
    ((data, flow),) = sent(stack)
    assert flow == TCP and b"\r\nVia: SIP/2.0/TCP " in data
    stack.handle_timer(5.0)
    assert not sent(stack)
    stack.receive(reply(data, 200, body=sdp()), TCP, 5.0)
    assert [type(event) for event in events(stack)] == [Answered]
    ((ack, flow),) = sent(stack)
    assert ack.startswith(b"ACK ") and flow.transport == "udp", "what is small goes the usual way"


@pytest.mark.parametrize("more", [{}, {"headers": LONG}, {"stream_ok": True}])
def test_what_is_small_or_for_a_peer_without_tcp_goes_by_udp(stack: Stack, more: dict[str, object]) -> None:
    stack.invite(invite(UDP, **more), 0.0)
    assert sent(stack)[0][1] == UDP


def test_a_refusal_brings_it_back_to_udp_with_new_timers(stack: Stack) -> None:
    stack.invite(invite(UDP, headers=LONG, stream_ok=True), 0.0)
    ((data, _),) = sent(stack)
    stack.unsent(data, 3.0)
    ((again, flow),) = sent(stack)
    assert flow == UDP and b"\r\nVia: SIP/2.0/UDP " in again
    assert parse_message(again).top_via.branch == parse_message(data).top_via.branch
    stack.handle_timer(3.5)
    assert sent(stack) == [(again, UDP)], "timer A"
    assert not events(stack)
    stack.unsent(again, 4.0)
    assert [type(event) for event in events(stack)] == [Rejected]


def test_who_refused_is_asked_by_udp_at_once_for_a_while(stack: Stack) -> None:
    stack.invite(invite(UDP, headers=LONG, stream_ok=True), 0.0)
    stack.unsent(sent(stack)[0][0], 1.0)
    sent(stack)
    for now, flow in ((2.0, UDP), (REFUSAL_HOLDS + 2.0, TCP)):
        stack.invite(invite(UDP, headers=LONG, stream_ok=True), now)
        assert sent(stack)[-1][1] == flow


def test_a_cancel_takes_the_way_of_its_invite(stack: Stack) -> None:
    session = stack.invite(invite(UDP, headers=LONG, stream_ok=True), 0.0)
    ((data, _),) = sent(stack)
    stack.receive(reply(data, 180), TCP, 1.0)
    session.cancel(2.0)
    ((cancel, flow),) = sent(stack)
    assert cancel.startswith(b"CANCEL ") and flow == TCP
    assert parse_message(cancel).top_via.branch == parse_message(data).top_via.branch


def test_requests_within_the_dialog_too(stack: Stack) -> None:
    session = stack.invite(invite(UDP, stream_ok=True), 0.0)
    ((data, _),) = sent(stack)
    stack.receive(reply(data, 200, headers="Contact: <sip:100@192.0.2.1>\r\n", body=sdp()), UDP, 1.0)
    sent(stack)
    session.reinvite(sdp() + b"a=x:" + b"x" * LARGE + b"\r\n", 2.0)
    ((again, flow),) = sent(stack)
    assert again.startswith(b"INVITE ") and flow == TCP


def test_a_connection_that_ends_after_the_first_answer_does_not_end_the_call(stack: Stack) -> None:
    stack.invite(invite(UDP, headers=LONG, stream_ok=True), 0.0)
    ((data, _),) = sent(stack)
    stack.receive(reply(data, 180), TCP, 1.0)
    key = stack.layer.request_key(data)
    assert key is not None
    stack.layer.lost([key], 2.0)
    stack.receive(reply(data, 200, body=sdp()), TCP, 3.0)
    assert isinstance(events(stack)[-1], Answered)
