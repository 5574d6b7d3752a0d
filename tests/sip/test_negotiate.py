from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip.errors import NotAcceptableError, SdpError
from ivr.sip.negotiate import Agreed, Capabilities, agreed, answer, offer, sendable_address
from ivr.sip.sdp import Sdp

CAPS = Capabilities()
HERE = ("192.0.2.1", 30000)


def description(*streams: str, host: str = "198.51.100.7", session: str = "") -> Sdp:
    connection = "" if not host else f"c=IN {'IP6' if ':' in host else 'IP4'} {host}\r\n"
    text = f"v=0\r\no=- 1 1 IN IP4 x\r\ns=-\r\n{connection}t=7 9\r\n{session}" + "".join(streams)
    return Sdp.parse(text.encode())


def audio(formats: str = "0 8 101", *attributes: str, port: int = 4000, protocol: str = "RTP/AVP") -> str:
    lines = [f"m=audio {port} {protocol} {formats}"]
    if "101" in formats.split():
        lines.append("a=rtpmap:101 telephone-event/8000")
    return "\r\n".join([*lines, *(f"a={attribute}" for attribute in attributes)]) + "\r\n"


def answered(offered: Sdp, caps: Capabilities = CAPS, *, hold: bool = False) -> tuple[Sdp, Agreed]:
    ours, outcome = answer(offered, caps, *HERE, session_id=5, version=2, hold=hold)
    assert len(ours.media) == len(offered.media)
    assert Sdp.parse(ours.encode()).encode() == ours.encode()
    return ours, outcome


def test_the_usual_call() -> None:
    ours, outcome = answered(description(audio("8 0 101", "fmtp:101 0-16", "ptime:20")))
    assert ours.encode() == (
        b"v=0\r\no=- 5 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=7 9\r\nm=audio 30000 RTP/AVP 8 101\r\n"
        b"a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n"
        b"a=maxptime:60\r\na=sendrecv\r\n"
    )
    assert outcome == Agreed(
        remote_host="198.51.100.7",
        remote_port=4000,
        rtcp_host="198.51.100.7",
        rtcp_port=4001,
        codec="pcma",
        payload_type=8,
        send=True,
        receive=True,
        event_type=101,
        event_type_in=101,
        payload_type_in=8,
        ptime=20,
        held=False,
    )
    assert outcome.remote == ("198.51.100.7", 4000)


def test_codecs() -> None:
    assert answered(description(audio("18 9 0 8")))[1].codec == "pcmu"
    assert answered(description(audio("0 8")), Capabilities(codecs=("pcma",)))[1].codec == "pcma"
    dynamic = answered(description(audio("96 97", "rtpmap:96 opus/48000/2", "rtpmap:97 PCMU/8000")))
    assert (dynamic[1].codec, dynamic[1].payload_type) == ("pcmu", 97)
    assert dynamic[0].media[0].formats == ["97"]
    # A static number under a false name, another rate, or stereo, is not what it seems.
    for stream in (
        audio("0", "rtpmap:0 PCMA/8000"),
        audio("97", "rtpmap:97 PCMU/16000"),
        audio("97", "rtpmap:97 PCMU/8000/2"),
    ):
        with pytest.raises(NotAcceptableError):
            answered(description(stream))


def test_telephone_event() -> None:
    assert answered(description(audio("0")))[1].event_type is None
    assert answered(description(audio("0 101")), Capabilities(dtmf=False))[1].event_type is None
    assert answered(description(audio("0 101", "fmtp:101 0-11")))[1].event_type == 101
    assert answered(description(audio("0 101", "fmtp:101 0-9,10,11,16")))[1].event_type == 101
    assert answered(description(audio("0 101", "fmtp:101 16")))[1].event_type is None
    wide = audio("0 100 102", "rtpmap:100 telephone-event/48000", "rtpmap:102 telephone-event/8000", "fmtp:102 0-15")
    ours, outcome = answered(description(wide))
    assert outcome.event_type == outcome.event_type_in == 102
    assert ours.media[0].fmtp(102) == "0-15"


@pytest.mark.parametrize(
    ("theirs", "hold", "ours", "send", "receive", "held"),
    [
        ("sendrecv", False, "sendrecv", True, True, False),
        ("sendonly", False, "recvonly", False, True, True),
        ("recvonly", False, "sendonly", True, False, False),
        ("inactive", False, "inactive", False, False, True),
        ("sendrecv", True, "sendonly", True, False, False),
        ("sendonly", True, "inactive", False, False, True),
        ("recvonly", True, "sendonly", True, False, False),
        ("inactive", True, "inactive", False, False, True),
    ],
)
def test_directions(theirs: str, hold: bool, ours: str, send: bool, receive: bool, held: bool) -> None:
    for offered in (description(audio("0", theirs)), description(audio("0"), session=f"a={theirs}\r\n")):
        mine, outcome = answered(offered, hold=hold)
        assert mine.media[0].direction == ours
        assert (outcome.send, outcome.receive, outcome.held) == (send, receive, held)


