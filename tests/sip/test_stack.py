"""The user agent towards whatever arrives: who gets which answer, where it is sent, what is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.errors import OverloadedError
from ivr.sip import (
    DtmfInfo,
    Ended,
    Flow,
    IncomingCall,
    IncomingRequest,
    OutboundSession,
    Rejected,
    Request,
    make_response,
    parse_message,
)
from ivr.sip import session as session_module
from tests.kit.sip import A, B, Peer, invite, make_stack, reply, request, sdp


def call(peer: Peer, **more: object) -> tuple[IncomingCall, str]:
    """An INVITE that is answered and acknowledged; the To value of the dialog."""
    peer.receive(request(body=sdp(), **more))  # type: ignore[arg-type]
    (event,) = peer.events()
    assert isinstance(event, IncomingCall)
    event.session.answer(sdp(B[0]), peer.now)
    to = parse_message(peer.sent()[-1]).get("To") or ""
    peer.receive(request("ACK", branch="z9hG4bKack", to=to, **more))  # type: ignore[arg-type]
    peer.events()
    return event, to


# Outside a dialog


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (request("OPTIONS"), 200),
        (request("OPTIONS", headers="Max-Forwards: 0\r\n").replace(b"Max-Forwards: 70\r\n", b""), 200),
        (request("SUBSCRIBE"), 489),
        (request("MESSAGE"), 405),
        (request("REFER"), 403),
        (request("BYE"), 481),
        (request("INFO"), 481),
        (request("NEWMETHOD"), 501),
        (request("invite"), 501),
        (request("OPTIONS", uri="nobody:knows"), 416),
        (request(headers="Require: 100rel, nothing\r\n", body=sdp()), 420),
        (request(body=b"hello", content_type="text/plain"), 415),
        (request(headers="Content-Encoding: gzip\r\n", body=sdp()), 415),
        (request(headers="Accept: text/nobody\r\n", body=sdp()), 406),
        (request(body=b"v=0\r\nm=audio\r\n"), 400),
        (request(contact=None, body=sdp()), 400),
        (request(contact="<tel:+491234>", body=sdp()), 400),
        (request("CANCEL"), 481),
        (request("BYE", to="<sip:100@x>;tag=unknown"), 481),
        (request(to="<sip:100@x>;tag=unknown", body=sdp()), 481),
        (request().replace(b"SIP/2.0\r\nVia", b"SIP/3.0\r\nVia"), 505),
        (request(cseq_method="BYE"), 400),
    ],
)
def test_refusals_need_no_memory_and_stay_the_same(message: bytes, status: int) -> None:
    peer = Peer()
    first, again = peer.receive(message), peer.receive(message)
    assert len(first) == 1 and first == again
    assert first[0].startswith(b"SIP/2.0 %d " % status)
    assert peer.events() == []
    assert peer.stack.counts == (0, 0, 0, 0)


def test_refusals_say_what_would_do() -> None:
    peer = Peer()
    (data,) = peer.receive(request("NEWMETHOD"))
    assert "INVITE" in parse_message(data).allow
    (data,) = peer.receive(request(headers="Require: 100rel, nothing\r\n", body=sdp()))
    assert parse_message(data).get("Unsupported") == "nothing"
    (data,) = peer.receive(request(body=b"hello", content_type="text/plain"))
    assert "application/sdp" in (parse_message(data).get("Accept") or "")
    (data,) = peer.receive(request("OPTIONS"))
    options = parse_message(data)
    assert options.to.tag and options.get("Accept") and options.allow
    assert options.get_list("Supported") == ["100rel", "replaces", "norefersub", "timer"]


def test_an_optional_body_of_another_type_is_passed_over() -> None:
    peer = Peer()
    headers = "Content-Disposition: render;handling=optional\r\n"
    peer.receive(request(body=b"hello", content_type="text/plain", headers=headers))
    (event,) = peer.events()
    assert isinstance(event, IncomingCall) and event.session.remote_sdp is None


@pytest.mark.parametrize(
    "data",
    [b"", b"\r\n\r\n", b"\0" * 8, b"\0\1\0\0\x21\x12\xa4\x42" + b"\0" * 40, b"nonsense " * 10, b"\xff" * 100],
)
def test_what_is_no_sip_is_ignored(data: bytes) -> None:
    peer = Peer()
    assert peer.receive(data) == [] and peer.events() == []


def test_stray_ack_and_responses_are_silent() -> None:
    peer = Peer()
    assert peer.receive(request("ACK", to="<sip:100@x>;tag=none")) == []
    assert peer.receive(request("ACK")) == []
    response = make_response(parse_message(request("OPTIONS")), 200, to_tag="x").encode()  # type: ignore[arg-type]
    assert peer.receive(response) == []
    assert peer.events() == []


@pytest.mark.parametrize("host", ["224.0.0.1", "255.255.255.255", "0.0.0.0", "ff02::1"])
def test_nothing_goes_to_many_or_to_nobody(host: str) -> None:
    peer = Peer()
    assert peer.receive(request("OPTIONS"), (host, 5060)) == []
    assert peer.receive(request("OPTIONS"), ("192.0.2.1", 0)) == []


def test_a_merged_request_is_482() -> None:
    peer = Peer()
    peer.receive(request(body=sdp()))
    assert peer.status(request(branch="z9hG4bKother", body=sdp())) == 482
    assert len(peer.events()) == 1


def test_register_is_left_to_the_user() -> None:
    peer = Peer(source=("203.0.113.9", 40000))
    message = request("REGISTER", via="SIP/2.0/UDP 10.0.0.7:5060;branch=z9hG4bKreg;rport")
    assert peer.receive(message) == []
    (event,) = peer.events()
    assert isinstance(event, IncomingRequest) and event.flow.remote == ("203.0.113.9", 40000)
    peer.stack.respond(event.transaction, make_response(event.request, 200), peer.now)
    peer.stack.respond(event.transaction, make_response(event.request, 200), peer.now)
    (data,) = peer.sent()
    answer = parse_message(data)
    assert answer.to.tag and answer.top_via.received == "203.0.113.9" and answer.top_via.rport == 40000
    assert peer.receive(message) == [data]
    assert peer.events() == []


# Where answers go


@pytest.mark.parametrize(
    ("via", "target"),
    [
        ("SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKx;rport", ("192.0.2.1", 41000)),
        ("SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKx", ("192.0.2.1", 5070)),
        ("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx", ("192.0.2.1", 5060)),
        ("SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKx;received=198.51.100.9", ("192.0.2.1", 5070)),
        ("SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKx;rport=53;received=198.51.100.9", ("192.0.2.1", 41000)),
        ("SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKx;maddr=224.0.0.1", ("192.0.2.1", 5070)),
    ],
)
@pytest.mark.parametrize("method", ["OPTIONS", "INVITE"])
def test_answers_go_to_the_source_whatever_the_via_says(via: str, target: tuple[str, int], method: str) -> None:
    peer = Peer(source=("192.0.2.1", 41000))
    peer.receive(request(method, via=via))
    flows = peer.flows
    if method == "INVITE":
        peer.events()
        peer.sent()
        flows = peer.flows
    assert [flow.remote for flow in flows] == [target]
    assert [flow.local for flow in flows] == [B]


def test_the_source_is_written_over_a_received_of_the_peer() -> None:
    peer = Peer()
    via = "SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKx;received=198.51.100.9, SIP/2.0/UDP far;branch=z9hG4bKfar"
    (data,) = peer.receive(request("OPTIONS", via=via))
    vias = parse_message(data).vias
    assert vias[0].received == "192.0.2.1" and vias[1].branch == "z9hG4bKfar"


def test_a_malformed_request_is_answered_at_its_source() -> None:
    peer = Peer(source=("192.0.2.1", 41000))
    message = request("OPTIONS", via="SIP/2.0/UDP 198.51.100.9:5060;;,;branch=z9hG4bKx")
    (data,) = peer.receive(message)
    assert data.startswith(b"SIP/2.0 400 ")
    assert [flow.remote for flow in peer.flows] == [("192.0.2.1", 41000)]


def test_an_options_without_cseq_does_no_harm() -> None:
    peer = Peer()
    peer.receive(request("OPTIONS").replace(b"CSeq: 1 OPTIONS\r\n", b""))
    assert peer.status(request("OPTIONS")) == 200


# Limits


def test_overload_is_503_without_memory_and_leaves_calls_alone() -> None:
    peer = Peer()
    event, to = call(peer)
    before = peer.stack.counts
    peer.stack.overloaded = True
    (data,) = peer.receive(request(branch="z9hG4bKnew", call_id="call-2", body=sdp()))
    answer = parse_message(data)
    assert data.startswith(b"SIP/2.0 503 ") and answer.get("Retry-After") == "5"
    assert peer.stack.counts == before
    assert peer.status(request("OPTIONS", branch="z9hG4bKo")) == 503
    assert peer.status(request("BYE", branch="z9hG4bKbye", to=to, cseq=2)) == 200
    assert isinstance(peer.events()[0], Ended) and event.session.ended


def test_who_is_out_of_service_answers_503_even_to_who_is_preferred() -> None:
    peer = Peer()
    _, to = call(peer)
    peer.stack.serving, peer.stack.preferred = False, lambda host: True
    assert peer.status(request("OPTIONS", branch="z9hG4bKo")) == 503
    (data,) = peer.receive(request(branch="z9hG4bKnew", call_id="call-2", body=sdp()))
    assert data.startswith(b"SIP/2.0 503 ")
    assert peer.status(request("BYE", branch="z9hG4bKbye", to=to, cseq=2)) == 200
    peer.stack.serving = True
    assert peer.status(request("OPTIONS", branch="z9hG4bKp")) == 200


@pytest.mark.parametrize("limit", ["max_sessions", "max_transactions"])
def test_tables_are_bounded(limit: str) -> None:
    peer = Peer(make_stack(**{limit: 3}))
    for number in range(10):
        peer.receive(request(branch=f"z9hG4bK{number}", call_id=f"call-{number}", body=sdp()))
    assert len(peer.events()) == 3
    with pytest.raises(OverloadedError):
        peer.stack.invite(invite(Flow("udp", B, A)), peer.now)


# Transactions and dialogs


def test_a_call_by_hand() -> None:
    peer = Peer()
    message = request(body=sdp())
    assert peer.receive(message) == []
    (event,) = peer.events()
    (trying,) = peer.sent()
    assert isinstance(event, IncomingCall) and trying.startswith(b"SIP/2.0 100 ")
    assert event.flow.remote == A and event.session.request is event.request
    assert peer.receive(message) == [trying]
    event.session.ring(peer.now)
    (ringing,) = peer.sent()
    assert peer.receive(message) == [ringing]
    event.session.answer(sdp(B[0]), peer.now)
    (ok,) = peer.sent()
    assert parse_message(ok).to.tag == parse_message(ringing).to.tag == event.session.local_tag
    assert parse_message(ok).contacts[0].uri.host == B[0]
    assert peer.receive(message) == []
    assert peer.wait(0.6) == [ok]
    to = parse_message(ok).get("To") or ""
    assert peer.receive(request("ACK", branch="z9hG4bKack", to=to)) == []
    assert peer.wait(5.0) == []
    bye = request("BYE", branch="z9hG4bKbye", to=to, cseq=2)
    (gone,) = peer.receive(bye)
    assert peer.receive(bye) == [gone] and gone.startswith(b"SIP/2.0 200 ")
    assert peer.stack.counts[:2] == (0, 0)
    peer.wait(40.0)
    assert peer.stack.counts == (0, 0, 0, 0)


def test_no_100_when_the_answer_is_at_once() -> None:
    peer = Peer()
    peer.receive(request(body=sdp()))
    event = peer.stack.next_event()
    assert isinstance(event, IncomingCall)
    event.session.answer(sdp(B[0]), peer.now)
    assert peer.events() == []
    assert [data[:11] for data in peer.sent()] == [b"SIP/2.0 200"]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"to": "<sip:100@192.0.2.2>;tag=guess"}, 481),
        ({"from_": "<sip:alice@192.0.2.1>;tag=guess"}, 481),
        ({"from_": "<sip:alice@192.0.2.1>"}, 481),
        ({"call_id": "guess"}, 481),
        ({"cseq": 1}, 500),
        ({"cseq": 0}, 500),
    ],
)
def test_tags_and_cseq_are_checked(changed: dict[str, object], status: int) -> None:
    peer = Peer()
    event, to = call(peer)
    bye = request("BYE", **{"branch": "z9hG4bKbye", "to": to, "cseq": 2, **changed})  # type: ignore[arg-type]
    assert peer.status(bye) == status
    assert not event.session.ended and peer.events() == []


def test_overlapping_invites_are_told_to_wait() -> None:
    peer = Peer()
    event, to = call(peer)
    assert peer.receive(request(branch="z9hG4bKre1", to=to, cseq=2, body=sdp(port=4002))) == []
    peer.stack.next_event()
    (data,) = peer.receive(request(branch="z9hG4bKre2", to=to, cseq=3, body=sdp(port=4004)))
    assert data.startswith(b"SIP/2.0 500 ")
    assert 0 <= int(parse_message(data).get("Retry-After") or -1) <= 10
    (update,) = peer.receive(request("UPDATE", branch="z9hG4bKup", to=to, cseq=4, body=sdp(port=4006)))
    assert update.startswith(b"SIP/2.0 500 ")
    event.session.answer_offer(sdp(B[0]), peer.now)
    assert peer.sent()[0].startswith(b"SIP/2.0 200 ")


def test_a_reinvite_changes_the_target() -> None:
    peer = Peer()
    event, to = call(peer)
    peer.receive(request(branch="z9hG4bKre", to=to, cseq=2, contact="<sip:bob@192.0.2.77:5080>", body=sdp()))
    peer.events()
    event.session.answer_offer(sdp(B[0]), peer.now)
    peer.receive(request("ACK", branch="z9hG4bKack2", to=to, cseq=2))
    peer.sent()
    event.session.hangup(peer.now)
    (bye,) = peer.sent()
    assert bye.startswith(b"BYE sip:bob@192.0.2.77:5080 SIP/2.0\r\n")
    assert peer.flows[0].remote == ("192.0.2.77", 5080)


def test_requests_within_the_dialog() -> None:
    peer = Peer()
    event, to = call(peer)
    inside = {"to": to, "branch": "z9hG4bK"}
    answers = {}
    for cseq, (method, headers, body, kind) in enumerate(
        [
            ("OPTIONS", "", b"", ""),
            ("INFO", "", b"Signal=*\r\nDuration=100", "application/dtmf-relay"),
            ("INFO", "Info-Package: x\r\n", b"x", "x/y"),
            ("MESSAGE", "", b"hi", "text/plain"),
            ("UNHEARD", "", b"", ""),
            ("REFER", "Refer-To: <sip:x@y>\r\n", b"", ""),
            ("NOTIFY", "Event: refer\r\n", b"", ""),
            ("NOTIFY", "Event: presence\r\n", b"", ""),
            ("UPDATE", "", b"", ""),
            ("UPDATE", "Require: nothing\r\n", b"", ""),
        ],
        2,
    ):
        inside["branch"] += "x"
        message = request(method, cseq=cseq, headers=headers, body=body, content_type=kind, **inside)  # type: ignore[arg-type]
        answers[cseq] = peer.status(message)
    assert list(answers.values()) == [200, 200, 469, 405, 501, 603, 481, 489, 200, 420]
    assert peer.events() == [DtmfInfo(event.session, "*", 0.1)]


def test_a_peer_of_rfc_2543_is_matched_without_branch() -> None:
    peer = Peer()
    via = "SIP/2.0/UDP 192.0.2.1:5060"
    message = request(via=via, body=sdp())
    peer.receive(message)
    (event,) = peer.events()
    (trying,) = peer.sent()
    assert peer.receive(message) == [trying]
    assert isinstance(event, IncomingCall)
    event.session.reject(486, peer.now)
    (busy,) = peer.sent()
    assert peer.receive(message) == [busy]
    peer.receive(request("ACK", via=via, to=parse_message(busy).get("To") or ""))
    assert peer.wait(4.9) == []
    peer.wait(40.0)
    assert peer.stack.counts == (0, 0, 0, 0)
    other = request(via=via, cseq=2, body=sdp())
    peer.receive(other)
    assert len(peer.events()) == 1


def test_a_peer_of_rfc_2543_may_leave_its_contact_out() -> None:
    peer = Peer()
    peer.receive(request(via="SIP/2.0/UDP 192.0.2.1:5060", contact=None, body=sdp()))
    (event,) = peer.events()
    assert isinstance(event, IncomingCall)
    event.session.answer(sdp(B[0]), peer.now)
    to = parse_message(peer.sent()[-1]).get("To") or ""
    peer.receive(request("ACK", via="SIP/2.0/UDP 192.0.2.1:5060", to=to))
    event.session.hangup(peer.now)
    assert peer.sent()[0].startswith(b"BYE sip:alice@192.0.2.1 SIP/2.0")


def test_a_public_address_is_what_peers_are_told() -> None:
    peer = Peer()
    peer.stack.advertise(B, ("198.51.100.7", 5060))
    event, _ = call(peer)
    event.session.hangup(peer.now)
    (bye,) = peer.sent()
    assert b"Via: SIP/2.0/UDP 198.51.100.7:5060;" in bye


def test_tags_call_ids_and_branches_come_from_the_chance_given() -> None:
    first, second = make_stack(1), make_stack(2)
    ids = set()
    for stack in (first, second):
        for _ in range(500):
            session = stack.invite(invite(Flow("udp", A, B)), 0.0)
            message = parse_message(stack.outgoing.pop()[0])
            assert isinstance(message, Request)
            ids |= {session.call_id, session.local_tag, message.top_via.branch or ""}
            assert len(session.call_id) >= 32 and len(session.local_tag) >= 16
    assert len(ids) == 3000


@given(st.binary(max_size=300), st.integers(0, 600))
def test_nothing_raises(noise: bytes, place: int) -> None:
    peer = Peer()
    whole = request(body=sdp())
    peer.receive(whole[:place] + noise + whole[place:])
    peer.receive(whole[:place] + noise)
    peer.events()


# Faults of ours


def test_a_fault_in_a_session_ends_it_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    for number in (1, 2):
        peer.receive(request(branch=f"z9hG4bK{number}", call_id=f"call-{number}", body=sdp()))
    sessions = [event.session for event in peer.events() if isinstance(event, IncomingCall)]
    answers = {}
    for session in sessions:
        session.answer(sdp(), peer.now)
        answers[session.call_id] = parse_message(peer.sent()[-1]).get("To") or ""
    to = answers["call-1"]
    peer.receive(request("ACK", branch="z9hG4bKack", call_id="call-1", to=to))
    peer.events()

    def broken(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setitem(session_module._HANDLERS, "INFO", broken)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError):
        peer.receive(request("INFO", branch="z9hG4bKinfo", call_id="call-1", to=to, cseq=2))
    refused, bye = peer.sent()
    assert refused.startswith(b"SIP/2.0 500") and bye.startswith(b"BYE") and b"cause=500" in bye
    (ended,) = peer.events()
    assert isinstance(ended, Ended) and (ended.session, ended.cause) == (sessions[0], "error")
    assert sessions[0].ended and not sessions[1].ended


def test_a_fault_at_an_answer_ends_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    caller = Peer(source=B, local=A)
    session = caller.stack.invite(invite(Flow("udp", A, B)), caller.now)
    (message,) = caller.sent()
    caller.receive(reply(message, 180))
    caller.events()

    def broken(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(OutboundSession, "_accepted", broken)
    with pytest.raises(RuntimeError):
        caller.receive(reply(message, 200, headers="Contact: <sip:b@192.0.2.2>\r\n", body=sdp()))
    assert [type(event) for event in caller.events()] == [Ended]
    monkeypatch.undo()
    assert session.ended
    sent = caller.receive(reply(message, 200, headers="Contact: <sip:b@192.0.2.2>\r\n", body=sdp()))
    assert [data.split(b" ")[0] for data in sent] == [b"ACK", b"BYE"]
    caller.wait(100)
    assert caller.stack.counts == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "change",
    [
        (b"CSeq: 1 INVITE", b"CSeq: 2 INVITE"),
        (b"Call-ID: ", b"Call-ID: x"),
        (b"branch=z9hG4bK", b"branch=z9hG4bKx"),
        (b"CSeq: 1 INVITE", b"CSeq: 1 OPTIONS"),
        (b"From: ", b"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKother\r\nFrom: "),
    ],
)
def test_what_is_no_answer_to_our_request_is_dropped(change: tuple[bytes, bytes]) -> None:
    caller = Peer(source=B, local=A)
    caller.stack.invite(invite(Flow("udp", A, B)), caller.now)
    (message,) = caller.sent()
    answer = reply(message, 486).replace(*change)
    assert caller.receive(answer) == [] and caller.events() == []
    caller.receive(reply(message, 486))
    assert [type(event) for event in caller.events()] == [Rejected]
