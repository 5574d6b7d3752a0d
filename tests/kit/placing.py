"""Flows that call somebody, in virtual time: a house whose flows run without a caller and are kept by nobody.

calls = Placing(tmp_path, {"main": FLOW})
callee = calls.house.party(TRUNK)
calls.contact("main", number="+15550100"); callee.answer()
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from ivr.call.dialling import built_in
from ivr.call.dials import Dials
from ivr.call.events import EventHub
from ivr.call.report import CallReport
from ivr.call.solo import SoloFlow, SoloOutcome, kept_flow, moment, start_of
from ivr.call.starts import Starts, new_wait
from ivr.flow import Machine, ports
from ivr.store import CallRecord, KeptWait
from tests.kit.house import SETTINGS, House

START = 1_780_000_000.0
"""Seconds since the epoch when the link's clock is at its start."""


class Placing:
    """Keeps flows without a caller in memory, as :class:`ivr.call.waiting.WaitingFlows` does in the store."""

    def __init__(
        self, folder: Path, flows: dict[str, str], settings: str = SETTINGS, house: House | None = None
    ) -> None:
        self.house = house or House(folder, flows, settings)
        self.on_over: Callable[[KeptWait, SoloOutcome], None] = lambda wait, outcome: None
        services = self.house.services
        self._began = self.house.now
        services.wall = lambda: START + self.house.now - self._began  # type: ignore[method-assign]
        self.flows = self.house.manager.flows
        store = cast(Any, services.store)
        store.node = "test"
        self.starts = Starts(services, lambda: self.flows)
        self.booked: list[KeptWait] = []
        """Rows as they were when a call was booked."""
        self.hold_bookings = False
        self.held: list[Callable[[], None]] = []
        self.rows: dict[str, KeptWait] = {}
        """What the store has."""
        self.ended: list[tuple[KeptWait, SoloOutcome]] = []
        self.records: dict[str, CallRecord] = {}
        self.house.books.call_completed = self._completed  # type: ignore[attr-defined]
        self.running: dict[str, SoloFlow] = {}
        self.dials = Dials(services, self._book, self._leave)
        self.dials.calls = self.house.manager
        self._events = cast(EventHub, SimpleNamespace(last=0))

    def _completed(self, record: CallRecord) -> None:
        self.records[record.id] = record

    def _book(self, before: KeptWait, wait: KeptWait, then: Callable[[], None]) -> None:
        self.booked.append(wait)
        self.rows[wait.id] = wait
        if self.hold_bookings:
            self.held.append(then)
        else:
            self.house.link.after(0.001, then)

    def _leave(self, flow: SoloFlow, row: KeptWait | None) -> None:
        self.running.pop(flow.wait.id)
        flow.abandon()
        if row is not None:
            self.rows[row.id] = row

    def keep_flows(self) -> None:
        """Take over flows whose callers have left, as a daemon does."""
        self.house.services.keep = self._keep
        self.house.books.call_ended = self._completed  # type: ignore[method-assign]

    def _keep(self, machine: Machine, report: CallReport) -> Callable[[], None]:
        now = self.house.services.wall()
        record = asdict(report.record(machine, None))
        for name in ("path", "digits"):
            del record[name]
        wait = kept_flow(new_wait(report.id, "test", now), machine, record, after_event=0, now=now)
        self.rows[wait.id] = wait
        return lambda: self.wake(wait)

    def contact(self, flow: str, run: float = 0.5, **properties: Any) -> KeptWait:
        """Begin a flow for a contact; half a second later much has happened."""
        return self.begin(self.starts.contact(flow, None, properties, 0), run)

    def begin(self, wait: KeptWait, run: float = 0.5) -> KeptWait:
        """Begin what a row says."""
        self.rows[wait.id] = wait
        self.wake(wait)
        self.house.run(run)
        return wait

    def wake(self, wait: KeptWait) -> None:
        """Take a flow up, as a start of the daemon does too."""
        services, house = self.house.services, self.house
        settings, now = services.settings, services.clock()
        flow = built_in(wait.flow, wait.snapshot.get("options")) or self.flows[wait.flow]
        start = start_of(wait, settings.zone)
        if start is not None:
            machine = Machine(flow, self.flows, start.call, settings.settings, settings.limits)
        else:
            wall = moment(services.wall(), settings.zone)
            kept = wait.snapshot["machine"]
            machine = Machine.restore(kept, flow, self.flows, settings.settings, settings.limits, now, wall)
        solo = SoloFlow(wait, machine, self, services, house.outside, self._events)
        self.running[wait.id] = solo
        if start is not None:
            solo.start(start.entry, start.properties, now)
        else:
            solo.go_on()

    # SoloHost

    def asleep(self, flow: SoloFlow) -> None:
        wait = flow.kept(self.house.services.wall())
        self.running.pop(wait.id)
        if flow.tells:
            self._completed(flow.record(self.house.services.wall()))
        self.rows[wait.id] = wait
        if wait.wake_at is not None:
            delay = max(wait.wake_at - self.house.services.wall(), 0.0)
            self.house.link.after(delay, lambda: self._due(wait))

    def _due(self, wait: KeptWait) -> None:
        if self.rows.get(wait.id) is wait:
            self.wake(wait)

    def dial(self, flow: SoloFlow, command: ports.Dial) -> None:
        self.dials.dial(flow, command)

    def over(self, flow: SoloFlow) -> None:
        self.running.pop(flow.wait.id)
        del self.rows[flow.wait.id]
        self.ended.append((flow.wait, flow.outcome()))
        self._completed(flow.record(self.house.services.wall()))
        self.on_over(*self.ended[-1])

    def stop(self, key: str) -> None:
        """Let a flow go no further, as :meth:`ivr.call.waiting.WaitingFlows.stop` does."""
        if key in self.running:
            self.running[key].stop()
        else:
            self.rows.pop(key, None)

    # What tests ask

    @property
    def record(self) -> CallRecord:
        """The only record."""
        (record,) = self.records.values()
        return record

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """Those of the only record."""
        found: list[dict[str, Any]] = self.record.details["attempts"]
        return found

    @property
    def attempt_began(self) -> float:
        """When the only attempt began, by the link's clock."""
        (call,) = self.house.manager.calls.values()
        at: float = call.report.record(call.machine, None).details["attempts"][0]["at"]
        return at - START + self._began

    @property
    def path(self) -> list[str]:
        """Elements walked."""
        return [step["element"] for step in self.record.path]

    def settled(self) -> None:
        """Every flow is over, and nothing is held: no call, no port, no session, no line, no file."""
        self.house.settled()
        assert not self.running
        assert not self.rows
        assert not self.house.services.load.calls.total()
        assert not self.house.services.outbound._by_line or not any(self.house.services.outbound._by_line.values())
