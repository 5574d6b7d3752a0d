"""A party in a session under a flow: the flow's commands carried out on a SIP session and a media port, and what they
answer fed back. What is the same for who calls (:mod:`ivr.call.live`) and for who is called (:mod:`ivr.call.outgoing`).

Nothing here waits: what takes time (speech that is not in the cache, a name to resolve) runs in tasks that the call
owns and that end with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from ivr.call.answering import Answering
from ivr.call.forward import Forwarding
from ivr.call.keys import Keys, send_keys
from ivr.call.leg import Leg, refusal
from ivr.call.orders import Orders
from ivr.call.playback import Playback
from ivr.call.recordings import CallRecordings
from ivr.call.report import CallReport
from ivr.call.runner import FlowRunner
from ivr.call.services import Services
from ivr.call.settlement import Settlement
from ivr.call.signalled import Signalled
from ivr.capture import Party
from ivr.errors import IvrError
from ivr.flow import ports
from ivr.flow.machine import Machine
from ivr.sip import (
    Session,
)
from media import (
    Digit,
    Lost,
    MediaEvent,
    MediaTimeout,
    PlayDone,
    RecordDone,
    SentFrames,
    Stats,
    StreamFrames,
    StreamFull,
    StreamMark,
    StreamStarted,
    Tone,
)

__all__ = ["FlowCall"]

LATE_ANSWERS = 10.0
"""Seconds between looks whether the requests of a flow that is over were answered; each has a time-out of its own."""
AFTER_THE_END = (
    ports.DeliverVoicemail,
    ports.DiscardRecording,
    ports.InstructionDone,
    ports.Note,
    ports.TellApplication,
)
"""Commands that count when the session is over."""


class FlowCall(Signalled):
    """One party under its flow."""

    session: Session
    """The session that the call began with; that of `leg` is another once somebody has taken the party's place."""
    runner: FlowRunner
    _playback: Playback
    _settlement: Settlement

    def __init__(self, services: Services, machine: Machine, report: CallReport, closed: Callable[[], None]) -> None:
        """`closed` is called when the session is over."""
        self.services = services
        self.machine = machine
        self.report = report
        self.ended = False
        self._closed = closed
        self._tasks: set[asyncio.Task[None]] = set()
        self._keys = Keys(services.clock, self.feed, self._pass_on)
        self._forward: Forwarding | None = None
        self.orders = Orders(self.feed)
        """What is asked of the call from outside."""
        report.begin(services.feed)

    def _sounds_by(
        self, leg: Leg, *, answered: bool, late_media: float, recordings: CallRecordings | None = None
    ) -> None:
        """The party has a leg; `recordings` are those that run there already."""
        self.leg = leg
        self._answering = Answering(self.services, leg, self.report, self.spawn, answered=answered)
        self._recordings = recordings or CallRecordings(self.services, leg.port, self.report)
        self._playback = Playback(
            self.services, leg.port, self._recordings, self.report.figures, self.feed, self.spawn, late_media
        )

    # What the manager asks

    @property
    def line(self) -> str | None:
        """Line of the call, or the phone; None for guests and plain addresses."""
        raise NotImplementedError

    def party(self) -> Party | None:
        """The party as captures know it."""
        raise NotImplementedError

    # The machine

    def row(self) -> dict[str, Any]:
        """The call as a row of the calls in progress. Whoever has transferred it away is with it no more."""
        found = self.report.snapshot(self.machine)
        bridged = self._forward.bridged if self._forward is not None and not self._forward.over else None
        peer = None if bridged is None else bridged.replaced_by
        if peer is not None and found["party"] is not None:
            found["party"] = f"phone:{peer.name}" if peer.kind == "phone" else peer.name
        return found

    def feed(self, event: ports.Event) -> None:
        """Tell the flow; its commands are carried out before this returns."""
        self.report.figures.take(event)
        if isinstance(event, ports.Moved):
            told = {"by": event.by, "flow": event.flow.name, "element": event.entry}
            self.report.tell("call.moved", told)
        self.runner.feed(event)

    def failed(self, error: Exception) -> None:
        """The flow or one of its commands failed (RunnerHost)."""
        if isinstance(error, IvrError):
            self.log.info("the call cannot go on: %s", type(error).__name__)
            self._break("network", refusal(error))
        else:
            self.log.error("the flow failed; the call ends", exc_info=error)
            self._break("system", 500)

    def stepped(self) -> None:
        """The flow has gone on (RunnerHost): who hears of the call learns where it is, and then what is done there."""
        self.report.waits(self.machine)
        if self.ended:
            self.report.settle(self.machine.cause)

    def turned(self) -> None:
        """The flow waits, or is over (RunnerHost)."""
        self._recordings.book()
        if self.machine.finished:
            if not self.ended:
                self._end("ended_by_flow", 480)
            self._settlement.settle()
        elif self.ended and self.machine.dormant:
            self._rests()
        self.services.flush()

    def _rests(self) -> None:
        """The session is over, and the flow waits."""
        raise NotImplementedError

    def _break(self, cause: ports.Cause, status: int) -> None:
        """The session cannot go on: end it, and let the flow know, whose commands count no more."""
        self._end(cause, status)
        if not self.runner.tell_end(cause):
            self.log.error("the flow cannot be told that its call is over")

    def fail(self) -> None:
        """An event of this call could not be handled: it ends, and no other."""
        if self.ended:
            return
        try:
            self._break("system", 500)
        except Exception:
            self.log.exception("the call could not be ended in good order")
            self._collapse()
        # What the flow does without its caller, and when it is over, must be seen: nothing else may come.
        self.runner.go_on()
        self.services.flush()

    def _collapse(self) -> None:
        """Let go of everything, whatever of it fails."""
        self.ended = True
        self.report.over("system", self.services.wall())
        steps: list[Callable[[], object]] = [self._close, lambda: self.runner.tell_end("system")]
        if self._forward is not None:
            steps.insert(0, self._forward.abandon)
        if self.leg.session is not None:
            steps.insert(0, partial(self.leg.session.collapse, self.services.clock()))
        for step in steps:
            try:
                step()
            except Exception:
                self.log.exception("a part of the call could not be ended")

    def tell_application(self, command: ports.TellApplication) -> None:
        self.services.desks.applications.tell(self, command)

    def execute(self, command: ports.Command) -> None:
        """Carry out a command of the flow (RunnerHost)."""
        if self.ended and not isinstance(command, AFTER_THE_END):
            return
        match command:
            case ports.Play():
                self._playback.play(command)
            case ports.StopPlay(id=number):
                self._playback.stop(number)
            case ports.Answer():
                if not self.ended:
                    self._answering.answer()
                    self._playback.late.answered()
            case ports.HangUp():
                self._end(command.cause, command.sip_status, command.reason)
            case ports.Ring():
                self._answering.ring()
            case ports.EarlyMedia():
                self.early_media()
            case ports.Record():
                self._playback.record(command)
            case ports.StopRecord(id=number):
                self._playback.stop_record(number)
            case ports.DiscardRecording(id=number):
                self._recordings.discard(number)
            case ports.StartCallRecording():
                key = self._recordings.start_call(command.name, command.format, command.id)
                if command.id:
                    # Where the whole call is recorded already there is nothing of its own.
                    self.feed(ports.CallRecorded(command.id, "begun" if key else "done", key))
            case ports.StopCallRecording():
                self._recordings.stop_call()
            case ports.PauseCallRecording():
                self._recordings.pause_call()
            case ports.ResumeCallRecording():
                self._recordings.resume_call()
            case ports.SendKeys(keys=keys):
                send_keys(self.services, keys, lambda: self.leg if vars(self) and not self.ended else None)
            case ports.Forward():
                self._forward = Forwarding(self.services, self, command)
                self._forward.start()
            case ports.CancelForward(id=number):
                if self._forward is not None and self._forward.command.id == number:
                    self._forward.cancel()
            case ports.JoinQueue():
                self.services.desks.queue.join(self, command)
            case ports.LeaveQueue():
                self.services.desks.queue.leave(self, command)
            case ports.JudgeNumber():
                self.services.desks.queue.judge_number(self, command)
            case ports.LookAtQueue():
                self.services.desks.queue.look(self, command)
            case ports.KeepCallback():
                self.services.desks.queue.keep_callback(self, command)
            case ports.DeliverVoicemail():
                self.services.desks.people.message(self, command)
            case ports.AgentCode():
                self.services.desks.people.code(self, command)
            case ports.StartAiAgent():
                self.services.desks.ai.start(self, command)
            case ports.StopAiAgent():
                self.services.desks.ai.stop(self, command)
            case ports.StartStream():
                self.services.desks.forks.start(self, command)
            case ports.StopStream():
                self.services.desks.forks.stop(self, command)
            case ports.OfferApplication():
                self.services.desks.applications.offer(self, command)
            case ports.StopApplication():
                self.services.desks.applications.stop(self, command)
            case ports.TellApplication():
                self.tell_application(command)
            case ports.InstructionDone():
                self.orders.done(command)
            case ports.Note():
                self.log.log(logging.getLevelNamesMapping()[command.level.upper()], "%s", command.text)

    # Sound of the party

    def on_media(self, event: MediaEvent) -> None:
        """An event of the party's port."""
        if self.ended:
            self._after_the_end(event)
            return
        match event:
            case StreamFrames() | StreamMark() | StreamStarted() | StreamFull():
                self.services.desks.ai.on_media(self, event)
                self.services.desks.forks.on_media(self, event)
            case SentFrames():
                self.services.desks.forks.on_media(self, event)
            case Digit():
                self._keys.heard(event)
            case PlayDone():
                self._playback.done(event)
            case RecordDone():
                self._record_done(event)
            case Stats():
                self._playback.late.counted(event)
            case Tone():
                # The analog line behind the gateway knows no other way to say that the caller has hung up.
                self.end("user_hung_up")
            case MediaTimeout():
                if self.transfer is not None and self.transfer.left:
                    pass
                elif self._confirmed:
                    self.end("media_timeout")
                else:
                    self._silent = True
            case Lost():
                self.log.error("the media worker is gone")
                self.end("system")

    def _after_the_end(self, event: MediaEvent) -> None:
        """What comes late completes the trace and the record."""
        match event:
            case Stats():
                self._settlement.stats = event
            case PlayDone():
                self._playback.done(event)
            case RecordDone():
                self._record_done(event)
            case Digit(phase="end"):
                self._keys.heard(event)
        self._settlement.settle()

    def _pass_on(self, digit: str | None, sounded: bool) -> bool:
        if super()._pass_on(digit, sounded):
            return True
        desk = self.services.desks.ai
        return desk.agent_of(self) is not None if digit is None else desk.pressed(self, digit)

    def _record_done(self, event: RecordDone) -> None:
        done = self._recordings.done(event)
        if done is not None:
            self.feed(done)
        else:
            self._recordings.book()

    def stranded(self) -> None:
        self.end("user_hung_up")

    # The end

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something that takes time; cancelled with the call."""
        task = self.services.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.log.error("the call ends", exc_info=error)
            self.end("system")

    def end(self, cause: ports.Cause) -> None:
        """The call is over, or has to be: tell the flow, and close what is left."""
        if self.ended:
            return
        if self.machine.finished:
            self._over(cause)
            return
        forward = self._own_forward
        if forward is not None and not forward.over:
            self.report.abandoned(forward, forward.abandon(), self.services.wall())
        self.ended = True
        self._answering.hang_up(480, None)
        self.report.over(cause, self.services.wall())
        self.feed(ports.CallEnded(cause))
        self._close()

    def _end(self, cause: ports.Cause, status: int, reason: str | None = None) -> None:
        """The flow hangs up."""
        if self.ended:
            return
        if self._own_forward is not None:
            self._own_forward.abandon()
        self.ended = True
        self._answering.hang_up(status, reason)
        self.report.over(cause, self.services.wall())
        self.report.settle(self.machine.cause)
        self._close()

    @property
    def _own_forward(self) -> Forwarding | None:
        """What the flow has begun; who was called by a desk is left to the desk, which learns of the end, too."""
        return self._forward if self._forward is not None and self._forward.host is self else None

    def _over(self, cause: ports.Cause) -> None:
        if not self.ended:
            self._end(cause, 480)

    def _close(self) -> None:
        self.services.desks.gone(self)
        self.close_transfer()
        self._recordings.close()
        self.leg.port.release()
        self._playback.close()
        for task in self._tasks:
            task.cancel()
        self._settlement.begin()
        self._closed()

    def write(self) -> None:
        """Write the record of a call that is over as far as it is known: nothing more will come."""
        self._settlement.write()

    def let_go(self) -> None:
        """Nothing comes any more, the record is written: forget all parts, which refer to each other and to this.

        Calls would else wait for a full collection of garbage, and under load that comes late: 7 KiB for each call.
        """
        if not self.runner.settled:
            self.services.call_later(LATE_ANSWERS, self.let_go)
            return
        self.orders.close()
        self.runner.leave()
        if self.session.owner is self:
            self.session.owner = None
        vars(self).clear()
