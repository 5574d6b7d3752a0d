"""Inbound sessions before their answer."""

from __future__ import annotations

import pytest

from ivr.sip import Answer, BuildError, Confirmed, Ended, IncomingCall, SessionState, WrongStateError, parse_message
from tests.kit.sip import B, Peer, request, sdp


def incoming(peer: Peer, **more: object) -> IncomingCall:
    peer.receive(request(**{"body": sdp(), **more}))  # type: ignore[arg-type]
    event = peer.stack.next_event()
    assert isinstance(event, IncomingCall)
    return event


def test_cancel_before_the_answer() -> None:
    peer = Peer()
    session = incoming(peer).session
    session.ring(peer.now)
    peer.sent()
    cancel = request("CANCEL", headers="Reason: SIP;cause=200\r\n", contact=None)
    ok, terminated = peer.receive(cancel)
    assert ok.startswith(b"SIP/2.0 200 ") and parse_message(ok).cseq_method == "CANCEL"
    assert terminated.startswith(b"SIP/2.0 487 ") and parse_message(terminated).cseq_method == "INVITE"
    assert peer.events() == [Ended(session, "cancel", 487, "SIP;cause=200")]
    assert session.state is SessionState.ENDED
    session.answer(sdp(B[0]), peer.now)
    session.reject(486, peer.now)
    session.hangup(peer.now)
    assert peer.sent() == []
    assert peer.receive(cancel) == [ok]
    peer.receive(request("ACK", to=parse_message(terminated).get("To") or ""))
    peer.wait(40.0)
    assert peer.stack.counts == (0, 0, 0, 0)


def test_cancel_after_the_answer_does_nothing() -> None:
    peer = Peer()
    session = incoming(peer).session
    session.answer(sdp(B[0]), peer.now)
    peer.sent()
    assert peer.status(request("CANCEL", contact=None)) == 200
    assert peer.events() == [] and not session.ended


@pytest.mark.parametrize("changed", [{"branch": "z9hG4bKother"}, {"via": "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKone"}])
def test_a_cancel_of_somebody_else_does_nothing(changed: dict[str, str]) -> None:
    peer = Peer()
    session = incoming(peer).session
    assert peer.status(request("CANCEL", contact=None, **changed)) == 481  # type: ignore[arg-type]
    assert not session.ended


def test_bye_before_the_answer() -> None:
    peer = Peer()
    session = incoming(peer).session
    session.ring(peer.now)
    to = parse_message(peer.sent()[-1]).get("To") or ""
    ok, terminated = peer.receive(request("BYE", branch="z9hG4bKbye", to=to, cseq=2))
    assert ok.startswith(b"SIP/2.0 200 ") and terminated.startswith(b"SIP/2.0 487 ")
    assert peer.events() == [Ended(session, "bye")]


def test_reject_with_headers_and_a_reason() -> None:
    peer = Peer()
    session = incoming(peer).session
    session.reject(503, peer.now, "Too Busy", (("Retry-After", "7"),))
    (data,) = peer.sent()
    assert data.startswith(b"SIP/2.0 503 Too Busy\r\n") and parse_message(data).get("Retry-After") == "7"
    assert peer.events() == [] and peer.stack.counts.sessions == 0


@pytest.mark.parametrize(
    ("reason", "headers"),
    [("Evil\r\nX: y", ()), (None, (("X-Evil", "a\r\nX: y"),)), (None, (("X:y", "a"),)), (None, (("Via", "x"),))],
)
def test_what_would_break_out_of_its_line_is_refused(reason: str | None, headers: tuple[tuple[str, str], ...]) -> None:
    peer = Peer()
    session = incoming(peer).session
    with pytest.raises(BuildError):
        session.reject(486, peer.now, reason, headers)
    assert peer.sent() == []


def test_hanging_up_before_the_answer_is_480() -> None:
    peer = Peer()
    incoming(peer).session.hangup(peer.now)
    assert peer.sent()[0].startswith(b"SIP/2.0 480 ")


def test_early_media_is_repeated_in_the_answer() -> None:
    peer = Peer()
    session = incoming(peer).session
    session.progress(sdp(B[0]), peer.now)
    session.ring(peer.now)
    session.answer(None, peer.now)
    early, ok = peer.sent()
    assert early.startswith(b"SIP/2.0 183 ")
    assert parse_message(ok).body == parse_message(early).body == sdp(B[0])


