"""A flow that lives outside a call, with a clock on the wall, events, and a store to be kept in while it waits.

    life = Life(FLOW, wall="2026-03-02T10:00:00+01:00", properties={"order": 5})
    life.event("shipped", {"order": 5}, after=3600)
    life.run()
    assert life.path == ["start", "wait", "done"]

`kept(n)` says whether the flow is kept and taken up again, as by a restart (with another monotonic clock),
at its n-th wait. `callee` says what becomes of a call: events, each so many seconds after it was placed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from ivr.flow.loader import parse_flow
from ivr.flow.machine import Machine
from ivr.flow.model import Flow, FlowSet
from ivr.flow.ports import (
    CallInfo,
    Command,
    ContactStarted,
    Dial,
    DialReserved,
    Event,
    EventArrived,
    Note,
    Play,
    PlayDone,
    ReserveDial,
    StartContact,
    StopWaiting,
    WaitForEvent,
)
from ivr.settings import Calendar, Limits

__all__ = ["Life"]

MAX_TURNS = 10_000


class Life:
    """One flow without a caller."""

    def __init__(
        self,
        source: str | Flow,
        others: dict[str, str] | None = None,
        *,
        wall: str | datetime = "2026-03-02T12:00:00+00:00",
        number: str = "+15550199",
        properties: dict[str, Any] | None = None,
        limits: Limits | None = None,
        calendars: dict[str, Calendar] | None = None,
        profile: dict[str, Any] | None = None,
        kept: Callable[[int], bool] = lambda number: False,
        callee: Callable[[Dial], Iterable[tuple[float, Event]]] = lambda dial: (),
        pace: Callable[[ReserveDial], datetime] = lambda wanted: wanted.earliest,
    ) -> None:
        flow = source if isinstance(source, Flow) else parse_flow(source, "main")
        more = [parse_flow(text, name) for name, text in (others or {}).items()]
        self.flows = FlowSet({found.name: found for found in (flow, *more)})
        self.flow = flow
        self.wall = datetime.fromisoformat(wall) if isinstance(wall, str) else wall
        self.zone = self.wall.tzinfo
        self.now = 1000.0
        """Monotonic seconds of the process that runs it."""
        self.limits = limits or Limits()
        self.options: dict[str, Any] = {"calendars": calendars or {}}
        self.properties = properties or {}
        self.log: list[Command] = []
        self.waits = 0
        self.snapshots: list[dict[str, Any]] = []
        self.machine = Machine(
            flow,
            self.flows,
            CallInfo("f1", number, "", self.wall),
            {},
            self.limits,
            profile=profile or {},
            **self.options,
        )
        self._kept = kept
        self._callee = callee
        self._pace = pace
        self._due: list[tuple[datetime, Event]] = []
        self.dialled: list[tuple[datetime, Dial]] = []
        self._coming: list[tuple[datetime, str, dict[str, Any]]] = []
        self._past: list[tuple[datetime, str, dict[str, Any]]] = []
        self._heard: dict[int, int] = {}

    # The world

    def event(self, name: str, properties: dict[str, Any] | None = None, after: float = 0.0) -> Life:
        """An event comes so many seconds from now."""
        self._coming.append((self._later(after), name, properties or {}))
        self._coming.sort(key=lambda event: event[0])
        return self

    def start(self, entry: str = "start") -> Life:
        self.machine.start(entry, self.now, session=False, properties=self.properties)
        return self._turn()

    def run(self, entry: str = "start", until: float = 5 * 366 * 86400.0, turns: int | None = None) -> Life:
        """Begin, and let time pass until the flow is over, or for so many seconds, or until so much has happened."""
        if not self.machine.steps:
            self.start(entry)
        end = self._later(until)
        for _ in range(turns or MAX_TURNS):
            moment = self._next()
            if moment is None or moment > end:
                break
            self.pass_to(moment)
            if self._due and self._due[0][0] <= moment:
                self.machine.receive(self._due.pop(0)[1], self.now)
            elif self._coming and self._coming[0][0] <= moment:
                self._happen(self._coming.pop(0))
            else:
                self.machine.handle_timer(self.now)
            self._turn()
        else:
            if turns is not None:
                return self
            raise AssertionError(f"the flow goes on and on at {self.machine.element}")
        return self

    def pass_to(self, moment: datetime) -> None:
        """Let time pass to a moment, in which nothing happens."""
        self.now += max(0.0, (moment - self.wall.astimezone(UTC)).total_seconds())
        self.wall = max(moment, self.wall.astimezone(UTC)).astimezone(self.zone)

    def keep(self) -> dict[str, Any]:
        """What the store has of the flow."""
        snapshot: dict[str, Any] = json.loads(json.dumps(self.machine.snapshot(), allow_nan=False))
        snapshot["heard"] = len(self._past)
        self.snapshots.append(snapshot)
        return snapshot

    def restart(self, snapshot: dict[str, Any] | None = None, flow: Flow | None = None) -> Life:
        """Another process takes the flow up, now."""
        snapshot = self.keep() if snapshot is None else snapshot
        self.now = 50.0 + 7.25 * len(self.snapshots)
        # What a wait heard of before it was kept, the store does not tell it again.
        self._heard = {wait["id"]: snapshot["heard"] for wait in snapshot["waits"]}
        self.machine = Machine.restore(
            snapshot,
            flow or self.flows[snapshot["flow"]],
            self.flows,
            {},
            self.limits,
            self.now,
            self.wall,
            profile=self.machine.profile,
            **self.options,
        )
        return self

    # What can be asked

    @property
    def path(self) -> list[str]:
        return [step.element for step in self.machine.steps]

    @property
    def branches(self) -> list[str | None]:
        return [step.branch for step in self.machine.steps]

    @property
    def notes(self) -> list[str]:
        return [command.text for command in self.log if isinstance(command, Note)]

    @property
    def variables(self) -> dict[str, Any]:
        return dict(self.machine.variables)

    def commands(self, kind: type[Any]) -> list[Any]:
        return [command for command in self.log if type(command) is kind]

    # Inside

    def _later(self, seconds: float) -> datetime:
        return self.wall.astimezone(UTC) + timedelta(seconds=seconds)

    def _next(self) -> datetime | None:
        if self.machine.finished:
            return None
        wake_at = self.machine.wake_at
        times = [] if wake_at is None else [max(wake_at.astimezone(UTC), self.wall.astimezone(UTC))]
        if self._due:
            times.append(self._due[0][0])
        if self._coming:
            times.append(self._coming[0][0])
        return min(times, default=None)

    def _happen(self, event: tuple[datetime, str, dict[str, Any]]) -> None:
        self._past.append(event)
        self._tell(event, {wait.id for wait in self.machine.waits if wait.event == event[1]})

    def _tell(self, event: tuple[datetime, str, dict[str, Any]], ids: set[int]) -> None:
        at, name, properties = event
        for number in ids:
            self.machine.receive(EventArrived(number, name, properties, at.astimezone(self.zone)), self.now)

    def _turn(self) -> Life:
        """Carry out what the flow wants; then it waits, and may be kept."""
        self._carry_out()
        if self.machine.dormant:
            self.waits += 1
            if self._kept(self.waits):
                self.restart()
                self._carry_out()
        return self

    def _put_off(self, events: Iterable[tuple[float, Event]]) -> None:
        self._due += [(self._later(after), event) for after, event in events]
        self._due.sort(key=lambda entry: entry[0])

    def _carry_out(self) -> None:
        while commands := self.machine.commands():
            for command in commands:
                self.log.append(command)
                if isinstance(command, WaitForEvent) and command.since is not None:
                    for event in self._past[self._heard.get(command.id, 0) :]:
                        if event[1] == command.event and event[0] >= command.since:
                            self._tell(event, {command.id})
                elif isinstance(command, ReserveDial):
                    self.machine.receive(DialReserved(command.id, self._pace(command)), self.now)
                elif isinstance(command, Dial):
                    assert not self.machine.dormant
                    self.dialled.append((self.wall, command))
                    self._put_off(self._callee(command))
                elif isinstance(command, StartContact):
                    self.machine.receive(ContactStarted(command.id, call_id="c2"), self.now)
                elif isinstance(command, Play):
                    self._put_off([(2.0, PlayDone(command.id, 2.0))])
                elif isinstance(command, StopWaiting):
                    assert command.id not in {wait.id for wait in self.machine.waits}
