"""Outbound sessions: what the client does with every kind of answer to its INVITE."""

from __future__ import annotations

import pytest

from ivr.sip import (
    Account,
    Answered,
    BuildError,
    Challenger,
    Ended,
    Flow,
    NameAddr,
    OutboundSession,
    Rejected,
    Request,
    Ringing,
    SessionState,
    Uri,
    Verified,
    parse_message,
)
from tests.kit.sip import A, B, Peer, invite, make_stack, reply, request, sdp

CONTACT = "Contact: <sip:bob@192.0.2.99:5062>\r\n"


class Caller(Peer):
    """A stack that calls, its peer played by hand."""

    def __init__(self) -> None:
        super().__init__(make_stack(), source=B, local=A)

    def place(self, **more: object) -> tuple[OutboundSession, bytes]:
        session = self.stack.invite(invite(Flow("udp", A, B), **more), self.now)
        (data,) = self.sent()
        return session, data

    def answer(self, message: bytes, status: int, **more: object) -> list[bytes]:
        return self.receive(reply(message, status, **more))  # type: ignore[arg-type]


def parsed(data: bytes) -> Request:
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


def test_the_ack_goes_to_the_contact_with_the_tag_of_the_answer() -> None:
    caller = Caller()
    session, message = caller.place()
    caller.answer(message, 180, headers=CONTACT)
    (data,) = caller.answer(message, 200, headers=CONTACT, body=sdp(B[0]))
    ack, first = parsed(data), parsed(message)
    assert ack.method == "ACK" and str(ack.uri) == "sip:bob@192.0.2.99:5062"
    assert ack.to.tag == "b1" and ack.from_.tag == first.from_.tag and ack.cseq == first.cseq
    assert ack.top_via.branch != first.top_via.branch
    assert [flow.remote for flow in caller.flows] == [("192.0.2.99", 5062)]
    ringing, answered = caller.events()
    assert ringing == Ringing(session, 180, None)
    assert isinstance(answered, Answered) and answered.sdp is not None
    assert caller.answer(message, 200, headers=CONTACT, body=sdp(B[0])) == [data]
    assert caller.events() == []


def test_requests_follow_the_route_set_in_reverse() -> None:
    caller = Caller()
    session, message = caller.place()
    routes = "Record-Route: <sip:192.0.2.51;lr>, <sip:192.0.2.50;lr>\r\n"
    (data,) = caller.answer(message, 200, headers=CONTACT + routes, body=sdp(B[0]))
    assert parsed(data).get_all("Route") == ["<sip:192.0.2.50;lr>", "<sip:192.0.2.51;lr>"]
    assert [flow.remote for flow in caller.flows] == [("192.0.2.50", 5060)]
    session.hangup(caller.now)
    (bye,) = caller.sent()
    assert parsed(bye).get_all("Route") == ["<sip:192.0.2.50;lr>", "<sip:192.0.2.51;lr>"]


def test_a_strict_router_gets_itself_as_target() -> None:
    caller = Caller()
    _, message = caller.place()
    (data,) = caller.answer(message, 200, headers=CONTACT + "Record-Route: <sip:192.0.2.50>\r\n", body=sdp(B[0]))
    ack = parsed(data)
    assert str(ack.uri) == "sip:192.0.2.50"
    assert ack.get_all("Route") == ["<sip:bob@192.0.2.99:5062>"]


@pytest.mark.parametrize(
    ("contact", "hop"),
    [
        ("sip:bob@phone.example.com", B),
        ("sip:bob@192.0.2.99:5062;transport=tcp", B),
        ("sip:bob@[2001:db8::1]", B),
        ("sip:bob@239.1.2.3", B),
        ("sip:bob@192.0.2.99", ("192.0.2.99", 5060)),
    ],
)
def test_what_cannot_be_reached_is_reached_by_the_flow(contact: str, hop: tuple[str, int]) -> None:
    caller = Caller()
    _, message = caller.place()
    caller.answer(message, 200, headers=f"Contact: <{contact}>\r\n", body=sdp(B[0]))
    assert [flow.remote for flow in caller.flows] == [hop]


def test_a_private_contact_of_a_public_peer_is_behind_nat() -> None:
    caller = Caller()
    flow = Flow("udp", A, ("8.8.8.8", 33000))
    session = caller.stack.invite(invite(flow), caller.now)
    (message,) = caller.sent()
    caller.receive(reply(message, 200, headers="Contact: <sip:bob@10.0.0.7:5060>\r\n", body=sdp(B[0])))
    assert session.state is SessionState.CONFIRMED
    assert [flow.remote for flow in caller.flows] == [("8.8.8.8", 33000)]


