"""Session timers: what is agreed, who refreshes and how, and the end of a call whose other side is gone (RFC 4028)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip import Ended, IncomingCall, Rejected, Request, SessionTimerPolicy, parse_message
from ivr.sip.session_timer import Terms, answer_terms, response_terms, session_expires
from tests.kit.pair import Pair
from tests.kit.sip import Peer, make_stack, reply, request, sdp

ASK = SessionTimerPolicy(100, 90, "request")
TAKE = SessionTimerPolicy(1800, 90, "accept")
REFUSE = SessionTimerPolicy(1800, 90, "refuse")


def parsed(data: bytes) -> Request:
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


def pair(a: SessionTimerPolicy, b: SessionTimerPolicy, **more: object) -> Pair:
    return Pair(a={"session_timer": a}, b={"session_timer": b}, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("a", "b"), [(ASK, TAKE), (TAKE, ASK), (ASK, ASK)])
def test_the_caller_refreshes_by_update_and_the_call_lives(a: SessionTimerPolicy, b: SessionTimerPolicy) -> None:
    both = pair(a, b)
    session = both.call()
    both.link.run(1000)
    updates = both.bytes_of(b"UPDATE")
    interval = 100
    assert len(updates) == 1000 // (interval // 2)
    assert all(parsed(data).get("Session-Expires") == "100;refresher=uac" and not parsed(data).body for data in updates)
    assert not both.said(Ended)
    session.hangup(both.now)
    assert both.clean()


def test_nobody_asks_and_no_timer_is_armed() -> None:
    both = pair(TAKE, TAKE)
    session = both.call()
    both.link.run(40)
    assert both.a.counts.timers == both.b.counts.timers == 0
    assert b"Session-Expires" not in b"".join(data for *_, data in both.link.sent)
    session.hangup(both.now)
    assert both.clean()


def test_who_refuses_timers_knows_nothing_of_them_and_we_refresh_alone() -> None:
    both = pair(ASK, REFUSE)
    session = both.call()
    both.link.run(200)
    assert len(both.bytes_of(b"UPDATE")) == 4
    assert b"timer" not in parsed(both.bytes_of(b"UPDATE")[0]).body
    session.hangup(both.now)
    assert both.clean()


def test_a_caller_that_vanishes_is_noticed() -> None:
    gone = False
    both = pair(ASK, TAKE)
    both.link.impairment.drop = lambda data, _: gone
    both.call()
    gone = True
    both.link.run(100)
    (ended,) = both.end_b.events[-1:]
    assert ended == Ended(both.incoming, "timeout", 408)
    byes = [parsed(data) for data in both.bytes_of(b"BYE")]
    assert {bye.get("Reason") for bye in byes} == {"SIP;cause=408"}
    when = next(at for at, *_, data in both.link.sent if data.startswith(b"BYE"))
    assert 60 < when - 100 < 90  # at the latest when the interval is over, less a third of it


def test_the_refresher_whose_refresh_nobody_answers_ends_the_call() -> None:
    gone = False
    both = pair(ASK, TAKE)
    both.link.impairment.drop = lambda data, _: gone
    session = both.call()
    gone = True
    both.link.run(120)
    assert Ended(session, "timeout", 408) in both.end_a.events
    gone = False
    assert both.clean()


def test_a_peer_without_update_gets_the_same_offer_again() -> None:
    both = pair(ASK, TAKE)
    both.b.allow_line = "Allow: INVITE, ACK, BYE, CANCEL\r\nSupported: timer\r\n"
    session = both.call()
    both.link.run(60)
    first, again = (parsed(data) for data in both.bytes_of(b"INVITE"))
    assert again.body == first.body and again.to.tag
    assert again.get("Session-Expires") == "100;refresher=uac"
    both.link.run(200)
    assert not both.said(Ended)
    session.hangup(both.now)
    assert both.clean()


def test_an_update_that_is_refused_becomes_a_reinvite() -> None:
    both = pair(ASK, TAKE)
    session = both.call()
    original = type(both.incoming).receive

    def no_update(self, dialog, message, transaction, now):  # type: ignore[no-untyped-def]
        if message.method == "UPDATE":
            self._reply(transaction, 501, now)
        else:
            original(self, dialog, message, transaction, now)

    from ivr.sip import InboundSession

    InboundSession.receive = no_update  # type: ignore[method-assign]
    try:
        both.link.run(120)
    finally:
        del InboundSession.receive
    assert len(both.bytes_of(b"UPDATE")) == 1 and len(both.bytes_of(b"INVITE")) == 3
    session.hangup(both.now)
    assert both.clean()


def test_too_short_is_refused_with_our_least_and_asked_for_again() -> None:
    both = pair(SessionTimerPolicy(90, 90, "request"), SessionTimerPolicy(1800, 300, "accept"))
    session = both.call()
    assert both.link.lines() == ["INVITE", "422", "ACK", "INVITE", "200", "ACK"]
    again = parsed(both.bytes_of(b"INVITE")[1])
    assert again.get("Session-Expires") == "300" and again.get("Min-SE") == "300" and again.cseq == 2
    both.link.run(160)
    assert len(both.bytes_of(b"UPDATE")) == 1
    session.hangup(both.now)
    assert both.clean()


def test_a_422_that_asks_for_nothing_is_a_refusal() -> None:
    caller = Peer(make_stack(session_timer=ASK))
    from ivr.sip import Flow
    from tests.kit.sip import A, B, invite

    caller.stack.invite(invite(Flow("udp", B, A)), caller.now)
    (message,) = caller.sent()
    caller.receive(reply(message, 422, headers="Min-SE: 90\r\n"))
    assert [event.status for event in caller.events() if isinstance(event, Rejected)] == [422]


def test_a_hold_refreshes_too() -> None:
    both = pair(ASK, TAKE)
    session = both.call()
    both.link.run(40)
    session.update(sdp(direction="sendonly", version=2), both.now)
    both.link.run(45)
    assert len(both.bytes_of(b"UPDATE")) == 1
    both.link.run(10)
    assert len(both.bytes_of(b"UPDATE")) == 2
    session.hangup(both.now)
    assert both.clean()


def test_a_hold_that_names_no_interval_keeps_the_timer() -> None:
    both = pair(ASK, TAKE)
    session = both.call()
    both.incoming.reinvite(sdp(direction="sendonly", version=2), both.now)
    both.link.run(60)
    assert both.bytes_of(b"UPDATE")
    session.hangup(both.now)
    assert both.clean()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("Supported: timer\r\nSession-Expires: 60\r\n", 422),
        ("Session-Expires: 60\r\n", None),
        ("Require: timer\r\nSession-Expires: 3600\r\n", None),
        ("Session-Expires: soon\r\n", None),
    ],
)
def test_what_a_caller_may_ask_for(headers: str, status: int | None) -> None:
    peer = Peer(make_stack(session_timer=TAKE))
    sent = peer.receive(request(headers=headers, body=sdp()))
    if status is None:
        assert [type(event) for event in peer.events()] == [IncomingCall]
    else:
        assert sent[0].startswith(b"SIP/2.0 422") and b"Min-SE: 90" in sent[0]
        assert peer.stack.counts == (0, 0, 0, 0)


def test_without_timers_a_caller_that_requires_them_is_refused() -> None:
    peer = Peer(make_stack(session_timer=REFUSE))
    assert peer.status(request(headers="Require: timer\r\n", body=sdp())) == 420


# Table 2 of RFC 4028: who refreshes


@pytest.mark.parametrize(
    ("supported", "refresher", "ours"),
    [(False, "", True), (True, "", False), (True, ";refresher=uac", False), (True, ";refresher=uas", True)],
)
def test_who_refreshes(supported: bool, refresher: str, ours: bool) -> None:
    headers = f"Session-Expires: 200{refresher}\r\n" + ("Supported: timer\r\n" if supported else "")
    terms, lines = answer_terms(parsed(request(headers=headers)), TAKE)
    assert terms == Terms(200, ours)
    assert f"refresher={'uas' if ours else 'uac'}" in lines
    assert ("Require: timer" in lines) is supported


@given(
    asked=st.integers(0, 5000),
    least=st.integers(0, 5000),
    expires=st.integers(90, 3000),
    minimum=st.integers(90, 3000),
    knows=st.booleans(),
)
def test_no_answer_is_above_what_was_asked_or_below_what_is_allowed(
    asked: int, least: int, expires: int, minimum: int, knows: bool
) -> None:
    policy = SessionTimerPolicy(max(expires, minimum), minimum, "accept")
    headers = f"Session-Expires: {asked}\r\nMin-SE: {least}\r\n" + ("Supported: timer\r\n" if knows else "")
    terms, lines = answer_terms(parsed(request(headers=headers)), policy)
    if asked == 0:
        assert terms is None and not lines
        return
    assert terms is not None
    assert terms.interval <= asked
    assert terms.interval >= min(asked, max(least, minimum))


def test_what_a_response_agrees_to() -> None:
    def of(text: str) -> Terms | None:
        message = parse_message(reply(request(), 200, headers=text))
        return response_terms(message, ASK, 100, None)  # type: ignore[arg-type]

    assert of("Session-Expires: 90;refresher=uas\r\n") == Terms(90, False)
    assert of("x: 95;refresher=uac\r\n") == Terms(95, True)
    assert of("Session-Expires: 0\r\n") == Terms(100, True)
    assert of("Session-Expires: 1;refresher=uac\r\n") == Terms(2, True)
    assert session_expires(parsed(request(headers="x: 5; refresher = UAS ;x\r\n"))) == (5, "uas")
