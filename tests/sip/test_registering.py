from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip import Account, Challenger, Request, Response, Uri, Verified, make_response, parse_message
from ivr.sip.layer import Tokens
from ivr.sip.registering import FindPlaces, Place, Registering, RegisteringConfig, RegisterState, SendRegister
from ivr.sip.registering_rules import BASE, CAP, MAX_RETRY_AFTER, back_off, refresh_after
from tests.kit.sip import rng

PASSWORD = "geheim-4711"
ONE = Place("udp:192.0.2.10:5060", "sip:4711@192.0.2.2:5060")
TWO = Place("udp:192.0.2.11:5060", "sip:4711@192.0.2.2:5060")


class Line:
    """A registration and whoever answers it."""

    def __init__(self, *, expires: int = 3600, places: Sequence[Place] = (ONE, TWO), realm: str | None = None) -> None:
        account = Account("4711", PASSWORD, realm)
        config = RegisteringConfig(
            Uri.parse("sip:4711@example.net"), Uri.parse("sip:example.net"), account, expires, "urn:uuid:1"
        )
        self.core = Registering(config, Tokens(rng(3)), lambda: 0.5)
        self.now = 1000.0
        self.places = places
        self.sent: list[SendRegister] = []
        self.text: list[str] = []

    def start(self) -> SendRegister:
        self.core.start(self.now)
        return self.next()

    def drain(self) -> list[SendRegister]:
        """Do what it wants; the requests it sent."""
        new: list[SendRegister] = []
        while self.core.outputs:
            output = self.core.outputs.popleft()
            if isinstance(output, FindPlaces):
                self.core.found(self.places, self.now)
            else:
                new.append(output)
        self.sent += new
        self.text += [send.request.encode("SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKx").decode() for send in new]
        return new

    def next(self) -> SendRegister:
        (send,) = self.drain()
        return send

    def request(self, send: SendRegister) -> Request:
        message = parse_message(send.request.encode("SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKx"))
        assert isinstance(message, Request)
        return message

    def reply(self, send: SendRegister, status: int, *headers: tuple[str, str]) -> list[SendRegister]:
        """Answer a request; what it sends then."""
        response = make_response(self.request(send), status, to_tag="r", headers=headers)
        again = parse_message(response.encode())
        assert isinstance(again, Response)
        self.core.response(send.number, again, self.now)
        return self.drain()

    def accept(self, send: SendRegister, expires: int | None = None) -> list[SendRegister]:
        contact = self.request(send).contacts[0]
        seconds = contact.params["expires"] if expires is None else str(expires)
        return self.reply(send, 200, ("Contact", f"<{contact.uri}>;expires={seconds}"))

    def wait(self) -> list[SendRegister]:
        """To the next thing that is due."""
        when = self.core.next_timer()
        assert when is not None
        self.now = max(self.now, when)
        self.core.timer(self.now)
        return self.drain()


def test_a_registration_is_renewed_before_it_runs_out() -> None:
    line = Line(expires=600)
    first = line.start()
    request = line.request(first)
    assert (request.method, str(request.uri), request.from_.uri.user) == ("REGISTER", "sip:example.net", "4711")
    assert request.contacts[0].params["expires"] == "600" and request.expires == 600
    assert request.contacts[0].params["+sip.instance"] == "<urn:uuid:1>"
    assert line.accept(first, 300) == []
    assert line.core.registered(line.now) and line.core.reason == "" and line.core.granted == 300
    (again,) = line.wait()
    assert 1000 + 0.7 * 300 < line.now < 1000 + 0.9 * 300
    second = line.request(again)
    assert second.cseq == request.cseq + 1 and second.call_id == request.call_id
    line.accept(again, 300)
    assert line.core.registered(line.now + 299) and not line.core.registered(line.now + 300)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