def test_a_registered_phone_is_reached_by_its_flow() -> None:
    caller = Caller()
    contact = "sip:200@192.168.1.20:5060"
    session = caller.stack.invite(invite(Flow("udp", A, B), uri=Uri.parse(contact)), caller.now)
    (message,) = caller.sent()
    caller.receive(reply(message, 200, headers=f"Contact: <{contact}>\r\n", body=sdp(B[0])))
    assert [flow.remote for flow in caller.flows] == [B]
    assert not session.ended


@pytest.mark.parametrize("status", [302, 404, 486, 503, 603])
def test_a_refusal_is_acknowledged_and_told(status: int) -> None:
    caller = Caller()
    session, message = caller.place()
    (ack,) = caller.answer(message, status, headers="Retry-After: 9\r\n")
    assert ack.startswith(b"ACK sip:100@192.0.2.2:5060 ")
    (event,) = caller.events()
    assert isinstance(event, Rejected) and event.session is session and event.status == status
    assert ("Retry-After", "9") in event.headers
    caller.wait(40.0)
    assert caller.stack.counts == (0, 0, 0, 0)


def test_nobody_answers() -> None:
    caller = Caller()
    session, _ = caller.place()
    caller.wait(40.0)
    assert caller.events() == [Rejected(session, 408, "no response")]
    assert caller.stack.counts == (0, 0, 0, 0)


def test_what_cannot_be_sent() -> None:
    caller = Caller()
    session, message = caller.place()
    caller.stack.unsent(message, caller.now)
    caller.stack.unsent(b"nonsense", caller.now)
    assert caller.events() == [Rejected(session, 503, "cannot be sent")]
    assert caller.stack.counts == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "more",
    [
        {"headers": (("X-A", "1\r\nX-B: 2"),)},
        {"headers": (("To", "<sip:x@y>"),)},
        {"routes": ("<sip:a>\r\nX: y",)},
        {"from_": NameAddr(Uri("sip", "a", "b"), "x\r\ny")},
    ],
)
def test_what_would_break_out_of_its_line_is_refused(more: dict[str, object]) -> None:
    caller = Caller()
    with pytest.raises(BuildError):
        caller.place(**more)
    assert caller.stack.counts == (0, 0, 0, 0)


# CANCEL


def test_cancel_waits_for_a_provisional_response() -> None:
    caller = Caller()
    session, message = caller.place()
    session.cancel(caller.now)
    assert caller.sent() == []
    (data,) = caller.answer(message, 100, to_tag=None)
    cancel, first = parsed(data), parsed(message)
    assert cancel.method == "CANCEL" and cancel.top_via.branch == first.top_via.branch
    assert str(cancel.uri) == str(first.uri) and cancel.to.tag is None and cancel.cseq == first.cseq
    assert caller.answer(message, 180, headers=CONTACT) == []
    caller.answer(data, 200)
    (ack,) = caller.answer(message, 487)
    assert ack.startswith(b"ACK ")
    assert caller.events() == []
    caller.wait(40.0)
    assert caller.stack.counts == (0, 0, 0, 0)


def test_an_answer_that_crosses_the_cancel_is_hung_up() -> None:
    caller = Caller()
    session, message = caller.place()
    caller.answer(message, 180, headers=CONTACT)
    session.hangup(caller.now, "Q.850;cause=26")
    caller.sent()
    ack, bye = caller.answer(message, 200, headers=CONTACT, body=sdp(B[0]))
    assert ack.startswith(b"ACK ") and bye.startswith(b"BYE ")
    assert parsed(bye).get("Reason") == "Q.850;cause=26"
    caller.answer(bye, 200)
    assert [type(event) for event in caller.events()] == [Ringing]
    caller.wait(40.0)
    assert caller.stack.counts == (0, 0, 0, 0)


def test_a_cancel_without_any_final_response_ends_after_64_t1() -> None:
    caller = Caller()
    session, message = caller.place()
    caller.answer(message, 180, headers=CONTACT)
    session.hangup(caller.now)
    caller.wait(33.0)
    assert caller.stack.counts == (0, 0, 0, 0)
    assert session.state is SessionState.ENDED


# Forks


def test_further_answers_are_acknowledged_and_hung_up() -> None:
    caller = Caller()
    session, message = caller.place()
    for tag in ("one", "two"):
        caller.answer(message, 180, to_tag=tag, headers=CONTACT)
    assert caller.stack.counts.dialogs == 2
    caller.answer(message, 200, to_tag="two", headers=CONTACT, body=sdp(B[0]))
    assert caller.stack.counts.dialogs == 1 and session.remote_tag == "two"
    other = "Contact: <sip:carol@192.0.2.98:5060>\r\n"
    ack, bye = caller.answer(message, 200, to_tag="one", headers=other, body=sdp(B[0]))
    for data, method in ((ack, "ACK"), (bye, "BYE")):
        found = parsed(data)
        assert found.method == method and found.to.tag == "one" and str(found.uri) == "sip:carol@192.0.2.98:5060"
    assert caller.answer(message, 200, to_tag="one", headers=other, body=sdp(B[0])) == [ack]
    caller.answer(bye, 200, to_tag=None)
    assert session.state is SessionState.CONFIRMED
    assert [type(event) for event in caller.events()] == [Ringing, Ringing, Answered]
    session.hangup(caller.now)
    (bye,) = caller.sent()
    assert parsed(bye).to.tag == "two"


