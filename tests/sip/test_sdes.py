"""Keys in session descriptions: what is read, chosen, refused and kept (RFC 4568)."""

from __future__ import annotations

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip import sdes
from ivr.sip.errors import NotAcceptableError
from ivr.sip.negotiate import Agreed, Capabilities, agreed, answer, offer
from ivr.sip.sdes import FRESH_OCTETS, KEY_OCTETS, SUITES, CryptoKey
from ivr.sip.sdp import Media, Sdp

LONG, SHORT = SUITES
KEY = bytes(range(30))
B64 = base64.b64encode(KEY).decode()
OURS = "192.0.2.1"
THEIRS = "198.51.100.7"


def caps(srtp: str, **other: object) -> Capabilities:
    return Capabilities(srtp=srtp, **other)  # type: ignore[arg-type]


def chance(seed: int) -> bytes:
    return random.Random(seed).randbytes(FRESH_OCTETS)


def media(*lines: str) -> Media:
    return Media("audio", 4000, "RTP/SAVP", ["0"], attributes=[("crypto", line) for line in lines])


def description(*streams: tuple[str, tuple[str, ...]], host: str = THEIRS, port: int = 4000) -> Sdp:
    """An offer or answer of streams: profile and attributes."""
    text = f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
    for k, (profile, attributes) in enumerate(streams):
        text += f"m=audio {port + 2 * k} {profile} 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
        text += "".join(f"a={attribute}\r\n" for attribute in attributes)
    return Sdp.parse(text.encode())


def crypto(tag: int = 1, suite: str = LONG, key: bytes = KEY, more: str = "") -> str:
    return f"crypto:{tag} {suite} inline:{base64.b64encode(key).decode()}{more}"


def answered(remote: Sdp, srtp: str, previous: Agreed | None = None, seed: int = 1) -> tuple[Sdp, Agreed]:
    return answer(remote, caps(srtp), OURS, 30000, session_id=1, version=1, previous=previous, fresh=chance(seed))


def offered(srtp: str, previous: Sdp | None = None, seed: int = 1) -> Sdp:
    return offer(caps(srtp), OURS, 30000, session_id=1, version=1, previous=previous, fresh=chance(seed))


# Lines


@pytest.mark.parametrize(
    "line",
    [
        f"1 {LONG} inline:{B64}",
        f"1 {LONG} inline:{B64}|2^31",
        f"1 {LONG} inline:{B64}|1048576",
        f"1 {LONG.lower()} INLINE:{B64}|2^48 WSH=1024 -KDR=7",
        f"1  {LONG}  inline:{B64} ",
    ],
)
def test_lines_that_can_be_honoured(line: str) -> None:
    (found,) = sdes.offered(media(line))
    assert (found.tag, found.key) == (1, CryptoKey(LONG, KEY))


@pytest.mark.parametrize(
    "line",
    [
        f"1 {LONG} inline:{B64}|2^20|1:4",  # a master key index is in the packets then
        f"1 {LONG} inline:{B64}|1:4",
        f"1 {LONG} inline:{B64};inline:{B64}",
        f"1 {LONG} inline:{B64}|2^49",
        f"1 {LONG} inline:{B64}|2^999",
        f"1 {LONG} inline:{B64}|0",
        f"1 {LONG} inline:{B64} KDR=1",
        f"1 {LONG} inline:{B64} UNENCRYPTED_SRTP",
        f"1 {LONG} inline:{B64} UNENCRYPTED_SRTCP",
        f"1 {LONG} inline:{B64} UNAUTHENTICATED_SRTP",
        f"1 {LONG} inline:{B64} FEC_ORDER=FEC_SRTP",
        f"1 {LONG} inline:{B64} WSH=32",
        f"1 {LONG} inline:{B64} SOMETHING",
        f"1 {LONG} inline:{B64[:-4]}",
        f"1 {LONG} inline:{B64}AAAA",
        f"1 {LONG} inline:{B64[:-1]}*",
        f"1 {LONG} https://keys.example/1",
        f"1 AES_256_CM_HMAC_SHA1_80 inline:{B64}",
        f"1 F8_128_HMAC_SHA1_80 inline:{B64}",
        f"one {LONG} inline:{B64}",
        f"1234567890 {LONG} inline:{B64}",
        f"1 {LONG}",
        "",
    ],
)
def test_lines_that_cannot_be_honoured_are_passed_over(line: str) -> None:
    assert sdes.offered(media(line)) == []
    good = f"2 {SHORT} inline:{B64}"
    assert [found.tag for found in sdes.offered(media(line, good))] == [2]


