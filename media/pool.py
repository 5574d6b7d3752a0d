"""The asyncio side of the media plane: worker processes, their ports, commands out and events in."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
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
from media.errors import MediaFull, MediaStartError
from media.events import decode
from media.face import Lost, MediaConfig, MediaEvent, RecordDone, Stats
from media.port import Port
from media.protocol import MAX_RECORD, WHOLE_WORKER, Command, Event, batches, records

__all__ = ["MediaPool", "WorkerLink"]

log = logging.getLogger("media")

START_TIMEOUT: Final = 20.0
"""Seconds in which a worker must be up: importing NumPy on a slow disk takes a few."""
CLOSE_TIMEOUT: Final = 6.0
"""Seconds in which a worker must end: it completes its recordings, which it gives 5 s."""
MAX_QUEUED: Final = 1 << 18
"""Bytes of commands that may wait for a worker before new calls are refused: some thousand commands, seconds behind."""
PACKETS_PER_TURN: Final = 16
"""Packets read from one worker in one turn of the loop, so that signalling is heard in between."""
QUICK_DEATH: Final = 5.0
"""A worker that dies within so many seconds is replaced only after :data:`PAUSE`: whatever killed it is still there."""
PAUSE: Final = 1.0

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
        self.started = time.monotonic()
        self.range = (0, 0)
        self.host = ""
        self.ready: asyncio.Future[str] = loop.create_future()
        """Done once ports can be had: the name of the worker's loops."""
        self.pairs = 0
        self.unavailable = 0
        self.free: deque[tuple[int, int, int]] = deque()
        """Row, generation and RTP port of what is bound ahead."""
        self.ports: dict[int, Port] = {}
        self.closed = False
        self.on_lost: Callable[[WorkerLink], None] = lambda link: None
        self._name = ""
        self._waiting: list[bytes] = []
        self._packets: deque[bytes] = deque()
        self._queued = 0
        self._flushing = False
        loop.add_reader(ours.fileno(), self._readable)

    def configure(self, config: MediaConfig, ports: tuple[int, int]) -> None:
        """Put the worker to work on ``ports``, both ends included."""
        self.range, self.host = ports, config.host
        self.send(
            protocol.pack(
                Command.CONFIGURE,
                WHOLE_WORKER,
                0,
                *ports,
                config.media_timeout,
                config.realtime,
                config.compiled,
                strings=(config.host.encode(),),
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
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self.closed:
            return
        self._packets.extend(batches(self._waiting))
        self._waiting.clear()
        while self._packets:
            try:
                self._socket.send(self._packets[0])
            except BlockingIOError:
                self._flushing = True
                self._loop.add_writer(self._socket.fileno(), self._writable)
                return
            except OSError:
                return  # the reader will see the end
            self._queued -= len(self._packets.popleft())

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
            self.free.append((row, generation, int(fields[0])))
            if not self.ready.done():
                self.ready.set_result(self._name)
        elif kind == Event.READY:
            self._name = "compiled" if fields[0] else "python"
            self.pairs = int(fields[1])
        elif kind == Event.SHRUNK:
            self.unavailable = int(fields[0])
            if self.unavailable >= self.pairs and not self.ready.done():
                self.ready.set_exception(MediaStartError(f"none of the ports {self.range} on {self.host} can be bound"))
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
            elif isinstance(event, Stats) and port.released and fields[-1]:
                del self.ports[row]
            _tell(port, event)

    def _lost(self) -> None:
        """The worker is gone, and with it all its ports."""
        self.shut()
        with contextlib.suppress(OSError):
            self.process.kill()
        if not self.ready.done():
            self.ready.set_exception(MediaStartError("a media worker ended while it started"))
        ports, self.ports = list(self.ports.values()), {}
        self.free.clear()
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


class MediaPool:
    """All workers. Made by :meth:`start`; belongs to the loop it was started in."""

    def __init__(self, config: MediaConfig) -> None:
        self._config = config
        self._loop = asyncio.get_running_loop()
        self._links: list[WorkerLink] = []
        self._spare: WorkerLink | None = None
        self._timers: set[asyncio.TimerHandle] = set()
        self._closing = False
        self.batch = ""
        """``compiled`` or ``python``: which socket loops the workers use."""

    @classmethod
    async def start(cls, config: MediaConfig) -> MediaPool:
        """Start the workers and wait until ports can be had. Raises :class:`MediaStartError`."""
        pool = cls(config)
        try:
            for ports in _split(config.ports, config.workers or max(1, (os.cpu_count() or 1) - 1)):
                link = WorkerLink(pool._loop)
                link.configure(config, ports)
                link.on_lost = pool._replace
                pool._links.append(link)
            async with asyncio.timeout(START_TIMEOUT):
                for link in pool._links:
                    pool.batch = await link.ready
        except TimeoutError as error:
            await pool.close()
            raise MediaStartError(f"the media workers did not start within {START_TIMEOUT:g} s") from error
        except BaseException:
            await pool.close()
            raise
        if config.spare:
            pool._spare = pool._make_spare()
        return pool

    @property
    def free(self) -> int:
        """Port pairs that calls may still take."""
        return sum(link.pairs - link.unavailable - len(link.ports) for link in self._links if not link.closed)

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers at work."""
        return [link.process.pid for link in self._links]

    def allocate(self, on_event: Callable[[MediaEvent], None], near: Port | None = None) -> Port:
        """A port, at once. ``near``: in the same worker as that port, so that the two can be bridged.

        Raises :class:`MediaFull`.
        """
        links = [near._link] if near is not None else self._links
        link = max(links, key=lambda link: len(link.free), default=None)
        if link is None or not link.free or link.full or link.closed:
            raise MediaFull("every media port is taken")
        row, generation, number = link.free.popleft()
        port = Port(link, row, generation, (self._config.host, number), on_event)
        link.ports[row] = port
        link.send(protocol.pack(Command.ALLOCATE, row, generation))
        return port

    async def close(self) -> None:
        """End all workers; recordings are completed first."""
        self._closing = True
        for timer in self._timers:
            timer.cancel()
        links = [*self._links, *([self._spare] if self._spare else [])]
        for link in links:
            link.shut()
            link.ready.cancel()
        await asyncio.gather(*(asyncio.to_thread(link.reap, CLOSE_TIMEOUT) for link in links))

    def _make_spare(self) -> WorkerLink:
        link = WorkerLink(self._loop)
        link.ready.add_done_callback(lambda ready: ready.cancelled() or ready.exception())
        link.on_lost = self._spare_lost
        return link

    def _spare_lost(self, link: WorkerLink) -> None:
        link.process.wait()
        if self._spare is link:
            self._spare = None

    def _replace(self, dead: WorkerLink) -> None:
        """Put the spare worker, or a new one, in the place of one that died."""
        if dead not in self._links or self._closing:
            return
        code = dead.process.wait()  # killed or gone: this does not block
        log.error("media worker %d died (%s) with its calls; it is replaced", dead.process.pid, code)
        if time.monotonic() - dead.started < QUICK_DEATH:
            self._later(PAUSE, lambda: self._put_in_place(dead))
        else:
            self._put_in_place(dead)

    def _put_in_place(self, dead: WorkerLink) -> None:
        link, self._spare = self._spare or self._make_spare(), None
        link.on_lost = self._replace
        link.started = time.monotonic()
        link.configure(self._config, dead.range)
        self._links[self._links.index(dead)] = link
        if self._config.spare:
            self._later(PAUSE, self._renew_spare)

    def _renew_spare(self) -> None:
        if self._spare is None:
            self._spare = self._make_spare()

    def _later(self, delay: float, function: Callable[[], None]) -> None:
        def run() -> None:
            self._timers.discard(timer)
            if not self._closing:
                function()

        timer = self._loop.call_later(delay, run)
        self._timers.add(timer)


def _split(ports: tuple[int, int], workers: int) -> list[tuple[int, int]]:
    """The range in even parts, each beginning with an even port and ending with an odd one."""
    first, last = ports[0] + ports[0] % 2, ports[1]
    pairs = (last - first + 1) // 2
    if pairs < 1:
        raise MediaStartError(f"the port range {ports[0]}-{ports[1]} holds no pair of RTP and RTCP ports")
    workers = min(workers, pairs)
    edges = [first + 2 * (pairs * k // workers) for k in range(workers + 1)]
    return [(start, end - 1) for start, end in itertools.pairwise(edges)]
