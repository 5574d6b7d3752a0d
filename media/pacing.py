"""How a worker keeps its time, and what it carried: counted in the worker, told about once a second."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from media.plane.limits import SECOND_HALF, TICK

__all__ = ["PACING_BOUNDS", "Lead", "Pacing", "WorkerStatistics"]

PACING_BOUNDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
"""Seconds: upper bounds of the classes in which pacing errors are counted; one more class holds those above."""


class Pacing:
    """Pacing errors of one worker, counted by class."""

    def __init__(self) -> None:
        self.counts = [0] * (len(PACING_BOUNDS) + 1)
        self.total = 0.0
        """Seconds, of all."""

    def note(self, error: float) -> None:
        """The packets of a tick begin to leave ``error`` seconds late."""
        place = 0
        while place < len(PACING_BOUNDS) and error > PACING_BOUNDS[place]:
            place += 1
        self.counts[place] += 1
        self.total += error


LEAST_LEAD: Final = 0.003
"""Seconds: a process that is not real-time is woken so late now and then."""
MOST_LEAD: Final = TICK - SECOND_HALF
MARGIN: Final = 0.0015
"""Seconds beside the work itself."""
SPARE: Final = 1.5
"""Times what the work has taken: so much more is to be done where calls begin or end."""
FADE: Final = 0.99
"""In each tick: what took long once counts half as much after 1.4 s."""


class Lead:
    """How long before they leave packets are made: as late as the work permits, since what comes until then, sound of a
    stream above all, is in them."""

    def __init__(self) -> None:
        self._took = MOST_LEAD

    def note(self, took: float) -> None:
        """Making the packets of a tick took so many seconds."""
        self._took = max(took, FADE * self._took)

    @property
    def seconds(self) -> float:
        """Of the next tick."""
        return min(max(MARGIN + SPARE * self._took, LEAST_LEAD), MOST_LEAD)


@dataclass(frozen=True, slots=True)
class WorkerStatistics:
    """What a worker did. Counters never go back: those of a worker that died are in its successor's."""

    worker: int
    """Its place, from 0 on."""
    pid: int
    """Its process."""
    deaths: int
    """How many workers of this place died or hung before it."""
    calls: int
    """Ports in use."""
    ticks: int
    """Ticks, each of 20 ms."""
    skipped: int
    """Ticks that were left out after the machine had stalled."""
    pacing: tuple[int, ...]
    """Ticks with packets to send by how late these left: one count per bound of ``PACING_BOUNDS``, then those above
    the last."""
    pacing_seconds: float
    """Sum of these times."""
    received: int
    """Datagrams that came to RTP sockets."""
    sent: int
    """Packets of RTP given to the kernel."""
    unsent: int
    """Those that it did not take."""
    refused: int
    """Packets that were malformed, of strangers, not agreed or not authentic."""
    unopened: int
    """Of these, SRTP and SRTCP that did not open: another key, a replay, or not sealed at all."""
    starved: int
    """Times that no port could be bound for want of file descriptors or memory."""
    untold: int
    """Ticks in which what sound streams heard was dropped, since this process did not read for half a second."""

    def after(self, before: WorkerStatistics) -> WorkerStatistics:
        """These, with the counters of the worker that was in this place before."""
        summed = {name: getattr(self, name) + getattr(before, name) for name in _COUNTERS}
        pacing = tuple(a + b for a, b in zip(self.pacing, before.pacing, strict=True))
        return WorkerStatistics(self.worker, self.pid, self.deaths, self.calls, pacing=pacing, **summed)


_COUNTERS: Final = tuple(
    field.name for field in fields(WorkerStatistics) if field.name not in ("worker", "pid", "deaths", "calls", "pacing")
)
