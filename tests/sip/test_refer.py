"""REFER within a call, both ways: what is told of it, what is taken over of a Refer-To, and what kills no call."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip import (
    BuildError,
    Ended,
    IncomingRefer,
    NameAddr,
    ParseError,
    ReferProgress,
    Replaces,
    Request,
    Uri,
    parse_message,
)
from ivr.sip.refer import ReferTarget, refer_event_id, refer_to, sipfrag
from tests.kit.pair import Pair
from tests.kit.sip import request, sdp


def refer(value: str, headers: str = "") -> Request:
    message = parse_message(request("REFER", headers=f"Refer-To: {value}\r\n{headers}"))
    assert isinstance(message, Request)
    return message


def taking(**more: object) -> Pair:
    """A call whose called party takes REFERs."""
    pair = Pair(**more)  # type: ignore[arg-type]
    pair.call()
    pair.incoming.takes_refers = True
    return pair


def progress(pair: Pair) -> list[tuple[int, bool]]:
    return [(event.status, event.final) for event in pair.end_a.events if isinstance(event, ReferProgress)]


def asked(pair: Pair) -> IncomingRefer:
    return next(event for event in reversed(pair.end_b.events) if isinstance(event, IncomingRefer))


def test_a_refer_is_told_of_to_its_end() -> None:
    pair = taking()
    pair.outgoing.refer("sip:x@192.0.2.9", pair.now, "<sip:me@here>", headers=(("User-to-User", "abc;encoding=hex"),))
    pair.link.run(0.5)
    event = asked(pair)
    assert str(event.target.uri) == "sip:x@192.0.2.9"
    assert event.target.headers == (("User-To-User", "abc;encoding=hex"),)
    assert event.target.referred_by == "<sip:me@here>"
    pair.incoming.accept_refer(pair.now)
    for status in (180, 180, 200, 486):
        pair.incoming.notify_refer(status, pair.now)
        pair.link.run(0.5)
    assert progress(pair) == [(202, False), (100, False), (180, False), (200, True)]
    states = [parse_message(data).get("Subscription-State") for data in pair.bytes_of(b"NOTIFY")]
    assert states == ["active;expires=180"] * 2 + ["terminated;reason=noresource"]
    pair.outgoing.hangup(pair.now)
    assert pair.clean()


def test_words_wait_for_each_other_and_only_the_latest_is_said() -> None:
    pair = taking()
    pair.outgoing.refer("sip:x@192.0.2.9", pair.now)
    pair.link.run(0.5)
    pair.incoming.accept_refer(pair.now)
    for status in (180, 183, 200):
        pair.incoming.notify_refer(status, pair.now)
    pair.link.run(1)
    assert progress(pair) == [(202, False), (100, False), (200, True)]
    pair.outgoing.hangup(pair.now)
    assert pair.clean()


def test_a_second_refer_names_itself() -> None:
    pair = taking()
    for status in (486, 200):
        pair.outgoing.refer("sip:x@192.0.2.9", pair.now)
        pair.link.run(0.5)
        pair.incoming.accept_refer(pair.now)
        pair.link.run(0.2)
        pair.incoming.notify_refer(status, pair.now)
        pair.link.run(0.5)
    events = [parse_message(data).get("Event") for data in pair.bytes_of(b"NOTIFY")]
    assert events == ["refer", "refer", "refer;id=3", "refer;id=3"]
    assert progress(pair)[-1] == (200, True)
    pair.outgoing.hangup(pair.now)
    assert pair.clean()


def test_one_refer_at_a_time() -> None:
    pair = taking()
    pair.outgoing.refer("sip:x@192.0.2.9", pair.now)
    pair.link.run(0.5)
    pair.outgoing.refer("sip:y@192.0.2.9", pair.now)
    pair.link.run(0.5)
    assert progress(pair) == [(491, True)]
    pair.incoming.reject_refer(403, pair.now)
    pair.link.run(0.5)
    assert progress(pair) == [(491, True)]  # of the first nobody wants to hear any more
    pair.outgoing.hangup(pair.now)
    assert pair.clean()


def test_without_leave_a_refer_is_declined() -> None:
    pair = Pair()
    pair.call()
    pair.outgoing.refer("sip:x@192.0.2.9", pair.now)
    pair.link.run(0.5)
    assert progress(pair) == [(603, True)]
    pair.outgoing.hangup(pair.now)
    assert pair.clean()


def test_an_unanswered_refer_is_a_refusal_and_the_call_goes_on() -> None:
    pair = taking()
    pair.link.impairment.drop = lambda data, _: data.startswith(b"REFER")
    pair.outgoing.refer("sip:x@192.0.2.9", pair.now)
    pair.link.run(40)
    assert progress(pair) == [(408, True)]
    assert not pair.said(Ended)
    pair.link.impairment.drop = None
    pair.outgoing.hangup(pair.now)
    assert pair.clean()


def test_a_peer_that_hangs_up_leaves_its_refer_unanswered() -> None:
    pair = taking()
    pair.outgoing.refer("sip:x@192.0.2.9", pair.now)
    pair.link.run(0.2)
    pair.outgoing.hangup(pair.now)
    pair.link.run(0.2)
    pair.incoming.accept_refer(pair.now)
    pair.incoming.notify_refer(200, pair.now)
    assert pair.clean()
    assert not pair.bytes_of(b"NOTIFY")


def test_nobody_wants_to_hear_of_it() -> None:
    pair = taking()
    lines = "Refer-To: <sip:x@192.0.2.9>\r\nRefer-Sub: false\r\nSupported: norefersub\r\n"
    pair.outgoing._send("REFER", pair.now, lines)
    pair.link.run(0.5)
    assert str(asked(pair).target.uri) == "sip:x@192.0.2.9"
    pair.incoming.accept_refer(pair.now)
    pair.incoming.notify_refer(200, pair.now)
    pair.link.run(0.5)
    assert not pair.bytes_of(b"NOTIFY")
    assert any(b"Refer-Sub: false" in data for data in pair.bytes_of(b"SIP/2.0 202"))
    pair.outgoing.hangup(pair.now)
    assert pair.clean()


def test_a_2xx_without_a_subscription_is_final() -> None:
    pair = taking()
    pair.outgoing.refer("sip:x@192.0.2.9", pair.now)
    pair.link.run(0.2)
    transaction, pair.incoming._server_refer = pair.incoming._server_refer, None
    assert transaction is not None
    pair.incoming._reply(transaction, 202, pair.now, "Refer-Sub: false\r\n")
    pair.link.run(0.2)
    assert progress(pair) == [(202, True)]
    pair.outgoing.hangup(pair.now)
    assert pair.clean()


def test_the_peer_unsubscribes_and_asks_again() -> None:
    pair = taking()
    pair.outgoing.refer("sip:x@192.0.2.9", pair.now)
    pair.link.run(0.2)
    pair.incoming.accept_refer(pair.now)
    pair.link.run(0.2)
    pair.outgoing._send("SUBSCRIBE", pair.now, "Event: presence\r\n")
    pair.outgoing._send("SUBSCRIBE", pair.now, "Event: refer\r\nExpires: 60\r\n")
    pair.link.run(0.5)
    assert len(pair.bytes_of(b"NOTIFY")) == 2
    pair.outgoing._send("SUBSCRIBE", pair.now, "Event: refer\r\nExpires: 0\r\n")
    pair.link.run(0.2)
    pair.incoming.notify_refer(200, pair.now)
    pair.link.run(0.5)
    assert len(pair.bytes_of(b"NOTIFY")) == 2
    assert "489" in pair.link.lines()
    assert not pair.said(Ended)
    pair.outgoing.hangup(pair.now)
    assert pair.clean()


def test_a_notify_for_nothing_is_481() -> None:
    pair = taking()
    pair.incoming._send("NOTIFY", pair.now, "Event: refer\r\nSubscription-State: active\r\n")
    pair.incoming._send("NOTIFY", pair.now, "Event: presence\r\nSubscription-State: active\r\n")
    pair.link.run(0.5)
    assert [line for line in pair.link.lines() if line in ("489", "481")] == ["481", "489"]
    assert not pair.said(Ended) and not pair.said(ReferProgress)
    pair.outgoing.hangup(pair.now)
    assert pair.clean()


def test_a_call_is_named_as_its_other_end_knows_it() -> None:
    pair = Pair()
    pair.call()
    named = pair.outgoing.as_replaced()
    assert (named.call_id, named.to_tag, named.from_tag) in pair.b.dialogs
    assert pair.incoming.as_replaced() == Replaces(named.call_id, named.from_tag, named.to_tag)
    pair.outgoing.hangup(pair.now)
    assert pair.clean()


# What is read and written


@pytest.mark.parametrize(
    "value",
    [
        "<sip:x@y>, <sip:z@y>",
        "<sip:x@y;method=BYE>",
        "<sip:x@y?Replaces=nonsense>",
        "<sip:x@y?Replaces=a%3Bto-tag%3Db>",
    ],
)
def test_what_is_no_target(value: str) -> None:
    with pytest.raises(ParseError):
        ReferTarget.of(refer(value))


def test_only_harmless_headers_are_taken_over() -> None:
    uri = (
        "<sip:x@192.0.2.9?User-to-User=616263%3Bencoding%3Dhex&X-Name=Agent%2C%20A&Route=%3Csip:evil%3E&From=me&"
        "X-Bad=a%0D%0AVia:%20b&Replaces=c1%3Bto-tag%3Dt%3Bfrom-tag%3Df%3Bearly-only>"
    )
    target = ReferTarget.of(refer(uri))
    assert str(target.uri) == "sip:x@192.0.2.9"
    assert target.headers == (("User-To-User", "616263;encoding=hex"), ("X-Name", "Agent, A"))
    assert target.replaces == Replaces("c1", "t", "f", True)


def test_a_target_that_would_break_the_message_is_not_sent() -> None:
    pair = Pair()
    pair.call()
    with pytest.raises((BuildError, ParseError)):
        pair.outgoing.refer("sip:x@y\r\nVia: z", pair.now)
    pair.outgoing.hangup(pair.now)
    assert pair.clean()


token = st.text("abcABC019-.", min_size=1, max_size=20)


@given(token, token, token, st.booleans(), st.text(max_size=30))
def test_a_refer_to_comes_back_as_it_was(call_id: str, one: str, two: str, early: bool, extra: str) -> None:
    replaces = Replaces(call_id, one, two, early)
    extra = "".join(c for c in extra if c.isprintable())
    value = refer_to(Uri("sip", "x", "192.0.2.9", 5070), replaces, (("X-Note", extra), ("User-To-User", "61")))
    parsed = NameAddr.parse(value).uri
    assert Replaces.parse(parsed.headers["Replaces"]) == replaces
    assert parsed.headers["X-Note"] == extra
    target = ReferTarget.of(refer(value))
    assert target.replaces == replaces and target.uri == Uri("sip", "x", "192.0.2.9", 5070)


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ("refer", (True, None)),
        ("Refer ; id=93809823", (True, 93809823)),
        ("refer;x=1;id=2", (True, 2)),
        ("refer;id=x", (True, None)),
        ("referral", (False, None)),
        (None, (False, None)),
    ],
)
def test_events(event: str | None, found: tuple[bool, int | None]) -> None:
    assert refer_event_id(event) == found


def test_a_fragment_is_one_line() -> None:
    assert sipfrag(486) == b"SIP/2.0 486 Busy Here\r\n"
    assert sipfrag(480, "Gone\r\nVia: x") == b"SIP/2.0 480 Gone  Via: x\r\n"


@pytest.mark.parametrize(
    "text", ["", "a", "a;to-tag=b", "a;from-tag=b", ";to-tag=a;from-tag=b", "a b;to-tag=a;from-tag=b"]
)
def test_what_names_no_dialog(text: str) -> None:
    with pytest.raises(ParseError):
        Replaces.parse(text)


# Whatever a peer writes into these headers, nothing breaks


@given(
    method=st.sampled_from(["REFER", "NOTIFY", "SUBSCRIBE", "PRACK", "UPDATE", "INVITE", "INFO"]),
    name=st.sampled_from(
        ["Refer-To", "Referred-By", "Refer-Sub", "Replaces", "RAck", "RSeq", "Session-Expires", "Min-SE", "Event"]
    ),
    value=st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\n\x00"), max_size=60)
    | st.from_regex(r"<sip:[a-z]{0,3}@[a-z0-9.]{1,9}(\?[A-Za-z-]{1,9}=[%0-9a-zA-Z;=-]{0,20})?>", fullmatch=True)
    | st.from_regex(r"[0-9a-z]{1,12}(;[a-z-]{1,9}(=[0-9a-z]{0,9})?){0,3}", fullmatch=True),
    state=st.sampled_from(["early", "confirmed"]),
)
def test_no_header_breaks_a_call(method: str, name: str, value: str, state: str) -> None:
    pair = Pair(answers=state == "confirmed")
    pair.call()
    incoming = pair.incoming
    incoming.takes_refers = True
    if state == "early":
        incoming.progress(sdp("192.0.2.2"), pair.now)
        pair.link.run(0.1)
    dialog = incoming.dialog
    assert dialog is not None
    data = request(
        method,
        to=f"<sip:100@192.0.2.2>;tag={incoming.local_tag}",
        from_=f"<sip:caller@192.0.2.1>;tag={incoming.remote_tag}",
        call_id=incoming.call_id,
        cseq=50,
        branch="z9hG4bKnoise",
        headers=f"{name}: {value}\r\n",
    )
    pair.link.inject(data, pair.end_a.address, pair.end_b.address)
    pair.link.run(1)
    incoming.reject_refer(403, pair.now)
    pair.outgoing.hangup(pair.now)
    incoming.hangup(pair.now)
    pair.link.run(300)
    assert pair.b.counts.sessions == pair.a.counts.sessions == 0
