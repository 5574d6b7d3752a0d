"""Messages cut out of a stream, however the octets are split."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip.framing import Framer, FramingError, Sign
from ivr.sip.parser import MAX_HEAD, MAX_MESSAGE


def message(body: bytes = b"", header: str = "Content-Length") -> bytes:
    return b"OPTIONS sip:x SIP/2.0\r\nCall-ID: 1\r\n%s: %d\r\n\r\n" % (header.encode(), len(body)) + body


def drain(framer: Framer) -> list[bytes | Sign]:
    found = []
    while (one := framer.next()) is not None:
        found.append(one)
    return found


@given(
    st.lists(st.one_of(st.binary(max_size=50).map(message), st.sampled_from([b"\r\n\r\n", b"\r\n"])), max_size=8),
    st.lists(st.integers(1, 40), min_size=1),
)
def test_messages_come_out_as_they_went_in(parts: list[bytes], sizes: list[int]) -> None:
    stream = b"".join(parts)
    framer, found, place, turn = Framer(), [], 0, 0
    while place < len(stream):
        size = sizes[turn % len(sizes)]
        framer.feed(stream[place : place + size])
        found += drain(framer)
        place, turn = place + size, turn + 1
    assert [one for one in found if isinstance(one, bytes)] == [part for part in parts if part.strip(b"\r\n")]
    assert Sign.PONG not in found
    assert not framer.partial


@given(st.binary(max_size=400), st.integers(1, 30))
def test_any_octets_give_messages_or_one_error(data: bytes, size: int) -> None:
    framer = Framer()
    try:
        for place in range(0, len(data), size):
            framer.feed(data[place : place + size])
            drain(framer)
    except FramingError as error:
        assert error.status in (400, 513)


@pytest.mark.parametrize("header", ["Content-Length", "content-length", "CONTENT-LENGTH  ", "l", "L"])
def test_names_of_the_length(header: str) -> None:
    framer = Framer()
    framer.feed(message(b"abc", header) + b"INVITE")
    assert drain(framer) == [message(b"abc", header)]
    assert framer.partial


def test_a_folded_length() -> None:
    framer = Framer()
    data = b"OPTIONS sip:x SIP/2.0\r\nContent-Length:\r\n  3\r\n\r\nabc"
    framer.feed(data)
    assert drain(framer) == [data]


def test_pings_and_pongs() -> None:
    framer = Framer()
    framer.feed(b"\r\n\r\n")
    assert drain(framer) == [Sign.PING]
    framer.feed(b"\r\n")
    assert drain(framer) == []
    framer.feed(b"\r\n")
    assert drain(framer) == [Sign.PING]
    framer.awaits_pong = True
    framer.feed(b"\r\n")
    assert drain(framer) == [Sign.PONG]
    framer.awaits_pong = True
    framer.feed(b"\r\n\r\n\r\n")
    assert drain(framer) == [Sign.PONG, Sign.PING]
    framer.feed(b"\r\n\r\n" * 1000 + message())
    assert drain(framer) == [Sign.PING, message()]


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"", 400),
        (b"Content-Length: x\r\n", 400),
        (b"Content-Length: -1\r\n", 400),
        (b"Content-Length: 3\r\nContent-Length: 4\r\n", 400),
        (b"Content-Length: 3\r\nl: 3\r\n", 400),
        (b"Content-Length: 99999999999\r\n", 400),
        (b"Content-Length: 3 4\r\n", 400),
        (b"Content-Length:\r\n", 400),
        (b"X-Content-Length: 3\r\n", 400),
        (b"Content-Length: %d\r\n" % MAX_MESSAGE, 513),
        (b"Content-Length: 2000000000\r\n", 513),
    ],
)
def test_a_length_that_cannot_be_trusted_ends_the_stream(lines: bytes, status: int) -> None:
    framer = Framer()
    head = b"INVITE sip:x SIP/2.0\r\nCall-ID: 1\r\n" + lines + b"\r\n"
    framer.feed(head + b"abcINVITE")
    with pytest.raises(FramingError) as caught:
        framer.next()
    assert caught.value.status == status
    assert caught.value.head == head


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\rab", b" x"])
def test_other_protocols(data: bytes) -> None:
    framer = Framer()
    framer.feed(data)
    with pytest.raises(FramingError) as caught:
        framer.next()
    assert caught.value.head == b""


def test_headers_without_an_end() -> None:
    framer = Framer()
    with pytest.raises(FramingError, match="too large"):
        for _ in range(MAX_HEAD):
            framer.feed(b"OPTIONS sip:x SIP/2.0\r\n")
            framer.next()