@pytest.mark.parametrize(("status", "header"), [(401, "WWW-Authenticate"), (407, "Proxy-Authenticate")])
def test_a_challenge_is_answered_and_its_nonce_used_again(algorithm: str, status: int, header: str) -> None:
    challenger = Challenger("example.net", b"k" * 32, algorithms=(algorithm,), nonce_lifetime=1000)
    line = Line(expires=600)

    def verdict(send: SendRegister) -> object:
        request = line.request(send)
        name = "Authorization" if status == 401 else "Proxy-Authorization"
        return challenger.verify(
            request.get_all(name), "REGISTER", request.uri, lambda user: PASSWORD, request.body, line.now
        )

    def challenge(stale: bool = False) -> tuple[tuple[str, str], ...]:
        return tuple((header, text) for text in challenger.challenge(line.now, stale))

    (again,) = line.reply(line.start(), status, *challenge())
    assert isinstance(verdict(again), Verified)
    line.accept(again)
    (refresh,) = line.wait()
    assert isinstance(verdict(refresh), Verified), "no challenge in between"
    line.accept(refresh)
    line.now += 2000
    (late,) = line.wait()
    assert not isinstance(verdict(late), Verified)
    (last,) = line.reply(late, status, *challenge(stale=True))
    assert isinstance(verdict(last), Verified)
    line.accept(last)
    assert line.core.registered(line.now)
    assert not any(PASSWORD in text for text in line.text)
    assert PASSWORD not in repr(line.core) + repr(line.core._config)


def test_a_wrong_password_is_not_tried_again_at_once() -> None:
    line = Line()
    challenge = ("WWW-Authenticate", 'Digest realm="r", nonce="n{}", qop="auth"')
    (again,) = line.reply(line.start(), 401, (challenge[0], challenge[1].format(1)))
    assert line.reply(again, 401, (challenge[0], challenge[1].format(2))) == []
    assert line.core.state is RegisterState.WAITING and line.core.reason == "the password is refused"
    begin = line.now
    line.wait()
    assert line.now - begin >= 30


def test_a_stale_nonce_and_a_proxy_are_no_wrong_password() -> None:
    line = Line()
    plain, stale = 'Digest realm="r", nonce="a"', 'Digest realm="r", nonce="b", stale=true'
    (second,) = line.reply(line.start(), 401, ("WWW-Authenticate", plain))
    (third,) = line.reply(second, 401, ("WWW-Authenticate", stale))
    assert line.reply(third, 401, ("WWW-Authenticate", stale)) == [], "two answers at most"
    line = Line()
    (second,) = line.reply(line.start(), 407, ("Proxy-Authenticate", 'Digest realm="p", nonce="a"'))
    (third,) = line.reply(second, 401, ("WWW-Authenticate", plain))
    assert line.request(third).get("Proxy-Authorization") and line.request(third).get("Authorization")
    line.accept(third)
    (refresh,) = line.wait()
    assert line.request(refresh).get("Authorization") is None, "two realms at once are not remembered"


@pytest.mark.parametrize("realm", [None, "own"])
def test_the_password_is_for_one_realm(realm: str | None) -> None:
    line = Line(realm=realm)
    if realm is None:
        (again,) = line.reply(line.start(), 401, ("WWW-Authenticate", 'Digest realm="own", nonce="a"'))
        line.accept(again)
        (send,) = line.wait()
    else:
        send = line.start()
    assert line.reply(send, 401, ("WWW-Authenticate", 'Digest realm="other", nonce="a"')) == []
    assert line.core.reason == "a challenge for another realm: other"


def test_a_redirection_is_not_followed() -> None:
    line = Line()
    assert line.reply(line.start(), 302, ("Contact", "<sip:evil.example>")) == []
    assert line.core.state is RegisterState.WAITING and line.core.reason == "302 Moved Temporarily"


