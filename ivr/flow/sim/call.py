"""A simulated call: one machine, one caller and the world around them, in virtual time.

It does what :mod:`ivr.call.live` does with a real call: carries out the commands of the flow and tells it what came of
them, in the same order. Time passes only when it is told to: by :meth:`SimulatedCall.wait`, :meth:`~SimulatedCall.run`,
:meth:`~SimulatedCall.advance`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from ivr.flow import ports
from ivr.flow.expressions import Sensitive
from ivr.flow.machine import Machine
from ivr.flow.sim.agenda import Agenda
from ivr.flow.sim.forwards import Forwards
from ivr.flow.sim.given import Given
from ivr.flow.sim.outside import SimulatedWorld
from ivr.flow.sim.seen import (
    HIDDEN,
    Change,
    Forwarded,
    Happening,
    LoggedEvent,
    Said,
    SentMail,
    SentRequest,
    Silence,
    Waited,
    Waiting,
    WaitingKind,
)
from ivr.flow.sim.sound import Sound
from ivr.flow.sim.speech import SpeechModel
from ivr.flow.sim.stubs import Answers, ForwardAnswer, ForwardResult, HttpAnswer, MailAnswer, Stubs
from ivr.flow.spoken import Languages
from ivr.settings import Limits

if TYPE_CHECKING:
    from ivr.flow.elements.base import Element
    from ivr.flow.model import Flow, FlowSet
    from ivr.flow.trace import Step

__all__ = ["MAX_MOMENTS", "SimulatedCall"]

KEY_SECONDS = 0.1
"""How long keys are held."""

MAX_MOMENTS = 100_000
"""Things that happen in one call before it counts as one that never ends: the limits end any flow much earlier."""

EMITTED_BY: dict[type[Any], tuple[str, ...]] = {
    ports.UpdateProfile: ("update_profile",),
    ports.DoNotContact: ("do_not_contact",),
    ports.Request: ("call_api", "notify"),
    ports.SendMail: ("notify",),
}
"""Elements that ask for this and may go on at once, so that another one runs when it is carried out."""

_AFTER_THE_END = frozenset(
    {ports.Request, ports.SendMail, ports.UpdateProfile, ports.DoNotContact, ports.WaitForEvent, ports.StopWaiting}
)
"""Commands that a flow without a caller may still give."""


class SimulatedCall:
    """One call. Whoever drives it plays the caller and the world; what nobody plays is done by the stubs."""

    __slots__ = (
        "_agenda",
        "_emitted",
        "_forward_answers",
        "_forwards",
        "_http_answers",
        "_keys",
        "_mail_answers",
        "_quiet",
        "_quiet_in",
        "_sound",
        "_world",
        "delivered",
        "ended",
        "ended_at",
        "entry",
        "flow",
        "flows",
        "given",
        "happened",
        "heard",
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
    ) -> None:
        """`settings` are those that are configured for flows; the rest is as for :class:`~ivr.flow.machine.Machine`."""
        given = given or _GIVEN
        stubs = stubs or _STUBS
        speech = speech or _SPEECH
        if given.variables:
            flow = replace(flow, variables={**flow.variables, **given.variables})
        self.flow = flow
        """The flow it begins in."""
        self.flows = flows
        self.given = given
        self.entry = given.entry or _entry(flow)
        """Element it begins at."""
        self.machine = Machine(
            flow,
            flows,
            _info(flow, self.entry, given),
            {**(settings or {}), **given.settings},
            limits,
            profile=dict(given.profile),
            courtesy=courtesy,
            languages=languages,
        )
        self._agenda = agenda = Agenda()
        self._http_answers = Answers(stubs.http)
        self._forward_answers = Answers(stubs.forwards)
        self._mail_answers = Answers(stubs.mails)
        self.delivered: list[object] = []
        """Answers of the stubs that took effect, in their order."""
        delivered, feed = self.delivered.append, self.send
        self._sound = Sound(agenda, feed, speech)
        self._forwards = Forwards(agenda, feed, self._leave, self._forward_answers, delivered, speech, stubs.manual)
        self._world = SimulatedWorld(
            agenda, feed, self.wall, self._http_answers, self._mail_answers, delivered, given.events, stubs.manual
        )
        self.ended = False
        """The caller is gone, or there never was one."""
        self.ended_at: float | None = None
        """When the session ended."""
        self.heard = False
        """The sound path is open: the call is answered, or in early media."""
        self.happened: list[Happening] = []
        """What the caller did and what came from outside."""
        self.silences: list[Silence] = []
        """Times in which the caller was there and heard nothing while nothing was asked of him."""
        self.log: list[tuple[float, ports.Command]] = []
        """Every command of the flow, with its time."""
        self.moments = 0
        """How many things happened so far."""
        self.unused_steps: tuple[Any, ...] = ()
        """Steps of the script that never came to be done."""
        self._keys: list[tuple[float, str, int]] = []
        self._quiet: float | None = None
        self._quiet_in = ""
        self._emitted = 0

    # What can be asked

    @property
    def now(self) -> float:
        """Seconds since the call began."""
        return self._agenda.now

    def wall(self) -> datetime:
        """The time of day."""
        return self.given.time + timedelta(seconds=self._agenda.now)

    @property
    def started(self) -> bool:
        """The flow has begun."""
        return bool(self.machine.steps)

    @property
    def finished(self) -> bool:
        """The flow is over; nothing will be said or asked any more."""
        return self.machine.finished

    @property
    def cause(self) -> str | None:
        """Why the session ended; None while it is up."""
        return self.machine.cause

    @property
    def duration(self) -> float:
        """Seconds that the session lasted so far."""
        return self.now if self.ended_at is None else self.ended_at

    @property
    def steps(self) -> list[Step]:
        """The way walked, with times, branches and details."""
        return self.machine.steps

    @property
    def path(self) -> list[str]:
        """Elements in the order they were entered, over all flows."""
        return [step.element for step in self.machine.steps]

    def variables(self) -> dict[str, Any]:
        """Variables of the flow that runs; sensitive ones are hidden."""
        return {name: HIDDEN if type(value) is Sensitive else value for name, value in self.machine.variables.items()}

    @property
    def said(self) -> list[Said]:
        """What the caller heard."""
        return self._sound.said

    @property
    def forwards(self) -> list[Forwarded]:
        """Forwards to other people."""
        return self._forwards.made

    @property
    def requests(self) -> list[SentRequest]:
        """HTTP requests."""
        return self._world.requests

    @property
    def mails(self) -> list[SentMail]:
        """Mails."""
        return self._world.mails

    @property
    def profile_changes(self) -> list[Change]:
        """Changes to profiles."""
        return self._world.changes

    @property
    def dnc(self) -> list[Change]:
        """Changes to the do-not-contact list."""
        return self._world.dnc

    @property
    def waits(self) -> list[Waited]:
        """Waits for events."""
        return self._world.waits

    @property
    def events_log(self) -> list[LoggedEvent]:
        """Events from outside, those from before the call first."""
        return self._world.events

    @property
    def awaited(self) -> list[str]:
        """Names of the events that the flow waits for now."""
        return self._world.awaited

    @property
    def recording(self) -> bool:
        """The caller is recorded now: a voicemail, after its beep."""
        recording = self._sound.recording
        return recording is not None and recording.starts is not None

    @property
    def keys(self) -> list[tuple[float, str, int]]:
        """Keys of the caller: when, which, and the index of the step that ran."""
        return self._keys

    @property
    def element(self) -> Element | None:
        """The element that runs."""
        if self.machine.finished or not self.machine.steps:
            return None
        step = self.machine.steps[-1]
        flow = self.flow if step.flow == self.flow.name else self.flows.get(step.flow)
        return None if flow is None else flow.elements.get(step.element)

    @property
    def waiting(self) -> Waiting | None:
        """What the call waits for; None: the flow is over, or has not begun."""
        element = self.element
        if element is None:
            return None
        step = self.machine.steps[-1]
        kind, interruptible = self._kind(element)
        return Waiting(step.element, element.type, kind, step.entered_at, self.next_moment(), interruptible)

    def _kind(self, element: Element) -> tuple[WaitingKind, bool]:
        kind = element.type
        if self._forwards.command is not None:
            return "forward", False
        if self._sound.recording is not None:
            return "recording", bool(getattr(element, "escape_digits", ""))
        if kind == "collect" and self._sound.playing is None:
            return "keys", True
        if self._world.requesting:
            return "request", False
        if self._world.mailing:
            return "mail", False
        if self._world.awaited:
            return "event", False
        if self._sound.playing is not None and kind != "pause":
            return "prompt", kind == "collect" or getattr(element, "interruptible", False) is True
        return "time", False

    # Time

    def start(self) -> SimulatedCall:
        """Begin."""
        self.machine.start(self.entry, self._agenda.now)
        self._carry_out()
        return self

    def next_moment(self) -> float | None:
        """When something happens next by itself; None: never."""
        due, timer = self._agenda.next(), self.machine.next_timer()
        if due is None or (timer is not None and timer < due):
            return None if timer is None else max(timer, self._agenda.now)
        return due

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
            machine.handle_timer(agenda.now)
            self._carry_out()
        return True

    def wait(self, seconds: float) -> SimulatedCall:
        """Let time pass."""
        agenda = self._agenda
        end = agenda.now + seconds
        while (moment := self.next_moment()) is not None and moment <= end and self.moments < MAX_MOMENTS:
            self.advance()
        agenda.now = max(agenda.now, end)
        return self

    def run(self, until: float | None = None) -> SimulatedCall:
        """Let time pass until the flow is over, or (`until`) to that moment."""
        if until is not None:
            return self.wait(max(0.0, until - self.now))
        while not self.machine.finished and self.moments < MAX_MOMENTS and self.advance():
            pass
        while (due := self._agenda.next()) is not None and due <= self._agenda.now:
            self.advance()
        return self

    # What the caller does

    def press(self, keys: str, gap: float = 0.25) -> SimulatedCall:
        """Press keys, one every `gap` seconds, the first one now."""
        for index, key in enumerate(keys):
            if index:
                self.wait(gap)
            if self.ended:
                break
            self._keys.append((self.now, key, len(self.machine.steps) - 1))
            if not self._forwards.bridged:
                self.send(ports.Digit(key, "rfc4733", self.now, KEY_SECONDS))
        return self

    def speak(self, seconds: float) -> SimulatedCall:
        """Speak from now on for so long; time does not pass by that."""
        if not self.ended:
            self.happened.append(Happening(self.now, "speaks", f"{seconds:g}"))
            self._sound.speak(seconds)
        return self

    def hang_up(self, cause: ports.Cause = "user_hung_up") -> SimulatedCall:
        """Hang up, or let the call break off for another cause."""
        if self.ended:
            return self
        self.happened.append(Happening(self.now, "hangs_up" if cause == "user_hung_up" else "ended", cause))
        self._forwards.abandon()
        self._over()
        self.send(ports.CallEnded(cause))
        self._sound.close()
        return self

    def _leave(self) -> None:
        self.hang_up()

    # What the world does

    def stub(self, *answers: HttpAnswer | ForwardAnswer | MailAnswer) -> SimulatedCall:
        """Have these answers given before those of the stubs."""
        self._http_answers.first(answer for answer in answers if isinstance(answer, HttpAnswer))
        self._forward_answers.first(answer for answer in answers if isinstance(answer, ForwardAnswer))
        self._mail_answers.first(answer for answer in answers if isinstance(answer, MailAnswer))
        return self

    def answer_request(
        self,
        status: int = 200,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        error: ports.RequestError | None = None,
    ) -> bool:
        """Answer the oldest HTTP request that waits for it now; False: none does."""
        return self._world.respond(status, body, headers or {}, error)

    def answer_mail(self, error: str | None = None) -> bool:
        """Say now that the oldest mail under way was handed over, or why not; False: none is under way."""
        return self._world.hand_over(error)

    def forward_result(self, result: ForwardResult | Literal["left"]) -> SimulatedCall:
        """The called party does this now; `left`: hangs up after the talk."""
        self._forwards.result(result)
        return self

    def event(self, name: str, properties: Mapping[str, Any] | None = None) -> SimulatedCall:
        """An event comes from outside."""
        self.happened.append(Happening(self.now, "event", name))
        self._world.event(name, properties or {})
        return self

    def send(self, event: ports.Event) -> None:
        """Tell the flow of an event and carry out what it says."""
        self.machine.receive(event, self._agenda.now)
        self._carry_out()

    # What the flow says

    def _carry_out(self) -> None:
        machine = self.machine
        for command in machine.commands():
            self.log.append((self._agenda.now, command))
            if not self.ended or type(command) in _AFTER_THE_END:
                self._execute(command)
        if machine.finished and not self.ended:
            self._over()
        self._emitted = len(machine.steps)
        self._listen()

    def _execute(self, command: ports.Command) -> None:
        kind = type(command)
        if kind is ports.Play:
            self._sound.play(command, self._running())  # type: ignore[arg-type]
            if command.pause:  # type: ignore[union-attr]
                self._silent_until(self.now + command.pause)  # type: ignore[union-attr]
            return
        match command:
            case ports.StopPlay(id=number):
                self._sound.stop(number)
            case ports.Note():
                pass
            case ports.Answer() | ports.EarlyMedia():
                self.heard = True
            case ports.HangUp():
                self._forwards.abandon()
                self._over()
                self._sound.close()
            case ports.Record():
                self._sound.record(command)
            case ports.StopRecord(id=number):
                self._sound.stop_record(number)
            case ports.Forward():
                self._forwards.start(command, self._running())
            case ports.CancelForward(id=number):
                self._forwards.cancel(number)
            case ports.Request():
                self._world.request(command, self._emitter(command))
            case ports.SendMail():
                self._world.mail(command, self._emitter(command))
            case ports.UpdateProfile():
                self._world.update_profile(command, self._emitter(command))
            case ports.DoNotContact():
                self._world.do_not_contact(command, self._emitter(command))
            case ports.WaitForEvent():
                self._world.wait_for(command, self._running())
            case ports.StopWaiting(id=number):
                self._world.stop_waiting(number)

    def _running(self) -> str:
        return self.machine.steps[-1].element

    def _emitter(self, command: ports.Command) -> str:
        """The element that gave a command: the next one of its kind that was entered, else the one that runs."""
        steps, kinds = self.machine.steps, EMITTED_BY[type(command)]
        for index in range(max(0, self._emitted - 1), len(steps)):
            if steps[index].type in kinds:
                self._emitted = index + 2
                return steps[index].element
        return self._running()

    def _over(self) -> None:
        self.ended = True
        self.ended_at = self.now

    # Dead air

    def _listen(self) -> None:
        """Keep the times in which the caller hears nothing and has nothing to do."""
        sound = self._sound
        quiet = (
            self.heard
            and not self.ended
            and sound.playing is None
            and sound.recording is None
            and self._forwards.command is None
            and self.machine.steps[-1].type != "collect"
        )
        if quiet:
            if self._quiet is None:
                self._quiet, self._quiet_in = self.now, self._running()
        elif self._quiet is not None:
            self._silent_until(self.now)

    def _silent_until(self, until: float) -> None:
        begun, element = (self.now, self._running()) if self._quiet is None else (self._quiet, self._quiet_in)
        self._quiet = None
        if (until > begun and self.heard and not self.ended) or (until > begun and self.ended_at == until):
            self.silences.append(Silence(begun, until, element))


_GIVEN = Given()
_STUBS = Stubs()
_SPEECH = SpeechModel()


def _entry(flow: Flow) -> str:
    """The first element that a call begins at, else the first that a flow begins at."""
    found = [name for name in flow.entries if flow.elements[name].type == "start_incoming_call"] or [*flow.entries]
    return found[0] if found else next(iter(flow.elements))


def _info(flow: Flow, entry: str, given: Given) -> ports.CallInfo:
    element: Any = flow.elements.get(entry)
    numbers = getattr(element, "numbers", None)
    called = given.called if given.called is not None else numbers[0] if numbers else ""
    line = given.line if given.line is not None else getattr(element, "line", None) or ""
    return ports.CallInfo(
        id=f"sim-{given.seed}",
        from_=given.caller,
        to=called,
        started_at=given.time,
        line=line,
        short_id=given.seed + 1,
        headers=given.headers,
    )
