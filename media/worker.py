"""A media worker: ``python -m media.worker FD``, with the pool's end of a socket pair as FD.

The process waits to be configured, then ticks at absolute deadlines until the socket ends. It ignores SIGINT and
SIGTERM: when the runtime ends, and in which order, is the runtime's affair, and its end is the socket's.
"""

from __future__ import annotations

import contextlib
import gc
import mmap  # noqa: F401  NumPy loads it with the first sound, when no descriptor may be left
import os
import select
import signal
import socket
import sys
import time
from collections import deque
from typing import Final

import numpy as np

from media.batch import Addresses, CompiledLoops, open_loops
from media.codecs import opus
from media.face import WIDE_SUFFIX
from media.pacing import Lead, Pacing
from media.plane.arena import Samples
from media.plane.commands import Commands
from media.plane.limits import SECOND_HALF, TICK
from media.plane.plane import Plane
from media.plane.rows import CAPACITY, Rows
from media.priority import Priority, give_up
from media.protocol import MAX_RECORD, WHOLE_WORKER, Command, Event, batches, pack, records, split_strings
from media.recording import RecordingWriter, SpoolWriter
from media.sockets import PortPairs

__all__ = ["Worker", "main"]

MAX_CATCH_UP: Final = 3
"""Ticks that are made up for one after the other; after a longer stall the tick goes on from now, without a burst."""
MAX_COMMANDS: Final = 64
"""Packets of commands read in one half tick, 2 MB: a flood of commands must not stop the sound."""
MAX_UNSENT: Final = 1 << 24
"""Bytes of events that wait for a pool that does not read: it is gone in all but name."""
MAX_UNSENT_FRAMES: Final = 25
"""Ticks of streams' sound that wait for a pool that does not read, half a second: what is older is of no use to who
listens."""
COLLECT_TICKS: Final = 500
"""Ticks between looks for cyclic garbage, which the tick hardly makes."""
BEAT: Final = 1.0
"""Seconds between signs of life."""
IDLE_WAIT: Final = 0.5
"""Seconds for which a worker without calls sleeps at most: it still renews its ports."""
_SLACK: Final = 0.004
_TOO_BUSY: Final = b"it had no pause for a second, and is not real-time any more"