def test_hold_by_the_address_of_nobody() -> None:
    ours, outcome = answered(description(audio("0"), host="0.0.0.0"))
    assert ours.media[0].direction == "recvonly"
    assert (outcome.remote, outcome.rtcp_host, outcome.send, outcome.held) == (None, None, False, True)


def test_hold_and_resume_and_another_codec_and_address() -> None:
    first = answered(description(audio("0 101")))[1]
    held = answered(description(audio("0 101", "sendonly")))[1]
    resumed = answered(description(audio("8 101", port=4242), host="203.0.113.5"))[1]
    assert (first.codec, held.held, resumed.held) == ("pcmu", True, False)
    assert (resumed.codec, resumed.remote) == ("pcma", ("203.0.113.5", 4242))


def test_other_streams_are_refused_in_their_places() -> None:
    ours, outcome = answered(
        description(
            "m=video 5000 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n",
            audio("0", port=6000, protocol="RTP/SAVP"),
            audio("0", port=0),
            audio("18", port=7000),
            audio("0", port=8000, protocol="RTP/AVPF"),
            audio("0", port=9000),
            "m=image 5004 udptl t38\r\n",
        )
    )
    assert [media.port for media in ours.media] == [0, 0, 0, 0, 30000, 0, 0]
    assert [media.kind for media in ours.media] == ["video", "audio", "audio", "audio", "audio", "audio", "image"]
    assert ours.media[4].protocol == "RTP/AVPF"
    assert ours.media[6].formats == ["t38"]
    assert outcome.remote_port == 8000


@pytest.mark.parametrize(
    "host",
    [
        "255.255.255.255",
        "224.0.0.1",
        "239.1.2.3",
        "240.0.0.1",
        "0.1.2.3",
        "media.example.com",
        "2001:db8::1",
        "ff02::1",
        "",
    ],
)
def test_nothing_is_sent_to_an_address_of_no_host(host: str) -> None:
    with pytest.raises(NotAcceptableError) as error:
        answered(description(audio("0"), host=host))
    assert error.value.status == 488