def test_an_answer_needs_a_description() -> None:
    peer = Peer()
    session = incoming(peer).session
    with pytest.raises(WrongStateError):
        session.answer(None, peer.now)
    session.answer(sdp(B[0]), peer.now)
    assert len(peer.sent()) == 1


def test_without_an_offer_ours_is_in_the_200_and_the_answer_in_the_ack() -> None:
    peer = Peer()
    session = incoming(peer, body=b"").session
    assert session.remote_sdp is None
    session.answer(sdp(B[0]), peer.now)
    (ok,) = peer.sent()
    to = parse_message(ok).get("To") or ""
    peer.receive(request("ACK", branch="z9hG4bKack", to=to, body=sdp(port=4242)))
    answer, confirmed = peer.events()
    assert isinstance(answer, Answer) and answer.sdp.media[0].port == 4242
    assert isinstance(confirmed, Confirmed)


def test_an_ack_without_the_answer_ends_it() -> None:
    peer = Peer()
    session = incoming(peer, body=b"").session
    session.answer(sdp(B[0]), peer.now)
    to = parse_message(peer.sent()[0]).get("To") or ""
    (bye,) = peer.receive(request("ACK", branch="z9hG4bKack", to=to))
    assert bye.startswith(b"BYE ")
    assert peer.events() == [Ended(session, "error", 488)]


def test_ringing_is_repeated_every_minute() -> None:
    peer = Peer()
    session = incoming(peer).session
    session.ring(peer.now)
    (ringing,) = peer.sent()
    assert peer.wait(125.0) == [ringing, ringing]
    session.reject(480, peer.now)


def test_an_invitation_expires() -> None:
    peer = Peer()
    session = incoming(peer, headers="Expires: 20\r\n").session
    session.ring(peer.now)
    peer.sent()
    assert peer.wait(19.9) == []
    assert peer.wait(0.2)[0].startswith(b"SIP/2.0 487 ")
    assert peer.events() == [Ended(session, "timeout", 487)]


def test_the_bye_of_the_answering_side_follows_the_route_set() -> None:
    peer = Peer()
    routes = "Record-Route: <sip:192.0.2.50;lr>\r\nRecord-Route: <sip:192.0.2.51;lr>\r\n"
    session = incoming(peer, headers=routes).session
    session.answer(sdp(B[0]), peer.now)
    (ok,) = peer.sent()
    assert parse_message(ok).get_all("Record-Route") == ["<sip:192.0.2.50;lr>", "<sip:192.0.2.51;lr>"]
    peer.receive(request("ACK", branch="z9hG4bKack", to=parse_message(ok).get("To") or ""))
    session.hangup(peer.now, "Q.850;cause=16")
    (data,) = peer.sent()
    bye = parse_message(data)
    assert data.startswith(b"BYE sip:alice@192.0.2.1:5060 SIP/2.0\r\n")
    assert bye.get_all("Route") == ["<sip:192.0.2.50;lr>", "<sip:192.0.2.51;lr>"]
    assert bye.get("Reason") == "Q.850;cause=16" and bye.from_.tag == session.local_tag and bye.to.tag == "a1"
    assert [flow.remote for flow in peer.flows] == [("192.0.2.50", 5060)]


def test_a_phone_behind_nat_is_reached_the_way_it_came() -> None:
    source = ("203.0.113.5", 33000)
    peer = Peer(source=source)
    session = incoming(
        peer, via="SIP/2.0/UDP 10.0.0.7:5060;branch=z9hG4bKone;rport", contact="<sip:alice@10.0.0.7:5060>"
    ).session
    session.answer(sdp(B[0]), peer.now)
    to = parse_message(peer.sent()[0]).get("To") or ""
    peer.receive(request("ACK", via="SIP/2.0/UDP 10.0.0.7:5060;branch=z9hG4bKack;rport", to=to))
    session.hangup(peer.now)
    (data,) = peer.sent()
    assert data.startswith(b"BYE sip:alice@10.0.0.7:5060 SIP/2.0\r\n")
    assert [flow.remote for flow in peer.flows] == [source]
