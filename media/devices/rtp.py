"""One RTP stream whose far end is a device of this process: a phone's microphone, a modem, a sound card, a file.

The plane of the media workers carries it, with a single row, in a thread that ticks each 20 ms: so jitter buffer,
concealment, codecs, keys, latching, RTCP and SRTP of a phone are those of every other call. The device takes the place
of prompts and bridges.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from media.batch import Addresses, open_loops
from media.devices.face import Device
from media.devices.rtp_sound import FLOOR, ROW, DeviceSound
from media.errors import MediaFull
from media.events import decode
from media.face import MediaEvent, RecordDone, Stats, Stream
from media.plane.commands import Commands
from media.plane.limits import SECOND_HALF, TICK
from media.plane.plane import Plane
from media.plane.rows import Rows
from media.port import Port
from media.protocol import Command, Event, pack, records
from media.recording import RecordingWriter, SpoolWriter
from media.sockets import PortPairs
from media.worker import open_sound, open_wide, sleep_until

if TYPE_CHECKING:
    from media.link import WorkerLink

__all__ = ["RTP_PORTS", "Levels", "RtpEndpoint"]

log = logging.getLogger("media.devices")

RTP_PORTS: Final = (30_000, 32_599)
"""Where a port is looked for when none is asked for: above those of the daemon's configuration as it comes, below those
that the kernel gives away."""
WINDOW: Final = 64
"""Ports of that range that one endpoint tries, from a place by chance: two that start at once must not race."""
TRIES: Final = 4
MAX_CATCH_UP: Final = 3
"""Ticks made up for one after the other; after a longer stall the tick goes on from now, without a burst."""
MEDIA_TIMEOUT: Final = 30.0
"""Seconds without RTP and RTCP after which MediaTimeout is reported."""
_NICE: Final = -10


@dataclass(frozen=True, slots=True)
class Levels:
    """Meters, in dB below full scale, -90 to 0; they rise at once and fall by 50 dB a second."""

    heard: float = FLOOR
    """What the peer says."""
    said: float = FLOOR
    """What the device gives, muted or not."""
    heard_seconds: float = 0.0
    """Sound of the peer so far, pauses left out."""
    quiet_seconds: float = 0.0
    """Since sound of the peer was heard last, or since the begin."""


class RtpEndpoint(Port):
    """A port of its own: everything that can be done with a :class:`media.Port`, bridging and sound streams left out,
    and a device at it.

    ``on_event`` gets the events of a port, in the endpoint's thread: hand them on with ``loop.call_soon_threadsafe``.
    The device is read and written once a tick from the construction to :meth:`release`, whatever is agreed; it is not
    closed: that is for whoever made it. The last event is :class:`media.Stats`.
    """

    __slots__ = (
        "_commands",
        "_pairs",
        "_paused",
        "_plane",
        "_queue",
        "_shell",
        "_sound",
        "_spool",
        "_stream",
        "_thread",
        "_writer",
    )

    def __init__(
        self,
        local: tuple[str, int],
        device: Device,
        on_event: Callable[[MediaEvent], None],
        *,
        media_timeout: float = MEDIA_TIMEOUT,
    ) -> None:
        """Bind RTP to ``local`` and RTCP one port above; port 0 takes a free pair. Raises MediaFull where that cannot
        be."""
        addresses = Addresses()
        loops = open_loops(1, addresses)
        rng = np.random.default_rng(int.from_bytes(os.urandom(16), "big"))
        bound: list[tuple[int, int, int]] = []
        self._pairs = _bind(
            local,
            lambda ports: PortPairs(
                (local[0],), ports, 1, loops, addresses, lambda *told: bound.append((told[0], told[1], told[2]))
            ),
            bound,
        )
        row, generation, port = bound[0]
        self._queue: deque[bytes] = deque()
        self._paused = False
        self._stream: Stream | None = None
        super().__init__(cast("WorkerLink", _Link(self._queue)), row, generation, (local[0], port), on_event)
        self._writer = RecordingWriter()
        self._spool = SpoolWriter()
        name = os.urandom(8).hex().encode()
        rows = Rows(1, rng)
        self._shell = _Shell(self._pairs, self._spool)
        self._plane = Plane(
            rows, loops, self._shell, self._writer, open_sound, open_wide, rng, name, media_timeout, addresses
        )
        self._sound = self._plane.live = DeviceSound(self._plane, device)
        self._commands = Commands(self._plane)
        self._queue.append(pack(Command.ALLOCATE, row, generation))
        self._thread = threading.Thread(target=self._run, name=f"rtp-{port}", daemon=True)
        self._thread.start()

    # More than a port has

    @property
    def muted(self) -> bool:
        """Silence is sent in place of the device's sound."""
        return self._sound.muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        self._sound.muted = muted

    @property
    def attached(self) -> bool:
        """Whether the device is read and written: of several streams at one device, one may."""
        return self._sound.attached

    @attached.setter
    def attached(self, attached: bool) -> None:
        self._sound.attached = attached

    @property
    def paused(self) -> bool:
        """No RTP is sent, whatever is agreed."""
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        if paused != self._paused:
            self._paused = paused
            if self._stream is not None:
                self.update(self._stream)

    def update(self, stream: Stream) -> None:
        """As of every port; while :attr:`paused` without sending."""
        self._stream = stream
        super().update(replace(stream, send=stream.send and not self._paused))

    @property
    def levels(self) -> Levels:
        """Meters now."""
        sound = self._sound
        return Levels(sound.level_in, sound.level_out, sound.heard_seconds, sound.quiet_seconds)

    def statistics(self) -> Stats:
        """Figures now; to be asked for from any thread."""
        _, _, _, fields, strings = next(records(self._plane.statistics(ROW, last=False)))
        event = decode(self, Event.STATS, fields, strings)
        assert isinstance(event, Stats)
        return event

    def join(self, timeout: float = 5.0) -> bool:
        """Wait, after :meth:`release`, until the thread has ended and all files are complete; whether it has."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # The thread

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        self._writer.start()
        try:
            self._tick()
        except Exception:
            log.exception("the sound of a call has failed")
        finally:
            self._writer.close()
            self._spool.close()
            self._pairs.close()

    def _tick(self) -> None:
        plane, sound = self._plane, self._sound
        deadline = time.monotonic() + TICK
        while not self._shell.over:
            sleep_until(deadline)
            late = int((time.monotonic() - deadline) / TICK)
            if late > MAX_CATCH_UP:
                plane.skip(late)
                deadline += late * TICK
            plane.first_half(time.monotonic(), time.time())
            for row, packet, source in self._pairs.control_ready():
                plane.control_received(row, packet, source)
            sound.sound()
            self._report()
            sleep_until(deadline + SECOND_HALF)
            sound.listen()
            plane.second_half(time.monotonic(), time.time(), self._obey)
            self._report()
            deadline += TICK

    def _obey(self) -> None:
        while self._queue:
            self._commands.obey(self._queue.popleft())

    def _report(self) -> None:
        outbox = self._plane.outbox
        if not outbox:
            return
        told, outbox[:] = list(outbox), []
        for record in told:
            for kind, _, _, fields, strings in records(record):
                event = decode(self, kind, fields, strings)
                if isinstance(event, RecordDone):
                    self._recording.discard(event.record_id)
                try:
                    self._on_event(event)
                except Exception:
                    log.exception("an event of a call's sound was not taken")


class _Shell:
    """What the plane asks of the process around it."""

    def __init__(self, pairs: PortPairs, spool: SpoolWriter) -> None:
        self._pairs = pairs
        self._spool = spool
        self.over = False

    def allocated(self, row: int) -> None:
        """Drain the sockets."""
        self._pairs.take(row)

    def released(self, row: int) -> None:
        """The call is over, its recordings are complete."""
        self.over = True

    def control(self, row: int, packet: bytes, target: int) -> None:
        """Send RTCP."""
        if target:
            self._pairs.send_control(row, packet, target)

    def copy(self, path: str, data: bytes | None) -> None:
        """Append to a file, in a thread."""
        self._spool.write(path, data)


class _Link:
    """Takes the commands of a port where a worker's socket would."""

    def __init__(self, queue: deque[bytes]) -> None:
        self.send = queue.append


def _bind(
    local: tuple[str, int], pairs: Callable[[tuple[int, int]], PortPairs], bound: list[tuple[int, int, int]]
) -> PortPairs:
    host, port = local
    for _ in range(1 if port else TRIES):
        first = port or RTP_PORTS[0] + 2 * secrets.randbelow((RTP_PORTS[1] - RTP_PORTS[0] - WINDOW) // 2)
        try:
            made = pairs((first, first + (1 if port else WINDOW)))
        except OSError as error:
            raise MediaFull(f"no RTP port on {host}: {error}") from error
        made.refill(time.monotonic())
        if bound:
            return made
        made.close()
    raise MediaFull(f"no RTP port on {host} can be bound")
