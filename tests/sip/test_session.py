"""Two stacks on a scripted link in virtual time: calls, offers within them, transfers, and their end."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.sip import (
    Answer,
    Answered,
    Confirmed,
    DtmfInfo,
    Ended,
    IncomingCall,
    IncomingRefer,
    Info,
    InfoRefused,
    Offer,
    OfferRejected,
    ReferProgress,
    Rejected,
    Ringing,
    Session,
    SessionState,
    SessionTimerPolicy,
    Stack,
    WrongStateError,
)
from tests.kit.link import Impairment, Link
from tests.kit.pair import FLOW, NOTHING, Pair
from tests.kit.sip import A, B, invite, make_stack, request, sdp


def test_a_call_from_invite_to_bye() -> None:
    pair = Pair()
    session = pair.call()
    assert session.state is SessionState.CONFIRMED
    assert pair.incoming.state is SessionState.CONFIRMED
    assert session.remote_tag == pair.incoming.local_tag and session.local_tag == pair.incoming.remote_tag
    assert session.remote_sdp is not None and session.remote_sdp.media[0].host == B[0]
    session.hangup(pair.now)
    assert pair.clean()
    assert pair.link.lines() == ["INVITE", "200", "ACK", "BYE", "200"]
    assert [type(event) for event in pair.end_b.events] == [IncomingCall, Confirmed, Ended]
    assert [type(event) for event in pair.end_a.events] == [Answered]


def test_the_called_party_hangs_up_with_a_reason() -> None:
    pair = Pair()
    session = pair.call()
    pair.incoming.hangup(pair.now, "Q.850;cause=16")
    assert pair.clean()
    ended = pair.said(Ended)
    assert ended == [Ended(session, "bye", None, "Q.850;cause=16")]


def test_a_reason_in_words_is_quoted() -> None:
    pair = Pair()
    pair.call()
    pair.incoming.hangup(pair.now, 'no "more"\r\nX: y')
    assert pair.clean()
    (ended,) = pair.said(Ended)
    assert isinstance(ended, Ended) and ended.reason == 'Q.850;cause=16;text="no \\"more\\"  X: y"'


def test_hanging_up_at_once_waits_for_the_ack() -> None:
    pair = Pair(answers=False)
    pair.call()
    pair.incoming.answer(sdp(B[0]), pair.now)
    pair.incoming.hangup(pair.now)
    assert pair.clean()
    assert pair.link.lines() == ["INVITE", "100", "200", "ACK", "BYE", "200"]
    assert not pair.said(Confirmed)


def test_a_lost_ack_is_sent_again_when_the_200_comes_again() -> None:
    drops = iter([True])
    pair = Pair(Impairment(drop=lambda data, _: data.startswith(b"ACK") and next(drops, False)))
    pair.call()
    pair.outgoing.hangup(pair.now + 1)
    assert pair.clean()
    assert pair.link.lines() == ["INVITE", "200", "ACK", "200", "ACK", "BYE", "200"]
    acks = [data for *_, data in pair.link.sent if data.startswith(b"ACK")]
    assert acks[0] == acks[1]


def test_without_any_ack_the_call_ends_after_64_t1() -> None:
    pair = Pair(Impairment(drop=lambda data, _: data.startswith(b"ACK")))
    pair.call()
    pair.link.run(30.0)
    assert not pair.said(Ended)
    assert pair.clean()
    assert pair.end_b.events[-1] == Ended(pair.incoming, "timeout", 408)
    assert pair.end_a.events[-1] == Ended(pair.outgoing, "bye", None, "SIP;cause=408")
    times = [when - 100 for when, *_, data in pair.link.sent if b" 200 OK" in data and b"1 INVITE" in data]
    assert [round(when - times[0], 2) for when in times] == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


def test_a_peer_that_is_gone_ends_the_call() -> None:
    dead = False
    pair = Pair(Impairment(drop=lambda data, _: dead))
    session = pair.call()
    dead = True
    session.reinvite(sdp(port=4002), pair.now)
    assert pair.clean() is False
    assert [event for event in pair.said(Ended)] == [Ended(session, "timeout", 408)]
    assert pair.a.counts == NOTHING
    dead = False
    pair.incoming.hangup(pair.now)
    assert pair.clean()


def test_the_calls_of_a_peer_that_died_end_at_once() -> None:
    pair = Pair()
    session, there = pair.call(), pair.incoming
    pair.a.peer_died((B[0], B[1] + 1), pair.now)
    assert not session.ended
    pair.a.peer_died(B, pair.now)
    pair.b.peer_died(A, pair.now)
    assert pair.clean()
    assert pair.said(Ended) == [Ended(session, "error", 503), Ended(there, "error", 503)]


def test_a_peer_that_died_before_the_answer() -> None:
    pair = Pair(answers=False)
    session = pair.call()
    pair.incoming.ring(pair.now)
    pair.link.run(1.0)
    pair.a.peer_died(B, pair.now)
    pair.b.peer_died(A, pair.now)
    assert pair.clean()
    assert pair.said(Rejected) == [Rejected(session, 503, "the peer has died")]
    assert pair.said(Ended) == [Ended(pair.incoming, "error", 503)]


def test_a_peer_that_died_before_it_said_anything() -> None:
    pair = Pair(Impairment(drop=lambda data, _: True))
    session = pair.call()
    pair.a.peer_died(B, pair.now)
    pair.link.run()
    assert [(event.session, event.status) for event in pair.said(Rejected)] == [(session, 503)]  # type: ignore[attr-defined]
    assert pair.a.counts == NOTHING


# Offers within the dialog


@pytest.mark.parametrize("side", ["outgoing", "incoming"])
@pytest.mark.parametrize("method", ["reinvite", "update"])
def test_a_new_offer_is_answered(side: str, method: str) -> None:
    pair = Pair()
    pair.call()
    session: Session = getattr(pair, side)
    getattr(session, method)(sdp(port=4444, direction="sendonly", version=2), pair.now)
    pair.link.run(1.0)
    (offer,) = pair.said(Offer)
    assert isinstance(offer, Offer) and offer.sdp is not None
    assert offer.method == ("INVITE" if method == "reinvite" else "UPDATE")
    assert offer.sdp.media[0].port == 4444 and offer.sdp.media[0].direction == "sendonly"
    (answer,) = pair.said(Answer)
    assert isinstance(answer, Answer) and answer.session is session
    assert answer.sdp.media[0].host == "192.0.2.9"
    session.hangup(pair.now)
    assert pair.clean()


def test_a_refused_offer_leaves_the_call_as_it_is() -> None:
    pair = Pair()
    session = pair.call()
    pair.on_offer = lambda event: event.session.reject_offer(488, pair.now)
    session.reinvite(sdp(port=4444), pair.now)
    session.update(sdp(port=4446), pair.now)
    pair.link.run(1.0)
    assert pair.said(OfferRejected) == [OfferRejected(session, 488)] * 2
    assert session.state is SessionState.CONFIRMED and not pair.said(Ended)
    session.hangup(pair.now)
    assert pair.clean()


def test_a_reinvite_without_an_offer_gets_ours_and_the_answer_comes_in_the_ack() -> None:
    pair = Pair()
    session = pair.call()
    session.reinvite(None, pair.now)
    pair.link.run(1.0)
    first, second = pair.said(Offer)
    assert isinstance(first, Offer) and isinstance(second, Offer)
    assert first.session is session and first.sdp is not None
    assert second.session is pair.incoming and second.sdp is None
    (answer,) = pair.said(Answer)
    assert isinstance(answer, Answer) and answer.session is pair.incoming
    session.hangup(pair.now)
    assert pair.clean()


def test_glare_is_settled_by_waiting() -> None:
    pair = Pair()
    session = pair.call()
    session.reinvite(sdp(port=4444, version=2), pair.now)
    pair.incoming.reinvite(sdp(B[0], port=5555, version=2), pair.now)
    pair.link.run(0.5)
    assert pair.link.lines().count("491") == 2
    pair.link.run(10.0)
    answers = pair.said(Answer)
    assert len(answers) == 2 and not pair.said(OfferRejected)
    retries = [(when, origin) for when, origin, _, data in pair.link.sent if data.startswith(b"INVITE")][3:]
    waited = {origin: when - 101.0 for when, origin in retries}
    assert 0 <= waited[B] <= 2.1 and 2.1 <= waited[A] <= 4.1
    session.hangup(pair.now)
    assert pair.clean()


def test_glare_that_never_ends_is_given_up() -> None:
    pair = Pair()
    session = pair.call()
    pair.on_offer = lambda event: event.session.reject_offer(491, pair.now)
    session.reinvite(sdp(port=4444), pair.now)
    pair.link.run(60.0)
    assert pair.said(OfferRejected) == [OfferRejected(session, 491)]
    session.hangup(pair.now)
    assert pair.clean()


def test_the_latest_of_waiting_offers_wins() -> None:
    pair = Pair()
    session = pair.call()
    for port in (4444, 4446, 4448):
        session.reinvite(sdp(port=port), pair.now)
    pair.link.run(1.0)
    ports = [offer.sdp.media[0].port for offer in pair.said(Offer) if isinstance(offer, Offer) and offer.sdp]
    assert ports == [4444, 4448]
    session.hangup(pair.now)
    assert pair.clean()


def test_an_offer_that_nobody_answers_gets_100_and_can_be_cut_by_bye() -> None:
    pair = Pair()
    session = pair.call()
    pair.on_offer = None
    session.reinvite(sdp(port=4444), pair.now)
    pair.link.run(5.0)
    assert pair.link.lines()[3:] == ["INVITE", "100"]
    pair.incoming.hangup(pair.now)
    assert pair.clean()
    assert sorted(pair.link.lines()[5:]) == ["200", "487", "ACK", "BYE"]


def test_delayed_offer_both_ways() -> None:
    pair = Pair()
    session = pair.call(sdp=None)
    assert session.state is SessionState.ANSWERED
    (answered,) = pair.said(Answered)
    assert isinstance(answered, Answered) and answered.wants_answer and answered.sdp is not None
    session.answer_offer(sdp(), pair.now)
    pair.link.run(1.0)
    (answer,) = pair.said(Answer)
    assert isinstance(answer, Answer) and answer.session is pair.incoming and answer.sdp.media[0].host == A[0]
    assert pair.incoming.state is SessionState.CONFIRMED
    session.hangup(pair.now)
    assert pair.clean()


def test_an_ack_without_the_answer_ends_the_call() -> None:
    pair = Pair()
    session = pair.call(sdp=None)
    session.reject_offer(488, pair.now)
    assert pair.clean()
    assert pair.said(Ended)


# Other requests within the dialog


def test_digits_and_other_infos() -> None:
    pair = Pair()
    session = pair.call()
    session.info("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", pair.now)
    session.info("application/dtmf", b"#", pair.now)
    session.info("text/plain", b"hello", pair.now)
    pair.link.run(1.0)
    digits = pair.said(DtmfInfo)
    assert digits == [DtmfInfo(pair.incoming, "5", 0.16), DtmfInfo(pair.incoming, "#", 0.25)]
    (info,) = pair.said(Info)
    assert isinstance(info, Info) and info.request.body == b"hello"
    session.hangup(pair.now)
    assert pair.clean()


def test_an_info_waits_for_the_answer_to_the_one_before() -> None:
    """Otherwise the second one, with a higher CSeq, would have the first one refused when it comes late."""
    pair = Pair(Impairment(drop=lambda data, number: data.startswith(b"INFO") and not lost and not lost.append(1)))
    lost: list[int] = []
    session = pair.call()
    for key in "123":
        session.info("application/dtmf-relay", f"Signal={key}\r\nDuration=160\r\n".encode(), pair.now)
    pair.link.run(0.1)
    assert len(pair.bytes_of(b"INFO")) == 1
    pair.link.run(3.0)
    assert [event.digit for event in pair.said(DtmfInfo)] == ["1", "2", "3"]  # type: ignore[attr-defined]
    assert not pair.said(InfoRefused)
    session.info("application/dtmf-relay", b"Signal=4\r\n", pair.now)
    session.info("application/dtmf-relay", b"Signal=5\r\n", pair.now)
    session.hangup(pair.now)
    assert pair.clean()
    assert len(pair.bytes_of(b"INFO")) == 5, "what waited for an answer is not sent after the end"


def notify(pair: Pair, body: bytes, state: str, cseq: int) -> bytes:
    incoming = pair.incoming
    return request(
        "NOTIFY",
        branch=f"z9hG4bKn{cseq}",
        via=f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKn{cseq}",
        from_=f"<sip:x@y>;tag={incoming.remote_tag}",
        to=f"<sip:y@x>;tag={incoming.local_tag}",
        call_id=incoming.call_id,
        cseq=cseq,
        headers=f"Event: refer\r\nSubscription-State: {state}\r\n",
        body=body,
        content_type="message/sipfrag;version=2.0",
    )


def test_a_transfer_is_followed_to_its_end() -> None:
    pair = Pair()
    pair.call()
    incoming = pair.incoming
    pair.link.impairment.drop = lambda data, _: data.startswith(b"REFER")
    incoming.refer("sip:queue@example.com", pair.now)
    pair.link.run(0.001)
    (refer,) = [data for *_, data in pair.link.sent if data.startswith(b"REFER")]
    assert (
        b"\r\nRefer-To: <sip:queue@example.com>\r\n" in refer and b"\r\nReferred-By: <sip:192.0.2.2:5060>\r\n" in refer
    )
    pair.link.inject(notify(pair, b"SIP/2.0 100 Trying\r\n", "active;expires=60", 10), A, B)
    pair.link.inject(notify(pair, b"SIP/2.0 200 OK\r\n", "terminated;reason=noresource", 11), A, B)
    pair.link.run(0.3)
    progress = [(event.status, event.final) for event in pair.said(ReferProgress) if isinstance(event, ReferProgress)]
    assert progress == [(100, False), (200, True)]
    pair.link.inject(notify(pair, b"SIP/2.0 200 OK\r\n", "terminated", 12), A, B)
    pair.link.run(0.1)
    assert pair.link.lines(B)[-1] == "481"


def test_a_refer_of_the_peer_is_declined() -> None:
    pair = Pair()
    session = pair.call()
    session.refer("sip:elsewhere@example.com", pair.now)
    pair.link.run(1.0)
    assert pair.said(ReferProgress) == [ReferProgress(session, 603, True)]
    session.hangup(pair.now)
    assert pair.clean()


def test_verbs_that_do_not_fit_are_errors() -> None:
    pair = Pair(answers=False)
    session = pair.call()
    with pytest.raises(WrongStateError):
        session.reinvite(sdp(), pair.now)
    with pytest.raises(WrongStateError):
        session.refer("sip:x@y", pair.now)
    with pytest.raises(WrongStateError):
        session.info("text/plain", b"x", pair.now)
    for verb in (session.ring, lambda now: session.answer(sdp(), now), lambda now: session.reject(486, now)):
        with pytest.raises(WrongStateError):
            verb(pair.now)
    with pytest.raises(WrongStateError):
        pair.incoming.cancel(pair.now)
    pair.incoming.answer(sdp(B[0]), pair.now)
    with pytest.raises(WrongStateError):
        pair.incoming.answer(sdp(B[0]), pair.now)
    before = pair.link.lines()
    pair.incoming.answer_offer(sdp(B[0]), pair.now)
    pair.incoming.reject_offer(488, pair.now)
    assert pair.link.lines() == before
    pair.link.run(1.0)
    session.hangup(pair.now)
    session.hangup(pair.now)
    assert pair.clean()


# Anything, over a bad line


class Actor:
    """Does what chance says, at times that chance says."""

    def __init__(self, link: Link, stack: Stack, chance: random.Random) -> None:
        self.link, self.stack, self.chance = link, stack, chance
        self.sessions: list[Session] = []
        self.over: dict[str, int] = {}

    def soon(self, session: Session, do: Callable[[], None]) -> None:
        def guarded() -> None:
            if not session.ended:
                try:
                    do()
                except WrongStateError:
                    return

        self.link.after(self.chance.choice((0.0, 0.02, 0.4, 3.0)), guarded)

    def on_event(self, event: object) -> None:
        now, chance = self.link.now, self.chance
        match event:
            case IncomingCall(session=session):
                self.sessions.append(session)
                session.takes_refers = chance.random() < 0.7
                match chance.randrange(5):
                    case 0:
                        self.soon(session, lambda: session.reject(486, self.link.now))
                    case 1:
                        session.ring(now)
                        self.soon(session, lambda: session.answer(sdp(B[0]), self.link.now))
                    case 2:
                        if session.remote_sdp is not None or session.can_be_reliable:
                            session.progress(sdp(B[0]), now)
                        self.soon(session, lambda: session.ring(self.link.now))
                        self.soon(session, lambda: session.update(sdp(B[0], version=4), self.link.now))
                        self.soon(session, lambda: session.answer(sdp(B[0]), self.link.now))
                    case _:
                        session.answer(sdp(B[0]), now)
                        self.soon(session, lambda: session.hangup(self.link.now))
                # Nobody rings for ever.
                self.link.after(40.0, lambda: session.hangup(self.link.now))
            case Answered(session=session, wants_answer=wants):
                session.takes_refers = chance.random() < 0.7
                if wants:
                    self.soon(session, lambda: session.answer_offer(sdp(), self.link.now))
                self.busy(session)
            case Confirmed(session=session):
                self.busy(session)
            case Offer(session=session):
                if chance.random() < 0.3:
                    session.reject_offer(488, now)
                else:
                    self.soon(session, lambda: session.answer_offer(sdp(version=3), self.link.now))
            case Ended(session=session) | Rejected(session=session):
                self.over[session.id] = self.over.get(session.id, 0) + 1
            case Ringing(session=session, wants_answer=wants):
                if wants:
                    self.soon(session, lambda: session.answer_offer(sdp(), self.link.now))
                if chance.random() < 0.2:
                    session.hangup(now)
                elif chance.random() < 0.3:
                    self.soon(session, lambda: session.update(sdp(version=5), self.link.now))
            case IncomingRefer(session=session):
                if chance.random() < 0.3:
                    session.reject_refer(403, now)
                else:
                    self.soon(session, lambda: session.accept_refer(self.link.now))
                    for status in (180, 183, chance.choice((200, 486))):
                        self.link.after(chance.uniform(0, 9), lambda s=status: session.notify_refer(s, self.link.now))

    def busy(self, session: Session) -> None:
        for _ in range(self.chance.randrange(3)):
            verb = self.chance.choice(("reinvite", "update", "info", "refer"))
            match verb:
                case "reinvite":
                    self.soon(session, lambda: session.reinvite(sdp(version=2), self.link.now))
                case "update":
                    self.soon(session, lambda: session.update(sdp(version=2), self.link.now))
                case "info":
                    self.soon(session, lambda: session.info("application/dtmf", b"1", self.link.now))
                case _:
                    self.soon(session, lambda: session.refer("sip:x@y", self.link.now))
        self.link.after(self.chance.choice((10, 60, 400)), lambda: session.hangup(self.link.now))


TIMERS = ((1800, 90, "accept"), (90, 90, "request"), (200, 120, "request"), (300, 90, "refuse"))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), bad=st.booleans())
def test_over_a_bad_line_every_call_ends_and_nothing_is_left(seed: int, bad: bool) -> None:
    impairment = Impairment(delay=0.02, jitter=0.3, loss=0.25, duplicate=0.1) if bad else Impairment(delay=0.02)
    link = Link(impairment, seed)
    chance = random.Random(seed)
    timers = [SessionTimerPolicy(*chance.choice(TIMERS)) for _ in range(2)]
    a, b = make_stack(seed, session_timer=timers[0]), make_stack(seed + 1, session_timer=timers[1])
    caller, called = Actor(link, a, chance), Actor(link, b, chance)
    link.join(a, A, caller.on_event)
    link.join(b, B, called.on_event)

    def place() -> None:
        old = chance.choice(caller.sessions) if caller.sessions and chance.random() < 0.3 else None
        replaces = old.as_replaced() if old is not None and old.dialog is not None else None
        session = a.invite(invite(FLOW, sdp=chance.choice((sdp(), None)), replaces=replaces), link.now)
        caller.sessions.append(session)
        link.after(chance.uniform(0.0, 50), lambda: session.hangup(link.now))

    for _ in range(8):
        link.after(chance.uniform(0, 20), place)
    link.run(2000.0)
    assert a.counts == b.counts == NOTHING
    for actor in (caller, called):
        assert all(session.state is SessionState.ENDED for session in actor.sessions)
        assert all(count == 1 for count in actor.over.values())
