"""The agent queue as calls see it: what callers want goes to the centre, what the centre decides is done.

    JoinQueue ──> CallerJoined ──> Joined ──> QueueJoined          the flow plays what is heard meanwhile
                                   Offer ───> phones ring          (:class:`~ivr.center.offering.Offering`)
    200 of a phone: bridged ─────> OfferAnswered ──> Connect ──> AgentAnswered
    BYE of the agent ────────────> CallOver ──> Left ──> QueueDone("forwarded")

One writer: everything that happens is an event that :meth:`Desk.receive` takes in turn, and nothing else changes the
centre. A fault ends the hand-off it was met in, with `QueueDone("error")`, and no other.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from ivr.call.duplex import HALF_DUPLEX
from ivr.call.forward import ANSWERED_ELSEWHERE
from ivr.center.books import Books, Waiting
from ivr.center.callable import judge
from ivr.center.keeping import Keeping
from ivr.center.offering import OfferFault, Offering
from ivr.center.presence import Presence
from ivr.center.rules import decisions as told
from ivr.center.rules import events as happened
from ivr.center.rules.center import Center
from ivr.center.rules.config import CenterConfig
from ivr.center.watching import TalkWatch
from ivr.center.writer import Writer
from ivr.flow import ports

if TYPE_CHECKING:
    from ivr.call.flowcall import FlowCall
    from ivr.call.services import Services
    from ivr.center.asking import Asking
    from ivr.lines import Ground
    from ivr.settings import AskDisposition, Settings
    from ivr.sip import Registrar

__all__ = ["Desk"]

log = logging.getLogger("ivr.center")

OUR_FAULTS: Final = frozenset({"system", "network"})
"""Causes of the end of a call with which it was not the caller who gave up."""
STOPPING: Final = "the daemon stops"


class CallbackKeeper(Protocol):
    """Calls people back (:class:`ivr.center.callbacks.Callbacks`)."""

    def kept(self, callback: str, command: ports.KeepCallback, queue: str, origin: str, guest: bool, call: str) -> None:
        """A caller wants to be called back; the centre has been told. `origin` is what the agent is to see."""

    def of_call(self, call: str) -> str | None:
        """The call back that a call was placed for, which joins a queue now; None for other calls."""


class Desk:
    """The queue desk of a daemon (QueueDesk, OfferingUser)."""

    def __init__(
        self,
        services: Services,
        ground: Ground,
        registrar: Registrar,
        settings: Settings,
        kept: Mapping[str, Any],
        keep: Callable[[str, Any], None],
    ) -> None:
        """`kept` is what an earlier run kept by key, `keep` takes what is to be kept, None for what is no more."""
        self._services = services
        self._settings = settings
        self._books = Books(services)
        self._center = Center(CenterConfig.of(settings), services.clock(), services.wall())
        for sentence in self._center.restore(kept):
            log.warning("the contact centre: %s", sentence)
        keeping = Keeping(self._center, keep, services.call_later)
        self._writer = Writer(services, self._center, keeping, self._carry_out, self._failed)
        self._waits: dict[str, Waiting] = {}
        """By id of the call."""
        self._offers: dict[int, Offering] = {}
        self._closed = False
        self._refused_callback = ""
        """The last that the centre did not take."""
        self.listeners: list[Callable[[told.Decision], None]] = []
        """Hear of every decision once it is carried out."""
        self.callbacks: CallbackKeeper | None = None
        """Calls back; None: nobody does."""
        self.asking: Asking | None = None
        """Asks agents for dispositions; None: nobody does."""
        self._presence = Presence(services, ground, registrar, self.receive)
        self.named_call, self.named_agents = self._presence.named_call, self._presence.named_agents
        services.directory.takes_calls = lambda agent: self.center.unavailable(agent) is None
        services.directory.agents = settings.agents
        self._presence.configure(settings.agents)
        self._writer.look_at_clock()

    # What others ask

    @property
    def center(self) -> Center:
        """The rules as of now, to be looked at; changed by :meth:`receive` alone. Whoever looks again asks for them
        again: what was asked for before stays as of then."""
        return self._center.at(self._services.clock())

    def configure(self, settings: Settings) -> None:
        """Agents, queues and routes are these from now on."""
        self._settings = settings
        self._services.directory.agents = settings.agents
        self.receive(happened.Configured(CenterConfig.of(settings)))
        self._presence.configure(settings.agents)

    def packet(self, caller: str) -> Mapping[str, Any] | None:
        """What the agent of a caller is told, the hand-over packet; None where he is not here. Callers are named by
        the ids of their calls."""
        wait = self._waits.get(caller)
        return None if wait is None else wait.command.packet

    def close(self) -> None:
        """The daemon stops, and the calls that are left end soon: whoever still waits is told that the queue is
        closed, so that the flow can say so; nobody begins to wait any more. Conversations go on."""
        self._closed = True
        for wait in list(self._waits.values()):
            if wait.talk is None:
                wait.outcome, wait.text = "closed", STOPPING
                self.receive(happened.CallerLeft(wait.name, "cancelled"))

    def stop(self) -> None:
        """Nothing is decided any more; what must be kept is written."""
        self._presence.stop()
        if self.asking is not None:
            self.asking.stop()
        self._writer.stop()

    # Calls (QueueDesk)

    def join(self, call: FlowCall, command: ports.JoinQueue) -> None:
        name = call.report.id
        if self._closed:
            call.feed(ports.QueueDone(command.id, "closed", text=STOPPING))
            return
        if not call.leg.policy.full_duplex:
            # Every agent would be rung in vain, and count as one who cannot be reached.
            call.feed(ports.QueueDone(command.id, "error", text=HALF_DUPLEX))
            return
        if name in self._waits:
            self._break(self._waits[name])
        wait = self._waits[name] = Waiting(call, command, self._services.clock())
        self.receive(
            happened.CallerJoined(
                name,
                command.facts,
                command.queue,
                command.priority,
                command.sticky,
                command.strategy,
                call.number,
                self.callbacks.of_call(name) if self.callbacks is not None else None,
                command.secret,
                command.lost_agent,
            )
        )
        if not wait.queue and self._waits.get(name) is wait and not self._writer.busy:
            log.error("the centre has not said what becomes of a caller")
            self._break(wait)

    def leave(self, call: FlowCall, command: ports.LeaveQueue) -> None:
        wait = self._of(call)
        if wait is None or wait.command.id != command.id or (wait.talk is not None and command.reason != "cancelled"):
            return
        asked = self._leave_agent(wait)
        if wait.given_away:
            self._done(wait)
        reason = command.reason
        if reason == "callback_scheduled" and not wait.callback:
            reason = "key_exit"
        self.receive(happened.CallerLeft(wait.name, reason, asked))

    def _leave_agent(self, wait: Waiting) -> bool:
        """The caller leaves whom he talks to; whether that agent stays on his phone, and is asked for a disposition."""
        if wait.talk is None:
            return False
        asks = self._asks(wait.queue)
        if asks is not None and asks.after_call and self._ask(wait.talk):
            return True
        wait.talk.end()
        return False

    def judge_number(self, call: FlowCall, command: ports.JudgeNumber) -> None:
        judge(self._services, command.number, call.runner, partial(ports.NumberJudged, command.id))

    def look(self, call: FlowCall, command: ports.LookAtQueue) -> None:
        waiting, mean_wait = self.center.look(command.queue)
        call.feed(ports.QueueSeen(command.id, waiting, mean_wait))

    def keep_callback(self, call: FlowCall, command: ports.KeepCallback) -> None:
        wait = self._of(call)
        if wait is None or wait.command.id != command.id or wait.talk is not None or self.callbacks is None:
            return
        callback = wait.callback = uuid.uuid4().hex
        self.receive(happened.CallbackKept(wait.name, callback, command.number))
        if self._refused_callback == callback:
            wait.callback = ""
        else:
            self.callbacks.kept(callback, command, wait.queue, wait.command.origin, call.runner.guest, wait.name)

    def gone(self, call: FlowCall) -> None:
        wait = self._of(call)
        if wait is None:
            return
        for offering in self._rung_for(wait):
            if offering is not wait.talk:
                offering.end()
        asked = self._leave_agent(wait)
        if wait.given_away:
            self._done(wait)
        reason: happened.LeaveReason = "error" if call.report.cause in OUR_FAULTS else "abandoned"
        self.receive(happened.CallerLeft(wait.name, reason, asked))

    def _of(self, call: FlowCall) -> Waiting | None:
        wait = self._waits.get(call.report.id)
        return wait if wait is not None and wait.call is call else None

    def _rung_for(self, wait: Waiting) -> list[Offering]:
        return [self._offers[number] for number in wait.offers if number in self._offers]

    # Agents' phones (OfferingUser)

    def offer_rings(self, offering: Offering) -> None:
        wait = self._waits.get(offering.call.report.id)
        if wait is not None:
            offering.call.feed(ports.AgentRinging(wait.command.id, offering.agent))

    def offer_picked_up(self, offering: Offering) -> None:
        self.receive(happened.OfferPickedUp(offering.offer))

    def offer_connected(self, offering: Offering) -> None:
        self.receive(happened.OfferAnswered(offering.offer))
        if not (self._writer.busy or offering.forwarding.over or offering.granted):
            log.error("the centre has not said what becomes of an agent who has answered")
            self._drop(offering)

    def offer_ends(self, offering: Offering) -> None:
        if offering.given_away or offering.connected_at is None or not offering.granted:
            return
        asked = self._ask(offering)
        if not asked:
            offering.end()
        self._presence.end_own(offering.forwarding)
        self.receive(happened.CallOver(offering.offer, asked))

    def _ask(self, offering: Offering) -> bool:
        """Ask an agent whom the caller has left for a disposition, where his queue wants that and he can answer."""
        if self._closed or self.asking is None:
            return False
        return self.asking.begin(offering, lambda agent, offer: self.receive(happened.AskingOver(agent, offer)))

    def _asks(self, queue: str) -> AskDisposition | None:
        settings = self._settings.queues.get(queue)
        return None if settings is None else settings.ask_disposition

    def offer_given_away(self, offering: Offering) -> None:
        self._presence.end_own(offering.forwarding)
        self.receive(happened.CallOver(offering.offer))

    def offer_over(self, offering: Offering) -> None:
        self._presence.end_own(offering.forwarding)
        wait = self._waits.get(offering.call.report.id)
        if wait is not None and wait.given_away:
            self._done(wait)
        self.receive(happened.CallOver(offering.offer))

    def offer_lost(self, offering: Offering, why: str) -> None:
        self._presence.end_own(offering.forwarding)
        self._presence.doubt(offering.agent)
        offering.call.log.warning("the agent %s was lost in the talk: %s", offering.agent, why)
        wait = self._waits.get(offering.call.report.id)
        if wait is not None:
            wait.text = why
        self.receive(happened.CallOver(offering.offer, lost=True))

    def offer_failed(self, offering: Offering, reason: OfferFault, text: str) -> None:
        self._presence.end_own(offering.forwarding)
        self._offers.pop(offering.offer, None)
        if reason == "unreachable":
            self._presence.doubt(offering.agent)
        self.receive(happened.OfferFailed(offering.offer, reason))

    def _drop(self, offering: Offering, reason: str | None = None) -> None:
        self._offers.pop(offering.offer, None)
        offering.end(reason)
        self._presence.end_own(offering.forwarding)

    # The centre

    def receive(self, event: happened.Event) -> None:
        """Something has happened; what the centre decides is done before this returns, unless that is under way."""
        self._writer.receive(event)

    def _carry_out(self, decision: told.Decision) -> None:
        self._do(decision)
        for listener in self.listeners:
            listener(decision)

    def _do(self, decision: told.Decision) -> None:
        match decision:
            case told.Joined():
                self._joined(decision)
            case told.Refused():
                self._refused(decision)
            case told.Position(caller=caller, position=position, estimate=estimate):
                if (wait := self._waits.get(caller)) is not None:
                    wait.call.feed(ports.QueuePosition(wait.command.id, position, estimate))
            case told.Offer():
                self._offer(decision)
            case told.Withdraw(offer=number, caller=caller, reason=reason):
                self._withdraw(number, self._waits.get(caller), reason)
            case told.Connect():
                self._connect(decision)
            case told.Missed():
                self._books.missed(decision, self._waits.get(decision.caller))
            case told.Left(caller=caller):
                self._left(self._waits.get(caller), decision)
            case told.Disposed(caller=caller):
                self._books.disposed(decision, self._waits.get(caller))
            case told.StatusChanged():
                self._books.status(decision)
            case told.CallbackOver(callback=callback, outcome="refused"):
                self._refused_callback = callback
            case told.Notice(text=text):
                log.warning("%s", text)

    def _joined(self, decision: told.Joined) -> None:
        wait = self._waits.get(decision.caller)
        if wait is None:
            return
        wait.queue = decision.queue
        self._books.joined(wait, decision)
        wait.call.feed(
            ports.QueueJoined(wait.command.id, decision.queue, decision.position, decision.strategy, decision.estimate)
        )

    def _refused(self, decision: told.Refused) -> None:
        wait = self._waits.pop(decision.caller, None)
        if wait is None:
            return
        wait.queue = decision.queue
        wait.outcome, wait.text, wait.message = decision.outcome, decision.text, decision.away
        self._finish(wait)

    def _offer(self, decision: told.Offer) -> None:
        wait = self._waits.get(decision.caller)
        if wait is None or wait.call.ended:
            self.receive(happened.OfferFailed(decision.offer, "error"))
            return
        asks = self._asks(decision.queue)
        keys = asks.keys if asks is not None and asks.keys is not None else ""
        offering = Offering(
            self._services, self, wait.call, wait.command, decision.offer, decision.agent, decision.until, keys
        )
        self._offers[decision.offer] = offering
        wait.offers.append(decision.offer)
        self._books.offered(wait, decision)
        self._presence.begin_own(offering.forwarding)
        try:
            offering.start()
        except Exception:
            log.exception("an agent could not be called")
            self._drop(offering)
            self.receive(happened.OfferFailed(decision.offer, "error"))

    def _withdraw(self, number: int, wait: Waiting | None, reason: str) -> None:
        offering = self._offers.get(number)
        if offering is not None:
            if wait is not None:
                self._books.withdrawn(wait, offering, reason)
            self._drop(offering, ANSWERED_ELSEWHERE if reason == "answered_elsewhere" else None)

    def _connect(self, decision: told.Connect) -> None:
        wait, offering = self._waits.get(decision.caller), self._offers.get(decision.offer)
        if offering is None or offering.forwarding.over or wait is None:
            self.receive(happened.CallOver(decision.offer))
            return
        offering.granted = True
        wait.talk = offering
        wait.waited = decision.waited
        wait.call.connected(offering.forwarding)
        self._books.answered(wait, offering)
        forwarding = offering.forwarding
        TalkWatch(self._services, forwarding, self._presence.reach, forwarding.dismiss)
        wait.call.feed(ports.AgentAnswered(wait.command.id, decision.agent, decision.waited))

    def _left(self, wait: Waiting | None, decision: told.Left) -> None:
        # One that the centre has not taken in yet is another wait of the same call.
        if wait is None or not wait.queue or wait.given_away:
            return
        if wait.talk is None:
            wait.waited = decision.waited
        if not wait.outcome:
            wait.outcome = decision.outcome
        self._done(wait)

    # The end of a hand-off

    def _done(self, wait: Waiting) -> None:
        if self._waits.get(wait.name) is wait:
            del self._waits[wait.name]
            self._finish(wait)

    def _finish(self, wait: Waiting) -> None:
        for offering in self._rung_for(wait):
            if offering is not wait.talk:
                self._books.withdrawn(wait, offering, "caller_left")
                self._drop(offering)
        talked = wait.talk.talked() if wait.talk is not None else 0.0
        if wait.talk is not None:
            self._drop(wait.talk)
            if wait.outcome not in ("error", "agent_lost"):
                wait.outcome = "forwarded"
        self._books.left(wait, talked)
        if not wait.call.ended:
            wait.call.feed(wait.done(talked))

    def _failed(self, what: happened.Event | told.Decision) -> None:
        """A fault in something that happened or was decided: whose hand-off it was is told by caller or offer."""
        caller, offer = getattr(what, "caller", ""), getattr(what, "offer", 0)
        his = (wait for wait in self._waits.values() if offer in wait.offers)
        self._break(self._waits.get(caller) or next(his, None))

    def _break(self, wait: Waiting | None) -> None:
        """A fault: this hand-off is over, whatever of it can still be ended."""
        if wait is None or self._waits.get(wait.name) is not wait:
            return
        del self._waits[wait.name]
        wait.outcome = "error"
        self.receive(happened.CallerLeft(wait.name, "error"))
        try:
            self._finish(wait)
        except Exception:
            log.exception("a hand-off could not be ended in good order")
            wait.call.feed(ports.QueueDone(wait.command.id, "error", wait.queue))
