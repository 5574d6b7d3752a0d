"""A live call that came in: its caller under its flow."""

from __future__ import annotations

from collections.abc import Callable

from ivr.call.flowcall import FlowCall
from ivr.call.identity import Caller
from ivr.call.leg import Leg
from ivr.call.outbound import dialler_of, flow_of_wish
from ivr.call.report import CallReport
from ivr.call.runner import FlowRunner
from ivr.call.services import Services
from ivr.call.settlement import Settlement
from ivr.call.transfer_rules import peer_of_caller
from ivr.capture import Party
from ivr.flow.machine import Machine
from ivr.guard import Dialler
from ivr.lines import Showing
from ivr.sip import Ended, Session
from ivr.store import CallRecord, RecordWriter

__all__ = ["LiveCall"]


class LiveCall(FlowCall):
    """One inbound call under its flow."""

    def __init__(
        self,
        services: Services,
        session: Session,
        leg: Leg,
        caller: Caller,
        machine: Machine,
        report: CallReport,
        closed: Callable[[LiveCall], None],
        written: Callable[[LiveCall], None],
    ) -> None:
        super().__init__(services, machine, report, lambda: closed(self))
        self.session = session
        self.peer = peer_of_caller(caller)
        self.caller = caller
        self.runner = FlowRunner(machine, self, services, services.outside)
        self.runner.guest = caller.kind == "guest"
        self.number = caller.number
        self.display = caller.display
        self._sounds_by(leg, answered=False, late_media=leg.policy.profile.late_media)
        self._settlement = Settlement(services, report, self.runner, lambda: self.leg, lambda: written(self))
        self.allow_refers()

    @property
    def line(self) -> str | None:
        return self.caller.line or self.caller.phone

    def party(self) -> Party | None:
        caller, report = self.caller, self.report
        names = {"id": report.id, "short_id": report.short_id, "caller": caller.number, "called": caller.called}
        return self.services.seen(self.leg, self.session, **names)

    def so_far(self) -> CallRecord | None:
        """Its record as far as it is (Going)."""
        if not vars(self):  # let go
            return None
        return self.report.so_far(self.machine, self.services.wall(), self._recordings.unfinished())

    def keep(self, writer: RecordWriter, record: CallRecord) -> None:
        writer.call_started(record)

    def begin(self, entry: str) -> None:
        """Start the flow at its entry element."""
        self.runner.begin(entry)

    def _rests(self) -> None:
        if self._settlement.free is None:
            self._settlement.free = self.services.keep(self.machine, self.report)
            self.runner.hand_over()
            self._settlement.settle()

    def _session_ended(self, event: Ended) -> None:
        self.report.sip_status = event.status if not self.answered() else self.report.sip_status
        super()._session_ended(event)

    # Transfers and forwards

    def shown(self) -> tuple[str, str]:
        return self.caller.called, ""

    def transfer_noted(self, status: int, attended: bool) -> None:
        self.transfer_of("caller", status, attended)

    def showing(self, own: str | None) -> Showing:
        diversions = tuple(self.session.request.get_all("Diversion"))
        return Showing(own, self.number, self.display, not self.number, self.caller.called, diversions)

    def dialler(self, *, written: bool) -> Dialler:
        return dialler_of(self.caller, flow_of_wish(self.machine, written=written), written=written)