def test_a_tag_that_stands_twice_counts_the_first_time() -> None:
    found = sdes.offered(media(f"1 {LONG} inline:{B64}", f"1 {SHORT} inline:{B64}"))
    assert [one.key.suite for one in found] == [LONG]


@given(st.text(max_size=200))
def test_no_line_raises(line: str) -> None:
    sdes.offered(media(line, f"1 {LONG} {line}", f"1 {LONG} inline:{B64}{line}"))


def test_a_key_is_not_shown() -> None:
    _, terms = answered(description(("RTP/SAVP", (crypto(),))), "required")
    assert terms.crypto_in is not None
    shown = repr(terms) + repr(terms.crypto_in) + str(terms)
    assert B64 not in shown
    assert repr(KEY)[2:-1] not in shown


# Answers


def test_an_encrypted_offer_is_answered_with_its_first_good_line() -> None:
    remote = description(("RTP/SAVP", (crypto(3, "AES_256_CM_HMAC_SHA1_80"), crypto(7, SHORT), crypto(8, LONG))))
    for srtp in ("optional", "required"):
        local, terms = answered(remote, srtp)
        (stream,) = local.media
        assert stream.protocol == "RTP/SAVP"
        (line,) = sdes.offered(stream)
        assert (line.tag, line.key) == (7, terms.crypto_out)
        assert terms.crypto_in == CryptoKey(SHORT, KEY)
        assert terms.crypto_out is not None
        assert terms.crypto_out.key != KEY
        assert terms.crypto_out.key in chance(1)


@pytest.mark.parametrize(
    ("srtp", "profile", "lines", "protocol", "secure"),
    [
        ("off", "RTP/AVP", (), "RTP/AVP", False),
        ("off", "RTP/AVP", (crypto(),), "RTP/AVP", False),
        ("off", "RTP/SAVP", (crypto(),), None, False),
        ("optional", "RTP/AVP", (), "RTP/AVP", False),
        ("optional", "RTP/AVP", (crypto(),), "RTP/AVP", True),
        ("optional", "RTP/SAVPF", (crypto(),), "RTP/SAVPF", True),
        ("optional", "RTP/SAVP", (), None, False),
        ("optional", "RTP/SAVP", ("fingerprint:sha-256 AA", "setup:actpass"), None, False),
        ("required", "RTP/AVP", (), None, False),
        ("required", "RTP/AVP", (crypto(more="|2^20|1:4"),), None, False),
        ("required", "RTP/AVP", (crypto(),), "RTP/AVP", True),
        ("required", "RTP/SAVP", (crypto(),), "RTP/SAVP", True),
        ("required", "RTP/SAVP", (), None, False),
    ],
)
def test_what_each_policy_answers(
    srtp: str, profile: str, lines: tuple[str, ...], protocol: str | None, secure: bool
) -> None:
    remote = description((profile, lines))
    if protocol is None:
        with pytest.raises(NotAcceptableError) as refused:
            answered(remote, srtp)
        assert refused.value.status == 488
        return
    local, terms = answered(remote, srtp)
    assert local.media[0].protocol == protocol
    assert (terms.crypto_in is not None) == (terms.crypto_out is not None) == secure
    assert (local.media[0].get("crypto") is not None) == secure


