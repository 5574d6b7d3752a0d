"""Who carries out `Dial`: asks whether the number may be called, books the attempt, and lets the call go.

The row of the flow says that an attempt is dialled before its INVITE leaves. Who takes the flow up after a crash finds
it there, and calls nobody again: how far that call came is not known.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

from ivr.call.attempts import AttemptReport
from ivr.call.identity import normalise
from ivr.call.outcomes import INTERNAL
from ivr.call.outgoing import OutgoingCall
from ivr.call.services import Services
from ivr.call.solo import SoloFlow, base_of, guest_of
from ivr.flow import ports
from ivr.flow.model import plain_number
from ivr.store import KeptWait

__all__ = ["CallBook", "Dials", "party_of"]

log = logging.getLogger("ivr.call")

BOOKED = "dialled"
"""In the row of a flow: number of the attempt that is dialled."""


class CallBook(Protocol):
    """Who knows the calls in progress."""

    @property
    def draining(self) -> bool:
        """No new calls are to begin: the daemon stops."""

    def has_room(self) -> bool:
        """Whether `limits.calls` allows one more."""

    def add(self, call: OutgoingCall) -> None:
        """A call begins."""

    def closed_out(self, call: OutgoingCall) -> None:
        """It is over."""

    def written_out(self, call: OutgoingCall) -> None:
        """All of it is known."""


class Dials:
    """Those of all flows without a caller."""

    def __init__(
        self,
        services: Services,
        book: Callable[[KeptWait, KeptWait, Callable[[], None]], None],
        leave: Callable[[SoloFlow, KeptWait | None], None],
    ) -> None:
        """`book` has a row (as it was, as it is to be) written and calls back then; `leave` lets go of a flow whose row
        stays as it is, or is to be another one again."""
        self._services = services
        self._book = book
        self._leave = leave
        self.calls: CallBook | None = None
        """Set once calls can be placed."""
        self.calling = 0
        """Flows that have a call."""

    def dial(self, solo: SoloFlow, command: ports.Dial) -> None:
        """Carry out a command of a flow, which hears of it soon."""
        if solo.wait.snapshot.get(BOOKED) == command.attempt:
            log.warning("a call of flow %s was under way when the daemon ended: it is not placed again", solo.wait.flow)
            self._fail(solo, command, "interrupted")
            return
        solo.dialling, solo.dial = True, command.id
        if solo.unwanted:
            self._fail(solo, command, "cancelled")
            return
        if self.calls is None or self.calls.draining:
            self._leave(solo, None)
            return
        prepared = solo.prepare_dial(command)
        if isinstance(prepared, ports.DialDone):
            self._done(solo, command, prepared)
            return
        self._services.outside.may_contact(party_of(prepared.to), partial(self._may, solo, prepared))

    def _may(self, solo: SoloFlow, command: ports.Dial, allowed: bool) -> None:
        if not solo.dials(command):
            return
        if self.calls is None or self.calls.draining:
            self._leave(solo, None)
        elif not allowed:
            self._fail(solo, command, "do_not_contact")
        elif solo.unwanted:
            self._fail(solo, command, "cancelled")
        elif not (self.calls.has_room() or self._is_urgent(command)):
            self._fail(solo, command, "limit")
        else:
            before = solo.wait
            solo.wait = replace(before, snapshot={**before.snapshot, BOOKED: command.attempt})
            self._book(before, solo.wait, partial(self._place, solo, command, before))

    def _is_urgent(self, command: ports.Dial) -> bool:
        return self._services.outbound.policy.emergency(normalise(party_of(command.to))) is not None

    def _place(self, solo: SoloFlow, command: ports.Dial, before: KeptWait) -> None:
        """The row says so: the call may go."""
        if not solo.dials(command) or self.calls is None:
            return
        if self.calls.draining:
            self._leave(solo, before)
            return
        if solo.unwanted:
            self._fail(solo, command, "cancelled")
            return
        report = self._report(solo, command)
        call = OutgoingCall(
            self._services,
            solo.runner,
            command,
            report,
            party_of(command.to),
            self.calls.closed_out,
            partial(self._written, solo),
            guest_of(base_of(solo.wait)),
        )
        solo.call = call
        self.calling += 1
        self.calls.add(call)
        try:
            call.start()
        except Exception:
            log.exception("a call could not be placed")
            call.fail()

    def _written(self, solo: SoloFlow, call: OutgoingCall) -> None:
        """The call is over, and all of it known: the flow goes on without."""
        self._services.dialled[call.report.result] += 1
        self.calling -= 1
        solo.settled(call.report.base(solo.machine))
        if self.calls is not None:
            self.calls.written_out(call)

    def _fail(self, solo: SoloFlow, command: ports.Dial, word: str) -> None:
        """No call is placed."""
        dialled = INTERNAL[word]
        event = ports.DialDone(command.id, dialled.outcome, dialled.kind, None, dialled.word, command.line or "")
        self._done(solo, command, event)

    def _done(self, solo: SoloFlow, command: ports.Dial, event: ports.DialDone) -> None:
        report = self._report(solo, command)
        report.failed(event, "", self._services.wall())
        if event.status == INTERNAL["interrupted"].word:
            report.cut_off(self._services.feed)
        self._services.dialled[report.result] += 1
        solo.settled(report.base(solo.machine))
        solo.runner.feed(event)

    def _report(self, solo: SoloFlow, command: ports.Dial) -> AttemptReport:
        services = self._services
        party, base = party_of(command.to), base_of(solo.wait)
        return AttemptReport(services.store, base, command, party, services.wall(), services.measured)


def party_of(target: str) -> str:
    """The number of a target, where it has one; else what names it, without its scheme."""
    scheme, _, rest = target.partition(":")
    match scheme.lower() if rest else "":
        case "tel" | "phone" | "agent":
            return plain_number(rest)
        case "sip" | "sips":
            return plain_number(rest.partition("@")[0] or rest)
    return plain_number(target)
