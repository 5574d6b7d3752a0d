"""A flow that runs without a caller: one whose caller has left, or that an event has begun."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any, Protocol

from ivr.call.events import EventHub
from ivr.call.outside import Outside
from ivr.call.runner import Clock, FlowRunner
from ivr.flow import Machine, ports
from ivr.store import CallRecord, KeptWait, shown_details

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = [
    "SoloFlow",
    "SoloHost",
    "SoloOutcome",
    "Start",
    "campaign_of",
    "contact_of",
    "guest_of",
    "kept_flow",
    "moment",
    "start_of",
]

log = logging.getLogger("ivr.call")


@dataclass(slots=True)
class SoloOutcome:
    """What became of a flow without a caller."""

    attempts: list[dict[str, Any]] = field(default_factory=list)
    """Calls that it made, as the details of its record have them; empty where it called nobody."""
    cause: str | None = None
    """Why the flow, or its last call, ended."""
    fault: str | None = None
    """What broke it off."""
    writes: list[Callable[[Connection], None]] = field(default_factory=list)
    """Written in the transaction in which its row goes: whoever hears of the end adds to it."""

    @property
    def answered(self) -> bool:
        """Somebody, or something, took a call."""
        return any(attempt.get("outcome") == "answered" for attempt in self.attempts)


class SoloHost(Protocol):
    """Who keeps flows without a caller."""

    def asleep(self, flow: SoloFlow) -> None:
        """The flow waits: it can be kept until then."""

    def over(self, flow: SoloFlow) -> None:
        """The flow is at its end."""

    def dial(self, flow: SoloFlow, command: ports.Dial) -> None:
        """Call somebody for it."""


class SoloCall(Protocol):
    """A call that the flow has placed, or is placing."""

    up: bool
    """Somebody has answered."""

    def execute(self, command: ports.Command) -> None:
        """Carry out a command that is about the call."""

    def end(self, cause: ports.Cause) -> None:
        """Hang up, or give up to call."""

    def failed(self, error: Exception) -> None:
        """The flow, or a command of it, raised."""

    def stepped(self) -> None:
        """The flow has gone on: what it asks for follows."""

    def turned(self) -> None:
        """The flow waits, or is over."""


class SoloFlow:
    """Runs one machine, from the moment it is taken up until it waits again or is over (RunnerHost)."""

    def __init__(
        self, wait: KeptWait, machine: Machine, host: SoloHost, clock: Clock, outside: Outside, events: EventHub
    ) -> None:
        self.wait = wait
        """As it was kept last."""
        self.machine = machine
        self._host = host
        self._outside = outside
        self._events = events
        self._unsettled = 0
        """Waits that have not heard of all past events yet."""
        self._done = False
        self.dialling = False
        """Somebody is to be called, or is called, or was and not all of it is known yet."""
        self.dial = 0
        """Id of the command that asks for it."""
        self.call: SoloCall | None = None
        """That call, once it is placed."""
        self.unwanted = False
        """Nobody is to be called for it any more."""
        self.wrote = False
        """It has changed something that the writer keeps: that must be safe before the flow counts as further."""
        kept = wait.snapshot.get("machine", {}).get("waits", ())
        self._kept_waits = frozenset(waited["id"] for waited in kept)
        self.runner = FlowRunner(machine, self, clock, self)
        self.runner.guest = guest_of(base_of(wait)) is not None

    def start(self, entry: str, properties: Mapping[str, Any], now: float) -> None:
        """Begin at an entry."""
        try:
            self.machine.start(entry, now, session=False, properties=properties)
        except Exception as error:
            self.failed(error)
        self.runner.pump()

    def go_on(self) -> None:
        """Go on with a machine that was restored."""
        self.runner.pump()

    # RunnerHost

    def execute(self, command: ports.Command) -> None:
        """Carry out what needs no caller; the rest is for who is called."""
        if not vars(self):  # let go by an earlier command
            return
        match command:
            case ports.Dial():
                self._host.dial(self, command)
            case ports.CancelDial() if self.call is None:
                self.dialling = False  # not placed yet
            case ports.Note():
                level = logging.getLevelNamesMapping()[command.level.upper()]
                log.log(level, "flow %s of call %s: %s", self.wait.flow, self.wait.call_id, command.text)
            case _ if self.call is not None:
                self.call.execute(command)

    def failed(self, error: Exception) -> None:
        """The flow cannot go on."""
        if not vars(self):
            return
        if self.call is not None:
            up = self.call.up
            self.call.failed(error)
            if up:
                return
        self.dialling = False
        log.error("flow %s of call %s failed", self.wait.flow, self.wait.call_id, exc_info=error)
        self.machine.fault = self.machine.fault or f"it failed: {type(error).__name__}"
        self.runner.hand_over()

    def stepped(self) -> None:
        """The flow has gone on: what it asks for follows."""
        if vars(self) and self.call is not None:
            self.call.stepped()

    def turned(self) -> None:
        """Everything there was to do is done for now."""
        if vars(self) and self.call is not None:
            self.call.turned()
        if not vars(self) or self._done or self.dialling:
            return
        if self.runner.over:
            self._done = True
            self.runner.close()
            self._host.over(self)
            self._let_go()
        elif self.machine.dormant and not self._unsettled:
            self._done = True
            self._host.asleep(self)
            self.runner.hand_over()
            self._let_go()

    def dials(self, command: ports.Dial) -> bool:
        """Whether this call is still wanted: it was not given up, nor was the flow let go."""
        return bool(vars(self)) and self.dialling and self.dial == command.id and self.call is None

    def stop(self) -> None:
        """Call nobody any more, and hang up on who was called: the flow goes on as after the end of a call."""
        self.unwanted = True
        if self.call is not None:
            self.call.end("ended_by_flow")

    def settled(self, record: dict[str, Any]) -> None:
        """A call of the flow is over, and all of it known: `record` is what the flow's record says besides the way."""
        self.wait = replace(self.wait, snapshot={**self.wait.snapshot, "record": record})
        self.call, self.dialling = None, False
        self.turned()

    def abandon(self) -> None:
        """The flow stays as its row has it: another run of the daemon takes it up."""
        self._done, self.dialling = True, False
        self.runner.hand_over()
        self._let_go()

    def _let_go(self) -> None:
        """Late answers change nothing: machine, runner and this refer to each other, and nobody is to look for that."""
        self.runner.leave()
        vars(self).clear()

    # Outside: what past events there are for a wait is known before the flow may sleep

    def request(self, command: ports.Request, done: Callable[[ports.RequestDone], None]) -> None:
        self._outside.request(command, done)

    def mail(self, command: ports.SendMail, done: Callable[[ports.MailDone], None]) -> None:
        self._outside.mail(command, done)

    def read_profile(self, number: str, then: Callable[[Mapping[str, Any]], None]) -> None:
        self._outside.read_profile(number, then)

    def update_profile(self, command: ports.UpdateProfile) -> None:
        self.wrote = True
        self._outside.update_profile(command)

    def do_not_contact(self, command: ports.DoNotContact) -> None:
        self.wrote = True
        self._outside.do_not_contact(command)

    def reserve_dial(self, command: ports.ReserveDial, wait: KeptWait | None = None) -> datetime:
        self.wrote = True
        return self._outside.reserve_dial(command, self.wait)

    def prepare_dial(self, command: ports.Dial, wait: KeptWait | None = None) -> ports.Dial | ports.DialDone:
        return self._outside.prepare_dial(command, self.wait)

    def start_contact(self, command: ports.StartContact, done: Callable[[ports.ContactStarted], None]) -> None:
        self._outside.start_contact(command, done)

    def may_contact(self, number: str, then: Callable[[bool], None]) -> None:
        self._outside.may_contact(number, then)

    def wait_for(
        self, command: ports.WaitForEvent, arrived: Callable[[ports.EventArrived], None]
    ) -> Callable[[], None]:
        if command.since is not None:
            self._unsettled += 1
        # A wait that was kept has heard of what came before; a new one may ask for it.
        after = self.wait.after_event if command.id in self._kept_waits else 0
        return self._events.wait_for(command, arrived, after=after, settled=self._settled)

    def _settled(self) -> None:
        if vars(self):  # not let go
            self._unsettled -= 1
            self.turned()

    # What is kept

    @property
    def declined(self) -> bool:
        """The flow ended at its entry: the event was not for it."""
        steps = self.machine.steps
        return start_of(self.wait) is not None and self.runner.over and len(steps) == 1 and steps[0].branch == "other"

    @property
    def tells(self) -> bool:
        """There is something to write down: a contact that nobody has called yet has no record."""
        base = base_of(self.wait)
        return base.get("direction") != "outbound" or bool(base.get("details", {}).get("attempts"))

    def outcome(self) -> SoloOutcome:
        """What became of it."""
        base = base_of(self.wait)
        cause = base.get("cause") or ("system" if self.machine.fault is not None else "ended_by_flow")
        return SoloOutcome(list(base.get("details", {}).get("attempts", ())), cause, self.machine.fault)

    def kept(self, now: float) -> KeptWait:
        """The flow as it waits now."""
        machine = self.machine
        return kept_flow(self.wait, machine, base_of(self.wait), after_event=self._events.last, now=now)

    def record(self, now: float) -> CallRecord:
        """The record as far as the flow has come; a call's own cause and end, where there was one, stay."""
        machine, over = self.machine, self.runner.over
        base = base_of(self.wait)
        details = shown_details(base.get("details", {}))
        if machine.fault is not None:
            details["fault"] = machine.fault
        end: dict[str, Any] = {"details": details, "path": machine.path(), "digits": machine.digits()}
        if over and base.get("cause") is None:
            end.update(cause="system" if machine.fault is not None else "ended_by_flow", ended_at=now)
        return CallRecord(**{**base, **end})