class Worker:
    """The process: sockets, pacer, and the plane between them."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        link.setblocking(True)
        self._unsent: list[bytes] = []
        self._unsent_frames: deque[list[bytes]] = deque()
        """By tick: what rows with a stream said."""
        self._untold = 0
        """Ticks of it that were dropped."""
        self._pacing = Pacing()
        self._lead = Lead()
        self._priority = Priority()
        self._skipped = 0
        self._ended = False

    def run(self) -> None:
        """Wait for the configuration, then work until the pool closes its end."""
        packet = self._link.recv(MAX_RECORD)
        if not packet:
            return
        kind, _, _, fields, strings = next(records(packet))
        if kind != Command.CONFIGURE:
            raise ValueError("the first command must configure")
        first, last, timeout, realtime, compiled = fields
        self._link.setblocking(False)
        hosts = [host.decode() for host in split_strings(strings)]
        addresses = Addresses()
        loops = open_loops(CAPACITY, addresses, compiled=bool(compiled))
        rng = np.random.default_rng(int.from_bytes(os.urandom(16), "big"))
        self._rows = Rows(CAPACITY, rng)
        self._pairs = PortPairs(hosts, (int(first), int(last)), CAPACITY, loops, addresses, self._announce)
        writer = RecordingWriter()
        writer.start()
        self._spool = SpoolWriter()
        opus.available()  # loaded now, not in a tick
        name = os.urandom(8).hex().encode()
        self._plane = Plane(
            self._rows, loops, self, writer, open_sound, open_wide, rng, name, float(timeout), addresses
        )
        self._commands = Commands(self._plane)
        self._plane.outbox.append(
            pack(Event.READY, WHOLE_WORKER, 0, isinstance(loops, CompiledLoops), self._pairs.pairs)
        )
        if realtime:
            self._priority.take()
        give_up()
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            self._tick()
        finally:
            writer.close()
            self._spool.close()

    def _tick(self) -> None:
        plane = self._plane
        deadline = time.monotonic() + TICK
        taken = self._pairs.taken
        refilled = True
        beat = 0.0
        wake = select.poll()  # select() knows no descriptor above 1023, and the link has the number that the pool gave
        wake.register(self._link, select.POLLIN)
        while not self._ended:
            if plane.idle and not refilled and not self._unsent:
                wake.poll(IDLE_WAIT * 1000)
                deadline = max(deadline, time.monotonic())
            sleep_until(deadline)
            late = int((time.monotonic() - deadline) / TICK)
            if late > MAX_CATCH_UP:
                plane.skip(late)
                deadline += late * TICK
                self._skipped += late
            now = time.monotonic()
            if plane.sending:
                self._pacing.note(now - deadline)
            plane.lead = self._lead.seconds
            plane.first_half(now, time.time())
            for row, packet, source in self._pairs.control_ready():
                plane.control_received(row, packet, source)
            self._report()
            refilled = self._pairs.refill(time.monotonic())
            if self._pairs.taken != taken:
                taken = self._pairs.taken
                for place, count in enumerate(taken):
                    plane.outbox.append(pack(Event.SHRUNK, WHOLE_WORKER, 0, place, count))
            if now >= beat + BEAT:
                beat = now
                plane.outbox.append(self._beat())
                if self._priority.lost:
                    self._priority.lost = False
                    plane.outbox.append(pack(Event.FAULT, WHOLE_WORKER, 0, strings=(_TOO_BUSY,)))
            if plane.tick % COLLECT_TICKS == 0 and deadline + SECOND_HALF - time.monotonic() > _SLACK:
                gc.collect(0)
            if plane.halved:
                sleep_until(deadline + SECOND_HALF)
                plane.between(time.monotonic(), time.time())
            deadline += TICK
            sleep_until(deadline - plane.lead)
            begun = time.monotonic()
            plane.build(begun, time.time(), self._obey)
            self._report()
            self._lead.note(time.monotonic() - begun)

    def _obey(self) -> None:
        for _ in range(MAX_COMMANDS):
            try:
                packet = self._link.recv(MAX_RECORD)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            if not packet:
                self._ended = True
                return
            self._commands.obey(packet)

    def _report(self) -> None:
        """Send what the plane has to tell; what does not fit waits, nothing is dropped."""
        outbox = self._plane.outbox
        if outbox:
            self._unsent.extend(batches(outbox))
            outbox.clear()
        sent = 0
        for packet in self._unsent:
            try:
                self._link.send(packet)
            except BlockingIOError:
                break
            except OSError:
                self._ended = True
                break
            sent += 1
        del self._unsent[:sent]
        if self._unsent and sum(map(len, self._unsent)) > MAX_UNSENT:
            self._ended = True
        if self._plane.stream_frames or self._unsent_frames:
            self._report_frames()

    def _report_frames(self) -> None:
        """Send what rows with a sound stream said, after all that must not be lost; drop the oldest where it waits."""
        waiting, plane = self._unsent_frames, self._plane
        if plane.stream_frames:
            waiting.append(plane.stream_frames)
            plane.stream_frames = []
        while waiting and not self._unsent:
            try:
                while waiting[0]:
                    self._link.send(waiting[0][0])
                    del waiting[0][0]
            except BlockingIOError:
                break
            except OSError:
                self._ended = True
                break
            waiting.popleft()
        while len(waiting) > MAX_UNSENT_FRAMES:
            waiting.popleft()
            self._untold += 1

    def _announce(self, row: int, generation: int, port: int, v6: bool) -> None:
        self._plane.outbox.append(pack(Event.BOUND, row, generation, port, v6))

    def _beat(self) -> bytes:
        """The record that tells that this worker works, and what."""
        plane, pacing = self._plane, self._pacing
        return pack(
            Event.BEAT,
            WHOLE_WORKER,
            0,
            plane.tick,
            self._skipped,
            *pacing.counts,
            pacing.total,
            plane.received,
            plane.sent,
            plane.unsent,
            plane.refused,
            plane.secure.dropped,
            self._pairs.starved,
            self._untold,
        )

    # What the plane asks of its shell

    def allocated(self, row: int) -> None:
        """Drain the row's sockets."""
        self._pairs.take(row)

    def released(self, row: int) -> None:
        """Let the row's sockets rest."""
        self._pairs.give_back(row, time.monotonic())

    def control(self, row: int, packet: bytes, target: int) -> None:
        """Send RTCP."""
        if target:
            self._pairs.send_control(row, packet, target)

    def copy(self, path: str, data: bytes | None) -> None:
        """Append to a file, in a thread."""
        self._spool.write(path, data)


def open_sound(path: str, samples: int) -> Samples:
    """The samples of a sound as a memory map. Raises OSError, or ValueError if the file is shorter."""
    if not samples:
        return np.zeros(0, np.int16)
    mapped: Samples = np.asarray(np.memmap(path, "<i2", "r", shape=(samples,)))
    return mapped


def open_wide(path: str, samples: int) -> Samples | None:
    """The same sound at 16 kHz, where the store has made it."""
    try:
        return open_sound(path + WIDE_SUFFIX, 2 * samples)
    except (OSError, ValueError):
        return None


def sleep_until(deadline: float) -> None:
    """Sleep until ``time.monotonic()`` shows ``deadline``; not at all if it has passed."""
    left = deadline - time.monotonic()
    if left > 0:
        time.sleep(left)


def main() -> int:
    """Entry point."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    link = socket.socket(fileno=int(sys.argv[1]))
    worker = Worker(link)
    try:
        worker.run()
    except Exception as error:
        text = f"{type(error).__name__}: {error}".encode()[:1000]
        with contextlib.suppress(OSError):
            link.send(pack(Event.FAULT, WHOLE_WORKER, 0, strings=(text,)))
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
