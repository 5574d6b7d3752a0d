from __future__ import annotations

import base64
import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Ping, Request, TextMessage

from ivr.handoff.protocols.websocket import MAX_MESSAGE, MAX_PARTS, WebSocketClient
from ivr.handoff.protocols.wire import ABNORMAL, EVENTS, Closed, Happened, Opened, Received

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def taken(client: WebSocketClient) -> list[Happened]:
    found: list[Happened] = []
    while True:
        some, more = client.take()
        assert client.frames <= EVENTS
        found += some
        if not more:
            return found


def pair() -> tuple[WebSocketClient, WSConnection]:
    """A client that is connected to a server."""
    client, server = (
        WebSocketClient("h:1", "/ws?a=b", [("Authorization", "geheim")]),
        WSConnection(ConnectionType.SERVER),
    )
    server.receive_data(client.outgoing())
    (request,) = server.events()
    assert isinstance(request, Request) and (request.host, request.target) == ("h:1", "/ws?a=b")
    assert (b"authorization", b"geheim") in request.extra_headers and request.extensions == []
    client.feed(server.send(AcceptConnection()))
    assert taken(client) == [Opened()]
    return client, server


def heard(server: WSConnection, data: bytes) -> list[Event]:
    server.receive_data(data)
    return list(server.events())


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
    """A frame of a server, well made or not."""
    head = bytes(((0x80 if fin else 0) | (rsv << 4) | opcode,))
    if len(payload) < 126:
        return head + bytes((len(payload),)) + payload
    return head + bytes((126,)) + struct.pack("!H", len(payload)) + payload


def test_messages_both_ways() -> None:
    client, server = pair()
    (found,) = heard(server, client.message("héllo"))
    assert isinstance(found, TextMessage) and found.data == "héllo"
    client.feed(frame(1, "wörld".encode()) + frame(2, b"\x00"))
    assert taken(client) == [Received("wörld"), Received(b"\x00")]


def test_fragments_are_one_message() -> None:
    client, _ = pair()
    client.feed(frame(1, b"a", fin=False) + frame(9, b"x") + frame(0, b"b", fin=False) + frame(0, b"c"))
    assert taken(client) == [Received("abc")]


def test_a_ping_is_answered_and_one_of_ours_is_sent() -> None:
    client, server = pair()
    client.feed(server.send(Ping(b"x")))
    assert taken(client) == [] and client.outgoing()
    (found,) = heard(server, client.ping())
    assert isinstance(found, Ping)


def test_the_end() -> None:
    client, server = pair()
    client.feed(server.send(CloseConnection(1000, "bye")))
    assert taken(client) == [Closed(1000, "")]
    (found,) = heard(server, client.outgoing())
    assert isinstance(found, CloseConnection) and found.code == 1000
    client.feed(frame(1, b"late"))
    assert taken(client) == [] and client.message("x") == b"" and client.ping() == b"" and client.close() == b""


def test_our_end() -> None:
    client, server = pair()
    (found,) = heard(server, client.close(1000))
    assert isinstance(found, CloseConnection) and found.code == 1000


@pytest.mark.parametrize(
    ("payload", "code"),
    [(b"", 1005), (struct.pack("!H", 1000), 1000), (struct.pack("!H", 1011) + b"why", 1011), (b"\x0f\xa0", 4000)],
)
def test_the_code_of_the_end_is_told(payload: bytes, code: int) -> None:
    client, _ = pair()
    client.feed(frame(8, payload))
    (found,) = taken(client)
    assert isinstance(found, Closed) and found.code == code


@pytest.mark.parametrize("payload", [struct.pack("!H", 1005), struct.pack("!H", 1000) + b"\xff\xfe"])
def test_an_end_that_is_none_is_not_the_usual_one(payload: bytes) -> None:
    client, _ = pair()
    client.feed(frame(8, payload))
    (found,) = taken(client)
    assert isinstance(found, Closed) and found.code != 1000


@pytest.mark.parametrize("header", ["Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: chat"])
def test_what_was_not_asked_for_is_not_agreed_on(header: str) -> None:
    client = WebSocketClient("h", "/", [])
    request = client.outgoing().decode()
    key = next(
        line.partition(": ")[2] for line in request.split("\r\n") if line.lower().startswith("sec-websocket-key")
    )
    token = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
    client.feed(
        f"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {token}\r\n"
        f"{header}\r\n\r\n".encode()
    )
    (found,) = taken(client)
    assert isinstance(found, Closed) and found.code == ABNORMAL


def test_an_answer_that_is_no_connection() -> None:
    client = WebSocketClient("h", "/", [])
    client.feed(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")
    assert taken(client) == [Closed(ABNORMAL, "the answer was HTTP 302")]


@pytest.mark.parametrize(
    "data",
    [
        frame(1, b"x", rsv=4),  # as if compression had been agreed on
        frame(3, b"x"),
        frame(0, b"x"),
        frame(9, b"x" * 126),
        frame(1, b"\xff\xfe"),
        frame(8, b"x"),
        b"\x81\xff" + b"x" * 20,
    ],
    ids=["rsv", "opcode", "continuation", "long ping", "no utf-8", "close", "masked"],
)
def test_frames_that_are_none_end_the_connection(data: bytes) -> None:
    client, _ = pair()
    client.feed(data + frame(1, b"late"))
    (found,) = taken(client)[-1:]
    assert isinstance(found, Closed) and found.code != 1000


def test_a_giant_frame_is_not_waited_for() -> None:
    client, _ = pair()
    client.feed(b"\x81\x7f" + struct.pack("!Q", 2**40))
    found, fed = taken(client), 0
    while not found and fed < 2 * MAX_MESSAGE:
        client.feed(b"x" * 65_536)
        fed += 65_536
        found = taken(client)
    assert found == [Closed(ABNORMAL, "a message that is too long")]
    assert fed <= MAX_MESSAGE + 65_536


def test_a_message_of_a_thousand_pieces_is_none() -> None:
    client, _ = pair()
    client.feed(frame(1, b"x", fin=False) + frame(0, b"x", fin=False) * (MAX_PARTS + 1))
    assert taken(client) == [Closed(ABNORMAL, "a message that is too long")]


def test_endless_headers_end_the_connection() -> None:
    client = WebSocketClient("h", "/", [])
    client.feed(b"HTTP/1.1 101 Switching Protocols\r\n")
    found, fed = taken(client), 0
    while not found and fed < 1_000_000:
        client.feed(b"X-A: y\r\n" * 100)
        fed += 800
        found = taken(client)
    assert isinstance(found[0], Closed) and fed < 200_000


def test_few_messages_are_taken_at_once() -> None:
    client, _ = pair()
    client.feed(frame(1, b"{}") * 1_000)
    found, more = client.take()
    assert more and len(found) == EVENTS
    client.feed(frame(1, b"last"))
    rest = taken(client)
    assert len(found) + len(rest) == 1_001 and rest[-1] == Received("last")


@given(st.lists(st.binary(max_size=300), max_size=10))
def test_nothing_that_comes_raises(pieces: list[bytes]) -> None:
    client, _ = pair()
    for piece in pieces:
        client.feed(piece)
        taken(client)
        client.outgoing()


@given(st.lists(st.binary(max_size=300), max_size=10))
def test_no_handshake_raises(pieces: list[bytes]) -> None:
    client = WebSocketClient("h", "/", [])
    for piece in pieces:
        client.feed(piece)
        taken(client)
