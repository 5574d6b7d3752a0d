"""A live call that a flow placed: whoever was called under that flow, from the INVITE to the end.

The flow began without a caller and is run by a :class:`~ivr.call.solo.SoloFlow`, which lends its runner while somebody
is called. Once the session is over and its figures are there, the flow goes on without a caller as before.
"""

from __future__ import annotations

from collections.abc import Callable

from ivr.call.attempts import AttemptReport
from ivr.call.flowcall import FlowCall
from ivr.call.leg import Leg
from ivr.call.outbound import flow_of_wish
from ivr.call.outcomes import INTERNAL, Dialled
from ivr.call.outdial import Callee, Outdial
from ivr.call.recordings import CallRecordings
from ivr.call.runner import FlowRunner
from ivr.call.services import Services
from ivr.call.settlement import Settlement
from ivr.call.transfer_rules import peer_of_destination
from ivr.capture import Party
from ivr.flow import ports
from ivr.guard import Dialler
from ivr.lines import Showing
from ivr.lines.callerid import NOBODY
from ivr.sip import OutboundSession, Session
from ivr.store import CallRecord, RecordWriter
from media import Answerer, MediaEvent, RecordDone, Tone

__all__ = ["OutgoingCall"]

LATE_RECORDING = 2.0
"""Seconds between looks whether what was recorded before the answer is closed, of a call that nobody took."""


