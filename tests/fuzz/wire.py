"""What strangers can send, handed to what reads it: it takes any octets, or refuses them with an error that is
documented, and keeps what is said of it below.

Each target takes octets. What escapes it is a fault.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection

from ivr.handoff.protocols import (
    Accepted,
    AudioSocket,
    AudioSocketWire,
    Clear,
    Facts,
    Given,
    Kept,
    Keys,
    Lost,
    MarkSet,
    Message,
    Odd,
    OpenAiRealtime,
    Received,
    Send,
    Speech,
    WebSocketClient,
    Wire,
    media_streams,
)
from ivr.handoff.protocols.websocket import MAX_MESSAGE
from ivr.handoff.protocols.wire import EVENTS
from ivr.settings import AiAgent
from ivr.sip.challenger import Challenger
from ivr.sip.digest import DigestError, parse_challenge, parse_credentials
from ivr.sip.errors import ParseError, SdpError
from ivr.sip.framing import Framer, FramingError, Sign
from ivr.sip.making import make_response
from ivr.sip.message import Request
from ivr.sip.negotiate import Capabilities, answer
from ivr.sip.parser import parse_message
from ivr.sip.sdes import offered
from ivr.sip.sdp import Sdp
from ivr.sip.stun import binding_response, read_request, read_response
from media.face import SrtpKey
from media.plane.rows import Rows
from media.plane.rtcp import Reports
from tests.kit.plane import PlaneBench, rtp

__all__ = ["TARGETS"]

KEY = SrtpKey("AES_CM_128_HMAC_SHA1_80", bytes(range(30)))
MOST_PACKETS = 20
FRESH = bytes(range(120))
"""What keys of ours are made of."""
CRYPTO = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0\r\na=crypto:"
)


def message(data: bytes) -> None:
    """A message is read, used and answered; what was read is read again from what it is written as."""
    try:
        found = parse_message(data)
    except ParseError as error:
        if error.request is not None:
            assert error.status is not None
            make_response(error.request, error.status, to_tag="x").encode()
        return
    _ = found.vias, found.from_.tag, found.to.tag, found.cseq, found.contacts, found.routes
    _ = found.record_routes, found.content_type, found.expires, found.max_forwards, found.require
    if isinstance(found, Request):
        found.stamp_source("192.0.2.77", 4000)
        make_response(found, 200, to_tag="x", contact="sip:h").encode()
        again = parse_message(found.encode())
        assert isinstance(again, Request)
        assert (again.method, again.cseq, again.body) == (found.method, found.cseq, found.body)


def sdp(data: bytes) -> None:
    """An offer is answered, in the clear or encrypted, or refused with a status; the answer is SDP again."""
    try:
        offer = Sdp.parse(data)
    except SdpError as error:
        assert error.status in (400, 413, 488), error.status
        return
    for srtp in ("off", "optional", "required"):
        capabilities = Capabilities(srtp=srtp, codecs=("g722", "pcmu", "pcma"))
        try:
            ours, agreed = answer(offer, capabilities, "127.0.0.1", 30000, session_id=1, version=1, fresh=FRESH)
        except SdpError as error:
            assert error.status in (400, 413, 488), error.status
            continue
        assert agreed.remote_host not in ("0.0.0.0", "255.255.255.255")
        assert srtp != "required" or agreed.crypto_in is not None, "agreed to speak in the clear"
        Sdp.parse(ours.encode())


def crypto(data: bytes) -> None:
    """A line of keys is taken, or is none."""
    with suppress(SdpError):
        for media in Sdp.parse(CRYPTO + data + b"\r\n").media:
            for found in offered(media):
                assert len(found.key.key) == 30


def packets(data: bytes) -> Iterator[bytes]:
    """Octets as packets, each after its length."""
    at = 0
    for _ in range(MOST_PACKETS):
        if at >= len(data):
            return
        size = data[at] | (data[at + 1] << 8 & 0x700 if at + 1 < len(data) else 0)
        yield data[at + 2 : at + 2 + size]
        at += 2 + size


def sound(data: bytes) -> None:
    """RTP and events into a call; its peer is heard afterwards as before."""
    bench = PlaneBench(capacity=2)
    bench.call(0)
    for packet in packets(data):
        bench.tick(packet)
    for step in range(3):
        bench.tick(rtp(40_000 + step, 9_000_000 + 160 * step, b"\x80" * 160, ssrc=0xABCD))
    assert bench.plane.rows.heard[0]


def secure(data: bytes) -> None:
    """Any octets into an encrypted call: nothing of them is heard."""
    bench = PlaneBench(capacity=2)
    bench.call(0, srtp_in=KEY, srtp_out=KEY)
    for packet in packets(data):
        bench.tick(packet)
    assert not bench.plane.rows.heard[0]


def control(data: bytes) -> None:
    """RTCP: reports of a call whatever its peer reported."""
    rows = Rows(2, np.random.default_rng(5))
    reports = Reports(rows, rows_rng(), b"fuzz")
    reports.start(0, 0)
    now = 10.0
    for packet in packets(data):
        now += 0.5
        reports.receive(0, packet, now, 1e9 + now)
        reports.heard_from(0)
    assert len(reports.report(0, now, 1e9 + now, bye=True)) % 4 == 0


def rows_rng() -> np.random.Generator:
    """The same each time."""
    return np.random.default_rng(7)


def stun(data: bytes) -> None:
    """Binding requests and responses."""
    transaction = read_request(data)
    if transaction is not None:
        assert read_response(binding_response(transaction, "192.0.2.1", 5060), transaction) == ("192.0.2.1", 5060)
    read_response(data, data[8:20])


def stream(data: bytes) -> None:
    """A stream gives the same messages however it was cut."""
    if len(data) < 2:
        return
    step, body = data[0] % 61 + 1, data[1:]
    assert _framed([body]) == _framed([body[at : at + step] for at in range(0, len(body), step)])


def _framed(pieces: list[bytes]) -> tuple[list[bytes], int | None]:
    framer, found = Framer(), []
    for piece in pieces:
        framer.feed(piece)
        try:
            while (one := framer.next()) is not None:
                if not isinstance(one, Sign):
                    found.append(one)
        except FramingError as error:
            return found, error.status
    return found, None


def digest(data: bytes) -> None:
    """Challenges and credentials: nobody is let in by chance."""
    text = data.decode("utf-8", "surrogateescape")
    for read in (parse_credentials, parse_challenge):
        with suppress(DigestError, ParseError):
            read(text)
    judge = Challenger("ivr", bytes(32), algorithms=("MD5", "SHA-256"), allow_legacy=True)
    judge.challenge(1.0)
    verdict = judge.verify([text], "REGISTER", "sip:ivr", {"200": "secret"}.get, b"", 2.0)
    assert type(verdict).__name__ != "Verified"


FACTS = Facts("0a1b2c3d-0000-4000-8000-000000000001", "CA", "AC", "MZ", "1", "2", {"a": 1})
AGENT = AiAgent.model_validate(
    {"protocol": "openai-realtime", "tools": {"note": {"reason": "note", "variables": {"a": "b"}}, "bye": {}}}
)
SAID = (Accepted, Speech, MarkSet, Clear, Kept, Given, Lost, Send, Odd, Keys)


def _taken(wire: Wire, data: bytes) -> Iterator[Message]:
    """Messages of a connection whose octets come in pieces."""
    for at in range(0, len(data) + 1, 37):
        wire.feed(data[at : at + 37])
        more = True
        while more:
            found, more = wire.take()
            assert len(found) <= EVENTS + 1 and wire.frames <= EVENTS
            yield from (one.message for one in found if isinstance(one, Received))
        wire.outgoing()
    wire.message("x")
    wire.ping()
    wire.close()


def websocket(data: bytes) -> None:
    """Frames of an AI agent, after its handshake, and the handshake itself."""
    for _ in _taken(WebSocketClient("h", "/", []), data):
        pass
    client, server = WebSocketClient("h", "/", []), WSConnection(ConnectionType.SERVER)
    server.receive_data(client.outgoing())
    assert list(server.events())
    client.feed(server.send(AcceptConnection()))
    assert client.take()[0]
    for found in _taken(client, data):
        assert len(found) <= MAX_MESSAGE


def agent(data: bytes) -> None:
    """Messages of an AI agent in each protocol: whatever comes means something known, or nothing."""
    text = data.decode("utf-8", "replace")
    for dialect in (*(media_streams(house, FACTS) for house in ("twilio", "exotel")), OpenAiRealtime(AGENT, FACTS)):
        for message_ in (text, data):
            for said in dialect.received(message_):
                assert isinstance(said, SAID)
                if isinstance(said, Kept):
                    assert len(json.dumps(dict(said.variables))) < 80_000
    for server in (False, True):
        socket = AudioSocket(FACTS.call_id, server=server)
        for found in _taken(AudioSocketWire(named=server), data):
            assert all(isinstance(said, SAID) for said in socket.received(found))


TARGETS: dict[str, Callable[[bytes], None]] = {
    "message": message,
    "sdp": sdp,
    "crypto": crypto,
    "sound": sound,
    "secure": secure,
    "control": control,
    "stun": stun,
    "stream": stream,
    "digest": digest,
    "websocket": websocket,
    "agent": agent,
}
