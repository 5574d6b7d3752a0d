"""What a row of each codec costs the media plane, without sockets: microseconds of CPU a call and tick of 20 ms.

    .venv/bin/python -m tests.bench.codecs
    .venv/bin/python -m tests.bench.codecs --rows 200 --only "pcmu 20 ms" g722

Every call hears a prompt, or in a bridge its partner, while its peer talks without a pause. Kernel and network come on
top: `tests/bench/media_plane.py` has those, of G.711.
"""

from __future__ import annotations

import argparse
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pylibsrtp import Policy, Session

from media import CryptoSuite, SrtpKey, Stream, opus_available
from media import terms as updates
from media.batch import Addresses, Inbox
from media.codecs.g722 import G722Encoder
from media.face import WIDE_SUFFIX
from media.plane.commands import Commands
from media.plane.plane import Plane
from media.plane.rows import Rows
from media.protocol import Command, pack
from media.recording import RecordingWriter

TICKS = 150
SUITES: tuple[CryptoSuite, ...] = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")
SECONDS = 30


@dataclass(frozen=True)
class Kind:
    """What the calls are."""

    name: str
    stream: dict[str, Any]
    bridged: dict[str, Any] | None = None
    """The other leg's stream: every second row; None: no bridge."""


def sealed(suite: CryptoSuite) -> dict[str, SrtpKey]:
    """Keys of a secure row: the same in both directions, which nothing minds here."""
    key = SrtpKey(suite, bytes(range(30)))
    return {"srtp_out": key, "srtp_in": key}


def kinds() -> Iterator[Kind]:
    """All that is measured."""
    pcmu, pcma = {"codec": "pcmu", "payload_type": 0}, {"codec": "pcma", "payload_type": 8}
    g722, opus = {"codec": "g722", "payload_type": 9}, {"codec": "opus", "payload_type": 107}
    yield Kind("pcmu 20 ms", pcmu)
    yield Kind("pcmu 20 ms, DTMF in the sound", {**pcmu, "inband": True})
    yield Kind("pcmu 20 ms, busy tone", {**pcmu, "busy_tone": True})
    yield Kind("pcmu 10 ms", {**pcmu, "ptime": 10})
    yield Kind("pcmu 30 ms", {**pcmu, "ptime": 30})
    yield Kind("pcmu 60 ms", {**pcmu, "ptime": 60})
    for suite in SUITES:
        yield Kind(f"pcmu 20 ms, SRTP {suite[-2:]}", {**pcmu, **sealed(suite)})
    yield Kind("g722", g722)
    if opus_available():
        yield Kind("opus", opus)
        yield Kind("opus 60 ms", {**opus, "ptime": 60})
    yield Kind("bridge pcmu - pcma", pcmu, pcma)
    yield Kind("bridge pcmu - pcmu SRTP", pcmu, {**pcmu, **sealed(SUITES[0])})
    yield Kind("bridge g722 - pcmu", g722, pcmu)
    yield Kind("bridge g722 - g722", g722, g722)
    if opus_available():
        yield Kind("bridge opus - opus", opus, opus)
        yield Kind("bridge opus - pcmu", opus, pcmu)
        yield Kind("bridge opus - g722", opus, g722)


def voice(seconds: int) -> NDArray[np.int16]:
    """Something like speech at 16 kHz: a buzz whose pitch and loudness wander."""
    rate = 16000
    time_ = np.arange(seconds * rate) / rate
    pitch = 120 + 30 * np.sin(2 * np.pi * 0.7 * time_)
    buzz = np.sign(np.sin(2 * np.pi * np.cumsum(pitch) / rate)) * (1 + np.sin(2 * np.pi * 3 * time_)) / 2
    noise = np.random.default_rng(1).standard_normal(len(time_))
    return (buzz * 3000 + noise * 200).astype(np.int16)


def seals(stream: dict[str, Any]) -> Session | None:
    """The peer's end of a secure row."""
    key = stream.get("srtp_in")
    if key is None:
        return None
    profiles = (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, Policy.SRTP_PROFILE_AES128_CM_SHA1_32)
    return Session(Policy(key.key, Policy.SSRC_ANY_OUTBOUND, 0, profiles[SUITES.index(key.suite)]))


