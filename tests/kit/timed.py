"""A media plane that plays prompts for as long as they last and records until silence, by the clock of a link.

The world outside answers by that clock, too. The lengths of prompts are those of the simulator, so that a call over
real stacks and a simulated one keep time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from ivr.flow.ports import EventArrived, MailDone, PromptSpec, Request, RequestDone, SendMail, WaitForEvent
from ivr.flow.sim import HttpAnswer, SpeechModel
from media import MediaEvent, PlayDone, RecordDone, RecordOptions, Sound
from tests.kit.link import Link
from tests.kit.media import FakePool, FakePort, Later
from tests.kit.outside import FakeOutside

RATE = 8000


class TimedSounds:
    """Prompts as sounds of the length that the speech model gives them; recordings have their own."""

    def __init__(self, speech: SpeechModel) -> None:
        self.speech = speech
        self.recorded: dict[str, float] = {}

    def ready(self, prompt: PromptSpec) -> Sound | None:
        seconds = self.recorded.get(prompt.value) if prompt.kind == "recording" else self.speech.seconds(prompt)
        assert seconds is not None, prompt
        return Sound(Path(prompt.value), round(seconds * RATE))

    async def make(self, prompt: PromptSpec) -> Sound:
        sound = self.ready(prompt)
        assert sound is not None
        return sound


class TimedPort(FakePort):
    """A port whose playbacks and recordings end by themselves."""

    def __init__(
        self, number: int, on_event: Callable[[MediaEvent], None], later: Later, link: Link, sounds: TimedSounds
    ) -> None:
        super().__init__(number, on_event, later)
        self._link = link
        self._sounds = sounds
        self._begins: dict[int, float] = {}
        self._speaks_until = 0.0
        self._ends: dict[int, int] = {}

    # Prompts

    def play(self, sounds: Any, loop: int = 1, pause_ms: int = 0, *, go_on: bool = False) -> int:
        number = super().play(sounds, loop, pause_ms, go_on=go_on)
        pause = pause_ms / 1000
        self._begins[number] = self._link.now + pause
        if loop:
            heard = sum(sound.seconds for sound in sounds) * loop
            self._link.after(pause + heard, lambda: self._play_ends(number, heard))
        return number

    def _play_ends(self, number: int, heard: float) -> None:
        if self.playing == number:
            self.playing = None
            self.on_event(PlayDone(self, number, heard, "completed"))  # type: ignore[arg-type]

    def _stopped(self, play: int | None) -> None:
        if play is not None:
            self.playing = None
            heard = max(0.0, self._link.now - self._begins[play])
            self.say(PlayDone(self, play, heard, "stopped"))  # type: ignore[arg-type]

    # Recordings

    def speak(self, seconds: float) -> None:
        """The party speaks from now on for so long."""
        self._speaks_until = self._link.now + seconds
        for number in self.running:
            self._arm(number)

    def record(self, path: Path, options: RecordOptions | None = None) -> int:
        number = super().record(path, options)
        self._begins[number] = self._link.now
        self._arm(number)
        return number

    def _arm(self, number: int) -> None:
        """The recording ends at its greatest length, or when silence has lasted; an earlier plan counts no more."""
        options = self.recordings[number][1]
        begun = self._begins[number]
        at, reason = float("inf"), "max_duration"
        if options.max_seconds:
            at = begun + options.max_seconds
        if options.max_silence is not None:
            silent = max(begun, self._speaks_until) + options.max_silence
            if silent < at:
                at, reason = silent, "silence"
        plan = self._ends[number] = self._ends.get(number, 0) + 1
        if at < float("inf"):
            self._link.at(at, lambda: self._record_ends(number, plan, reason))

    def _record_ends(self, number: int, plan: int, reason: str) -> None:
        if number in self.running and self._ends[number] == plan:
            self.recorded(reason, record_id=number)

    def recorded(
        self, reason: Any, seconds: float | None = None, error: str | None = None, record_id: int | None = None
    ) -> None:
        number = record_id if record_id is not None else next(iter(self.running))
        if number not in self.running:
            return
        self.running.discard(number)
        begun = self._begins[number]
        length = self._link.now - begun if seconds is None else seconds
        heard = max(0.0, self._speaks_until - begun) if reason == "silence" else length
        self._sounds.recorded[str(self.recordings[number][0])] = heard
        self.say(RecordDone(self, number, length, reason, error))  # type: ignore[arg-type]


class TimedPool(FakePool):
    """Ports of that kind."""

    def __init__(self, link: Link, sounds: TimedSounds) -> None:
        super().__init__(lambda then: link.after(0.0, then))
        self._link = link
        self._sounds = sounds

    def allocate(
        self, on_event: Callable[[MediaEvent], None], near: FakePort | None = None, *, host: str = ""
    ) -> FakePort:
        port = TimedPort(20_000 + 2 * len(self.ports), on_event, self._later, self._link, self._sounds)
        self.ports.append(port)
        return port


class TimedOutside(FakeOutside):
    """A world that answers one request after the other as it is told, with 200 where it is not; mails arrive."""

    def __init__(self, link: Link, answers: Sequence[HttpAnswer]) -> None:
        super().__init__()
        self._link = link
        self._answers = list(answers)
        self._past: list[tuple[str, datetime]] = []

    def request(self, command: Request, done: Callable[[RequestDone], None]) -> None:
        super().request(command, done)
        answer = self._answers.pop(0) if self._answers else HttpAnswer()
        number, begun = command.id, self._link.now

        def ended() -> None:
            elapsed = self._link.now - begun
            if answer.after >= command.timeout or answer.error is not None:
                error = "timeout" if answer.after >= command.timeout else answer.error
                self.answer(RequestDone(number, error=error, text=error or "", elapsed=elapsed))
            else:
                self.answer(RequestDone(number, answer.status, answer.headers, answer.body, elapsed=elapsed))

        self._link.after(min(answer.after, command.timeout), ended)

    def read_profile(self, number: str, then: Callable[[Mapping[str, Any]], None]) -> None:
        self._link.after(0.0, lambda: then({}))

    def mail(self, command: SendMail, done: Callable[[MailDone], None]) -> None:
        super().mail(command, done)
        self._link.after(0.2, lambda: self.answer(MailDone(command.id)))

    def event(self, name: str, at: datetime) -> None:
        """An event comes, for who waits and for who asks for past ones."""
        self._past.append((name, at))
        for number in list(self._waits):
            self._arrive(number, name, at)

    def wait_for(self, command: WaitForEvent, arrived: Callable[[EventArrived], None]) -> Callable[[], None]:
        stop = super().wait_for(command, arrived)
        for name, at in self._past:
            if command.since is not None and at >= command.since:
                self._link.after(0.0, partial(self._arrive, command.id, name, at))
        return stop

    def _arrive(self, number: int, name: str, at: datetime) -> None:
        if number in self._waits and self._waits[number][0].event == name:
            self.publish(EventArrived(number, name, {}, at))
