"""Reliable provisional responses, their order, offers before the answer, and phones that ring side by side."""

from __future__ import annotations

import pytest

from ivr.sip import (
    Answer,
    Answered,
    Ended,
    Flow,
    InboundSession,
    Offer,
    OutboundSession,
    Rejected,
    Request,
    Ringing,
    SessionState,
    WrongStateError,
    parse_message,
)
from ivr.sip.reliable import in_order, rack_of
from tests.kit.link import Impairment
from tests.kit.pair import Pair
from tests.kit.sip import A, B, Peer, invite, make_stack, reply, request, sdp


def parsed(data: bytes) -> Request:
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


def waiting(impairment: Impairment | None = None) -> tuple[Pair, OutboundSession, InboundSession]:
    """A call that is not answered yet."""
    pair = Pair(impairment, answers=False)
    session = pair.call()
    incoming = pair.incoming
    assert isinstance(incoming, InboundSession)
    return pair, session, incoming


def test_early_media_goes_reliably_and_the_answer_needs_no_description_any_more() -> None:
    pair, session, incoming = waiting()
    incoming.progress(sdp(B[0]), pair.now)
    pair.link.run(0.5)
    incoming.answer(None, pair.now)
    pair.link.run(0.5)
    assert pair.link.lines() == ["INVITE", "100", "183", "PRACK", "200", "200", "ACK"]
    final = next(data for *_, data in pair.link.sent if b"INVITE" in data and data.startswith(b"SIP/2.0 200"))
    assert b"v=0" not in final
    (answered,) = [event for event in pair.end_a.events if isinstance(event, Answered)]
    assert answered.sdp is not None and answered.sdp.media[0].host == B[0]
    session.hangup(pair.now)
    assert pair.clean()


def test_a_180_goes_as_ever() -> None:
    pair, session, incoming = waiting()
    incoming.ring(pair.now)
    pair.link.run(2)
    assert pair.link.lines() == ["INVITE", "100", "180"]
    session.hangup(pair.now)
    assert pair.clean()


def test_a_180_goes_reliably_where_the_caller_requires_it() -> None:
    pair = Pair(answers=False)
    session = pair.call(headers=(("Require", "100rel"),))
    pair.incoming.ring(pair.now)
    pair.link.run(1)
    assert pair.link.lines() == ["INVITE", "100", "180", "PRACK", "200"]
    session.hangup(pair.now)
    assert pair.clean()


def test_an_answer_waits_for_the_prack() -> None:
    lost = iter([True])
    pair, session, incoming = waiting(Impairment(drop=lambda data, _: b"183" in data[:12] and next(lost, False)))
    incoming.progress(sdp(B[0]), pair.now)
    incoming.answer(None, pair.now)
    incoming.answer(None, pair.now)
    assert "200" not in pair.link.lines()
    pair.link.run(2)
    assert pair.link.lines() == ["INVITE", "100", "183", "183", "PRACK", "200", "200", "ACK"]
    assert session.state is SessionState.CONFIRMED and incoming.state is SessionState.CONFIRMED
    session.hangup(pair.now)
    assert pair.clean()


def test_a_183_that_nobody_acknowledges_ends_the_call() -> None:
    pair, _, incoming = waiting(Impairment(drop=lambda data, _: data.startswith(b"PRACK")))
    incoming.progress(sdp(B[0]), pair.now)
    pair.link.run(40)
    assert pair.end_b.events[-1] == Ended(incoming, "timeout", 504)
    assert pair.end_a.events[-1].status == 504  # type: ignore[union-attr]
    times = [at for at, *_, data in pair.link.sent if data.startswith(b"SIP/2.0 183")]
    assert [round(at - times[0], 2) for at in times] == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert pair.clean()


def test_the_caller_gives_up_between_183_and_prack() -> None:
    pair, session, incoming = waiting(Impairment(drop=lambda data, _: data.startswith(b"PRACK")))
    incoming.progress(sdp(B[0]), pair.now)
    pair.link.run(0.2)
    session.hangup(pair.now)
    assert pair.clean()
    assert pair.end_b.events[-1] == Ended(incoming, "cancel", 487)


def test_an_invite_without_an_offer_gets_ours_in_the_183() -> None:
    pair = Pair(answers=False)

    def on_a(event: object) -> None:
        if isinstance(event, Ringing) and event.wants_answer:
            event.session.answer_offer(sdp(A[0], 4600), pair.now)

    pair.end_a.on_event = on_a
    session = pair.call(sdp=None)
    pair.incoming.progress(sdp(B[0]), pair.now)
    pair.link.run(0.5)
    prack = parsed(pair.bytes_of(b"PRACK")[0])
    assert b"4600" in prack.body
    (answer,) = [event for event in pair.end_b.events if isinstance(event, Answer)]
    assert answer.sdp.media[0].port == 4600
    pair.incoming.answer(None, pair.now)
    pair.link.run(0.5)
    assert session.state is SessionState.CONFIRMED
    (answered,) = [event for event in pair.end_a.events if isinstance(event, Answered)]
    assert not answered.wants_answer
    session.hangup(pair.now)
    assert pair.clean()