def test_too_brief_an_interval_is_lengthened_once() -> None:
    line = Line(expires=60)
    (again,) = line.reply(line.start(), 423, ("Min-Expires", "1800"))
    assert line.request(again).expires == 1800
    assert line.reply(again, 423, ("Min-Expires", "1801")) == []
    assert line.core.state is RegisterState.WAITING
    for bad in ("", "59", "99999999", "x"):
        line = Line(expires=60)
        assert line.reply(line.start(), 423, ("Min-Expires", bad)) == []


def test_places_are_tried_in_turn_and_the_one_that_works_first() -> None:
    line = Line(expires=600)
    first = line.start()
    assert first.place is ONE
    line.core.failed(first.number, 408, line.now)
    second = line.next()
    assert second.place is TWO
    line.accept(second)
    (refresh,) = line.wait()
    assert refresh.place is TWO
    (back,) = line.reply(refresh, 503, ("Retry-After", "120 (maintenance)"))
    assert back.place is ONE and line.core.registered(line.now), "what was granted still holds"
    line.core.failed(back.number, 503, line.now)
    assert line.drain() == [] and line.core.reason == "no connection"
    begin = line.now
    while not (sent := line.wait()):
        pass
    assert line.now - begin >= 120
    assert sent[0].place is ONE
    line.reply(sent[0], 503, ("Retry-After", "99999999"))
    line.core.failed(line.sent[-1].number, 408, line.now)
    while not line.wait():
        pass
    assert line.now - begin < 120 + MAX_RETRY_AFTER + CAP


def test_a_lost_connection_is_made_anew_at_once() -> None:
    line = Line(expires=600)
    line.accept(line.start())
    line.core.lost(line.now)
    begin = line.now
    (again,) = line.wait()
    assert line.now - begin <= 1.0 and line.core.registered(line.now)
    line.core.failed(again.number, 503, line.now)
    line.core.failed(line.next().number, 503, line.now)
    assert not line.core.registered(line.now), "nobody can call by a connection that is gone"


def test_a_sign_of_life_ends_the_waiting() -> None:
    line = Line(places=())
    line.core.start(line.now)
    assert line.drain() == [] and line.core.reason == "the registrar has no address"
    line.places = (ONE,)
    line.core.hurry(line.now)
    begin = line.now
    assert line.wait() and line.now - begin <= 1.0


def test_it_is_taken_back_at_the_end() -> None:
    line = Line()
    challenge = ("WWW-Authenticate", 'Digest realm="r", nonce="n{}", qop="auth", stale={}')
    (again,) = line.reply(line.start(), 401, (challenge[0], challenge[1].format(1, "false")))
    line.accept(again)
    line.core.stop(line.now)
    last = line.next()
    assert line.request(last).expires == 0 and line.request(last).contacts[0].params["expires"] == "0"
    (more,) = line.reply(last, 401, (challenge[0], challenge[1].format(2, "true")))
    assert line.request(more).expires == 0
    line.reply(more, 200)
    assert line.core.state is RegisterState.STOPPED and line.core.next_timer() is None
    line.core.stop(line.now)
    assert line.drain() == []


def test_the_end_waits_for_nobody() -> None:
    line = Line()
    line.core.stop(line.now)
    assert line.core.state is RegisterState.STOPPED
    line = Line()
    line.accept(line.start())
    line.core.stop(line.now)
    line.next()
    begin = line.now
    line.wait()
    assert line.core.state is RegisterState.STOPPED and line.now - begin <= 2.0


@pytest.mark.parametrize(
    ("contact", "header", "granted"),
    [
        ("<sip:4711@192.0.2.2:5060>;expires=120", None, 120),
        ("<sip:4711@192.0.2.2:5060;transport=udp;x=y>;expires=120", "90", 120),
        ("<sip:other@192.0.2.9>;expires=5, <sip:4711@192.0.2.2:5060>;expires=120", None, 120),
        ("<sip:4711@203.0.113.9:61234>;expires=70", None, 70),
        ("<sip:a@192.0.2.8>;expires=5, <sip:b@192.0.2.9>;expires=6", "300", 300),
        ("<sip:4711@192.0.2.2:5060>", "200", 200),
        (None, None, 3600),
        (None, "999999", 3600),
    ],
)
def test_what_is_granted(contact: str | None, header: str | None, granted: int) -> None:
    line = Line(expires=3600)
    headers = [("Contact", contact)] if contact else []
    headers += [("Expires", header)] if header else []
    line.reply(line.start(), 200, *headers, ("Service-Route", "<sip:edge.example.net;lr>"), ("Path", "<sip:p;lr>"))
    assert line.core.granted == granted


