"""SIP in WebSocket frames, however they are cut and split."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto import ConnectionType, WSConnection
from wsproto.events import BytesMessage, CloseConnection, Ping, Request, TextMessage

from ivr.net.websocket import WebSocketWire
from ivr.sip.framing import FramingError, Sign
from ivr.sip.parser import MAX_MESSAGE


def agreed() -> tuple[WebSocketWire, WSConnection]:
    """Two ends that have shaken hands."""
    wire, client = WebSocketWire(), WSConnection(ConnectionType.CLIENT)
    wire.feed(client.send(Request(host="pbx.example.net", target="/", subprotocols=["sip"])))
    assert wire.ready and wire.next() is None
    client.receive_data(wire.take())
    list(client.events())
    return wire, client


def drain(wire: WebSocketWire) -> list[bytes | Sign]:
    found = []
    while (one := wire.next()) is not None:
        found.append(one)
    return found


@settings(max_examples=50)
@given(
    st.lists(st.one_of(st.text(min_size=1, max_size=300), st.binary(min_size=1, max_size=300)), max_size=5),
    st.integers(1, 50),
    st.integers(1, 100),
)
def test_messages_come_out_as_they_went_in(messages: list[str | bytes], part: int, size: int) -> None:
    wire, client = agreed()
    stream = b""
    for message in messages:
        kind = TextMessage if isinstance(message, str) else BytesMessage
        for place in range(0, len(message), part):
            last = place + part >= len(message)
            stream += client.send(kind(data=message[place : place + part], message_finished=last))  # type: ignore[type-var]
    found: list[bytes | Sign] = []
    for place in range(0, len(stream), size):
        wire.feed(stream[place : place + size])
        found += drain(wire)
    sent = [message.encode() if isinstance(message, str) else message for message in messages]
    assert found == [message for message in sent if message.strip(b"\r\n")]


@settings(max_examples=50)
@given(st.binary(max_size=300), st.booleans())
def test_any_octets_give_messages_or_one_error(data: bytes, shaken: bool) -> None:
    wire = agreed()[0] if shaken else WebSocketWire()
    wire.feed(data)
    try:
        drain(wire)
    except FramingError:
        wire.feed(data)
        with pytest.raises(FramingError):
            drain(wire)


def test_pings_are_answered_and_ours_are_too() -> None:
    wire, client = agreed()
    wire.feed(client.send(Ping(payload=b"x")))
    assert wire.take() == b"\x8a\x01x"
    client.receive_data(wire.ping())
    (ping,) = client.events()
    assert isinstance(ping, Ping)
    wire.feed(client.send(ping.response()))
    assert drain(wire) == [Sign.PONG]
    wire.feed(client.send(TextMessage(data="\r\n\r\n")))
    assert drain(wire) == [Sign.PING]


def test_a_farewell_is_returned() -> None:
    wire, client = agreed()
    wire.feed(client.send(CloseConnection(code=1000)))
    with pytest.raises(FramingError, match="closed by the peer"):
        drain(wire)
    assert wire.take()[:1] == b"\x88"


@pytest.mark.parametrize("parts", [1, 70])
def test_a_message_too_large(parts: int) -> None:
    wire, client = agreed()
    data = "x" * (MAX_MESSAGE // parts + 1)
    for number in range(parts):
        wire.feed(client.send(TextMessage(data=data, message_finished=number == parts - 1)))
    with pytest.raises(FramingError, match="too large"):
        drain(wire)
    assert b"\x03\xf1" in wire.take()


def test_a_message_in_too_many_parts() -> None:
    wire, client = agreed()
    for _ in range(300):
        wire.feed(client.send(TextMessage(data="", message_finished=False)))
    with pytest.raises(FramingError, match="too large"):
        drain(wire)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \xff\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: \xe9\r\n\r\n",
        b"OPTIONS sip:x SIP/2.0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    ],
)
def test_who_speaks_something_else_is_refused(head: bytes) -> None:
    wire = WebSocketWire()
    wire.feed(head)
    with pytest.raises(FramingError):
        drain(wire)
    assert wire.take()[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 426")
