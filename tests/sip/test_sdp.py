from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip.errors import SdpError
from ivr.sip.sdp import MAX_LINES, MAX_MEDIA, Media, Origin, Sdp

OFFER = (
    b"v=0\r\no=alice 2890844526 7 IN IP4 host.example.com\r\ns=-\r\nc=IN IP4 192.0.2.101\r\nt=3149328700 0\r\n"
    b"a=sendonly\r\n"
    b"m=audio 49170 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 pcmu/8000/1\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:30\r\na=maxptime:150\r\n"
    b"a=rtcp:53020 IN IP4 126.16.64.4\r\n"
    b"m=video 51372 RTP/AVP 99\r\nc=IN IP6 2001:DB8::1\r\na=rtpmap:99 h263-1998/90000\r\na=inactive\r\n"
    b"m=image 5004 udptl t38\r\na=T38FaxVersion:0\r\n"
)


def test_streams() -> None:
    sdp = Sdp.parse(OFFER)
    assert sdp.origin == Origin("alice", "2890844526", "7", "IP4", "host.example.com")
    assert (sdp.name, sdp.time, sdp.host) == ("-", "3149328700 0", "192.0.2.101")
    audio, video, fax = sdp.media
    assert (audio.kind, audio.port, audio.protocol, audio.formats) == ("audio", 49170, "RTP/AVP", ["8", "0", "101"])
    assert (audio.family, audio.host) == ("IP4", "192.0.2.101")
    assert audio.rtpmap == {8: ("pcma", 8000, 1), 0: ("pcmu", 8000, 1), 101: ("telephone-event", 8000, 1)}
    assert (audio.fmtp(101), audio.fmtp(0)) == ("0-15", None)
    assert (audio.ptime, audio.maxptime, audio.direction) == (30, 150, "sendonly")
    assert audio.rtcp == (53020, "126.16.64.4")
    assert (video.family, video.host, video.direction, video.ptime) == ("IP6", "2001:db8::1", "inactive", None)
    assert (fax.kind, fax.protocol, fax.formats, fax.rtcp) == ("image", "udptl", ["t38"], None)
    assert fax.get("T38FaxVersion") == "0"
    assert video.get("inactive") == ""


def test_round_trip() -> None:
    sdp = Sdp.parse(OFFER)
    assert sdp.encode() == OFFER.replace(b"2001:DB8::1", b"2001:db8::1")


def test_what_devices_leave_out_or_write_oddly() -> None:
    sdp = Sdp.parse(b"v=0\nm=audio  4000/2  RTP/AVP  0 \na=ptime:20.0\na=rtpmap:x\na=rtcp:0\na=fmtp:x\n\n")
    assert sdp.origin == Origin()
    (audio,) = sdp.media
    assert (audio.port, audio.host, audio.family, audio.ptime) == (4000, "", "", 20)
    assert (audio.rtpmap, audio.rtcp, audio.fmtp(0)) == ({}, None, None)
    assert Sdp.parse(b"v=0\r\no=- 1 IN IP4 h\r\nc=IN IP4 224.2.1.1/127/3\r\ns=\r\n").host == "224.2.1.1"
    assert Sdp.parse(b"v=0\r\nc=ATM NSAP 47\r\n").host == ""
    assert Sdp.parse(b"v=0\r\nc=IN IP4 sip.example.com\r\n").host == "sip.example.com"
    assert Sdp.parse(b"v=0\r\nm=audio 1 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.2\r\n").media[0].host == (
        "192.0.2.1"
    )
    assert Sdp.parse(b"v=0\r\nm=AUDIO 1 RTP/AVP 0\r\na=rtcp:5\r\n").media[0].rtcp == (5, None)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 400),
        (b"o=- 1 1 IN IP4 h\r\n", 400),
        (b"v=1\r\n", 400),
        (b"v=0\r\nm=audio 70000 RTP/AVP 0\r\n", 400),
        (b"v=0\r\nm=audio 123456 RTP/AVP 0\r\n", 400),
        (b"v=0\r\nm=audio -1 RTP/AVP 0\r\n", 400),
        (b"v=0\r\nm=video 70000 RTP/AVP 0\r\n", 400),
        (b"v=0\r\nm=audio 1 RTP/AVP\r\n", 400),
        (b"v=0\r\nm=" + b"a" * 200 + b" 1 RTP/AVP 0\r\n", 400),
        (b"v=0\r\nm=audio 1 RTP/AVP" + b" 0" * 65 + b"\r\n", 400),
        (b"v=0\r\nm=video 1 RTP/AVP" + b" 0" * 65 + b"\r\n", 400),
        (b"v=0\r\nm =audio 1 RTP/AVP 0\r\n", 400),
        (b"v=0\r\nhello\r\n", 400),
        (b"v=0\r\nc=IN IP4 256.1.1.1\r\n", 400),
        (b"v=0\r\nc=IN IP4 1.2.3\r\n", 400),
        (b"v=0\r\nc=IN IP4 ::1\r\n", 400),
        (b"v=0\r\nc=IN IP6 2001::zz\r\n", 400),
        (b"v=0\r\nc=IN IP6 2001::1::2\r\n", 400),
        (b"v=0\r\nc=IN\r\n\r\nx\r\n", 400),
        (b"v=0\r\na=x\x00y\r\n", 400),
        (b"v=0\r\ns=x\ry\r\n", 400),
        (b"v=0\r\n" + b"m=audio 1 RTP/AVP 0\r\n" * (MAX_MEDIA + 1), 400),
        (b"v=0\r\n" + b"a=x\r\n" * MAX_LINES, 413),
        (b"v=0\r\n" + b"a=" + b"x" * 20000 + b"\r\n", 413),
    ],
)
def test_refused(data: bytes, status: int) -> None:
    with pytest.raises(SdpError) as error:
        Sdp.parse(data)
    assert error.value.status == status


def test_nothing_breaks_out_of_its_line() -> None:
    sdp = Sdp(Origin(), [Media("audio", 1, "RTP/AVP", ["0"], attributes=[("x", "a\r\nm=audio 2 RTP/AVP 0")])])
    with pytest.raises(SdpError):
        sdp.encode()


@given(st.binary(max_size=200))
def test_any_octets_are_read_or_refused(data: bytes) -> None:
    for start in (b"", b"v=0\r\n", b"v=0\r\nm=audio 1 RTP/AVP 0\r\na=", b"v=0\r\nm=", b"v=0\r\nc=IN IP4 "):
        try:
            sdp = Sdp.parse(start + data)
        except SdpError:
            continue
        _ = sdp.origin
        for media in sdp.media:
            _ = media.rtpmap, media.fmtp(0), media.direction, media.ptime, media.maxptime, media.rtcp
        sdp.encode()
