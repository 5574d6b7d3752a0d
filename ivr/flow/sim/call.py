"""A simulated call: one machine, one caller and the world around them, in virtual time.

It does what :mod:`ivr.call.live` does with a real call: carries out the commands of the flow and tells it what came of
them, in the same order. Time passes only when it is told to: by :meth:`SimulatedCall.wait`, :meth:`~SimulatedCall.run`,
:meth:`~SimulatedCall.advance`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from ivr.flow import ports
from ivr.flow.machine import Machine
from ivr.flow.sim.agenda import Agenda
from ivr.flow.sim.deadair import DeadAir
from ivr.flow.sim.dials import Dials
from ivr.flow.sim.forwards import Forwards
from ivr.flow.sim.given import Given, call_info, first_entry
from ivr.flow.sim.handing import HandingCall
from ivr.flow.sim.others import Scene
from ivr.flow.sim.outside import SimulatedWorld
from ivr.flow.sim.seen import HIDDEN, Happening, HappeningKind, StartedContact
from ivr.flow.sim.sound import Sound
from ivr.flow.sim.speech import SpeechModel
from ivr.flow.sim.stubs import Answers, Stubs
from ivr.flow.sim.surroundings import Surroundings
from ivr.flow.spoken import Languages
from ivr.settings import Calendar, Limits

if TYPE_CHECKING:
    from ivr.flow.model import Flow, FlowSet

__all__ = ["MAX_MOMENTS", "SimulatedCall"]

MAX_MOMENTS = 100_000
"""Things that happen in one call before it counts as one that never ends: the limits end any flow much earlier."""

EMITTED_BY: dict[type[Any], tuple[str, ...]] = {
    ports.UpdateProfile: ("update_profile",),
    ports.DoNotContact: ("do_not_contact",),
    ports.Request: ("call_api", "notify", "transfer_to_chat"),
    ports.SendMail: ("notify",),
}
"""Elements that ask for this and may go on at once, so that another one runs when it is carried out."""

_AFTER_THE_END = frozenset(
    {
        ports.DeliverVoicemail,
        ports.Request,
        ports.SendMail,
        ports.UpdateProfile,
        ports.DoNotContact,
        ports.WaitForEvent,
        ports.StopWaiting,
        ports.ReserveDial,
        ports.Dial,
        ports.CancelDial,
        ports.StartContact,
    }
)
"""Commands that a flow without a caller may still give."""


class SimulatedCall(HandingCall):
    """One call. Whoever drives it plays the caller and the world; what nobody plays is done by the stubs."""

    __slots__ = (
        "_agenda",
        "_callee_answers",
        "_dead_air",
        "_dials",
        "_emitted",
        "_failing_contacts",
        "_failing_recordings",
        "_forward_answers",
        "_forwards",
        "_http_answers",
        "_mail_answers",
        "_noted",
        "_sound",
        "_world",
        "contacts",
        "delivered",
        "entry",
        "flow",
        "flows",
        "given",
        "happened",
        "log",
        "machine",
        "moments",
        "silences",
        "unused_steps",
    )

    def __init__(
        self,
        flow: Flow,
        flows: FlowSet,
        given: Given | None = None,
        stubs: Stubs | None = None,
        *,
        limits: Limits | None = None,
        settings: Mapping[str, Any] | None = None,
        speech: SpeechModel | None = None,
        courtesy: ports.PromptSpec | None = None,
        languages: Languages | None = None,
        calendars: Mapping[str, Calendar] | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        """`settings` are those that are configured for flows; the rest is as for :class:`~ivr.flow.machine.Machine`."""
        given = given or _GIVEN
        stubs = stubs or _STUBS
        speech = speech or _SPEECH
        if given.variables:
            flow = replace(flow, variables={**flow.variables, **given.variables})
        self.flow = flow
        self.flows = flows
        self.given = given
        self.entry = given.entry or first_entry(flow, given.audience)
        self.call_info = call_info(flow, self.entry, given)
        self.machine = Machine(
            flow,
            flows,
            self.call_info,
            {**(settings or {}), **given.settings},
            limits,
            profile=dict(given.profile),
            courtesy=courtesy,
            languages=languages,
            calendars=(all_calendars := {**(calendars or {}), **given.calendars}),
            tags=given.tags,
        )
        self._agenda = agenda = Agenda()
        self._http_answers = Answers(stubs.http)
        self._forward_answers = Answers(stubs.forwards)
        self._mail_answers = Answers(stubs.mails)
        self._callee_answers = Answers(stubs.callees)
        self.delivered = []
        delivered, feed = self.delivered.append, self.send
        self._failing_recordings = stubs.failing_recordings
        self._sound = Sound(agenda, feed, speech)
        scene = Scene(agenda, feed, self._leave, delivered, self._happens, self.wall, stubs.manual)
        self._forwards = Forwards(scene, self._forward_answers, speech)
        self._hand_overs(scene, stubs, surroundings or _AROUND, all_calendars)
        self._dials = Dials(
            scene,
            self._connected,
            self._key,
            self._callee_answers,
            tuple(given.time + timedelta(seconds=seconds) for seconds in stubs.dial_times),
        )
        self._failing_contacts = stubs.failing_contacts
        self._world = SimulatedWorld(
            agenda,
            feed,
            self.wall,
            self._http_answers,
            self._mail_answers,
            delivered,
            self._happens,
            given.events,
            stubs.manual,
        )
        self.ended = False
        self.ended_at = None
        self.heard = False
        self.answered_at = None
        self.session_at = 0.0
        self.contacts = []
        self.happened = []
        self._dead_air = DeadAir()
        self.silences = self._dead_air.silences
        self.log = []
        self.moments = 0
        self.unused_steps = ()
        self._asked = False
        self._emitted = 0
        self._noted = (0, 0)

    # Time

    def start(self) -> Self:
        """Begin."""
        if self.flow.elements[self.entry].OUTSIDE:
            self.ended = True
            properties = {"number": self.given.caller, **self.given.properties}
            self.machine.start(self.entry, self._agenda.now, session=False, properties=properties)
        else:
            self.machine.start(self.entry, self._agenda.now)
        self._carry_out()
        return self

    def advance(self) -> bool:
        """Let time pass until the next thing happens, and let it happen; False: nothing ever will."""
        agenda, machine = self._agenda, self.machine
        due, timer = agenda.next(), machine.next_timer()
        if due is None and timer is None:
            return False
        self.moments += 1
        if due is not None and (timer is None or due <= timer):
            agenda.now = due
            _, _, then, what = agenda.pop()
            then(what)
        else:
            assert timer is not None
            if timer > agenda.now:
                agenda.now = timer
            if self._sound.playing is None:
                self._asked = False
            machine.handle_timer(agenda.now)
            self._carry_out()
        return True

    def wait(self, seconds: float) -> Self:
        """Let time pass."""
        agenda = self._agenda
        end = agenda.now + seconds
        while (moment := self.next_moment()) is not None and moment <= end and self.moments < MAX_MOMENTS:
            self.advance()
        agenda.now = max(agenda.now, end)
        return self

    def run(self, until: float | None = None) -> Self:
        """Let time pass until the flow is over, or (`until`) to that moment."""
        if until is not None:
            return self.wait(max(0.0, until - self.now))
        while not self.machine.finished and self.moments < MAX_MOMENTS and self.advance():
            pass
        agenda, world = self._agenda, self._world
        while (due := agenda.next()) is not None and (due <= agenda.now or world.busy) and self.moments < MAX_MOMENTS:
            self.advance()  # what ends with the call, and answers that nobody waits for any more
        return self

    # What happens to it

    def send(self, event: ports.Event) -> None:
        """Tell the flow of an event and carry out what it says."""
        self.machine.receive(event, self._agenda.now)
        self._carry_out()

    # What the flow says

    def _carry_out(self) -> None:
        machine, now = self.machine, self._agenda.now
        steps = machine.steps
        for index in range(self._emitted, len(steps)):
            self._happens("step", steps[index])
        self._noted = max(self._noted, (self._emitted - 1, 0))
        for command in machine.commands():
            self.log.append((now, command))
            if not self.ended or type(command) in _AFTER_THE_END:
                self._execute(command)
        self._emitted = len(steps)
        if machine.finished and not self.ended:
            self._over()
        self._listen()

    def _execute(self, command: ports.Command) -> None:
        if self._hand_over(command):
            return
        match command:
            case ports.Play():
                self._asked = True
                for said in self._sound.play(command, self._running()):
                    self._happens("said", said)
                if command.pause:
                    self._dead_air.until(self.now, self.now + command.pause, self._running(), heard=self.heard)
            case ports.StopPlay(id=number):
                self._sound.stop(number)
            case ports.Note():
                self._put_note(command.text)
            case ports.Answer():
                self.heard = True
                self.answered_at = self.now
            case ports.EarlyMedia():
                self.heard = True
            case ports.HangUp():
                self._happens("ended", command.cause)
                self._abandon()
                self._over()
                self._sound.close()
                self._tell_end(command.cause)
            case ports.Record():
                self._sound.record(command, self._running() in self._failing_recordings)
            case ports.StopRecord(id=number):
                self._sound.stop_record(number)
            case ports.Forward():
                self._happens("forward", self._forwards.start(command, self._running()))
            case ports.CancelForward(id=number):
                self._forwards.cancel(number)
            case ports.ReserveDial():
                self._dials.reserve(command)
            case ports.Dial():
                self._happens("dial", self._dials.dial(command, self._running(), self._confirm_key()))
            case ports.CancelDial(id=number):
                self._dials.cancel(number)
            case ports.StartContact():
                self._happens("contact", self._start_contact(command))
            case ports.Request():
                self._happens("request", self._world.request(command, self._emitter(command)))
            case ports.SendMail():
                self._happens("mail", self._world.mail(command, self._emitter(command)))
            case ports.UpdateProfile():
                self._happens("profile", self._world.update_profile(command, self._emitter(command)))
            case ports.DoNotContact():
                self._happens("dnc", self._world.do_not_contact(command, self._emitter(command)))
            case ports.WaitForEvent():
                self._happens("wait", self._world.wait_for(command, self._running()))
            case ports.StopWaiting(id=number):
                self._world.stop_waiting(number)

    def _start_contact(self, command: ports.StartContact) -> StartedContact:
        known = command.flow in self.flows or command.flow == self.flow.name
        error = self._failing_contacts.get(self._running()) or (None if known else "no_flow")
        number, properties = command.number, command.properties
        if command.secret:
            number, properties = HIDDEN, dict.fromkeys(properties, HIDDEN)
        started = StartedContact(self.now, self._running(), command.flow, number, properties, error)
        self.contacts.append(started)
        self._agenda.later(0.0, self.send, ports.ContactStarted(command.id, error))
        return started

    def _happens(self, kind: HappeningKind, what: Any) -> None:
        self.happened.append(Happening(self._agenda.now, kind, what))

    def _put_note(self, text: str) -> None:
        """Keep a note behind the element that gave it: several may have been walked through at once."""
        steps, (first, told) = self.machine.steps, self._noted
        for index in range(first, len(steps)):
            notes = steps[index].details.get("notes", ())[told:]
            if text in notes:
                self._noted = first, told = index, told + notes.index(text) + 1
                break
            told = 0
        self._happens("note", text)
        if 0 <= first < len(steps) - 1:
            happened, following = self.happened, steps[first + 1]
            at = next((at for at in reversed(range(len(happened))) if happened[at].what is following), None)
            if at is not None:
                happened.insert(at, happened.pop())

    def _running(self) -> str:
        return self.machine.steps[-1].element

    def _emitter(self, command: ports.Command) -> str:
        """The element that gave a command: the next one of its kind that was entered, else the one that runs."""
        steps, kinds = self.machine.steps, EMITTED_BY[type(command)]
        for index in range(self._emitted, len(steps)):
            kind = steps[index].type
            if kind in kinds or "." in kind:
                self._emitted = index + 1
                return steps[index].element
        return self._running()

    def _over(self) -> None:
        self.ended = True
        self.ended_at = self.now

    def _listen(self) -> None:
        """Keep the times in which the caller hears nothing and has nothing to do.

        A collect asks once: its wait after a prompt or a key is the caller's own silence. A further attempt without a
        prompt, or a collect before which nothing was said, asks for nothing.
        """
        sound = self._sound
        quiet = (
            self.heard
            and not self.ended
            and sound.playing is None
            and sound.recording is None
            and self._forwards.command is None
            and not self._queues.talking
            and not self._takers.taken
            and self._dials.telling != "machine"
            and not (self._asked and self.machine.asks)
        )
        self._dead_air.listen(self.now, self._running(), quiet=quiet, heard=self.heard)


_GIVEN = Given()
_STUBS = Stubs()
_SPEECH = SpeechModel()
_AROUND = Surroundings()