class OutgoingCall(FlowCall):
    """One attempt to call somebody, and the session that comes of it."""

    report: AttemptReport

    def __init__(
        self,
        services: Services,
        runner: FlowRunner,
        command: ports.Dial,
        report: AttemptReport,
        number: str,
        closed: Callable[[OutgoingCall], None],
        written: Callable[[OutgoingCall], None],
        guest: str | None = None,
    ) -> None:
        """`number` is that of who is called, as forwards show it; `closed` hears that the call is over, `written` that
        all of it is known: nothing comes any more then. `guest`: see :func:`~ivr.call.solo.guest_of`."""
        super().__init__(services, runner.machine, report, lambda: closed(self))
        self.runner = runner
        self.command = command
        self.number = number
        self.display = ""
        self.up = False
        """Somebody has answered."""
        self._written = written
        self._guest = guest
        self._callee: Callee | None = None
        self._early: CallRecordings | None = None
        """Records what is heard before the answer."""
        self._early_leg: Leg | None = None
        """Where that is heard."""
        self._wants_tones = False
        self._finding = False
        """It is being found out who has answered."""
        self._unwanted: ports.Cause | None = None
        """Why nobody is to be called any more, before somebody has answered."""
        self._rang = self._told_early = False
        self._first: str | None = None
        """Call-ID of the first INVITE: captures know the call by it."""
        self._shown = ""
        self._answered_at = 0.0
        self._settlement = Settlement(services, report, runner, lambda: self.leg, lambda: written(self))
        self._outdial = Outdial(services, self, command)

    @property
    def line(self) -> str | None:
        found = self._callee or (self._outdial.callees[-1] if self._outdial.callees else None)
        return None if found is None else found.line or found.destination.phone

    def party(self) -> Party | None:
        return None if self._first is None else self._seen(self.leg, self.session)

    def _seen(self, leg: Leg, session: Session) -> Party:
        names = {"id": self.report.id, "short_id": self.report.short_id, "caller": self._shown, "called": self.number}
        return self.services.seen(leg, session, **names)

    def so_far(self) -> CallRecord | None:
        """Its run has a row of its own in the store: a record only where something is recorded, or somebody waits for
        its end (Going)."""
        if not vars(self):  # let go
            return None
        sides = (self._early, self._recordings if self.up else None)
        running = [told for side in sides if side is not None for told in side.unfinished()]
        kept = running or self.report.awaited
        return self.report.so_far(self.machine, self.services.wall(), running) if kept else None

    def keep(self, writer: RecordWriter, record: CallRecord) -> None:
        writer.call_completed(record)

    # Until the answer (OutdialHost)

    def start(self) -> None:
        """Call."""
        self._outdial.start()
        self.services.flush()

    def placed(self, leg: Leg, session: Session, line: str | None) -> None:
        host, port = session.flow.remote
        self.report.placed(line, session.call_id, f"{host}:{port}")
        self.leg, self.session = leg, session
        if self._first is None:
            self._first = session.call_id
            user = session.invite.from_.uri.user if isinstance(session, OutboundSession) else NOBODY
            self._shown = "" if user == NOBODY else user
            self.report.shows(self.command.from_ or self._shown)
            self.services.captures.began(self._seen(leg, session))
        else:
            self.services.captures.placed(self._first, self.services.seen(leg, session))

    def rings(self, status: int) -> None:
        if not self._rang:
            self._rang = True
            self.report.rings(self.services.wall())
            self.feed(ports.DialProgress(self.command.id, "ringing", status))

    def heard(self, leg: Leg) -> None:
        if self.command.record_name is not None and self._early is None:
            self._early, self._early_leg = CallRecordings(self.services, leg.port, self.report), leg
            self._early.start_call(self.command.record_name, "wav")
        if not self._told_early:
            self._told_early = True
            self.report.rings(self.services.wall())
            self.feed(ports.DialProgress(self.command.id, "early_media", 183))

    def answered_by(self, callee: Callee, leg: Leg) -> None:
        services, command = self.services, self.command
        session = leg.session
        assert session is not None
        session.owner = self
        self.session = session
        self.peer = peer_of_destination(callee.destination)
        self._callee = callee
        self._wants_tones = leg.policy.profile.busy_tone
        self._confirmed = True
        self._answered_at = services.clock()
        early = self._early if self._early_leg is leg else None
        self._sounds_by(leg, answered=True, late_media=leg.policy.profile.late_media, recordings=early)
        self.report.answered(services.wall())
        self.allow_refers()
        self.up = True
        if command.record_name is not None:
            self._recordings.start_call(command.record_name, "wav")
        self._playback.late.answered()
        if command.machine_detection != "off":
            self._finding = True
            leg.port.find_answerer(command.machine_detection)
        self.feed(ports.DialAnswered(command.id, callee.line or "", command.from_ or self._shown))

    def failed_with(self, dialled: Dialled, status: int | None, reason: str, line: str | None) -> None:
        self.ended = True
        event = ports.DialDone(self.command.id, dialled.outcome, dialled.kind, status, dialled.word, line or "")
        self.report.failed(event, reason, self.services.wall(), self._unwanted)
        if self._early is not None:
            self._early.close()
        self._closed()
        self._written(self)
        self.runner.feed(event)

    # The flow (RunnerHost, by the one who runs it)

    def feed(self, event: ports.Event) -> None:
        if self._finding and isinstance(event, ports.Digit):
            # The flow takes who presses a key for a person, too.
            self._finding = False
            self.leg.port.stop_answerer()
            seconds = self.services.clock() - self._answered_at
            self.report.found(ports.AnswererFound(self.command.id, "human", 1.0, seconds, reason="key"))
        super().feed(event)

    def execute(self, command: ports.Command) -> None:
        if self.up:
            super().execute(command)
        elif isinstance(command, ports.CancelDial) and command.id == self.command.id:
            self._give_up()

    def stepped(self) -> None:
        if self.up:
            super().stepped()

    def turned(self) -> None:
        if self.up:
            super().turned()
        elif self.machine.finished and not self.ended:
            self._give_up()
        self.services.flush()

    def _rests(self) -> None:
        self._settlement.settle()

    def failed(self, error: Exception) -> None:
        if self.up:
            super().failed(error)
        else:
            self._give_up()

    def fail(self) -> None:
        if self.up:
            super().fail()
        elif not self.ended:
            self._unwanted = "system"
            self._outdial.cancel(INTERNAL["error"])

    def end(self, cause: ports.Cause) -> None:
        if self.up:
            super().end(cause)
        elif not self.ended:
            self._unwanted = cause
            self._outdial.cancel(INTERNAL["cancelled"])

    def _give_up(self) -> None:
        """Nobody waits for the answer any more."""
        if self.ended:
            return
        self.ended = True
        self._outdial.abandon()
        event = ports.DialDone(self.command.id, "failed", "known", None, INTERNAL["cancelled"].word, self.line or "")
        self.report.failed(event, "", self.services.wall(), self.machine.cause or "ended_by_flow")
        if self._early is not None:
            self._early.close()
        self._closed()
        self._written(self)

    # Sound

    def on_media(self, event: MediaEvent) -> None:
        if not vars(self):  # let go
            return
        if not self.up or (self._early is not None and event.port is not self.leg.port):
            self._early_media(event)
        elif isinstance(event, Answerer):
            self._answerer(event)
        elif isinstance(event, Tone) and not self._wants_tones:
            pass
        else:
            super().on_media(event)

    def _early_media(self, event: MediaEvent) -> None:
        """What is recorded before the answer, of a callee who did not take the call."""
        if self._early is not None and isinstance(event, RecordDone):
            self._early.done(event)
            self._early.book()

    def _answerer(self, event: Answerer) -> None:
        """A machine whose beep is waited for is told when it is over."""
        if self.ended or not self._finding or (self.command.machine_detection == "beep" and not event.final):
            return
        self._finding = False
        seconds = max((event.beep_ended or event.at) - self._answered_at, 0.0)
        found = ports.AnswererFound(
            self.command.id,
            event.answerer,
            event.confidence,
            seconds,
            event.beep_ended is not None,
            event.reason,
        )
        self.report.found(found)
        self.feed(found)
        self.services.flush()

    # Transfers and forwards

    def moved(self, leg: Leg) -> None:
        super().moved(leg)
        # Who was called has given the call away.
        self.services.occupied.end(self._callee)

    def shown(self) -> tuple[str, str]:
        return self.command.from_ or self._shown, ""

    def transfer_noted(self, status: int, attended: bool) -> None:
        self.transfer_of("called", status, attended)

    def showing(self, own: str | None) -> Showing:
        """Of the call itself the caller id; of forwards of it the number of who was called."""
        return Showing(own, self.number, self.display) if self.up else Showing(own)

    def dialler(self, *, written: bool) -> Dialler:
        flow = flow_of_wish(self.machine, written=written)
        if self._guest is None:
            return Dialler("flow", None, flow, written)
        return Dialler("guest", None, flow, written or (not self.up and self.number == self._guest))

    # The end

    def _close(self) -> None:
        if self._callee is not None:
            self._callee.over = True
            self._callee.give_back()
        super()._close()

    def capture_id(self) -> str | None:
        """Call-ID that captures know it by."""
        return self._first

    def let_go(self) -> None:
        if self._early is not None and self._early.running:
            self.services.call_later(LATE_RECORDING, self.let_go)
            return
        self._outdial.forget()
        if self._first is not None and self.session.owner is self:
            self.session.owner = None
        vars(self).clear()