def payloads(stream: dict[str, Any], sound: NDArray[np.int16]) -> list[bytes]:
    """What a peer sends, in packets of 20 ms."""
    frames = sound[: len(sound) // 320 * 320].reshape(-1, 320)
    if stream["codec"] == "g722":
        encoder = G722Encoder()
        return [encoder.encode(frame) for frame in frames]
    if stream["codec"] == "opus":
        from media.codecs.opus import OpusEncoder

        out = OpusEncoder()
        return [out.encode(frame) for frame in frames]
    octets = np.random.default_rng(2).integers(0, 255, (len(frames), 160)).astype(np.uint8)
    return [frame.tobytes() for frame in octets]


@dataclass
class Feed:
    """Loops without a network: each row's peer sends one packet of 20 ms a tick."""

    sources: NDArray[np.uint64]
    talk: list[tuple[int, int, list[bytes], Session | None]]
    """Payload type, steps of the clock, payloads, and what seals them: of each row."""
    name: str = "feed"
    tick: int = 0
    given: bool = False
    made: list[bytes] = field(default_factory=list)

    def add(self, row: int, sock: socket.socket) -> None: ...

    def remove(self, row: int) -> None: ...

    def listen(self, rows: NDArray[np.intp], hurried: NDArray[np.intp]) -> None: ...

    def settle(self, row: int, target: int) -> bool:
        return bool(target)

    def prepare(self) -> None:
        """Packets of the next tick, made outside the measured time."""
        self.tick += 1
        self.given = False
        self.made = []
        for kind, step, said, seals in self.talk:
            head = bytes((0x80, kind)) + (self.tick & 0xFFFF).to_bytes(2, "big")
            head += (self.tick * step & 0xFFFFFFFF).to_bytes(4, "big") + b"\0\0\0\7"
            packet = head + said[self.tick % len(said)]
            self.made.append(packet if seals is None else seals.protect(packet))

    def receive(self, inbox: Inbox, *, hurried: bool) -> None:
        inbox.count = 0
        if hurried or self.given:
            return
        self.given = True
        for row, packet in enumerate(self.made):
            inbox.packets[row, : len(packet)] = np.frombuffer(packet, np.uint8)
            inbox.lengths[row] = len(packet)
        inbox.rows[: len(self.made)] = np.arange(len(self.made))
        inbox.sources[: len(self.made)] = self.sources
        inbox.count = len(self.made)

    def send(self, rows: Any, packets: Any, lengths: Any, targets: Any) -> int:
        return 0


class Shell:
    """Nobody to tell."""

    def allocated(self, row: int) -> None: ...

    def released(self, row: int) -> None: ...

    def control(self, row: int, packet: bytes, target: int) -> None: ...

    def copy(self, path: str, data: bytes | None) -> None: ...


def measure(kind: Kind, rows: int) -> float:
    """Microseconds of CPU a row and tick."""
    sound = voice(4)
    streams = [kind.bridged if kind.bridged is not None and row % 2 else kind.stream for row in range(rows)]
    said = {id(stream): payloads(stream, sound) for stream in streams}
    talk = [(s["payload_type"], 960 if s["codec"] == "opus" else 160, said[id(s)], seals(s)) for s in streams]
    sources = np.array([(0x7F000001 << 16) + 20000 + 2 * row for row in range(rows)], np.uint64)
    wide = np.resize(sound, SECONDS * 16000)
    prompts = {"prompt": np.ascontiguousarray(wide[::2]), "prompt" + WIDE_SUFFIX: wide}
    feed = Feed(sources, talk)
    state = Rows(rows, np.random.default_rng(1))
    plane = Plane(
        state, feed, Shell(), RecordingWriter(), lambda name, n: prompts[name],
        lambda name, n: prompts[name + WIDE_SUFFIX],
        np.random.default_rng(1), b"bench", 30.0, Addresses(),
    )  # fmt: skip
    commands = Commands(plane)
    orders = []
    for row, stream in enumerate(streams):
        orders.append(pack(Command.ALLOCATE, row, 1))
        fields, strings = updates.encode(Stream(remote=("127.0.0.1", 20000 + 2 * row), **stream))
        orders.append(pack(Command.UPDATE, row, 1, *fields, strings=strings))
        if kind.bridged is None:
            name = (SECONDS * 8000).to_bytes(4, "little") + b"prompt"
            orders.append(pack(Command.PLAY, row, 1, 1, 0, 0, 1, 0, strings=(name,)))
        elif row % 2:
            orders.append(pack(Command.BRIDGE, row, 1, row - 1, 1))
    spent = 0.0
    for tick in range(TICKS + 20):
        feed.prepare()
        started = time.process_time()
        plane.first_half(1000 + tick * 0.02, 1e9)
        plane.second_half(1000.012 + tick * 0.02, 1e9, lambda: [commands.obey(order) for order in orders] and None)
        if tick >= 20:
            spent += time.process_time() - started
        orders.clear()
        plane.outbox.clear()
    assert int(state.packets_in.sum()) >= TICKS * rows
    return spent / TICKS / rows * 1e6


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3, help="the least of so many counts")
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    for kind in kinds():
        if options.only and kind.name not in options.only:
            continue
        least = min(measure(kind, options.rows) for _ in range(options.repeats))
        print(f"{kind.name:32} {least:7.2f} us", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