def test_addresses() -> None:
    for good in ("127.0.0.1", "192.0.2.1", "223.255.255.255", "2001:db8::1", "::1", "::ffff:192.0.2.1"):
        assert sendable_address(good)
    for bad in ("", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1", "::ffff:224.0.0.1", "localhost", "1.2"):
        assert not sendable_address(bad)


def test_ipv6() -> None:
    ours, outcome = answer(
        description(audio("0"), host="2001:db8::7"), CAPS, "2001:db8::1", 30000, session_id=1, version=1
    )
    assert outcome.remote == ("2001:db8::7", 4000)
    assert b"c=IN IP6 2001:db8::1\r\n" in ours.encode()


def test_streams_of_both_families() -> None:
    text = audio("0") + "c=IN IP4 192.0.2.77\r\n" + "m=video 6024 RTP/AVP 107\r\nc=IN IP6 2001:db8::1\r\n"
    ours, outcome = answered(description(text, host=""))
    assert outcome.remote_host == "192.0.2.77"
    assert [media.port for media in ours.media] == [30000, 0]


def test_rtcp_goes_to_the_host_of_the_sound() -> None:
    outcome = answered(description(audio("0", "rtcp:9999 IN IP4 203.0.113.99")))[1]
    assert (outcome.rtcp_host, outcome.rtcp_port) == ("198.51.100.7", 9999)
    assert answered(description(audio("0", port=65535)))[1].rtcp_port == 65535


@pytest.mark.parametrize(
    ("attributes", "ptime"),
    [
        (("ptime:30",), 30),
        (("ptime:0",), 20),
        (("ptime:5000",), 20),
        (("ptime:40", "maxptime:20"), 20),
        (("maxptime:10",), 10),
    ],
)
def test_ptime(attributes: tuple[str, ...], ptime: int) -> None:
    assert answered(description(audio("0", *attributes)))[1].ptime == ptime


def test_no_audio_is_not_acceptable() -> None:
    for offered in (description(), description("m=video 1 RTP/AVP 99\r\n"), description(audio("0", port=0))):
        with pytest.raises(NotAcceptableError):
            answered(offered)


def an_offer(caps: Capabilities = CAPS, previous: Sdp | None = None, *, hold: bool = False) -> Sdp:
    return offer(caps, *HERE, session_id=5, version=1, previous=previous, hold=hold)


def test_an_offer_and_its_answer() -> None:
    ours = an_offer(Capabilities(codecs=("pcma", "pcmu")))
    assert ours.media[0].formats == ["8", "0", "101"]
    theirs, outcome = answer(ours, CAPS, "198.51.100.7", 4000, session_id=1, version=1)
    mine = agreed(ours, theirs)
    assert (mine.codec, outcome.codec) == ("pcma", "pcma")
    assert mine.remote == ("198.51.100.7", 4000)
    assert outcome.remote == HERE
    assert (mine.event_type, mine.event_type_in, mine.send, mine.receive) == (101, 101, True, True)


def test_payload_types_of_an_answer_may_differ() -> None:
    stream = "m=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/8000\r\n"
    mine = agreed(an_offer(), description(stream))
    assert (mine.event_type, mine.event_type_in) == (96, 101)


def test_hold_by_us() -> None:
    ours = an_offer(hold=True)
    assert ours.media[0].direction == "sendonly"
    mine = agreed(ours, description(audio("0", "recvonly")))
    assert (mine.send, mine.receive, mine.held) == (True, False, False)
    silent = agreed(ours, description(audio("0", "inactive")))
    assert (silent.send, silent.receive, silent.held) == (False, False, True)


def test_an_offer_keeps_places_and_numbers_of_the_session() -> None:
    theirs = description(
        "m=video 5000 RTP/AVP 99\r\n",
        "m=audio 4000 RTP/AVPF 97 98\r\na=rtpmap:97 PCMA/8000\r\na=rtpmap:98 telephone-event/8000\r\n",
    )
    before, _ = answered(theirs)
    again = an_offer(previous=before)
    assert [(media.kind, media.port) for media in again.media] == [("video", 0), ("audio", 30000)]
    assert again.media[1].protocol == "RTP/AVPF"
    assert again.media[1].formats == ["0", "97", "98"]
    assert again.time == "7 9"
    taken, _ = answered(description("m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 PCMA/8000\r\n"))
    clash = an_offer(previous=taken)
    assert clash.media[0].formats == ["0", "101", "96"]


def test_bad_answers() -> None:
    ours = an_offer(Capabilities(codecs=("pcma",), dtmf=False))
    assert ours.media[0].formats == ["8"]
    for theirs in (
        description(),
        description(audio("8", port=0)),
        description(audio("0")),
        description(audio("8"), host="224.0.0.1"),
        description("m=video 5000 RTP/AVP 99\r\n"),
    ):
        with pytest.raises(NotAcceptableError):
            agreed(ours, theirs)
    assert agreed(ours, description(audio("8 101"))).event_type is None
    with pytest.raises(NotAcceptableError):
        agreed(description("m=video 5000 RTP/AVP 99\r\n"), description(audio("0")))


lines = st.sampled_from(
    [
        "m=audio 4000 RTP/AVP 0 8 101",
        "m=audio 0 RTP/AVP 0",
        "m=video 4000 RTP/AVP 99",
        "m=audio 4002 RTP/AVP 97 98 300 x",
        "c=IN IP4 0.0.0.0",
        "c=IN IP4 192.0.2.3",
        "c=IN IP4 255.255.255.255",
        "a=rtpmap:97 PCMU/8000",
        "a=rtpmap:97 opus/48000/2",
        "a=fmtp:97 useinbandfec=1;maxaveragebitrate=99999999999;stereo;=;x=y",
        "a=rtpmap:98 telephone-event/8000",
        "a=rtpmap:98 telephone-event/48000",
        "a=rtpmap:98 G722/8000",
        "a=rtpmap:101 CN/48000",
        "a=maxptime:1",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-999",
        "a=fmtp:101 ,-",
        "a=sendonly",
        "a=inactive",
        "a=ptime:99999",
        "a=rtcp:99999",
        "a=rtcp:1 IN IP6 ::1",
    ]
)


@given(st.lists(lines, max_size=12))
def test_whatever_is_agreed_may_be_sent_to(parts: list[str]) -> None:
    try:
        offered = Sdp.parse("\r\n".join(["v=0", "o=- 1 1 IN IP4 x", "s=-", *parts, ""]).encode())
        ours, outcome = answered(offered, Capabilities(codecs=("opus", "g722", "pcma", "pcmu"), order="ours"))
    except SdpError:
        return
    assert outcome.ptime in range(10, 61, 10)
    assert outcome.remote_host is None or sendable_address(outcome.remote_host)
    assert not (outcome.send and outcome.remote_host is None)
    assert sum(media.port != 0 for media in ours.media) == 1
    # The peer, reading our answer as one to its offer, comes to the mirror image.
    if offered.media[0].family == "IP4" and all(media.host for media in offered.media):
        theirs = agreed(offered, ours) if ours.media[0].port else None
        if theirs is not None and outcome.remote_host is not None:
            assert (theirs.send, theirs.receive) == (outcome.receive, outcome.send)