def test_our_offer_in_a_183_needs_a_caller_that_acknowledges_it() -> None:
    peer = Peer()
    peer.receive(request())
    (call,) = peer.events()
    with pytest.raises(WrongStateError):
        call.session.progress(sdp(), peer.now)  # type: ignore[attr-defined]


@pytest.mark.parametrize("side", ["outgoing", "incoming"])
def test_update_before_the_answer(side: str) -> None:
    pair, session, incoming = waiting()
    incoming.progress(sdp(B[0]), pair.now)
    pair.link.run(0.5)
    one = session if side == "outgoing" else incoming
    one.update(sdp(port=4700, version=2), pair.now)
    pair.link.run(0.5)
    (offer,) = pair.said(Offer)
    assert isinstance(offer, Offer) and offer.method == "UPDATE" and offer.sdp.media[0].port == 4700  # type: ignore[union-attr]
    assert len(pair.said(Answer)) == 1
    incoming.answer(None, pair.now)
    pair.link.run(0.5)
    assert session.state is SessionState.CONFIRMED
    session.hangup(pair.now)
    assert pair.clean()


def test_update_before_anything_is_agreed_is_a_mistake() -> None:
    pair, session, incoming = waiting()
    incoming.ring(pair.now)
    pair.link.run(0.5)
    with pytest.raises(WrongStateError):
        session.update(sdp(version=2), pair.now)
    session.hangup(pair.now)
    assert pair.clean()


# The called party, its peer played by hand


def called() -> tuple[Peer, InboundSession, bytes]:
    peer = Peer()
    peer.receive(request(headers="Supported: 100rel\r\n", body=sdp()))
    (call,) = peer.events()
    peer.sent()
    call.session.progress(sdp("192.0.2.2"), peer.now)  # type: ignore[attr-defined]
    (response,) = peer.sent()
    return peer, call.session, response  # type: ignore[attr-defined]


def prack(response: bytes, cseq: int, *, rack: str | None = None, body: bytes = b"") -> bytes:
    message = parse_message(response)
    rack = rack or f"{message.get('RSeq')} 1 INVITE"
    return request(
        "PRACK",
        branch=f"z9hG4bKprack{cseq}",
        to=message.get("To") or "",
        cseq=cseq,
        headers=f"RAck: {rack}\r\n",
        body=body,
    )


def test_a_prack_for_nothing_is_481() -> None:
    peer, session, response = called()
    rseq = int(parse_message(response).get("RSeq") or 0)
    assert 0 < rseq < 2**31
    assert peer.status(prack(response, 2, rack=f"{rseq + 1} 1 INVITE")) == 481
    assert peer.status(prack(response, 3, rack=f"{rseq} 2 INVITE")) == 481
    assert peer.status(prack(response, 4, rack=f"{rseq} 1 UPDATE")) == 481
    assert peer.status(prack(response, 5, rack="nonsense")) == 400
    assert peer.status(prack(response, 6)) == 200
    assert peer.status(prack(response, 7)) == 481
    session.reject(486, peer.now)


def test_an_offer_in_the_prack_is_answered_before_the_call() -> None:
    peer, session, response = called()
    assert peer.receive(prack(response, 2, body=sdp(port=4800, version=2))) == []
    (offer,) = peer.events()
    assert isinstance(offer, Offer) and offer.method == "PRACK"
    session.answer(None, peer.now)
    assert peer.sent() == []
    session.answer_offer(sdp("192.0.2.2", version=2), peer.now)
    ok, answer = peer.sent()
    assert b"PRACK" in ok and b"v=0" in ok
    assert b"1 INVITE" in answer and b"v=0" not in answer


def test_provisional_responses_wait_for_each_other() -> None:
    peer = Peer()
    peer.receive(request(headers="Require: 100rel\r\n", body=sdp()))
    (call,) = peer.events()
    session = call.session  # type: ignore[attr-defined]
    peer.sent()
    session.ring(peer.now)
    session.progress(sdp("192.0.2.2"), peer.now)
    (first,) = peer.sent()
    assert first.startswith(b"SIP/2.0 180")
    ok, second = peer.receive(prack(first, 2))
    assert ok.startswith(b"SIP/2.0 200") and second.startswith(b"SIP/2.0 183")
    one, two = (int(parse_message(data).get("RSeq") or 0) for data in (first, second))
    assert two == one + 1