def kept_flow(wait: KeptWait, machine: Machine, record: Mapping[str, Any], *, after_event: int, now: float) -> KeptWait:
    """A dormant flow as a row; `record` is what its record says besides the way."""
    snapshot = machine.snapshot()
    return replace(
        wait,
        snapshot={**_lasting(wait), "machine": snapshot, "record": dict(record)},
        flow=snapshot["flow"],
        version=snapshot["number"],
        events=sorted({waited.event for waited in machine.waits}),
        after_event=after_event,
        wake_at=snapshot["wake_at"],
        last_step_at=now,
    )


def _lasting(wait: KeptWait) -> dict[str, Any]:
    """What stays in the snapshots of a flow from its start to its end."""
    options = wait.snapshot.get("options")
    return {} if options is None else {"options": options}


def campaign_of(wait: KeptWait) -> tuple[str | None, int | None]:
    """The campaign that a flow runs for, and its contact; None where there is none."""
    details = base_of(wait).get("details", {})
    return details.get("campaign"), details.get("contact")


def guest_of(record: Mapping[str, Any]) -> str | None:
    """Of a flow that runs because a guest has called: the number that it may call for him all the same, since a flow
    names it (empty: none does); None where no guest is behind it."""
    if record.get("direction") == "inbound" and record.get("line") is None:
        return ""
    named: str | None = record.get("details", {}).get("guest")
    return named