def test_early_dialogs_of_one_call_are_bounded() -> None:
    caller = Caller()
    session, message = caller.place()
    for number in range(100):
        caller.answer(message, 180, to_tag=f"t{number}", headers=CONTACT)
    assert caller.stack.counts.dialogs == 16
    caller.answer(message, 486, to_tag="t5")
    assert caller.stack.counts.dialogs == 0 and session.ended


def test_a_bye_in_an_early_dialog_that_lost_is_481() -> None:
    caller = Caller()
    session, message = caller.place()
    for tag in ("one", "two"):
        caller.answer(message, 180, to_tag=tag, headers=CONTACT)
    bye = request(
        "BYE", to=f"<sip:x@y>;tag={session.local_tag}", from_="<sip:z@y>;tag=one", call_id=session.call_id, cseq=9
    )
    assert caller.status(bye) == 481


# Early media and odd answers


def test_the_answer_may_come_in_a_183_alone() -> None:
    caller = Caller()
    session, message = caller.place()
    caller.answer(message, 183, headers=CONTACT, body=sdp(B[0], port=4444))
    caller.answer(message, 200, headers=CONTACT)
    ringing, answered = caller.events()
    assert isinstance(ringing, Ringing) and ringing.sdp is not None and ringing.status == 183
    assert isinstance(answered, Answered) and answered.sdp is not None and answered.sdp.media[0].port == 4444
    session.reinvite(sdp(version=2), caller.now)
    assert len(caller.sent()) == 1


def test_an_answer_without_a_description_is_told_so() -> None:
    caller = Caller()
    session, message = caller.place()
    (ack,) = caller.answer(message, 200, headers=CONTACT)
    assert ack.startswith(b"ACK ")
    assert caller.events() == [Answered(session, None)]


def test_a_200_with_neither_offer_nor_answer_ends_the_call() -> None:
    caller = Caller()
    session, message = caller.place(sdp=None)
    ack, bye = caller.answer(message, 200, headers=CONTACT)
    assert ack.startswith(b"ACK ") and bye.startswith(b"BYE ")
    assert caller.events() == [Rejected(session, 488, "neither offer nor answer")]


# Challenges


@pytest.mark.parametrize(("status", "header"), [(401, "WWW-Authenticate"), (407, "Proxy-Authenticate")])
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
def test_a_challenge_is_answered(status: int, header: str, algorithm: str) -> None:
    challenger = Challenger("example.com", b"k" * 32, algorithms=("MD5", "SHA-256", "SHA-512-256"))
    caller = Caller()
    account = Account("bob", "secret")
    account.hosts = frozenset({Uri.parse(CONTACT[10:-3]).host})
    session, message = caller.place(account=account, headers=(("X-Kept", "yes"),))
    challenges = "".join(f"{header}: {value}\r\n" for value in challenger.challenge(caller.now, algorithms=[algorithm]))
    ack, data = caller.answer(message, status, headers=challenges)
    assert ack.startswith(b"ACK ")
    again, first = parsed(data), parsed(message)
    name = "Authorization" if status == 401 else "Proxy-Authorization"
    verdict = challenger.verify(
        again.get_all(name), "INVITE", again.uri, lambda user: {"bob": "secret"}.get(user), again.body, caller.now
    )
    assert isinstance(verdict, Verified) and verdict.algorithm == algorithm
    assert again.cseq == first.cseq + 1 and again.call_id == first.call_id and again.from_.tag == first.from_.tag
    assert again.to.tag is None and again.top_via.branch != first.top_via.branch
    assert again.get("X-Kept") == "yes" and again.body == first.body
    (ack,) = caller.answer(data, 200, headers=CONTACT, body=sdp(B[0]))
    assert parsed(ack).cseq == again.cseq and parsed(ack).get(name) == again.get(name)
    assert [type(event) for event in caller.events()] == [Answered]
    session.hangup(caller.now)
    (bye,) = caller.sent()
    assert parsed(bye).cseq == again.cseq + 1
    (again_bye,) = caller.answer(bye, status, headers=challenges)
    assert parsed(again_bye).method == "BYE" and parsed(again_bye).get(name) is not None
    caller.answer(again_bye, 200)
    caller.wait(40.0)
    assert caller.stack.counts == (0, 0, 0, 0)


