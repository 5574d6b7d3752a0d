"""Which codec and which telephone-events are taken, and what the packets that we send last."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip.codecs import CODECS, choose, known_types, packet_time
from ivr.sip.negotiate import Agreed, Capabilities, agreed, answer, offer
from ivr.sip.sdp import Media, Sdp

ALL = ("opus", "g722", "pcma", "pcmu")
OPUS = "rtpmap:107 opus/48000/2"


def media(formats: str, *attributes: str) -> Media:
    lines = "".join(f"a={attribute}\r\n" for attribute in attributes)
    text = (
        f"v=0\r\no=- 1 1 IN IP4 x\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP {formats}\r\n{lines}"
    )
    return Sdp.parse(text.encode()).media[0]


def description(formats: str, *attributes: str) -> Sdp:
    stream = media(formats, *attributes)
    return Sdp("- 1 1 IN IP4 x", [stream], family="IP4", host="198.51.100.7")


def answered(offered: Sdp, caps: Capabilities) -> tuple[Sdp, Agreed]:
    ours, outcome = answer(offered, caps, "192.0.2.1", 30000, session_id=1, version=1)
    return Sdp.parse(ours.encode()), outcome


def test_the_first_of_theirs_or_the_first_of_ours() -> None:
    offered = media("0 9 8 107", OPUS)
    assert [choose(offered, ALL, True, order).codec for order in ("theirs", "ours")] == ["pcmu", "opus"]  # type: ignore[arg-type, union-attr]
    assert choose(offered, ("g722", "pcma"), True).codec == "g722"  # type: ignore[union-attr]
    assert choose(media("3 18"), ALL, True) is None


@pytest.mark.parametrize(
    ("formats", "attributes", "codec", "number"),
    [
        ("9", (), "g722", 9),
        ("96", ("rtpmap:96 G722/8000",), "g722", 96),
        ("96", ("rtpmap:96 G722/16000",), None, 0),
        ("96", ("rtpmap:96 OPUS/48000/2",), "opus", 96),
        ("96", ("rtpmap:96 opus/48000",), "opus", 96),
        ("96", ("rtpmap:96 opus/16000",), None, 0),
        ("96", (), None, 0),
        ("0", ("rtpmap:0 PCMA/8000",), None, 0),
        ("9", ("rtpmap:9 telephone-event/8000",), None, 0),
        ("0 0 0", (), "pcmu", 0),
        ("97 0", ("rtpmap:97 PCMU/8000", "rtpmap:0 PCMU/8000"), "pcmu", 97),
        ("97 97", ("rtpmap:97 PCMU/8000", "rtpmap:97 PCMA/8000"), "pcmu", 97),
        ("0", ("rtpmap:0 PCMU/8000/2",), None, 0),
    ],
)
def test_what_formats_mean(formats: str, attributes: tuple[str, ...], codec: str | None, number: int) -> None:
    chosen = choose(media(formats, *attributes), ALL, True)
    assert (chosen and chosen.codec, chosen.payload_type if chosen else 0) == (codec, number)


def test_the_events_are_those_of_the_codecs_clock() -> None:
    events = ("rtpmap:101 telephone-event/8000", "rtpmap:110 telephone-event/48000", "rtpmap:99 telephone-event/16000")
    for first, number, rate in (("107 9", 110, 48000), ("9 107", 101, 8000), ("0", 101, 8000)):
        chosen = choose(media(f"{first} 99 101 110", OPUS, *events), ALL, True)
        assert chosen is not None
        assert (chosen.event_type, chosen.event_rate) == (number, rate)
    alone = choose(media("107 101", OPUS, events[0]), ALL, True)
    assert alone is not None
    assert (alone.event_type, alone.event_rate) == (101, 8000)
    sixteen = choose(media("9 99", events[2]), ALL, True)
    assert sixteen is not None
    assert (sixteen.event_type, sixteen.event_rate) == (99, 16000)
    assert choose(media("0 101", events[0]), ALL, False).event_type is None  # type: ignore[union-attr]
    several = choose(media("0 100 101", "rtpmap:100 telephone-event/8000", events[0]), ALL, True)
    assert several is not None
    assert several.event_type == 100
    useless = choose(media("0 100 101", "rtpmap:100 telephone-event/8000", "fmtp:100 32-36", events[0]), ALL, True)
    assert useless is not None
    assert useless.event_type == 101


@pytest.mark.parametrize(
    ("formats", "attributes", "noise"),
    [
        ("0", (), 13),
        ("9 13", (), 13),
        ("0 96", ("rtpmap:96 CN/8000",), 96),
        ("107", (OPUS,), None),
        ("107 98", (OPUS, "rtpmap:98 CN/48000"), 98),
        ("9 105", ("rtpmap:105 CN/16000",), 13),
        ("0 13", ("rtpmap:13 telephone-event/8000",), None),
    ],
)
def test_comfort_noise_has_the_clock_of_the_codec(formats: str, attributes: tuple[str, ...], noise: int | None) -> None:
    chosen = choose(media(formats, *attributes), ALL, True)
    assert chosen is not None
    assert chosen.noise_type == noise


@pytest.mark.parametrize(
    ("fmtp", "fec", "bitrate"),
    [
        ("useinbandfec=1; maxaveragebitrate=20000;stereo=1;sprop-stereo=1", True, 20000),
        ("useinbandfec=0", False, 0),
        ("minptime=10 ; UseInbandFEC = 1", True, 0),
        ("maxaveragebitrate=99999999999999;;;=;x", False, 0),
    ],
)
def test_what_a_peer_asks_of_opus(fmtp: str, fec: bool, bitrate: int) -> None:
    ours, outcome = answered(description("107", OPUS, f"fmtp:107 {fmtp}"), Capabilities(codecs=("opus",)))
    assert (outcome.opus_fec, outcome.opus_bitrate) == (fec, bitrate)
    stream = ours.media[0]
    assert stream.rtpmap[107] == ("opus", 48000, 2)
    assert "stereo" not in (stream.fmtp(107) or "")
    assert "useinbandfec=1" in (stream.fmtp(107) or "")


@pytest.mark.parametrize(
    ("attributes", "ours", "found"),
    [
        ((), 30, 30),
        (("ptime:60",), 20, 60),
        (("ptime:90",), 20, 60),
        (("ptime:25",), 20, 20),
        (("ptime:5",), 20, 10),
        (("maxptime:40",), 60, 40),
        (("ptime:40", "maxptime:30"), 20, 30),
        (("ptime:0", "maxptime:0"), 20, 20),
        (("ptime:99999",), 20, 20),
    ],
)
def test_packets_last_what_the_peer_wants_as_long_as_it_takes_them(
    attributes: tuple[str, ...], ours: int, found: int
) -> None:
    assert packet_time(media("0", *attributes), ours) == found


def test_an_offer_of_all_names_two_clocks_of_events() -> None:
    ours = offer(Capabilities(codecs=ALL, ptime=40), "192.0.2.1", 30000, session_id=1, version=1)
    stream = Sdp.parse(ours.encode()).media[0]
    assert stream.formats == ["107", "9", "8", "0", "101", "102"]
    assert stream.rtpmap[9] == ("g722", 8000, 1)
    assert stream.rtpmap[102] == ("telephone-event", 48000, 1)
    assert (stream.ptime, stream.maxptime) == (40, 60)


def test_an_answer_may_use_other_numbers_than_our_offer() -> None:
    ours = offer(Capabilities(codecs=ALL, ptime=30), "192.0.2.1", 30000, session_id=1, version=1)
    theirs = description(
        "120 121", "rtpmap:120 opus/48000/2", "rtpmap:121 telephone-event/48000", "fmtp:120 useinbandfec=1"
    )
    outcome = agreed(ours, theirs)
    assert (outcome.codec, outcome.payload_type, outcome.payload_type_in) == ("opus", 120, 107)
    assert (outcome.event_type, outcome.event_type_in) == (121, 102)
    assert (outcome.event_rate, outcome.event_rate_in) == (48000, 48000)
    assert outcome.opus_fec
    assert outcome.ptime == 30
    assert outcome.noise_type is None


@given(
    st.permutations(list(CODECS)),
    st.lists(st.sampled_from(["theirs", "ours"]), min_size=1, max_size=1),
    st.sampled_from([10, 20, 30, 60]),
)
def test_both_ends_of_ours_agree(codecs: list[str], order: list[str], ptime: int) -> None:
    """What one side offers and the other answers, both read alike."""
    mine = Capabilities(codecs=tuple(codecs), ptime=ptime)
    others = Capabilities(codecs=ALL, order=order[0], ptime=20)  # type: ignore[arg-type]
    offered = offer(mine, "198.51.100.7", 4000, session_id=1, version=1)
    theirs, here = answer(Sdp.parse(offered.encode()), others, "192.0.2.1", 30000, session_id=2, version=1)
    there = agreed(offered, Sdp.parse(theirs.encode()))
    assert here.codec == there.codec == (codecs[0] if order == ["theirs"] else ALL[0])
    assert (here.payload_type, here.payload_type_in) == (there.payload_type_in, there.payload_type)
    assert (here.event_type, here.event_rate) == (there.event_type_in, there.event_rate_in)
    assert (here.ptime, there.ptime) == (ptime, 20)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 127),
            st.sampled_from(["PCMU/8000", "G722/8000", "opus/48000/2", "x/1", "telephone-event/8000"]),
        ),
        max_size=8,
    ),
    st.lists(st.sampled_from(list(CODECS)), min_size=1, max_size=4, unique=True),
)
def test_numbers_of_an_offer_never_clash(mapped: list[tuple[int, str]], codecs: list[str]) -> None:
    previous = media("0", *(f"rtpmap:{number} {text}" for number, text in mapped))
    payload, events = known_types(tuple(codecs), True, previous)
    numbers = [*payload.values(), *events.values()]
    assert len(set(numbers)) == len(numbers)
    for number, name in itertools.chain(
        ((n, c) for c, n in payload.items()), ((n, "telephone-event") for n in events.values())
    ):
        assert previous.rtpmap.get(number, (name,))[0] == name
