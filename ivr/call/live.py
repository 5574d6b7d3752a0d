"""A live call: the commands of its flow carried out on a SIP session and a media port, and what they answer fed back.

One object per caller's call. Nothing here waits: what takes time (speech that is not in the cache, a name to resolve)
runs in tasks that the call owns and that end with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from ivr.call.forward import Forwarding
from ivr.call.identity import Caller
from ivr.call.leg import Leg, refusal
from ivr.call.playback import Playback
from ivr.call.recordings import CallRecordings
from ivr.call.report import CallReport
from ivr.call.runner import FlowRunner
from ivr.call.services import Services
from ivr.call.sounds import RINGBACK
from ivr.errors import IvrError
from ivr.flow import ports
from ivr.flow.digits import DigitMerger
from ivr.flow.machine import Machine
from ivr.sip import Answer, Confirmed, DtmfInfo, Ended, InboundSession, Info, Offer, OfferRejected, ReferProgress, Sdp
from media import Digit, Lost, MediaEvent, MediaTimeout, PlayDone, RecordDone, Sound, Stats

log = logging.getLogger("ivr.call")

SETTLE_WAIT = 2.0
"""Seconds that a call's record waits for the media figures and closed recordings after the port was given back."""
AFTER_THE_END = (ports.DiscardRecording, ports.Note)
"""Commands that count when the session is over."""


class CallLog(logging.LoggerAdapter[logging.Logger]):
    """Puts the call's id before every line."""

    def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
        return f"call {(self.extra or {}).get('call')}: {msg}", kwargs