@pytest.mark.parametrize(("srtp", "taken"), [("off", 0), ("optional", 1), ("required", 1)])
def test_of_two_streams_the_one_that_fits_is_taken(srtp: str, taken: int) -> None:
    local, terms = answered(description(("RTP/AVP", ()), ("RTP/SAVP", (crypto(),))), srtp)
    assert [bool(stream.port) for stream in local.media] == [taken == 0, taken == 1]
    assert terms.remote_port == 4000 + 2 * taken


def test_our_key_stays_while_the_peers_does_and_it_does_not_move() -> None:
    _, first = answered(description(("RTP/SAVP", (crypto(),))), "required")
    held = description(("RTP/SAVP", (crypto(), "sendonly")))
    _, second = answered(held, "required", first, seed=2)
    assert second.crypto_out == first.crypto_out
    for changed in (
        description(("RTP/SAVP", (crypto(key=bytes(30)),))),
        description(("RTP/SAVP", (crypto(),)), port=5000),
        description(("RTP/SAVP", (crypto(),)), host="198.51.100.8"),
        description(("RTP/SAVP", (crypto(suite=SHORT),))),
    ):
        _, third = answered(changed, "required", first, seed=2)
        assert third.crypto_out is not None
        assert third.crypto_out != first.crypto_out
        assert third.crypto_out.key in chance(2)


# Offers


def test_offers_of_each_policy() -> None:
    assert (offered("off").media[0].protocol, sdes.offered(offered("off").media[0])) == ("RTP/AVP", [])
    for srtp, profile in (("optional", "RTP/AVP"), ("required", "RTP/SAVP")):
        (stream,) = offered(srtp).media
        assert stream.protocol == profile
        lines = sdes.offered(stream)
        assert [(line.tag, line.key.suite) for line in lines] == [(1, LONG), (2, SHORT)]
        assert lines[0].key.key != lines[1].key.key
        assert {len(line.key.key) for line in lines} == {KEY_OCTETS}


def test_keys_of_an_offer_differ_from_call_to_call_and_stay_within_one() -> None:
    first, other = offered("required", seed=1), offered("required", seed=2)
    assert {one.key.key for one in sdes.offered(first.media[0])}.isdisjoint(
        one.key.key for one in sdes.offered(other.media[0])
    )
    again = offered("required", previous=first, seed=3)
    assert sdes.offered(again.media[0]) == sdes.offered(first.media[0])
    local, terms = answered(description(("RTP/SAVP", (crypto(),))), "optional")
    after = offered("optional", previous=local, seed=4)
    assert after.media[0].protocol == "RTP/SAVP"
    assert terms.crypto_out in [one.key for one in sdes.offered(after.media[0])]


def test_too_little_chance_is_an_error_and_never_a_weak_key() -> None:
    with pytest.raises(ValueError, match="chance"):
        offer(caps("optional"), OURS, 30000, session_id=1, version=1)


@pytest.mark.parametrize(("tag", "suite"), [(1, LONG), (2, SHORT)])
@pytest.mark.parametrize(("srtp", "profile"), [("optional", "RTP/AVP"), ("required", "RTP/SAVP")])
def test_the_answer_names_the_line_that_it_takes(tag: int, suite: str, srtp: str, profile: str) -> None:
    local = offered(srtp)
    terms = agreed(local, description((profile, (crypto(tag, suite),))))
    assert terms.crypto_in == CryptoKey(suite, KEY)
    assert terms.crypto_out == sdes.offered(local.media[0])[tag - 1].key


@pytest.mark.parametrize(
    ("srtp", "profile", "lines"),
    [
        ("required", "RTP/SAVP", ()),
        ("required", "RTP/AVP", ()),
        ("required", "RTP/SAVP", (crypto(9),)),
        ("required", "RTP/SAVP", (crypto(1, SHORT),)),
        ("required", "RTP/SAVP", (crypto(1, more="|2^20|1:4"),)),
        ("optional", "RTP/AVP", (crypto(9),)),
        ("optional", "RTP/SAVP", ()),
        ("off", "RTP/SAVP", (crypto(),)),
    ],
)
def test_answers_that_would_not_be_encrypted_as_offered_are_refused(
    srtp: str, profile: str, lines: tuple[str, ...]
) -> None:
    with pytest.raises(NotAcceptableError):
        agreed(offered(srtp), description((profile, lines)))