def base_of(wait: KeptWait) -> dict[str, Any]:
    """What the record of a flow says besides the way."""
    base: dict[str, Any] = wait.snapshot["record"]
    return base


@dataclass(frozen=True, slots=True)
class Start:
    """How an event begins a flow."""

    entry: str
    """Its element to begin with."""
    properties: dict[str, Any]
    """What came with the event."""
    call: ports.CallInfo
    """Who it is about, as the flow sees it."""


def start_of(wait: KeptWait, zone: tzinfo = UTC) -> Start | None:
    """How a flow is to begin; None where it has begun already. Times of day are those of a zone."""
    data = wait.snapshot.get("start")
    if data is None:
        return None
    call = data["call"]
    outbound = call.get("direction") == "outbound"
    info = ports.CallInfo(
        call["id"],
        "" if outbound else call["from"],
        call["from"] if outbound else "",
        moment(call["started_at"], zone),
        "outbound" if outbound else "inbound",
        short_id=call["short_id"],
        key=str(uuid.uuid4()),
    )
    return Start(data["entry"], data["properties"], info)


def contact_of(wait: KeptWait) -> str:
    """The number of the person whom a flow is about; empty where there is none."""
    if "start" in wait.snapshot:
        return str(wait.snapshot["start"]["call"]["from"])
    machine = wait.snapshot["machine"]
    call = machine["call"]
    return str(machine.get("contact") or (call["to"] if call["direction"] == "outbound" else call["from_"]))


def moment(at: float, zone: tzinfo) -> datetime:
    """Seconds since the epoch as a time of day in a zone."""
    return datetime.fromtimestamp(at, zone)
