"""Agents asked for a disposition on their own leg: the caller has left the conversation, the agent has not hung up.

    caller hangs up, or the agent presses the keys of the queue
      └─> the leg is kept, the two hear each other no more         (Forwarding.leave_called)
           └─> the flow of the code `disposition` runs on it        (:mod:`ivr.center.dialled`)
                └─> the disposition is noted; the leg is hung up    (AskingOver)

What is asked and said is what the code `disposition` asks and says. An agent who hangs up has not been asked long
enough: he may still dial the code.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from ivr.call.figures import CallFigures
from ivr.call.keys import Keys
from ivr.call.playback import Playback
from ivr.call.recordings import CallRecordings
from ivr.call.runner import FlowRunner
from ivr.center.dialled import code_flow
from ivr.center.rules.offering import ASKED_SECONDS
from ivr.errors import IvrError
from ivr.flow import FlowSet, ports
from ivr.flow.machine import Machine
from ivr.sip import Answer, DtmfInfo, Ended, IncomingRefer, InfoRefused, Offer
from media import Digit, Lost, MediaEvent, MediaTimeout, PlayDone, Tone

if TYPE_CHECKING:
    from ivr.call.parties import Attempt
    from ivr.call.services import Services
    from ivr.center.codes import Codes
    from ivr.center.offering import Offering

__all__ = ["Asking"]

log = logging.getLogger("ivr.center")

DECLINED = 603
"""To an agent who wants to transfer the call: nobody is on the other side."""


class Asking:
    """All who are asked."""

    def __init__(self, services: Services, codes: Codes) -> None:
        self._services = services
        self._codes = codes
        self._open: set[Asked] = set()

    def begin(self, offering: Offering, over: Callable[[str, int], None]) -> bool:
        """Ask the agent of a conversation that the caller has left, if he can answer by keys: then it is over, and
        `over` is called with agent and offer once his phone is free again. False: nothing has changed."""
        if not self._codes.asks(offering.agent):
            return False
        asked = Asked(self._services, self._codes, offering, self._done(over))
        self._open.add(asked)
        if asked.start():
            return True
        self._open.discard(asked)
        return False

    def _done(self, over: Callable[[str, int], None]) -> Callable[[Asked], None]:
        def done(asked: Asked) -> None:
            self._open.discard(asked)
            over(asked.agent, asked.offer)

        return done

    def stop(self) -> None:
        """Hang up on all of them."""
        for asked in list(self._open):
            asked.end()


class Asked:
    """One agent, on a leg that a forward has left to him (Keeper, RunnerHost)."""

    def __init__(self, services: Services, codes: Codes, offering: Offering, done: Callable[[Asked], None]) -> None:
        self.agent = offering.agent
        self.offer = offering.offer
        self._services = services
        self._codes = codes
        self._offering = offering
        self._done = done
        self._over = False
        self._asks = False
        self._attempt: Attempt | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        words = codes.words
        self._flow = code_flow("disposition", words.language, codes.longest("disposition"), words.enter_digits)
        call = offering.call.machine.call
        machine = Machine(self._flow, FlowSet({}), call, {}, services.settings.limits, languages=services.languages)
        self._runner = FlowRunner(machine, self, services, services.outside)
        self._keys = Keys(services.clock, self._runner.feed, lambda key, sounded: False)

    def start(self) -> bool:
        """Take over the leg and ask; False where it cannot be had, or where asking him ends at once."""
        attempt = self._attempt = self._offering.leave_agent(self)
        if attempt is None or attempt.leg is None:
            return False
        services, port = self._services, attempt.leg.port
        recordings = CallRecordings(services, port, self._offering.call.report)  # never used: nothing is recorded
        figures = CallFigures(services.clock)
        self._playback = Playback(services, port, recordings, figures, self._runner.feed, self._spawn)
        self._timer = services.call_later(ASKED_SECONDS, self.end)
        self._runner.begin(self._flow.entries[0])
        self._asks = not self._over
        return self._asks

    def end(self) -> None:
        """It is over: hang up, where that has not happened."""
        if self._over:
            return
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        self._runner.leave()
        self._playback.close()
        for task in self._tasks:
            task.cancel()
        if self._attempt is not None:
            self._attempt.close(self._services.clock())
        if self._asks:
            self._done(self)
        self._services.flush()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._services.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # The flow (RunnerHost)

    def stepped(self) -> None:
        """Nobody follows it."""

    def execute(self, command: ports.Command) -> None:
        """Carry out a command of the flow; what is about a caller does nothing."""
        if self._over:
            return
        match command:
            case ports.Play():
                self._playback.play(command)
            case ports.StopPlay(id=number):
                self._playback.stop(number)
            case ports.AgentCode(id=number, digits=digits):
                answer = self._codes.dispose(self.agent, digits)
                self._runner.feed(ports.AgentCodeDone(number, answer.outcome, answer.say))
            case ports.HangUp():
                self.end()

    def failed(self, error: Exception) -> None:
        """The flow cannot go on."""
        log.error("an agent cannot be asked for a disposition", exc_info=error)
        self.end()

    def turned(self) -> None:
        """The flow waits, or is over."""
        if self._runner.over:
            self.end()
        self._services.flush()

    # The leg (Keeper)

    def on_session(self, event: object) -> None:
        leg = None if self._attempt is None else self._attempt.leg
        if self._over or leg is None:
            return
        match event:
            case Ended():
                self.end()
            case Offer(sdp=sdp):
                leg.peer_offers(sdp, self._services.clock())
            case Answer(sdp=sdp):
                try:
                    leg.answered(sdp)
                except IvrError:
                    self.end()
            case DtmfInfo(digit=digit, duration=duration) if leg.policy.info:
                self._keys.info(digit, duration)
            case InfoRefused():
                leg.refuses_info()
            case IncomingRefer(session=session):
                session.reject_refer(DECLINED, self._services.clock())
        self._services.flush()

    def on_media(self, event: MediaEvent) -> None:
        if self._over:
            return
        match event:
            case Digit():
                self._keys.heard(event)
            case PlayDone():
                self._playback.done(event)
            case MediaTimeout() | Lost() | Tone():
                self.end()

    def lost(self) -> None:
        self.end()
