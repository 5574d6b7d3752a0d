from __future__ import annotations

import uuid

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.handoff.protocols.audiosocket import AUDIO, DTMF, ERROR, HANGUP, UUID, AudioSocket, AudioSocketWire, frame
from ivr.handoff.protocols.talk import Given, Keys, Lost, Odd, Speech
from ivr.handoff.protocols.wire import ABNORMAL, NORMAL, Closed, Happened, Opened, Received

NAME = "0a1b2c3d-0000-4000-8000-000000000001"
SOUND = bytes(range(256)) + bytes(64)


def taken(wire: AudioSocketWire) -> list[Happened]:
    found: list[Happened] = []
    while True:
        some, more = wire.take()
        found += some
        if not more:
            return found


def test_as_client_the_uuid_comes_first() -> None:
    client, wire = AudioSocket(NAME), AudioSocketWire()
    (first,) = client.begin()
    assert wire.message(first) == b"\x01\x00\x10" + uuid.UUID(NAME).bytes
    assert wire.message(client.heard(SOUND, 0.0)) == b"\x10\x01\x40" + SOUND
    assert [wire.message(one) for one in client.pressed("#")] == [b"\x03\x00\x01#"]
    assert client.end() == [] and client.marked("x", False) == [] and client.cleared({}) == []


def test_as_server_nothing_but_sound_and_the_end_is_sent() -> None:
    server, wire = AudioSocket(NAME, server=True), AudioSocketWire()
    assert server.begin() == [] and server.pressed("1") == []
    assert [wire.message(one) for one in server.end()] == [b"\x00\x00\x00"]


def test_another_id_gets_a_uuid_of_its_own() -> None:
    assert AudioSocket("x").uuid == AudioSocket("x").uuid != AudioSocket("y").uuid


@pytest.mark.parametrize(
    ("kind", "payload", "expected"),
    [
        (AUDIO, SOUND, [Speech(SOUND)]),
        (AUDIO, b"abc", [Speech(b"ab")]),
        (AUDIO, b"", [Odd("a frame of sound without sound")]),
        (HANGUP, b"", [Given("completed")]),
        # what Asterisk ends its session for
        (ERROR, b"\x01", [Lost("a frame of the kind 0xff, which nobody sends here", "endpoint_error")]),
        (0x77, b"", [Lost("a frame of the kind 0x77, which nobody sends here", "endpoint_error")]),
        (DTMF, b"5", [Lost("a frame of the kind 0x03, which nobody sends here", "endpoint_error")]),
        (UUID, bytes(16), [Lost("a frame of the kind 0x01, which nobody sends here", "endpoint_error")]),
        (0x19, SOUND, [Lost("a frame of the kind 0x19, which nobody sends here", "endpoint_error")]),
    ],
)
def test_frames_of_a_server(kind: int, payload: bytes, expected: list[object]) -> None:
    assert list(AudioSocket(NAME).received(bytes((kind,)) + payload)) == expected


def test_frames_of_asterisk() -> None:
    server = AudioSocket(NAME, server=True)
    assert list(server.received(bytes((DTMF,)) + b"5")) == [Keys("5")]
    assert list(server.received(bytes((DTMF,)) + b"\xff")) == [Odd("a key that is none")]
    assert list(server.received(bytes((UUID,)) + bytes(16))) == []
    assert list(server.received(bytes((ERROR,)) + b"\x01")) == [Odd("an error frame")]
    assert list(server.received("text")) == list(server.received(b"")) == [Odd("text")]


@pytest.mark.parametrize(
    ("kind", "rate"),
    [(0x11, 12000), (0x12, 16000), (0x13, 24000), (0x14, 32000), (0x15, 44100), (0x16, 48000), (0x17, 96000)],
)
def test_sound_of_other_rates_comes_at_that_of_the_line(kind: int, rate: int) -> None:
    client, found = AudioSocket(NAME), b""
    tone = np.rint(10_000 * np.sin(2 * np.pi * 1000 / rate * np.arange(rate))).astype("<i2").tobytes()
    size = rate // 50 * 2
    for at in range(0, len(tone), size):
        for said in client.received(bytes((kind,)) + tone[at : at + size]):
            assert isinstance(said, Speech)
            found += said.payload
    samples = np.frombuffer(found, "<i2").astype(float)
    assert 7_980 <= len(samples) <= 8_000
    heard = np.abs(np.fft.rfft(samples[1_000:5_000] * np.hanning(4_000)))
    assert int(np.argmax(heard)) == 500, "1 kHz stays 1 kHz"
    assert 9_900 < np.max(np.abs(samples[1_000:5_000])) < 10_100


def test_a_connection_that_does_not_begin_with_a_uuid_is_read_no_further() -> None:
    for first in (frame(AUDIO, SOUND), b"GET / HTTP/1.1\r\n\r\n", b"\x01\xff\xff", frame(UUID, bytes(15))):
        wire = AudioSocketWire(named=True)
        wire.feed(first)
        assert taken(wire) == [Opened(), Closed(ABNORMAL, "its first frame is no UUID")]
    wire = AudioSocketWire(named=True)
    wire.feed(frame(UUID, bytes(16)) + frame(AUDIO, SOUND))
    assert taken(wire)[1:] == [Received(bytes((UUID,)) + bytes(16)), Received(bytes((AUDIO,)) + SOUND)]


@given(
    st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=400)), max_size=200),
    st.lists(st.integers(1, 500), min_size=1, max_size=20),
)
def test_frames_come_whole_however_they_are_cut(frames: list[tuple[int, bytes]], cuts: list[int]) -> None:
    stream = b"".join(frame(kind, payload) for kind, payload in frames)
    wire, found, at, turn = AudioSocketWire(), list[Happened](), 0, 0
    while at < len(stream):
        size = cuts[turn % len(cuts)]
        wire.feed(stream[at : at + size])
        found += taken(wire)
        at, turn = at + size, turn + 1
    wire.feed(b"")
    found += taken(wire)
    assert found == [Opened(), *(Received(bytes((kind,)) + payload) for kind, payload in frames), Closed(NORMAL)]


def test_half_a_frame_is_no_good_end() -> None:
    wire = AudioSocketWire()
    wire.feed(frame(AUDIO, SOUND)[:-1])
    wire.feed(b"")
    assert taken(wire) == [Opened(), Closed(ABNORMAL, "half a frame")]


def test_few_frames_are_taken_at_once() -> None:
    wire = AudioSocketWire()
    wire.feed(frame(AUDIO) * 1_000)
    found, more = wire.take()
    assert more and wire.frames == 64 and len(found) == 65


@given(st.binary(max_size=2_000))
def test_nothing_that_comes_raises(data: bytes) -> None:
    wire, dialect = AudioSocketWire(), AudioSocket(NAME, server=True)
    wire.feed(data)
    for one in taken(wire):
        if isinstance(one, Received):
            list(dialect.received(one.message))
