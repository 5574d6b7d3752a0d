"""Bodies: descriptions alone and in multiparts, digits, status lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip import SdpError, parse_message
from ivr.sip.bodies import digit_of, sdp_of, sipfrag_status
from ivr.sip.message import Message
from tests.kit.sip import request, sdp


def message(body: bytes, kind: str, headers: str = "") -> Message:
    return parse_message(request(body=body, content_type=kind, headers=headers))


def multipart(*parts: tuple[str, bytes], boundary: str = "b") -> bytes:
    text = b"".join(
        b"--" + boundary.encode() + b"\r\nContent-Type: " + kind.encode() + b"\r\n\r\n" + body + b"\r\n"
        for kind, body in parts
    )
    return text + b"--" + boundary.encode() + b"--\r\n"


def test_a_description_alone() -> None:
    found = sdp_of(message(sdp(), "Application/SDP;charset=utf-8"))
    assert found is not None and found.media[0].port == 4000
    assert sdp_of(parse_message(request())) is None


def test_a_description_without_a_type() -> None:
    data = request(body=sdp()).replace(b"Content-Type: application/sdp\r\n", b"")
    assert sdp_of(parse_message(data)) is not None


@pytest.mark.parametrize("boundary", ['"b"', "b"])
def test_a_description_in_a_multipart(boundary: str) -> None:
    body = multipart(("application/isup", b"\x01\x02"), ("application/sdp", sdp()))
    found = sdp_of(message(body, f"multipart/mixed;boundary={boundary}"))
    assert found is not None and found.media[0].port == 4000


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"x", "text/plain"),
        (multipart(("text/plain", b"x")), "multipart/mixed;boundary=b"),
        (multipart(("application/sdp", sdp())), "multipart/mixed"),
        (multipart(("application/sdp", sdp())), 'multipart/mixed;boundary="'),
        (multipart(*[("text/plain", b"x")] * 50, ("application/sdp", sdp())), "multipart/mixed;boundary=b"),
    ],
)
def test_another_body_is_415(body: bytes, kind: str) -> None:
    with pytest.raises(SdpError) as caught:
        sdp_of(message(body, kind))
    assert caught.value.status == 415


@pytest.mark.parametrize(
    ("body", "kind", "digit"),
    [
        (b"Signal=5\r\nDuration=160\r\n", "application/dtmf-relay", ("5", 0.16)),
        (b"Signal= *\nDuration= 100", "application/dtmf-relay", ("*", 0.1)),
        (b"signal=11\r\n", "application/dtmf-relay", ("#", 0.25)),
        (b"Signal=d\r\nDuration=999999", "application/dtmf-relay", ("D", 10.0)),
        (b"7", "application/dtmf", ("7", 0.25)),
        (b" #\r\n", "application/dtmf", ("#", 0.25)),
        (b"Signal=16\r\n", "application/dtmf-relay", ("!", 0.25)),
        (b"Signal=Flash\r\nDuration=200", "application/dtmf-relay", ("!", 0.2)),
        (b"signal=hf", "application/hook-flash", ("!", 0.25)),
        (b"Signal=17\r\n", "application/dtmf-relay", None),
        (b"Signal=\r\n", "application/dtmf-relay", None),
        (b"Duration=5\r\n", "application/dtmf-relay", None),
        (b"12345", "application/dtmf", None),
        (b"\xff", "application/dtmf", None),
        (b"5", "text/plain", None),
    ],
)
def test_digits(body: bytes, kind: str, digit: tuple[str, float] | None) -> None:
    assert digit_of(message(body, kind)) == digit


@given(st.binary(max_size=200))
def test_digits_of_noise(noise: bytes) -> None:
    for kind in ("application/dtmf-relay", "application/dtmf"):
        found = digit_of(message(noise, kind)) if noise else None
        assert found is None or (found[0] in "0123456789*#ABCD!" and 0 <= found[1] <= 10)


def test_status_of_a_transfer() -> None:
    kind = "message/sipfrag;version=2.0"
    assert sipfrag_status(message(b"SIP/2.0 100 Trying\r\n", kind)) == 100
    assert sipfrag_status(message(b"SIP/2.0 503", kind)) == 503
    assert sipfrag_status(message(b"SIP/2.0 9999 X", kind)) is None
    assert sipfrag_status(message(b"SIP/2.0 200 OK", "text/plain")) is None
