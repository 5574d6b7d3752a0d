"""A media plane without sockets and without time: packets are put in and taken out, ticks are called."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from media import terms
from media.batch import Addresses, Inbox
from media.codecs.g711 import ALAW_ENCODE, ULAW_ENCODE
from media.face import WIDE_SUFFIX, Stream
from media.plane.commands import Commands
from media.plane.plane import Plane
from media.plane.rows import Rows
from media.protocol import NO_TYPE, Command, Event, UpdateFlag, pack, records, split_strings
from media.recording import RecordingWriter

LOOPBACK = 0x7F000001
PEER = LOOPBACK << 16 | 4000
ALL = UpdateFlag.SEND | UpdateFlag.RECEIVE


def rtp(sequence: int, timestamp: int, payload: bytes, kind: int = 0, ssrc: int = 7, marker: bool = False) -> bytes:
    """An RTP packet."""
    first = struct.pack(">BBHII", 0x80, kind | marker << 7, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
    return first + payload


@dataclass(frozen=True)
class Sent:
    """A packet that the plane sent."""

    row: int
    target: int
    data: bytes

    @property
    def kind(self) -> int:
        return self.data[1] & 0x7F

    @property
    def marker(self) -> bool:
        return bool(self.data[1] & 0x80)

    @property
    def sequence(self) -> int:
        return int.from_bytes(self.data[2:4], "big")

    @property
    def timestamp(self) -> int:
        return int.from_bytes(self.data[4:8], "big")

    @property
    def payload(self) -> bytes:
        return self.data[12:]


def host_text(number: int) -> str:
    """An IPv4 host as SDP writes it."""
    return str(ipaddress.IPv4Address(number))


class ScriptedLoops:
    """Loops whose network is two lists."""

    name = "scripted"

    def __init__(self) -> None:
        self.waiting: list[tuple[int, bytes, int]] = []
        self.sent: list[Sent] = []
        self.sets: tuple[set[int], set[int]] = (set(), set())
        self.settled: dict[int, int] = {}

    def add(self, row: int, sock: Any) -> None:
        raise NotImplementedError

    def remove(self, row: int) -> None:
        raise NotImplementedError

    def listen(self, rows: NDArray[np.intp], hurried: NDArray[np.intp]) -> None:
        self.sets = (set(rows.tolist()), set(hurried.tolist()))

    def settle(self, row: int, target: int) -> bool:
        self.settled[row] = target
        return target != 0

    def receive(self, inbox: Inbox, *, hurried: bool) -> None:
        wanted = self.sets[hurried]
        inbox.count = 0
        rest = []
        for row, data, source in self.waiting:
            if row not in wanted:
                rest.append((row, data, source))
                continue
            kept = data[: inbox.packets.shape[1]]
            inbox.packets[inbox.count, : len(kept)] = np.frombuffer(kept, np.uint8)
            inbox.lengths[inbox.count] = len(data)
            inbox.sources[inbox.count] = source
            inbox.rows[inbox.count] = row
            inbox.count += 1
        self.waiting = rest

    def send(
        self,
        rows: NDArray[np.intp],
        packets: NDArray[np.uint8],
        lengths: NDArray[np.int32],
        targets: NDArray[np.uint64],
    ) -> int:
        for k, row in enumerate(rows.tolist()):
            self.sent.append(Sent(row, int(targets[k]) or self.settled[row], packets[k, : lengths[k]].tobytes()))
        return 0


@dataclass
class PlaneBench:
    """A plane, its network, its clock, and what it told the pool."""

    capacity: int = 8
    now: float = 1000.0
    sounds: dict[str, NDArray[np.int16]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.loops = ScriptedLoops()
        self.controls: list[tuple[int, bytes, int]] = []
        self.copies: dict[str, list[bytes | None]] = {}
        self.told: list[tuple[Event, int, tuple[Any, ...], list[bytes]]] = []
        rng = np.random.default_rng(5)
        self.writer = RecordingWriter()
        rows, shell = Rows(self.capacity, rng), self
        self.plane = Plane(
            rows, self.loops, shell, self.writer, self._open, self._open_wide, rng, b"bench", 30.0, Addresses()
        )
        self.rows = self.plane.rows
        self.commands = Commands(self.plane)
        self._orders: list[bytes] = []

    def _open(self, path: str, samples: int) -> NDArray[np.int16]:
        if path not in self.sounds:
            raise FileNotFoundError(path)
        return self.sounds[path][:samples]

    def _open_wide(self, path: str, samples: int) -> NDArray[np.int16] | None:
        wide = self.sounds.get(path + WIDE_SUFFIX)
        return None if wide is None else wide[: 2 * samples]

    # The shell

    def allocated(self, row: int) -> None:
        pass

    def released(self, row: int) -> None:
        pass

    def control(self, row: int, packet: bytes, target: int) -> None:
        self.controls.append((row, packet, target))

    def copy(self, path: str, data: bytes | None) -> None:
        self.copies.setdefault(path, []).append(data)

    # The pool

    def order(self, kind: Command, row: int, *fields: float, strings: tuple[bytes, ...] = ()) -> None:
        """Have a command carried out in the next second half."""
        self._orders.append(pack(kind, row, 1, *fields, strings=strings))

    def call(self, row: int = 0, source: int = PEER, **wanted: Any) -> None:
        """Start a call on ``row`` and agree with its peer."""
        self.order(Command.ALLOCATE, row)
        self.agree(row, source, **wanted)
        self.second()

    def agree(
        self,
        row: int = 0,
        source: int = PEER,
        *,
        alaw: bool = False,
        events: int = 101,
        flags: int = ALL,
        signalling: int = 0,
        **other: Any,
    ) -> None:
        """An offer/answer on ``row``; ``other`` are fields of a stream."""
        wanted: dict[str, Any] = {
            "remote": (host_text(source >> 16), source & 0xFFFF),
            "codec": "pcma" if alaw else "pcmu",
            "payload_type": 8 if alaw else 0,
            "event_type": None if events == NO_TYPE else events,
            "event_type_in": None if events == NO_TYPE else events,
            "send": bool(flags & UpdateFlag.SEND),
            "receive": bool(flags & UpdateFlag.RECEIVE),
            "inband": bool(flags & UpdateFlag.INBAND),
            "signalling_host": host_text(signalling) if signalling else None,
        }
        fields, strings = terms.encode(Stream(**{**wanted, **other}))
        self.order(Command.UPDATE, row, *fields, strings=strings)

    def play(self, row: int, number: int, *names: str, times: int = 1, pause: int = 0, go_on: bool = False) -> None:
        """Play sounds that :attr:`sounds` holds."""
        strings = tuple(
            (len(self.sounds[n]) if n in self.sounds else 160).to_bytes(4, "little") + n.encode() for n in names
        )
        self.order(Command.PLAY, row, number, times, pause, len(names), go_on, strings=strings)

    # Time

    def first(self) -> list[Sent]:
        """First half of a tick: what was sent."""
        self.loops.sent.clear()
        self.now += 0.008
        self.plane.first_half(self.now, self.now + 1e9)
        self._listen()
        return list(self.loops.sent)

    def second(self) -> None:
        """Second half."""
        self.now += 0.012
        orders, self._orders = self._orders, []

        def carry_out() -> None:
            for order in orders:
                self.commands.obey(order)

        self.plane.second_half(self.now, self.now + 1e9, carry_out)
        self._listen()

    def tick(self, *packets: bytes, row: int = 0, source: int = PEER) -> list[Sent]:
        """Packets come to ``row``, then both halves: what was sent."""
        self.arrive(packets, row, source)
        sent = self.first()
        self.second()
        return sent

    def whole_tick(self, *packets: bytes, row: int = 0, source: int = PEER) -> list[Sent]:
        """The same, with what was sent in the second half too."""
        self.arrive(packets, row, source)
        self.first()
        self.second()
        return list(self.loops.sent)

    def arrive(self, packets: Sequence[bytes], row: int = 0, source: int = PEER) -> None:
        """Packets wait in the socket of ``row``."""
        self.loops.waiting.extend((row, packet, source) for packet in packets)

    def _listen(self) -> None:
        for packet in self.plane.outbox:
            for kind, row, _, fields, strings in records(packet):
                self.told.append((Event(kind), row, fields, split_strings(strings)))
        self.plane.outbox.clear()

    def of(self, kind: Event) -> list[tuple[Any, ...]]:
        """Fields of all events of ``kind`` so far."""
        return [fields for event, _, fields, _ in self.told if event == kind]

    def digits(self, *, ends: bool = False) -> str:
        """Digits whose start, or end, was told."""
        return "".join(chr(fields[0]) for fields in self.of(Event.DIGIT) if bool(fields[2]) == ends)


def hear(bench: PlaneBench, row: int = 0) -> Callable[[], NDArray[np.uint8]]:
    """Record what the plane hears of ``row``: a function that returns all of it so far."""
    frames: list[NDArray[np.uint8]] = []
    bench.plane.recorder.hear = lambda index, payload: frames.extend(  # type: ignore[method-assign]
        payload[k].copy() for k in np.flatnonzero(index == row)
    )
    return lambda: np.concatenate(frames) if frames else np.zeros(0, np.uint8)


def speech(frames: int, seed: int = 1, alaw: bool = False) -> NDArray[np.uint8]:
    """(frames, 160) octets of sound in which no two frames are alike and none is silence."""
    samples = np.random.default_rng(seed).integers(1000, 8000, (frames, 160)).astype(np.int16)
    table = ALAW_ENCODE if alaw else ULAW_ENCODE
    return table[samples.view(np.uint16)]


def folder() -> Path | None:
    """The corpus of bad RTP, where it is."""
    path = Path(__file__).resolve().parents[3] / "shared" / "proving" / "corpus" / "rtp_bad" / "open.jsonl"
    return path if path.exists() else None


__all__ = ["ALL", "NO_TYPE", "PEER", "PlaneBench", "ScriptedLoops", "Sent", "folder", "hear", "rtp", "speech"]
