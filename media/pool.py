"""The asyncio side of the media plane: worker processes, their ports, commands out and events in."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from media import protocol
from media.descriptors import raise_descriptors
from media.errors import MediaFull, MediaStartError
from media.face import MediaConfig, MediaEvent
from media.link import WorkerLink
from media.pacing import WorkerStatistics
from media.port import Port
from media.protocol import Command

__all__ = ["MediaPool"]

log = logging.getLogger("media")

START_TIMEOUT: Final = 20.0
"""Seconds in which a worker must be up: importing NumPy on a slow disk takes a few."""
CLOSE_TIMEOUT: Final = 6.0
"""Seconds in which a worker must end: it completes its recordings, which it gives 5 s."""
DESCRIPTORS_BESIDE: Final = 256
"""Descriptors of a process beside those of its media ports: sounds, recordings, the link."""
QUICK_DEATH: Final = 5.0
"""A worker that dies within so many seconds of its start, in the place of one that did so too, is replaced only after
:data:`PAUSE`: whatever kills them is still there."""
PAUSE: Final = 1.0
HUNG: Final = 5.0
"""Seconds without a sign of life, of which there is one a second, after which a worker is killed and replaced: its
calls hear nothing. A machine that swaps or writes to a slow disk stops a process for a second or two."""
LOOK: Final = 1.0
"""Seconds between looks for workers that hang."""


class MediaPool:
    """All workers. Made by :meth:`start`; belongs to the loop it was started in."""

    def __init__(self, config: MediaConfig) -> None:
        self._config = config
        self._loop = asyncio.get_running_loop()
        self._links: list[WorkerLink] = []
        self._spare: WorkerLink | None = None
        self._past: dict[int, WorkerStatistics] = {}
        """By place: what workers that died had done."""
        self._timers: set[asyncio.TimerHandle] = set()
        self._closing = False
        self._looked = time.monotonic()
        self.batch = ""
        """``compiled`` or ``python``: which socket loops the workers use."""

    @classmethod
    async def start(cls, config: MediaConfig) -> MediaPool:
        """Start the workers and wait until ports can be had. Raises :class:`MediaStartError`."""
        pool = cls(config)
        served = raise_descriptors()
        pairs = (config.ports[1] - config.ports[0] + 1) // 2
        workers = config.workers or max(1, (os.cpu_count() or 1) - 1)
        if served < DESCRIPTORS_BESIDE + 2 * -(-pairs // workers):
            log.warning(
                "of %d pairs of media ports only about %d can be used: %d file descriptors per process are permitted"
                " (LimitNOFILE= of the service, ulimit -n)",
                pairs,
                workers * max(0, served - DESCRIPTORS_BESIDE) // 2,
                served,
            )
        try:
            for ports in _split(config.ports, workers):
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
        pool._later(LOOK, pool._look)
        return pool

    @property
    def free(self) -> int:
        """Port pairs that calls may still take."""
        return sum(
            max(0, link.pairs * len(link.hosts) - sum(link.unavailable.values()) - len(link.ports))
            for link in self._links
            if not link.closed
        )

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers at work."""
        return [link.process.pid for link in self._links]

    @property
    def silence(self) -> float:
        """Seconds for which the most silent worker has given no sign of life; at work it gives one a second."""
        return max((time.monotonic() - link.beaten for link in self._links), default=0.0)

    def statistics(self) -> tuple[WorkerStatistics, ...]:
        """What each worker did, as it told within the last second or so; none of those that have yet to say."""
        told = []
        for place, link in enumerate(self._links):
            latest, past = link.statistics, self._past.get(place)
            if latest is not None:
                latest = replace(latest, worker=place, calls=len(link.ports))
                told.append(latest if past is None else latest.after(past))
            elif past is not None:
                told.append(replace(past, calls=0))
        return tuple(told)

    def allocate(self, on_event: Callable[[MediaEvent], None], near: Port | None = None, *, host: str = "") -> Port:
        """A port, at once. ``near``: in the same worker as that port, so that the two can be bridged. ``host``: an
        address of the family that the port is to have; without one it is that of ``MediaConfig.host``.

        Raises :class:`MediaFull`.
        """
        wanted = ":" in (host or self._config.host)
        own = next((own for own in (self._config.host, self._config.host_v6) if own and (":" in own) == wanted), None)
        if own is None:
            raise MediaFull(f"no media port has an address of {'IPv6' if wanted else 'IPv4'}: no listener has one")
        links = [near._link] if near is not None else self._links
        link = max(links, key=lambda link: len(link.free[wanted]), default=None)
        if link is None or not link.free[wanted] or link.full or link.closed:
            raise MediaFull("every media port is taken")
        row, generation, number = link.free[wanted].popleft()
        port = Port(link, row, generation, (own, number), on_event)
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
        place = self._links.index(dead)
        if dead.statistics is not None:
            past, latest = self._past.get(place), replace(dead.statistics, worker=place)
            self._past[place] = latest if past is None else latest.after(past)
        if time.monotonic() - dead.started >= QUICK_DEATH:
            dead.quick = -1
        if dead.quick > 0:
            self._later(PAUSE, lambda: self._put_in_place(dead))
        else:
            self._put_in_place(dead)

    def _look(self) -> None:
        """Kill workers that hang: the end of their sockets does the rest."""
        now = time.monotonic()
        # What this process missed while it did not run itself is no fault of the workers.
        idle = max(0.0, now - self._looked - 2 * LOOK)
        self._looked = now
        for link in self._links:
            link.beaten += idle
            limit = HUNG if link.ready.done() else START_TIMEOUT
            if not link.closed and now - link.beaten > limit:
                log.error("media worker %d hangs: no sign of life for %.1f s", link.process.pid, now - link.beaten)
                link.process.kill()
        self._later(LOOK, self._look)

    def _put_in_place(self, dead: WorkerLink) -> None:
        try:
            link, self._spare = self._spare or self._make_spare(), None
        except OSError as error:
            log.error("no media worker can be started: %s; it is tried again", error)
            self._later(PAUSE, lambda: self._put_in_place(dead))
            return
        link.on_lost = self._replace
        link.quick, link.deaths = dead.quick + 1, dead.deaths + 1
        link.configure(self._config, dead.range)
        self._links[self._links.index(dead)] = link
        if self._config.spare:
            self._later(PAUSE, self._renew_spare)

    def _renew_spare(self) -> None:
        if self._spare is not None:
            return
        try:
            self._spare = self._make_spare()
        except OSError:
            self._later(PAUSE, self._renew_spare)  # out of processes or descriptors: some come back

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
