"""The pool's end of one worker: the process, the socket to it, and the ports in it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from media import protocol
from media.errors import MediaStartError
from media.events import decode, frames, sent_frames
from media.face import Lost, MediaConfig, MediaEvent, RecordDone, SentFrames, Stats, StreamMark
from media.pacing import PACING_BOUNDS, WorkerStatistics
from media.port import Port
from media.protocol import MAX_RECORD, WHOLE_WORKER, Command, Event, batches, records

__all__ = ["WorkerLink"]

log = logging.getLogger("media")

MAX_QUEUED: Final = 1 << 18
"""Bytes of commands that may wait for a worker before new calls are refused: some thousand commands, seconds behind."""
PACKETS_PER_TURN: Final = 16
"""Packets read from one worker in one turn of the loop, so that signalling is heard in between."""

_ENVIRONMENT: Final = {
    "OMP_NUM_THREADS": "1",  # BLAS threads cost double on products of this size
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # The tick's temporary arrays must come from the heap, not from fresh pages each time.
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
}


class WorkerLink:
    """One worker process and the socket to it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self._socket = ours
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "media.worker", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                env={**os.environ, **_ENVIRONMENT, "PYTHONPATH": _python_path()},
                stdin=subprocess.DEVNULL,
            )
        self.started = self.beaten = time.monotonic()
        """When it was put to work, and when it last gave a sign of life."""
        self.quick = 0
        """Workers before it in its place that died soon after their start, one after the other."""
        self.deaths = 0
        """Workers before it in its place."""
        self.range = (0, 0)
        self.hosts: tuple[str, ...] = ()
        self.ready: asyncio.Future[str] = loop.create_future()
        """Done once ports can be had: the name of the worker's loops."""
        self.pairs = 0
        """Of each host."""
        self.unavailable: dict[int, int] = {}
        """Pairs that somebody else holds, by place of the host."""
        self.free: dict[bool, deque[tuple[int, int, int]]] = {False: deque(), True: deque()}
        """Row, generation and RTP port of what is bound ahead: of IPv4, and of IPv6."""
        self.statistics: WorkerStatistics | None = None
        self.starved = 0
        self.ports: dict[int, Port] = {}
        self.closed = False
        self.on_lost: Callable[[WorkerLink], None] = lambda link: None
        self._name = ""
        self._waiting: list[bytes] = []
        self._packets: deque[bytes] = deque()
        self._sounds: list[bytes] = []
        self._sound_packets: deque[bytes] = deque()
        self._queued = 0
        self._flushing = False
        loop.add_reader(ours.fileno(), self._readable)

    def configure(self, config: MediaConfig, ports: tuple[int, int]) -> None:
        """Put the worker to work on ``ports``, both ends included."""
        self.range = ports
        self.hosts = tuple(filter(None, (config.host, config.host_v6)))
        self.started = self.beaten = time.monotonic()
        self.send(
            protocol.pack(
                Command.CONFIGURE,
                WHOLE_WORKER,
                0,
                *ports,
                config.media_timeout,
                config.realtime,
                config.compiled,
                strings=tuple(host.encode() for host in self.hosts),
            )
        )

    @property
    def full(self) -> bool:
        """Whether commands wait in such numbers that new calls must not add to them."""
        return self._queued > MAX_QUEUED

    def send(self, record: bytes) -> None:
        """Queue a command; all of one turn of the loop go together."""
        if self.closed:
            return
        self._waiting.append(record)
        self._queued += len(record)
        self._flush_soon()

    def send_sound(self, record: bytes) -> None:
        """Queue a command of a sound stream: these keep their order, and go after all others, which they neither delay
        nor crowd out; how much of them waits is bounded by each stream."""
        if not self.closed:
            self._sounds.append(record)
            self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self.closed:
            return
        self._packets.extend(batches(self._waiting))
        self._waiting.clear()
        self._sound_packets.extend(batches(self._sounds))
        self._sounds.clear()
        for packets in (self._packets, self._sound_packets):
            while packets:
                try:
                    self._socket.send(packets[0])
                except BlockingIOError:
                    self._flushing = True
                    self._loop.add_writer(self._socket.fileno(), self._writable)
                    return
                except OSError:
                    return  # the reader will see the end
                gone = packets.popleft()
                if packets is self._packets:
                    self._queued -= len(gone)

    def _writable(self) -> None:
        self._loop.remove_writer(self._socket.fileno())
        self._flush()

    def _readable(self) -> None:
        for _ in range(PACKETS_PER_TURN):
            try:
                packet = self._socket.recv(MAX_RECORD)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            if not packet:
                self._lost()
                return
            for kind, row, generation, fields, strings in records(packet):
                self._take(kind, row, generation, fields, strings)

    def _take(self, kind: int, row: int, generation: int, fields: tuple[float, ...], strings: bytes) -> None:
        if kind == Event.BOUND:
            self.free[bool(fields[1])].append((row, generation, int(fields[0])))
            if not self.ready.done():
                self.ready.set_result(self._name)
        elif kind == Event.READY:
            self._name = "compiled" if fields[0] else "python"
            self.pairs = int(fields[1])
        elif kind == Event.SHRUNK:
            place, count = int(fields[0]), int(fields[1])
            self.unavailable[place] = count
            if count >= self.pairs:
                fault = f"none of the ports {self.range} on {self.hosts[place]} can be bound"
                if self.ready.done():
                    log.error("media worker %d: %s", self.process.pid, fault)
                else:
                    self.ready.set_exception(MediaStartError(fault))
        elif kind == Event.STREAM_FRAMES:
            _, _, at, lead = fields
            for number, owner, stream, taken, payload in frames(fields, strings):
                port = self.ports.get(number)
                if port is not None and port._generation == owner:
                    for event in port._streamed(stream, taken, at, lead, payload):
                        _tell(port, event)
        elif kind == Event.SENT_FRAMES:
            for number, owner, payload in sent_frames(fields, strings):
                port = self.ports.get(number)
                if port is not None and port._generation == owner and not port.released:
                    _tell(port, SentFrames(port, fields[1], payload))
        elif kind == Event.BEAT:
            self._beat(fields)
        elif kind == Event.FAULT:
            text = protocol.split_strings(strings)[0].decode(errors="replace")
            log.error("media worker %d: %s", self.process.pid, text)
            if not self.ready.done():
                self.ready.set_exception(MediaStartError(text))
        else:
            port = self.ports.get(row)
            if port is None or port._generation != generation:
                return
            event = decode(port, kind, fields, strings)
            if isinstance(event, RecordDone):
                port._recording.discard(event.record_id)
            elif isinstance(event, StreamMark):
                port._marked(event.stream_id)
            elif isinstance(event, Stats) and port.released and fields[-1]:
                del self.ports[row]
            _tell(port, event)

    def _beat(self, fields: tuple[float, ...]) -> None:
        self.beaten = time.monotonic()
        classes = len(PACING_BOUNDS) + 1
        ticks, skipped = map(int, fields[:2])
        received, sent, unsent, refused, unopened, starved, untold = map(int, fields[3 + classes :])
        self.statistics = WorkerStatistics(
            worker=0,
            pid=self.process.pid,
            deaths=self.deaths,
            calls=len(self.ports),
            ticks=ticks,
            skipped=skipped,
            pacing=tuple(map(int, fields[2 : 2 + classes])),
            pacing_seconds=fields[2 + classes],
            received=received,
            sent=sent,
            unsent=unsent,
            refused=refused,
            unopened=unopened,
            starved=starved,
            untold=untold,
        )
        if starved and not self.starved:
            log.error(
                "media worker %d: no more ports can be bound: out of file descriptors or memory", self.process.pid
            )
        self.starved = starved

    def _lost(self) -> None:
        """The worker is gone, and with it all its ports."""
        self.shut()
        with contextlib.suppress(OSError):
            self.process.kill()
        if not self.ready.done():
            self.ready.set_exception(MediaStartError("a media worker ended while it started"))
        ports, self.ports = list(self.ports.values()), {}
        for free in self.free.values():
            free.clear()
        for port in ports:
            released = port.released
            for number in sorted(port._lose()):
                _tell(port, RecordDone(port, number, 0.0, "lost", "the media worker died"))
            if not released:
                _tell(port, Lost(port))
        self.on_lost(self)

    def shut(self) -> None:
        """Close the socket, which ends the worker."""
        if not self.closed:
            self.closed = True
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            self._socket.close()

    def reap(self, timeout: float) -> None:
        """Wait for the end of the process, with force if need be. Blocks: for a thread."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            log.warning("media worker %d does not end; killing it", self.process.pid)
            self.process.kill()
            self.process.wait()


def _tell(port: Port, event: MediaEvent) -> None:
    try:
        port._on_event(event)
    except Exception:
        log.exception("an event of a media port was not taken")


def _python_path() -> str:
    """Where workers find this package, installed or not."""
    here = str(Path(__file__).resolve().parent.parent)
    return os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
