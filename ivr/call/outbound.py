"""Calls out through lines: whether they may be placed, how many there are, and room for emergency calls."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from ivr.call.dialling import DIALLED
from ivr.call.identity import Caller
from ivr.call.moving import MOVED, TAKEN
from ivr.call.targets import Destination
from ivr.errors import BusyError, CallForbiddenError
from ivr.flow.calendar import hours_at
from ivr.flow.machine import Machine
from ivr.guard import Dialler, DialPolicy, Full, Usage, Verdict
from ivr.lines import Showing
from ivr.net.hops import Hop
from ivr.settings import Calendar, Settings
from media import allow_listed

__all__ = ["Outbound", "Placed", "dialler_of", "flow_of_wish"]

log = logging.getLogger("ivr.call.outbound")


class Placed(Protocol):
    """A call out, as it is counted and as it can be ended."""

    def fail(self) -> None:
        """End it."""


def flow_of_wish(machine: Machine, *, written: bool) -> str:
    """The flow that somebody is called for. Where an application has moved the call to one that is made for that
    (`(moved)`), and names who is called, it is the flow that let the application have the call: what that may not dial
    it does not dial by an application either."""
    own = machine.flow
    if written or own not in (MOVED, TAKEN):
        return own
    return next((step.flow for step in reversed(machine.steps) if step.flow not in (MOVED, TAKEN)), own)


def dialler_of(caller: Caller, flow: str, *, written: bool = True) -> Dialler:
    """At whose wish a flow calls somebody: the caller's, or the flow's own."""
    if flow == DIALLED:
        return Dialler("phone", phone=caller.phone)
    return Dialler("guest" if caller.kind == "guest" else "flow", caller.phone, flow, written)


class Outbound:
    """The policy with its counts. `wall` gives seconds since the epoch, `clock` monotonic ones."""

    def __init__(self, settings: Settings, wall: Callable[[], float], clock: Callable[[], float]) -> None:
        self._settings = settings
        self._wall = wall
        self._clock = clock
        self._calendars: Mapping[str, Calendar] = settings.calendars
        self.policy = DialPolicy(settings.outbound_policy)
        self._open = allow_listed(settings.outbound_policy.hosts)
        self.usage = Usage()
        self.refused: Counter[str] = Counter()
        """Calls that were not placed, by the rule or the limit that forbade it."""
        self.emergencies = 0
        """Emergency calls placed."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when what is kept over a restart has changed."""
        self._by_line: dict[str, list[Placed]] = {}
        self._urgent: set[Placed] = set()

    def take_calendars(self, calendars: Mapping[str, Calendar]) -> None:
        """Opening hours are others from now on."""
        self._calendars = calendars

    # What may be dialled

    def judge(self, number: str, dialler: Dialler) -> Verdict:
        """Whether a number may be dialled now, limits aside."""
        return self.policy.judge(number, dialler, is_open=self._is_open())

    def may_dial(self, number: str, phone: str | None) -> bool:
        """Whether a registered phone may call a number through a line."""
        return bool(self._settings.lines) and self.judge(number, Dialler("phone", phone=phone)).allowed

    def check_host(self, destination: Destination, hop: Hop, dialler: Dialler) -> None:
        """CallForbiddenError where somebody outside names a SIP address that leads to a host which is not public: other
        exchanges of the network trust this one by its address."""
        by_address = destination.line is None and destination.flow is None and not destination.number
        if by_address and not dialler.written and not self._open(hop.name, hop.port, hop.address):
            self.refused["hosts"] += 1
            raise CallForbiddenError("outbound_policy.hosts: a SIP address from outside leads to a private host")

    def forbidden(self, verdict: Verdict) -> CallForbiddenError:
        """Count a refusal; the error says the rule, and no number."""
        self.refused[verdict.rule.partition(".")[0]] += 1
        return CallForbiddenError(f"outbound_policy.{verdict.rule}: {verdict.reason}")

    def full(self, verdict: Verdict) -> Full | None:
        """The limit that forbids another such call now."""
        return self.usage.full(verdict.limits, self._day(), self._clock())

    def _is_open(self) -> bool:
        name = self._settings.outbound_policy.hours
        return name is None or hours_at(self._calendars[name], self._now()).status == "open"

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._wall(), self._settings.zone)

    def _day(self) -> str:
        return self._now().date().isoformat()

    # Calls

    def begin(self, call: Placed, destination: Destination, dialler: Dialler) -> None:
        """A call through a line is about to be placed. CallForbiddenError where it may not, BusyError at a limit; the
        texts name no number."""
        verdict = self.judge(destination.number, dialler)
        if not verdict.allowed:
            raise self.forbidden(verdict)
        if verdict.emergency:
            self.emergencies += 1
            self._urgent.add(call)
            log.warning("emergency call to %s by %s", verdict.number, dialler.phone or f"flow {dialler.flow}")
            return
        self._raise_full(self.usage.take(call, verdict.limits, self._day(), self._clock()))
        self.on_change()

    def take_line(self, call: Placed, line: str) -> None:
        """It goes by this line. BusyError where the policy's limit of it is reached."""
        if call not in self._urgent:
            limits = ((("line", line), self._settings.outbound_policy.per_line),)
            self._raise_full(self.usage.take(call, limits, self._day(), self._clock()))
        self._by_line.setdefault(line, []).append(call)

    def leave_line(self, call: Placed, line: str, *, over: bool) -> None:
        """It is over, or goes by another line, and then does not count for this one."""
        if not over:
            self.usage.leave(call, ("line", line))
        calls = self._by_line.get(line, [])
        if call in calls:
            calls.remove(call)

    def is_urgent(self, call: Placed) -> bool:
        """Whether it is an emergency call."""
        return call in self._urgent

    def showing(self, call: Placed, showing: Showing) -> Showing:
        """Who calls, as the one called is told: in an emergency a number at which the caller can be called back."""
        if call not in self._urgent:
            return showing
        own = self._settings.outbound_policy.emergency_caller_id or showing.own
        return replace(showing, own=own, withheld=False)

    def make_room(self, line: str) -> bool:
        """End the last of a line's calls out that is no emergency; whether there was one."""
        for call in reversed(self._by_line.get(line, [])):
            if call not in self._urgent:
                log.warning("a call of line %s ends for an emergency call", line)
                call.fail()
                return True
        return False

    def answered(self, call: Placed) -> None:
        """Its minutes begin."""
        self.usage.answered(call, self._clock())

    def over(self, call: Placed) -> None:
        """It is over."""
        self._urgent.discard(call)
        self.usage.over(call, self._clock())
        self.on_change()

    def _raise_full(self, full: Full | None) -> None:
        if full is not None:
            self.refused[f"{full.place[0]}.{full.what}"] += 1
            log.warning("a call out is refused: %s of a %s (outbound_policy) is reached", full.what, full.place[0])
            raise BusyError(f"outbound_policy: {full.what} of {' '.join(full.place).strip()} is reached")

    # What is kept over a restart

    def dump(self) -> dict[str, Any]:
        """Counts of the day."""
        return self.usage.dump(self._clock())

    def load(self, data: Mapping[str, Any]) -> None:
        """Take what :meth:`dump` gave."""
        self.usage.load(data)