def test_challenges_are_answered_twice_at_most() -> None:
    caller = Caller()
    session, message = caller.place(account=Account("bob", "secret"))
    sent = 0
    while True:
        found = caller.answer(message, 401, headers='WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n')
        if len(found) == 1:
            break
        message, sent = found[1], sent + 1
    assert sent == 2
    (event,) = caller.events()
    assert isinstance(event, Rejected) and event.session is session and event.status == 401


@pytest.mark.parametrize(
    ("user", "challenge"),
    [
        (None, 'Digest realm="r", nonce="n"'),
        ("bob", "Basic realm=r"),
        ("bob", 'Digest realm="r", nonce="n", algorithm=X'),
    ],
)
def test_a_challenge_that_cannot_be_answered_is_a_refusal(user: str | None, challenge: str) -> None:
    caller = Caller()
    _, message = caller.place(account=Account(user, "secret") if user else None)
    assert len(caller.answer(message, 401, headers=f"WWW-Authenticate: {challenge}\r\n")) == 1
    (event,) = caller.events()
    assert isinstance(event, Rejected) and event.status == 401


def test_a_realm_that_is_known_goes_before_another_of_a_proxy() -> None:
    challenge = 'Proxy-Authenticate: Digest realm="{}", nonce="n", qop="auth"\r\n'
    account, caller = Account("bob", "secret"), Caller()
    _, message = caller.place(account=account)
    caller.answer(message, 401, headers='WWW-Authenticate: Digest realm="one", nonce="n", qop="auth"\r\n')
    _, message = caller.place(account=account)
    (_, again) = caller.answer(message, 407, headers=challenge.format("strange") + challenge.format("one"))
    assert 'realm="one"' in (parsed(again).get("Proxy-Authorization") or "")
    _, message = caller.place(account=account)
    assert len(caller.answer(message, 407, headers=challenge.format("strange"))) == 1, "no answer but the ACK"


def test_credentials_are_for_one_realm_and_one_host() -> None:
    challenge = 'WWW-Authenticate: Digest realm="{}", nonce="n", qop="auth"\r\n'
    account = Account("bob", "secret")
    caller = Caller()
    _, message = caller.place(account=account)
    (_, again) = caller.answer(message, 401, headers=challenge.format("first"))
    assert parsed(again).get("Authorization") is not None
    _, message = caller.place(account=account)
    assert len(caller.answer(message, 401, headers=challenge.format("second"))) == 1, "no answer but the ACK"
    assert account.strange == "second"
    both = challenge.format("second") + challenge.format("first")
    _, message = caller.place(account=account)
    (_, again) = caller.answer(message, 401, headers=both)
    assert 'realm="first"' in (parsed(again).get("Authorization") or "")
    _, message = caller.place(account=account)
    (_, again) = caller.answer(message, 407, headers=challenge.format("proxy").replace("WWW", "Proxy"))
    assert parsed(again).get("Proxy-Authorization") is not None, "a proxy has a realm of its own"
    _, message = caller.place(account=Account("bob", "secret", realm="fixed"))
    assert len(caller.answer(message, 401, headers=challenge.format("first"))) == 1


def test_a_host_that_a_call_is_taken_to_gets_credentials_only_where_it_is_the_trunks() -> None:
    for known in (False, True):
        caller, account = Caller(), Account("bob", "secret")
        session, message = caller.place(account=account)
        caller.answer(message, 200, headers="Contact: <sip:bob@192.0.2.66>\r\n", body=sdp(B[0]))
        if known:
            account.hosts = frozenset({"192.0.2.66"})
        session.hangup(caller.now)
        (bye,) = caller.sent()
        assert caller.flows[0].remote[0] == "192.0.2.66"
        again = caller.answer(bye, 401, headers='WWW-Authenticate: Digest realm="r", nonce="n"\r\n')
        assert bool(again) is known


def test_a_challenge_after_cancel_is_left_alone() -> None:
    caller = Caller()
    session, message = caller.place(account=Account("bob", "secret"))
    session.hangup(caller.now)
    found = caller.answer(message, 401, headers='WWW-Authenticate: Digest realm="r", nonce="n"\r\n')
    assert [data.split(b" ")[0] for data in found] == [b"ACK"]
    assert session.state is SessionState.ENDED and caller.events() == []


def test_a_peer_that_lost_the_dialog_ends_the_call() -> None:
    caller = Caller()
    session, message = caller.place()
    caller.answer(message, 200, headers=CONTACT, body=sdp(B[0]))
    caller.events()
    session.info("application/dtmf", b"1", caller.now)
    (info,) = caller.sent()
    (bye,) = caller.answer(info, 481)
    assert bye.startswith(b"BYE ")
    assert caller.events() == [Ended(session, "error", 481)]