# The caller, several phones played by hand


def forked(**more: object) -> tuple[Peer, OutboundSession, bytes]:
    caller = Peer(make_stack(), source=B, local=A)
    session = caller.stack.invite(invite(Flow("udp", A, B), **more), caller.now)
    (message,) = caller.sent()
    return caller, session, message


def early(tag: str, rseq: int | None = None, port: int | None = None) -> dict[str, object]:
    headers = f"Contact: <sip:{tag}@192.0.2.99>\r\n"
    if rseq is not None:
        headers += f"Require: 100rel\r\nRSeq: {rseq}\r\n"
    return {"to_tag": tag, "headers": headers, "body": sdp(B[0], port) if port else b""}


def heard(caller: Peer) -> list[int | None]:
    """Ports of the early media told of since the last look."""
    return [event.sdp.media[0].port if event.sdp else None for event in caller.events() if isinstance(event, Ringing)]


def test_each_phone_gets_its_own_pracks_in_order() -> None:
    caller, _, message = forked()
    (one,) = caller.receive(reply(message, 183, **early("a", 7, 5000)))  # type: ignore[arg-type]
    (two,) = caller.receive(reply(message, 183, **early("b", 70, 5002)))  # type: ignore[arg-type]
    assert [rack_of(parsed(data)) for data in (one, two)] == [(7, 1, "INVITE"), (70, 1, "INVITE")]
    assert [parsed(data).to.tag for data in (one, two)] == ["a", "b"]
    assert caller.receive(reply(message, 183, **early("a", 7, 5000))) == []  # type: ignore[arg-type]
    assert caller.receive(reply(message, 183, **early("a", 9, 5000))) == []  # type: ignore[arg-type]
    (three,) = caller.receive(reply(message, 180, **early("a", 8)))  # type: ignore[arg-type]
    assert parsed(three).cseq == parsed(one).cseq + 1
    assert heard(caller) == [5000, 5002, None]


def test_the_phone_that_rings_last_is_heard() -> None:
    caller, session, message = forked()
    for tag, port in (("a", 5000), ("b", 5002), ("a", 5000), ("b", 5002)):
        caller.receive(reply(message, 183, **early(tag, None, port)))  # type: ignore[arg-type]
    assert heard(caller) == [5000, 5002, None, 5002]
    caller.receive(reply(message, 199, **early("b")))  # type: ignore[arg-type]
    assert heard(caller) == []
    caller.receive(reply(message, 183, **early("a", None, 5000)))  # type: ignore[arg-type]
    assert heard(caller) == [5000]
    caller.receive(reply(message, 200, **early("a")))  # type: ignore[arg-type]
    (answered,) = caller.events()
    assert isinstance(answered, Answered) and answered.sdp is not None and answered.sdp.media[0].port == 5000
    assert len(caller.stack.dialogs) == 1
    assert session.state is SessionState.CONFIRMED


def test_the_answer_of_another_phone_than_the_one_heard() -> None:
    caller, session, message = forked()
    caller.receive(reply(message, 183, **early("a", 7, 5000)))  # type: ignore[arg-type]
    caller.receive(reply(message, 183, **early("b", 70, 5002)))  # type: ignore[arg-type]
    caller.receive(reply(message, 200, **early("c", None, 5004)))  # type: ignore[arg-type]
    answered = caller.events()[-1]
    assert isinstance(answered, Answered) and answered.sdp is not None and answered.sdp.media[0].port == 5004
    caller.receive(reply(message, 200, **early("a")))  # type: ignore[arg-type]
    session.hangup(caller.now)
    assert [data.split(b" ")[0] for data in caller.sent()] == [b"BYE"]


def test_a_reliable_answer_stands_whatever_the_200_says() -> None:
    caller, _, message = forked()
    caller.receive(reply(message, 183, **early("a", 7, 5000)))  # type: ignore[arg-type]
    caller.receive(reply(message, 200, **early("a", None, 6000)))  # type: ignore[arg-type]
    answered = caller.events()[-1]
    assert isinstance(answered, Answered) and answered.sdp is not None and answered.sdp.media[0].port == 5000


def test_a_redirection_is_told_with_its_contacts() -> None:
    caller, session, message = forked()
    caller.receive(reply(message, 302, headers="Contact: <sip:other@192.0.2.50>\r\n"))
    (rejected,) = caller.events()
    assert isinstance(rejected, Rejected) and rejected.status == 302
    assert ("Contact", "<sip:other@192.0.2.50>") in rejected.headers
    assert session.ended


def test_the_order_of_reliable_responses() -> None:
    assert in_order(5, None) and in_order(6, 5)
    assert not in_order(5, 5) and not in_order(7, 5) and not in_order(4, 5)
