"""A scripted link between cores in virtual time: it delays, drops, doubles and reorders what they send each other.

Time stands still while something is due and then jumps to the next thing, so that minutes of timers take milliseconds.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ivr.sip import Event, Flow, Stack

Address = tuple[str, int]


@dataclass
class Impairment:
    """What a link does to packets."""

    delay: float = 0.01
    """Seconds each packet takes at least."""
    jitter: float = 0.0
    """Seconds more that a packet may take: packets overtake each other."""
    loss: float = 0.0
    """Part of the packets that vanish."""
    duplicate: float = 0.0
    """Part of the packets that come twice."""
    drop: Callable[[bytes, int], bool] | None = None
    """Told the packet and its number (from 0, over the link); True drops it."""


@dataclass
class End:
    """One core on the link."""

    stack: Stack
    address: Address
    on_event: Callable[[Event], None]
    events: list[Event] = field(default_factory=list)


class Link:
    """Joins stacks by their addresses; packets to an address nobody has vanish."""

    def __init__(self, impairment: Impairment | None = None, seed: int = 1) -> None:
        self.impairment = impairment or Impairment()
        self.now = 100.0
        self.sent: list[tuple[float, Address, Address, bytes]] = []
        """Everything given to the link: (time, from, to, octets)."""
        self._random = random.Random(seed)
        self._ends: dict[Address, End] = {}
        self._flying: list[tuple[float, int, Address, Address, bytes]] = []
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def join(self, stack: Stack, address: Address, on_event: Callable[[Event], None] | None = None) -> End:
        """Put a stack on the link; `on_event` gets its events, which are kept in `End.events` too."""
        end = End(stack, address, on_event or (lambda event: None))
        self._ends[address] = end
        return end

    def cut(self, address: Address) -> None:
        """Whoever is at an address is gone: what is sent there vanishes."""
        del self._ends[address]

    def at(self, when: float, then: Callable[[], None]) -> None:
        """Do something at a time."""
        self._count += 1
        heapq.heappush(self._later, (when, self._count, then))

    def after(self, seconds: float, then: Callable[[], None]) -> None:
        """Do something later."""
        self.at(self.now + seconds, then)

    def inject(self, data: bytes, source: Address, target: Address) -> None:
        """A packet from outside, by the link."""
        self._carry(data, source, target)

    def run(self, seconds: float = 1000.0) -> None:
        """Let time pass until nothing is left to happen, or this long."""
        end = self.now + seconds
        self._drain()
        while (when := self._next()) is not None and when <= end:
            self.now = max(self.now, when)
            while self._flying and self._flying[0][0] <= self.now:
                _, _, source, target, data = heapq.heappop(self._flying)
                found = self._ends.get(target)
                if found is not None:
                    found.stack.receive(data, Flow("udp", target, source), self.now)
                    self._drain()
            while self._later and self._later[0][0] <= self.now:
                heapq.heappop(self._later)[2]()
                self._drain()
            for one in self._ends.values():
                timer = one.stack.next_timer()
                if timer is not None and timer <= self.now:
                    one.stack.handle_timer(self.now)
            self._drain()
        self.now = max(self.now, min(end, self.now if self._next() is None else end))

    def _next(self) -> float | None:
        times = [end.stack.next_timer() for end in self._ends.values()]
        times.append(self._flying[0][0] if self._flying else None)
        times.append(self._later[0][0] if self._later else None)
        return min((time for time in times if time is not None), default=None)

    def _drain(self) -> None:
        busy = True
        while busy:
            busy = False
            for end in self._ends.values():
                while (event := end.stack.next_event()) is not None:
                    end.events.append(event)
                    end.on_event(event)
                    busy = True
                while end.stack.outgoing:
                    data, flow = end.stack.outgoing.popleft()
                    self._carry(data, flow.local, flow.remote)
                    busy = True

    def _carry(self, data: bytes, source: Address, target: Address) -> None:
        number = len(self.sent)
        self.sent.append((self.now, source, target, data))
        how, chance = self.impairment, self._random.random
        if (how.drop is not None and how.drop(data, number)) or chance() < how.loss:
            return
        for _ in range(2 if chance() < how.duplicate else 1):
            self._count += 1
            when = self.now + how.delay + chance() * how.jitter
            heapq.heappush(self._flying, (when, self._count, source, target, data))

    def lines(self, source: Address | None = None) -> list[str]:
        """Start lines of what was sent, for assertions."""
        return start_lines(data for _, origin, _, data in self.sent if source is None or origin == source)


def start_lines(messages: Iterable[bytes]) -> list[str]:
    """Method or status of messages: `INVITE`, `200`."""
    lines = []
    for data in messages:
        first = data.split(b" ", 2)
        lines.append(first[1].decode() if first[0].startswith(b"SIP/") else first[0].decode())
    return lines