def test_a_registrar_that_keeps_nothing_is_none() -> None:
    line = Line(places=(ONE,))
    line.reply(line.start(), 200, ("Expires", "0"))
    assert not line.core.registered(line.now) and line.core.reason == "the registrar keeps nothing"


@given(st.integers(0, 200), st.floats(0, 1, exclude_max=True))
def test_the_wait_grows_to_its_cap(failures: int, fraction: float) -> None:
    most = min(CAP, BASE * 2.0 ** min(failures, 30))
    assert most / 2 <= back_off(failures, fraction) <= most


@given(st.integers(1, 86400), st.floats(0, 1, exclude_max=True))
def test_a_refresh_goes_out_in_time(granted: int, fraction: float) -> None:
    after = refresh_after(float(granted), fraction)
    assert 0 < after <= 0.9 * granted


events = st.lists(
    st.tuples(
        st.sampled_from(
            (
                "200",
                "short",
                "401",
                "stale",
                "other",
                "407",
                "423",
                "503",
                "404",
                "fail",
                "late",
                "lost",
                "hurry",
                "wait",
                "move",
                "gone",
                "stop",
            )
        ),
        st.integers(0, 3),
    ),
    max_size=60,
)


@given(events)
def test_whatever_happens_it_goes_on(steps: list[tuple[str, int]]) -> None:
    line = Line(expires=600, realm="r")
    line.core.start(line.now)
    line.drain()
    nonce = 0
    for what, number in steps:
        open_ = [send for send in line.sent if send.number == line.core._number and line.core._used is not None]
        send = open_[-1] if open_ else None
        nonce += 1
        realm = "other" if what == "other" else "r"
        stale = ", stale=true" if what == "stale" else ""
        digest = f'Digest realm="{realm}", nonce="{nonce}", qop="auth"{stale}'
        if what == "lost":
            line.core.lost(line.now)
        elif what == "hurry":
            line.core.hurry(line.now)
        elif what == "wait" and line.core.next_timer() is not None:
            line.wait()
        elif what == "move":
            line.places = (ONE, TWO)[:number]
        elif what == "stop" and number == 0:
            line.core.stop(line.now)
        elif what == "late" and len(line.sent) > 1:
            line.reply(line.sent[0], 200)
        elif send is None:
            continue
        elif what == "200":
            line.accept(send)
        elif what == "short":
            line.accept(send, number)
        elif what in ("401", "stale", "other"):
            line.reply(send, 401, ("WWW-Authenticate", digest))
        elif what == "407":
            line.reply(send, 407, ("Proxy-Authenticate", digest))
        elif what == "423":
            line.reply(send, 423, ("Min-Expires", str(600 + number)))
        elif what == "503":
            line.reply(send, 503, ("Retry-After", str(number)))
        elif what == "404":
            line.reply(send, 404)
        elif what == "fail":
            line.core.failed(send.number, 408, line.now)
        line.drain()
        core = line.core
        waiting = core._used is not None
        assert core.state is RegisterState.STOPPED or waiting or core._timer is not None, "it stands still"
        assert core.registered(line.now) or core.reason or waiting
        if core.state is RegisterState.STOPPED:
            assert not core.registered(line.now) and core.next_timer() is None
    assert [line.request(send).cseq for send in line.sent] == sorted({line.request(send).cseq for send in line.sent})
    assert not any('realm="other"' in text or PASSWORD in text for text in line.text)
