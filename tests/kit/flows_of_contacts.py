"""Flows of contacts as the dialler sees them, over a real store and without network: each asks for its moment, sleeps,
calls, and ends as the test says of its number. Rows are kept, taken and finished as the daemon does."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ivr.call.solo import SoloOutcome, contact_of
from ivr.call.starts import StartError, new_wait
from ivr.dialer import Dialler
from ivr.flow import FlowSet, ports
from ivr.settings import Settings
from ivr.store import KeptWait, Store

__all__ = ["ContactFlows", "Phone"]


class Phone:
    """Everybody who can be called. What is dialled is known here, whatever becomes of who dials."""

    def __init__(self, outcome: Callable[[str, int], str] = lambda number, attempt: "answered") -> None:
        """`outcome` says of a number and how often it was called what becomes of it."""
        self.outcome = outcome
        self.dialled: list[tuple[float, str]] = []

    def ring(self, number: str, at: float) -> str:
        """Call a number."""
        self.dialled.append((at, number))
        return self.outcome(number, sum(n == number for _, n in self.dialled) if self.counts else 1)

    counts = False
    """`outcome` is told how often; counting takes time for many."""

    def seconds(self) -> list[float]:
        """When it was called."""
        return [at for at, _ in self.dialled]


class ContactFlows:
    """In place of :class:`ivr.call.waiting.WaitingFlows` (Sleeping)."""

    def __init__(
        self,
        store: Store,
        loop: asyncio.AbstractEventLoop,
        phone: Phone,
        *,
        flow: str = "survey",
        speed: ports.Speed | None = None,
        talk: float = 5.0,
        retries: int = 0,
        pause: float = 600.0,
        late: float | None = None,
    ) -> None:
        """`talk` are the seconds of a call; who is not reached is called `retries` times more, after `pause`. Who is
        `late` for a call asks for a new moment once."""
        self.store = store
        self.loop = loop
        self.phone = phone
        self.flow, self.speed = flow, speed
        self.talk, self.retries, self.pause, self.late = talk, retries, pause, late
        self.on_over: list[Callable[[KeptWait, SoloOutcome], None]] = []
        self.dialler: Dialler | None = None
        self.dead = False
        self.running = False
        """Flows go on; before, it is only known that there are some."""
        self.calling = 0
        self.most_calling = 0
        self.most_rows = 0
        self.told: list[tuple[str, int]] = []
        """What the feed hears of campaigns."""
        self._held: Callable[[str], bool] = lambda key: False
        self._waking: dict[str, None] = {}
        self._asleep: dict[str, tuple[KeptWait, float]] = {}
        self._running: set[str] = set()

    def tell(self, what: str, data: Mapping[str, Any]) -> None:
        """Something happened to a campaign."""
        self.told.append((what, data["id"]))

    def dialler_of(self, settings: Settings, flows: Callable[[], FlowSet]) -> Dialler:
        """A dialler on these flows."""
        self.dialler = Dialler(settings, self.store, self, flows, self.loop.time, self.loop, self.tell)
        return self.dialler

    def __len__(self) -> int:
        return len(self._asleep) + len(self._running)

    # What the dialler asks

    def start_contact(
        self,
        flow: str,
        entry: str | None,
        properties: Mapping[str, Any],
        *,
        campaign: str | None = None,
        contact: int | None = None,
    ) -> KeptWait:
        if flow != self.flow:
            raise StartError(f"there is no flow {flow}")
        call_id = str(uuid.uuid4())
        record = {"id": call_id, "called": properties["number"], "details": {"campaign": campaign, "contact": contact}}
        call = {"id": call_id, "from": properties["number"], "started_at": self.loop.time(), "short_id": 1}
        snapshot = {"start": {"entry": "start", "call": call, "properties": dict(properties)}, "record": record}
        return replace(new_wait(call_id, self.store.node, self.loop.time()), flow=flow, version=1, snapshot=snapshot)

    def admit(self, waits: Iterable[KeptWait]) -> None:
        for wait in waits:
            self._asleep[wait.id] = wait, 0.0
            self._wake(wait.id)
        self.most_rows = max(self.most_rows, len(self))

    def hold(self, held: Callable[[str], bool]) -> Callable[[], None]:
        self._held = held
        return self.look_again

    def look_again(self) -> None:
        if not self.running:
            return
        for key in [key for key in self._waking if not self._held(key)]:
            del self._waking[key]
            self._take_up(key)

    def wakes_at(self, key: str) -> float | None:
        return self._asleep[key][1] or None if key in self._asleep else None

    def sleeps(self, key: str) -> bool:
        return key in self._asleep

    def drop(self, key: str, writes: list[Callable[[Any], None]]) -> bool:
        if self._asleep.pop(key, None) is None:
            return False
        self._waking.pop(key, None)
        self.store.waits.change((), [key], (), writes)
        return True

    # Flows

    def run(self) -> None:
        """Let flows go on."""
        self.running = True
        self.look_again()

    async def begin(self) -> None:
        """Take up what an earlier run has left: who was dialling when it died is not called again."""
        for row in self.store.waits.begin(self.store.node):
            (wait,) = self.store.waits.take([row.id], self.loop.time())
            self._asleep[wait.id] = wait, wait.wake_at or 0.0
            self._at(wait.wake_at or 0.0, self._wake, wait.id)

    def _at(self, at: float, what: Callable[..., None], *args: Any) -> None:
        self.loop.call_at(max(at, self.loop.time()), lambda: None if self.dead else what(*args))

    def _wake(self, key: str) -> None:
        self._waking[key] = None
        self.loop.call_soon(lambda: None if self.dead else self.look_again())

    def _take_up(self, key: str) -> None:
        if key not in self._asleep:
            return
        wait, _ = self._asleep.pop(key)
        self._running.add(key)
        now = self.loop.time()
        if wait.wake_at is None:
            self._sleep_until_due(wait, now)
        elif self.late is not None and now - wait.wake_at > self.late and not wait.snapshot.get("late"):
            self._sleep_until_due(replace(wait, snapshot={**wait.snapshot, "late": True}), now)
        else:
            self._dial(wait)

    def _sleep_until_due(self, wait: KeptWait, earliest: float) -> None:
        assert self.dialler is not None
        command = ports.ReserveDial(1, f"{self.flow}/call", self.speed, datetime.fromtimestamp(earliest, UTC))
        at = self.dialler.reserve(command, wait).timestamp()
        wait = replace(wait, wake_at=at)
        self.store.waits.change([wait], ())
        self._running.discard(wait.id)
        self._asleep[wait.id] = wait, at
        self._at(at, self._wake, wait.id)

    def _dial(self, wait: KeptWait) -> None:
        assert self.dialler is not None
        attempts = wait.snapshot.get("attempts", [])
        number = contact_of(wait)
        if wait.snapshot.get("dialled") == len(attempts) + 1:
            self._ended(wait, [*attempts, {"outcome": "failed", "status": "interrupted"}])
            return
        command = self.dialler.prepare(ports.Dial(1, len(attempts) + 1, number), wait)
        if isinstance(command, ports.DialDone):
            self._ended(wait, [*attempts, {"outcome": "failed", "status": command.status}])
            return
        wait = replace(wait, snapshot={**wait.snapshot, "dialled": len(attempts) + 1})
        self.store.waits.change((), (), [wait])
        outcome = self.phone.ring(number, self.loop.time())
        self.calling += 1
        self.most_calling = max(self.most_calling, self.calling)
        self._at(self.loop.time() + self.talk, self._called, wait, outcome, attempts)

    def _called(self, wait: KeptWait, outcome: str, attempts: list[dict[str, Any]]) -> None:
        self.calling -= 1
        done = [*attempts, {"outcome": outcome, "answerer": "human"}]
        if outcome != "answered" and len(done) <= self.retries:
            again = replace(wait, snapshot={**wait.snapshot, "attempts": done, "dialled": 0})
            self._sleep_until_due(again, self.loop.time() + self.pause)
        else:
            self._ended(wait, done)

    def _ended(self, wait: KeptWait, attempts: list[dict[str, Any]]) -> None:
        self._running.discard(wait.id)
        outcome = SoloOutcome(attempts)
        for tell in self.on_over:
            tell(wait, outcome)
        self.store.waits.change((), [wait.id], (), outcome.writes)
