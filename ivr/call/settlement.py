"""The record of a call that is over: written once, when nothing can change it any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ivr.call.leg import Leg
from ivr.call.report import CallReport
from ivr.call.runner import FlowRunner
from ivr.call.services import Services
from media import Stats

__all__ = ["Settlement"]

SETTLE_WAIT = 2.0
"""Seconds that a call's record waits for the media figures and closed recordings after the port was given back."""


class Settlement:
    """Waits for the flow's end and the port's figures, then writes."""

    def __init__(
        self,
        services: Services,
        report: CallReport,
        runner: FlowRunner,
        leg: Callable[[], Leg],
        done: Callable[[], None],
    ) -> None:
        """`leg` is asked for at the end: it may have changed hands; `done` is called when the record is written."""
        self._services = services
        self._report = report
        self._runner = runner
        self._leg = leg
        self._done = done
        self._timer: asyncio.TimerHandle | None = None
        self.stats: Stats | None = None
        """Figures of the port."""
        self.free: Callable[[], None] | None = None
        """Lets the flow go on elsewhere, once the record that it is to complete is written."""

    def begin(self) -> None:
        """The call is over."""
        self._timer = self._services.call_later(SETTLE_WAIT, self._late)

    def settle(self) -> None:
        """Write the record if the flow is over and the port told its figures."""
        if self.stats is not None and self._runner.machine.settled:
            self.write()

    def _late(self) -> None:
        """Write what is known; a flow that goes on without its caller adds to it when it is over."""
        if self._runner.over or self._runner.machine.dormant:
            self.write()
        else:
            self._timer = self._services.call_later(SETTLE_WAIT, self._late)

    def write(self) -> None:
        """Write what is known of a call that is over; nothing happens before its end, and after it was written."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        agreed = self._leg().agreed
        if agreed is not None:
            self._report.signalled(agreed)
        self._report.write(self._runner.machine, self.stats)
        if self.free is not None:
            self.free()
        self._done()