def test_a_plain_answer_to_an_optional_offer_is_a_plain_call() -> None:
    terms = agreed(offered("optional"), description(("RTP/AVP", ())))
    assert terms.crypto_out is terms.crypto_in is None


# One port for RTP and RTCP


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("theirs", [True, False])
def test_rtcp_shares_the_port_where_both_want_it(wanted: bool, theirs: bool) -> None:
    remote = description(("RTP/AVP", ("rtcp-mux",) if theirs else ()))
    ours = caps("off", rtcp_mux=wanted)
    local, terms = answer(remote, ours, OURS, 30000, session_id=1, version=1)
    assert terms.rtcp_mux is (wanted and theirs)
    assert (local.media[0].get("rtcp-mux") is not None) is (wanted and theirs)
    mine = offer(ours, OURS, 30000, session_id=1, version=1)
    assert (mine.media[0].get("rtcp-mux") is not None) is wanted
    assert agreed(mine, remote).rtcp_mux is (wanted and theirs)


def test_payload_types_that_look_like_rtcp_keep_their_ports_apart() -> None:
    remote = Sdp.parse(
        f"v=0\r\no=- 1 1 IN IP4 {THEIRS}\r\ns=-\r\nc=IN IP4 {THEIRS}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 72\r\n"
        "a=rtpmap:72 telephone-event/8000\r\na=rtcp-mux\r\n".encode()
    )
    _, terms = answer(remote, caps("off", rtcp_mux=True), OURS, 30000, session_id=1, version=1)
    assert (terms.event_type, terms.rtcp_mux) == (72, False)


# Both sides at once


@given(
    policies=st.tuples(*[st.sampled_from(["off", "optional", "required"])] * 2),
    mux=st.tuples(st.booleans(), st.booleans()),
    rounds=st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=6),
)
def test_both_sides_come_to_the_same_keys_round_after_round_or_to_none(
    policies: tuple[str, str], mux: tuple[bool, bool], rounds: list[tuple[bool, bool, bool]]
) -> None:
    """Each round says who offers, whether he holds, and whether he has another address."""
    sides = [caps(policy, rtcp_mux=shared) for policy, shared in zip(policies, mux, strict=True)]
    hosts, ports = [OURS, THEIRS], [30000, 40000]
    terms: list[Agreed | None] = [None, None]
    locals_: list[Sdp | None] = [None, None]
    impossible = "required" in policies and "off" in policies
    for number, (other, hold, moves) in enumerate([(False, False, False), *rounds]):
        a, b = (1, 0) if other else (0, 1)
        if moves and number:
            hosts[a] = f"203.0.113.{number}"
        previous = None if moves else locals_[a]
        mine = offer(
            sides[a], hosts[a], ports[a], session_id=1, version=number,
            hold=hold, previous=previous, fresh=chance(number),
        )  # fmt: skip
        try:
            reply, theirs = answer(
                Sdp.parse(mine.encode()), sides[b], hosts[b], ports[b],
                session_id=2, version=number, previous=terms[b], fresh=chance(100 + number),
            )  # fmt: skip
        except NotAcceptableError:
            assert impossible
            return
        ours = agreed(mine, Sdp.parse(reply.encode()))
        assert not impossible
        assert (ours.crypto_out, ours.crypto_in) == (theirs.crypto_in, theirs.crypto_out)
        assert ours.rtcp_mux == theirs.rtcp_mux == all(mux)
        assert (ours.crypto_out is not None) == ("off" not in policies)
        before = terms[b]
        if ours.crypto_out is not None and before is not None and before.crypto_in is not None:
            if ours.crypto_out == before.crypto_in and not moves:
                assert theirs.crypto_out == before.crypto_out
            else:
                assert theirs.crypto_out != before.crypto_out
        terms[a], terms[b] = ours, theirs
        locals_[a], locals_[b] = mine, reply