class LiveCall:
    """One inbound call under its flow."""

    def __init__(
        self,
        services: Services,
        session: InboundSession,
        leg: Leg,
        caller: Caller,
        machine: Machine,
        report: CallReport,
        closed: Callable[[LiveCall], None],
        written: Callable[[LiveCall], None],
    ) -> None:
        self.services = services
        self.session = session
        self.leg = leg
        self.caller = caller
        self.machine = machine
        self.runner = FlowRunner(machine, self, services, services.outside)
        self.report = report
        self.number = caller.number
        self.display = caller.display
        self.log = CallLog(log, {"call": report.id})
        self.ended = False
        self._free: Callable[[], None] | None = None
        """Lets the flow go on elsewhere, once the record that it is to complete is written."""
        self._own_recording = False
        self._confirmed = False
        self._silent = False
        self._closed = closed
        self._written = written
        self._answered = False
        self._early = False
        self._local_sdp: bytes | None = None
        self._merger = DigitMerger()
        self._settle_timer: asyncio.TimerHandle | None = None
        self._stats: Stats | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._ringing_play: int | None = None
        self._recordings = CallRecordings(services, leg, report)
        self._playback = Playback(services, leg, self._recordings, self.feed, self.spawn)
        self._forward: Forwarding | None = None

    # The machine

    def begin(self, entry: str) -> None:
        """Start the flow at its entry element."""
        self.runner.begin(entry)

    def feed(self, event: ports.Event) -> None:
        """Tell the flow; its commands are carried out before this returns."""
        self.runner.feed(event)

    def failed(self, error: Exception) -> None:
        """The flow or one of its commands failed (RunnerHost)."""
        if isinstance(error, IvrError):
            self.log.info("the call cannot go on: %s", type(error).__name__)
            self._break("network", refusal(error))
        else:
            self.log.error("the flow failed; the call ends", exc_info=error)
            self._break("system", 500)

    def turned(self) -> None:
        """The flow waits, or is over (RunnerHost)."""
        self._recordings.book()
        if self.machine.finished:
            if not self.ended:
                self._end("ended_by_flow", 480)
            self._settle()
        elif self.ended and self.machine.dormant and self._free is None:
            self._free = self.services.keep(self.machine, self.report)
            self.runner.hand_over()
            self._settle()
        self.services.flush()

    def _break(self, cause: ports.Cause, status: int) -> None:
        """The session cannot go on: end it, and let the flow know, whose commands count no more."""
        self._end(cause, status)
        if not self.runner.tell_end(cause):
            self.log.error("the flow cannot be told that its call is over")

    def fail(self) -> None:
        """An event of this call could not be handled: it ends, and no other."""
        if not self.ended:
            self._break("system", 500)
            self.services.flush()

    def execute(self, command: ports.Command) -> None:
        """Carry out a command of the flow (RunnerHost)."""
        if not self.ended or isinstance(command, AFTER_THE_END):
            self._execute(command)

    def _execute(self, command: ports.Command) -> None:
        match command:
            case ports.Play():
                self._playback.play(command)
            case ports.StopPlay(id=number):
                self._playback.stop(number)
            case ports.Answer():
                self._answer()
            case ports.HangUp():
                self._end(command.cause, command.sip_status, command.reason)
            case ports.Ring():
                if not self._answered:
                    self.session.ring(self.services.clock())
            case ports.EarlyMedia():
                self.early_media()
            case ports.Record():
                self._playback.record(command)
            case ports.StopRecord(id=number):
                self._playback.stop_record(number)
            case ports.DiscardRecording(id=number):
                self._recordings.discard(number)
            case ports.StartCallRecording():
                self._recordings.start_call(command.name, command.format)
            case ports.StopCallRecording():
                self._recordings.stop_call()
            case ports.PauseCallRecording():
                self._recordings.pause_call()
            case ports.ResumeCallRecording():
                self._recordings.resume_call()
            case ports.Forward():
                self._forward = Forwarding(self.services, self, command)
                self._forward.start()
            case ports.CancelForward(id=number):
                if self._forward is not None and self._forward.command.id == number:
                    self._forward.cancel()
            case ports.Note():
                self.log.log(logging.getLevelNamesMapping()[command.level.upper()], "%s", command.text)

    # Signalling

    def answered(self) -> bool:
        return self._answered

    def _sdp(self) -> bytes:
        """Our side of the first offer and answer: made once, the same in 183 and 200."""
        if self._local_sdp is None:
            remote = self.session.remote_sdp
            self._local_sdp = self.leg.offer() if remote is None else self.leg.answer(remote)
        return self._local_sdp

    def _answer(self) -> None:
        if self._answered or self.ended:
            return
        description = self._sdp()
        self.stop_ringing()
        self._answered = True
        self.report.answered(self.services.wall())
        self.session.answer(description, self.services.clock())

    def early_media(self) -> None:
        if self._answered or self._early:
            return
        if self.session.remote_sdp is None:
            # Without an offer there is nothing to open the sound path with.
            self.session.ring(self.services.clock())
            return
        self._early = True
        self.session.progress(self._sdp(), self.services.clock())

    def on_session(self, event: object) -> None:
        """An event of the caller's session."""
        if self.ended:
            return
        match event:
            case DtmfInfo(digit=digit, duration=duration):
                if self.leg.policy.info:
                    self._info_digit(digit, duration)
            case Ended():
                self._session_ended(event)
            case Offer(sdp=sdp):
                self.leg.peer_offers(sdp, self.services.clock())
            case Answer(sdp=sdp):
                self._peer_answers(sdp)
            case ReferProgress(status=status, final=final):
                if self._forward is not None:
                    self._forward.on_refer(status, final)
            case Confirmed():
                self._confirmed = True
                if self._silent and self.leg.agreed is not None:
                    # Many callers send nothing before the call stands: what times their silence begins anew.
                    self.leg.apply(self.leg.agreed)
                if self._forward is not None:
                    self._forward.confirmed()
            case Info() | OfferRejected():
                pass
        self.services.flush()

    def _peer_answers(self, sdp: Sdp) -> None:
        try:
            self.leg.answered(sdp)
        except IvrError as error:
            self.log.info("no media in common: %s", type(error).__name__)
            self.end("network")

    def _session_ended(self, event: Ended) -> None:
        self.report.sip_status = event.status if not self._answered else self.report.sip_status
        if self._forward is not None and self._forward.peer_left():
            self._over("forwarded")
            return
        self.end("user_hung_up" if event.cause in ("bye", "cancel") else "network")

    # Sound of the caller

    def on_media(self, event: MediaEvent) -> None:
        """An event of the caller's port."""
        if self.ended:
            self._after_the_end(event)
            return
        match event:
            case Digit(phase="start"):
                self._heard_digit(event)
            case Digit():
                self._digit_ended(event)
            case PlayDone():
                self._playback.done(event)
            case RecordDone():
                self._record_done(event)
            case MediaTimeout():
                if self._confirmed:
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
                self._stats = event
            case PlayDone():
                self._playback.done(event)
            case RecordDone():
                self._record_done(event)
            case Digit(phase="end"):
                self._digit_ended(event)
        self._settle()

    def _heard_digit(self, event: Digit) -> None:
        key = event.event_key
        if self._merger.start(event.digit, event.source, event.at, key) and self._bridged() is None:
            self.feed(ports.Digit(event.digit, event.source, event.at))

    def _digit_ended(self, event: Digit) -> None:
        ended = self._merger.end(event.digit, event.source, event.at, event.event_key)
        if ended is not None and self._bridged() is None:
            self.feed(ended)

    def _info_digit(self, digit: str, duration: float) -> None:
        now = self.services.clock()
        if not self._merger.start(digit, "info", now - duration, None, duration):
            return
        bridged = self._bridged()
        if bridged is not None:
            bridged.port.send_digits(digit)
        else:
            self.feed(ports.Digit(digit, "info", now - duration, duration))

    def _bridged(self) -> Leg | None:
        forward = self._forward
        return forward.bridged.leg if forward is not None and not forward.over and forward.bridged else None

    def _record_done(self, event: RecordDone) -> None:
        done = self._recordings.done(event)
        if done is not None:
            self.feed(done)
        else:
            self._recordings.book()

    # Forwarding (ForwardHost)

    def show_ringing(self, prompt: ports.PromptSpec | None) -> None:
        prompt = prompt or RINGBACK
        if self._ringing_play is not None:
            return
        if not self._answered and not self._early and prompt == RINGBACK:
            self.session.ring(self.services.clock())
            return
        self.early_media()
        self.want_sound(prompt, self._play_ringing)

    def _play_ringing(self, sound: Sound | None) -> None:
        forward = self._forward
        if sound is not None and forward is not None and not forward.over and forward.bridged is None:
            self._ringing_play = self.leg.port.play([sound], loop=0)

    def stop_ringing(self) -> None:
        if self._ringing_play is not None:
            self.leg.port.stop_play(self._ringing_play)
            self._ringing_play = None

    def want_sound(self, prompt: ports.PromptSpec, then: Callable[[Sound | None], None]) -> None:
        sound = self.services.sounds.ready(prompt)
        if sound is not None:
            then(sound)
            return

        async def make() -> None:
            try:
                made: Sound | None = await self.services.sounds.make(prompt)
            except IvrError as error:
                self.log.warning("a prompt of a forward: %s", type(error).__name__)
                made = None
            then(made)
            self.services.flush()

        self.spawn(make())

    def want_address(self, host: str, port: int, then: Callable[[str | None], None]) -> None:
        async def resolve() -> None:
            then(await self.services.resolve(host, port))
            self.services.flush()

        self.spawn(resolve())

    def record_both(self, name: str) -> None:
        self._own_recording = self._recordings.start_call(name, "wav")

    def stop_recording_both(self) -> None:
        # A recording of the whole call goes on when the bridge is over.
        if self._own_recording:
            self._own_recording = False
            self._recordings.stop_call()

    def forward_event(self, event: ports.ForwardRinging | ports.ForwardAnswered) -> None:
        self.feed(event)

    def forward_done(self, event: ports.ForwardDone) -> None:
        secret = self._forward is not None and self._forward.command.secret
        self.report.hand_off(event, self.services.wall(), secret)
        self.feed(event)

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
        if self._forward is not None and not self._forward.over:
            talked = self._forward.abandon()
            self.report.abandoned(self._forward, talked, self.services.wall())
        self.ended = True
        self._hang_up(480, None)
        self.report.over(cause, self.services.wall())
        self.feed(ports.CallEnded(cause))
        self._close()

    def _end(self, cause: ports.Cause, status: int, reason: str | None = None) -> None:
        """The flow hangs up."""
        if self.ended:
            return
        if self._forward is not None:
            self._forward.abandon()
        self.ended = True
        self._hang_up(status, reason)
        self.report.over(cause, self.services.wall())
        self._close()

    def _over(self, cause: ports.Cause) -> None:
        if not self.ended:
            self._end(cause, 480)

    def _hang_up(self, status: int, reason: str | None) -> None:
        now = self.services.clock()
        if self.session.ended:
            return
        if self._answered:
            self.session.hangup(now, reason)
        else:
            self.report.sip_status = status
            self.session.reject(status, now)

    def _close(self) -> None:
        self._recordings.close()
        self.leg.port.release()
        self._playback.close()
        for task in self._tasks:
            task.cancel()
        self._settle_timer = self.services.call_later(SETTLE_WAIT, self._settle_late)
        self._closed(self)

    def _settle(self) -> None:
        """Write the record once nothing can change it any more: the flow is over and the port told its figures."""
        if self._settle_timer is not None and self._stats is not None and self.machine.settled:
            self._write()

    def _settle_late(self) -> None:
        """Write what is known; a flow that goes on without its caller adds to it when it is over."""
        if self.runner.over:
            self._write()
        else:
            self._settle_timer = self.services.call_later(SETTLE_WAIT, self._settle_late)

    def write(self) -> None:
        """Write the record of a call that is over as far as it is known: nothing more will come."""
        if self._settle_timer is not None:
            self._write()

    def _write(self) -> None:
        if self._settle_timer is not None:
            self._settle_timer.cancel()
            self._settle_timer = None
        if self.leg.agreed is not None:
            self.report.signalled(self.leg.agreed)
        self.report.write(self.machine, self._stats)
        if self._free is not None:
            self._free()
        self._written(self)
