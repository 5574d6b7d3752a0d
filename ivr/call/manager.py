"""The call manager: every event of the SIP stack finds its call here, and new calls are let in or refused.

datagram -> Stack -> event -> CallManager -> LiveCall -> Machine -> element -> media command
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from ivr.call.arrivals import arrival
from ivr.call.dialling import dialled_flow
from ivr.call.flowcall import FlowCall
from ivr.call.gate import Gate
from ivr.call.identity import Caller
from ivr.call.leg import refusal
from ivr.call.live import LiveCall
from ivr.call.moving import MoveError, NoGoalError
from ivr.call.outgoing import OutgoingCall
from ivr.call.services import Services
from ivr.call.transfer_rules import NOBODY, Peer, peer_of_caller
from ivr.call.transferable import Transferable
from ivr.call.unfinished import Unfinished
from ivr.capture import Party
from ivr.errors import (
    BusyError,
    CallForbiddenError,
    IvrError,
    MediaUnavailableError,
    NumberNotServedError,
    OverloadedError,
)
from ivr.flow import Flow, FlowSet, Machine, ports
from ivr.guard import Dialler, Verdict
from ivr.sip import Confirmed, InboundSession, IncomingCall, IncomingRequest
from media import MediaEvent

log = logging.getLogger("ivr.call")

RETRY_AFTER = 5
"""Seconds a refused caller is asked to wait: a burst is over by then."""
DONE_EVENTS = {
    "play": "play.finished",
    "say": "say.finished",
    "collect": "digits.collected",
    "record": "message.recorded",
}
"""What the feed is told when an instruction from outside is done."""
LET_GO = 1.0
"""Seconds after its record is written in which what is late may still find a call."""


class CallManager:
    """Owns the calls of this process."""

    def __init__(self, services: Services, gate: Gate, flows: FlowSet) -> None:
        self._services = services
        self._gate = gate
        self.flows = flows
        courtesy = services.settings.limits.courtesy
        self._courtesy = ports.PromptSpec("text", courtesy) if courtesy else None
        configured = services.settings
        self._hands_over = bool(configured.agents or configured.ai_agents or configured.applications)
        """Calls may be moved to somebody who is told what is known of the caller."""
        self.calls: dict[str, FlowCall] = {}
        self._unwritten: set[FlowCall] = set()
        """Calls that are over, and wait for their last figures or for a flow that goes on without its caller."""
        self._unfinished = Unfinished(services.store.writer, services.call_later, services.clock)
        self.on_ended: Callable[[str, dict[str, Any]], None] = lambda call_id, summary: None
        """Hears of every call that is over, with what an event tells of it."""
        self.draining = False
        self._idle: list[Callable[[], None]] = []
        self.refusals: Counter[int] = Counter()
        """Calls that were not taken, by the status of the answer."""
        self.total = 0
        """Calls that came in and were taken."""
        self.placed = 0
        """Calls that flows placed."""

    @property
    def gate(self) -> Gate:
        """Who is let in."""
        return self._gate

    @property
    def refused(self) -> int:
        """Calls that were not taken."""
        return self.refusals.total()

    # Events of the stack

    def on_event(self, event: Any) -> None:
        """One event of the stack."""
        try:
            if isinstance(event, IncomingCall):
                self._incoming(event)
            elif isinstance(event, IncomingRequest):
                self._gate.request(event)
            else:
                if isinstance(event, Confirmed):
                    self._gate.confirmed(event.session, self._services.clock())
                owner = event.session.owner
                if owner is not None:
                    owner.on_session(event)
        except Exception:
            # A fault in one call must not reach the others, nor the receiver.
            log.exception("an event of the signalling failed")
            self._fail(event)

    def _fail(self, event: Any) -> None:
        """End the call whose event could not be handled."""
        session = getattr(event, "session", None)
        if session is None:
            return
        if session.owner is not None:
            session.owner.fail()
        elif isinstance(event, IncomingCall):
            session.reject(500, self._services.clock())

    def _incoming(self, event: IncomingCall) -> None:
        session, services = event.session, self._services
        now = services.clock()
        try:
            if self.draining or len(self.calls) >= services.settings.limits.calls:
                raise OverloadedError("no more calls are taken")
            if session.call_id in services.loops and self._replace(event, NOBODY, None):
                return
            caller = self._gate.admit(event, now)
            if caller is None:
                self._gate.over(session)
                return
            if event.replaces is not None:
                self._replace(event, peer_of_caller(caller), caller.line)
                return
            self._services.take_line(caller.line)
            try:
                self._start(session, event, caller)
            except BaseException:
                self._services.free_line(caller.line)
                raise
        except (BusyError, MediaUnavailableError, OverloadedError) as error:
            self._gate.over(session)
            self.refusals[error.sip_status] += 1
            session.reject(error.sip_status, now, headers=(("Retry-After", str(RETRY_AFTER)),))
        except IvrError as error:
            self._gate.over(session)
            if isinstance(error, NumberNotServedError):
                self._gate.unserved(event, now)
            status = refusal(error)
            self.refusals[status] += 1
            log.info("a call from %s is refused: %s", event.flow.remote[0], type(error).__name__)
            session.reject(status, now)

    def _replace(self, event: IncomingCall, peer: Peer, line: str | None) -> bool:
        """A call takes the place of a party of another one (RFC 3891); False where it names none."""
        services, session = self._services, event.session
        if event.replaces is None:
            return False
        party = event.replaces.owner
        if not isinstance(party, Transferable) or not (peer is NOBODY or services.transfers.takes(peer)):
            raise CallForbiddenError("calls here are not replaced by this peer")
        services.take_line(line)

        def over() -> None:
            self._gate.over(session)
            services.free_line(line)

        try:
            party.replace(event, peer, over)
        except BaseException:
            services.free_line(line)
            raise
        return True

    def _start(self, session: InboundSession, event: IncomingCall, caller: Caller) -> None:
        services, limits = self._services, self._services.settings.limits
        line = caller.line or ("phones" if caller.phone else "guest")
        # A flow for any number is a last resort: it stands before neither phones nor what phones may dial (112).
        flows = self.flows.for_caller(caller.number or session.call_id)
        found = self._find(flows, caller, line, last_resort=False)
        forbidden: Verdict | None = None
        if found is None and caller.phone is not None:
            flow = services.desks.people.flow_of(caller.called, caller.phone)
            found = None if flow is None else (flow, flow.entries[0])
        if found is None and caller.kind == "phone":
            if caller.called in services.settings.phones:
                found = flows.find_internal()
            elif services.settings.lines:
                verdict = services.outbound.judge(caller.called, Dialler("phone", phone=caller.phone))
                if verdict.allowed:
                    flow = dialled_flow(services.desks.people.sender_of(caller.phone) if caller.phone else None)
                    found = flow, flow.entries[0]
                else:
                    forbidden = verdict
        found = found or self._find(flows, caller, line)
        if found is None:
            if forbidden is not None:
                error = services.outbound.forbidden(forbidden)
                log.warning("a call out by %s is refused: %s", caller.phone, error)
                raise error
            raise NumberNotServedError("no flow has this number")
        flow, entry = found
        self._gate.capacity.flow(session, flow.name, getattr(flow.elements[entry], "max_calls", None))
        info, report = arrival(services, event, caller, line, flow)
        machine = Machine(
            flow,
            flows,
            info,
            services.settings.settings,
            limits,
            courtesy=self._courtesy,
            languages=services.languages,
            calendars=services.settings.calendars,
        )
        call: LiveCall

        def on_media(media: MediaEvent) -> None:
            if vars(call):  # not let go
                call.on_media(media)

        leg = services.new_leg(session, event.flow.remote[0], on_media, caller.line, None)
        session.owner = call = LiveCall(services, session, leg, caller, machine, report, self._left, self._written)
        self.calls[report.id] = call
        self.total += 1
        self._keep(call)
        services.occupied.begin(call, caller.phone)
        names = {"id": report.id, "short_id": report.short_id, "caller": caller.number, "called": caller.called}
        services.captures.began(services.seen(leg, session, **names))
        if not caller.number or not (flows.uses_profile or self._hands_over):
            call.begin(entry)
            return

        def begin(profile: Mapping[str, Any]) -> None:
            # The caller may have given up meanwhile; the flow has been told then, and is over.
            if not call.ended:
                machine.know(profile)
                call.begin(entry)

        services.outside.read_profile(caller.number, begin)

    def _find(self, flows: FlowSet, caller: Caller, line: str, *, last_resort: bool = True) -> tuple[Flow, str] | None:
        """The flow for the number called, however it is written, among the versions that this caller tries where they
        have it too."""
        for number in (caller.called, *caller.spellings):
            found = self.flows.find(number, line, last_resort=False)
            if found is not None:
                return flows.find(number, line, last_resort=False) or found
        found = self.flows.find(caller.called, line) if last_resort else None
        return found and (flows.find(caller.called, line) or found)

    # The HTTP interface (CallSource)

    def live(self) -> list[dict[str, Any]]:
        """Calls in progress, oldest first."""
        return [call.row() for call in self.calls.values()]

    def trace(self, name: str) -> dict[str, Any] | None:
        """One call in progress by id or short id."""
        call = self._named(name)
        if call is None:
            return None
        return {**asdict(call.report.record(call.machine, None)), "state": call.report.progress()}

    def _named(self, name: str) -> FlowCall | None:
        call = self.calls.get(name)
        return call or next((call for call in self.calls.values() if str(call.report.short_id) == name), None)

    # What is asked of live calls from outside

    def move(self, name: str, flow: Flow, entry: str, by: str, variables: Mapping[str, Any] | None = None) -> FlowCall:
        """Take a call away from whatever has it: it goes on in `flow` at `entry`. NoGoalError where there is no such
        call, MoveError where it cannot be moved as it stands."""
        call = self.find(name)
        refused = call.machine.move_refusal()
        if refused is not None:
            raise MoveError(refused)
        call.feed(ports.Moved(flow, entry, by, variables or {}))
        return call

    def instruct(
        self,
        name: str,
        verb: str,
        fields: Mapping[str, Any],
        then: Callable[[ports.InstructionDone], None] = lambda done: None,
    ) -> int:
        """Ask something of a call: the number of the instruction; `then` hears once what came of it, now or later.
        NoGoalError where there is no such call."""
        call = self.find(name)

        def done(command: ports.InstructionDone) -> None:
            self._services.desks.applications.instructed(call, verb, command)
            if (event := DONE_EVENTS.get(verb)) is not None:
                shown = {key: value for key, value in command.result.items() if key != "digits"}
                call.report.tell(event, {"instruction": command.id, **shown, "error": command.error})
            then(command)

        return call.orders.give(verb, fields, done)

    def find(self, name: str) -> FlowCall:
        """A call in progress by id or short id; NoGoalError where there is none."""
        call = self._named(name)
        if call is None:
            raise NoGoalError("there is no such call in progress")
        return call

    def party(self, name: str) -> Party | None:
        """The caller's leg of a call in progress, by id or short id, for captures."""
        call = self._named(name)
        return None if call is None else call.party()

    def by_version(self) -> Counter[tuple[str, int | None]]:
        """Calls in progress by flow and number of its version."""
        return Counter(call.report.version for call in self.calls.values())

    def by_line(self) -> Counter[str | None]:
        """Calls in progress by line; those of phones by the phone, of guests as None."""
        return Counter(call.line for call in self.calls.values())

    def _left(self, call: LiveCall) -> None:
        """A call that came in is over."""
        self._gate.over(call.session)
        self._services.captures.ended(call.session.call_id)
        if call.report.id in self.calls:
            self._services.free_line(call.caller.line)
        self._closed(call)

    # Calls that flows place (CallBook)

    def knows_key(self, key: str) -> bool:
        """Whether a call that is here has this `call.key`."""
        return any(call.machine.call.key == key for call in self.calls.values())

    def has_room(self) -> bool:
        """Whether `limits.calls` allows one more."""
        return len(self.calls) < self._services.settings.limits.calls

    def refusal(self) -> str | None:
        """Why no calls are placed for who asks; None while they are."""
        if self.draining:
            return "no new calls are placed: the daemon stops"
        return None if self.has_room() else "limits.calls is reached"

    def add(self, call: OutgoingCall) -> None:
        """A flow calls somebody."""
        self.calls[call.report.id] = call
        self.placed += 1
        self._keep(call)

    def closed_out(self, call: OutgoingCall) -> None:
        """That call is over."""
        if (capture := call.capture_id()) is not None:
            self._services.captures.ended(capture)
        self._closed(call)

    def written_out(self, call: OutgoingCall) -> None:
        """All of it is known."""
        self._written(call)

    def _closed(self, call: FlowCall) -> None:
        self.calls.pop(call.report.id, None)
        self._services.occupied.end(call)
        self._unwritten.add(call)
        call.report.closed()
        self.on_ended(call.report.event_key, call.report.summary())
        if not self.calls:
            for then in self._idle:
                then()
            self._idle.clear()

    def _keep(self, call: LiveCall | OutgoingCall) -> None:
        """Have the store know of a call that is up."""
        call.report.on_change = partial(self._unfinished.changed, call)
        self._unfinished.changed(call)

    def _written(self, call: LiveCall | OutgoingCall) -> None:
        self._unwritten.discard(call)
        call.report.on_change = lambda: None  # a late word of it is not to replace the record of its end
        self._unfinished.over(call)
        self._services.call_later(LET_GO, call.let_go)

    def when_idle(self, then: Callable[[], None]) -> None:
        """Call `then` once no call is up."""
        if self.calls:
            self._idle.append(then)
        else:
            then()

    def write_all(self) -> None:
        """Write the records that still wait for something: the daemon ends."""
        for call in list(self._unwritten):
            call.write()
        self._unfinished.close()

    def end_all(self, cause: ports.Cause) -> None:
        """End every call."""
        for call in list(self.calls.values()):
            try:
                call.end(cause)
            except Exception:
                log.exception("a call could not be ended")
                call.fail()
        self._services.flush()
