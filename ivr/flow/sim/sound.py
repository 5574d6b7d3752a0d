"""What the caller of a simulated call hears, and what is recorded of him."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ivr.flow.ports import Event, Play, PlayDone, Record, RecordDone
from ivr.flow.sim.agenda import Agenda, Due, cancel
from ivr.flow.sim.seen import HIDDEN, Said
from ivr.flow.sim.speech import TONES, SpeechModel

__all__ = ["Sound"]

SUFFIX = {"wav": ".wav", "ulaw": ".ulaw"}


@dataclass(slots=True)
class _Playing:
    command: Play
    starts: float
    """When the pause before it is over."""
    seconds: list[float]
    """Of one round of each prompt."""
    said: list[Said]
    end: Due | None


@dataclass(slots=True)
class _Recording:
    command: Record
    starts: float | None
    """None while the beep sounds."""
    end: Due


class Sound:
    """The ear and the mouth of one caller."""

    __slots__ = ("_agenda", "_feed", "_names", "_recorded", "_speaks_until", "_speech", "playing", "recording", "said")

    def __init__(self, agenda: Agenda, feed: Callable[[Event], None], speech: SpeechModel) -> None:
        self._agenda = agenda
        self._feed = feed
        self._speech = speech
        self._speaks_until = 0.0
        self._recorded: dict[str, float] = {}
        self._names: dict[str, int] = {}
        self.playing: _Playing | None = None
        self.recording: _Recording | None = None
        self.said: list[Said] = []

    # Prompts

    def play(self, command: Play, element: str) -> list[Said]:
        """Play prompts instead of what plays; none where one of them cannot be."""
        agenda = self._agenda
        if self.playing is not None:
            self.stop(self.playing.command.id)
        if self.recording is not None and self.recording.starts is None:
            # The beep is cut short, and what comes after it begins.
            cancel(self.recording.end)
            self.recording.end = agenda.later(0.0, self._begin)
        seconds: list[float] = []
        for prompt in command.prompts:
            length = self._recorded.get(prompt.value) if prompt.kind == "recording" else None
            if length is None:
                length = self._speech.seconds(prompt)
            if length is None:
                agenda.later(0.0, self._feed, PlayDone(command.id, 0.0, "failed", "it cannot be played"))
                return []
            seconds.append(length)
        starts = agenda.now + command.pause
        said = []
        at = starts
        for prompt, length in zip(command.prompts, seconds, strict=True):
            text = HIDDEN if prompt.sensitive else prompt.value
            language = prompt.language if prompt.kind == "text" else None
            said.append(Said(at, None, element, prompt.kind, text, 0.0, language, prompt.value))
            at += length
        self.said += said
        end = None
        if command.loop:
            whole = sum(seconds) * command.loop
            end = agenda.later(command.pause + whole, self._played, whole)
        self.playing = _Playing(command, starts, seconds, said, end)
        return said

    def _played(self, whole: float) -> None:
        playing = self.playing
        assert playing is not None
        self._close_said(playing, whole)
        self.playing = None
        self._feed(PlayDone(playing.command.id, whole))

    def stop(self, number: int) -> None:
        """Stop a playback; one that is over is ignored."""
        playing = self.playing
        if playing is None or playing.command.id != number:
            return
        cancel(playing.end)
        heard = max(0.0, self._agenda.now - playing.starts)
        self._close_said(playing, heard)
        self.playing = None
        self._agenda.later(0.0, self._feed, PlayDone(number, heard, "stopped"))

    def _close_said(self, playing: _Playing, heard: float) -> None:
        now = self._agenda.now
        if len(playing.said) == 1:
            said = playing.said[0]
            said.heard, said.until = heard, max(said.at, now)
            return
        round_seconds = sum(playing.seconds) or 1.0
        rounds, rest = divmod(heard, round_seconds)
        for said, length in zip(playing.said, playing.seconds, strict=True):
            said.heard = rounds * length + min(rest, length)
            said.until = max(said.at, min(now, said.at + said.heard)) if rounds < 1 else now
            rest = max(0.0, rest - length)

    # Recordings

    @property
    def speaking(self) -> bool:
        """The caller says something."""
        return self._speaks_until > self._agenda.now

    def speak(self, seconds: float) -> None:
        """The caller speaks from now on for so long."""
        self._speaks_until = self._agenda.now + seconds
        if self.recording is not None and self.recording.starts is not None:
            cancel(self.recording.end)
            self.recording.end = self._recording_end(self.recording)

    def record(self, command: Record, fails: bool = False) -> None:
        """Record the caller, after a beep where one is asked for; `fails`: the file cannot be written."""
        if fails:
            done = RecordDone(command.id, reason="failed", error="it cannot be written")
            self._agenda.later(0.0, self._feed, done)
        elif command.beep:
            if self.playing is not None:
                self.stop(self.playing.command.id)
            self.recording = _Recording(command, None, self._agenda.later(TONES["beep"], self._begin))
        else:
            self._begin_recording(command)

    def _begin(self, _: Any) -> None:
        assert self.recording is not None
        self._begin_recording(self.recording.command)

    def _begin_recording(self, command: Record) -> None:
        recording = _Recording(command, self._agenda.now, [0.0, 0, None, None])
        recording.end = self._recording_end(recording)
        self.recording = recording

    def _recording_end(self, recording: _Recording) -> Due:
        """What ends it by itself: silence, or its greatest length."""
        command, now = recording.command, self._agenda.now
        assert recording.starts is not None
        at, reason = recording.starts + command.max_duration, "max_duration"
        if command.max_silence:
            silent = max(recording.starts, self._speaks_until) + command.max_silence
            if silent < at:
                at, reason = silent, "silence"
        return self._agenda.later(max(0.0, at - now), self._recorded_all, reason)

    def _recorded_all(self, reason: Literal["silence", "max_duration"]) -> None:
        assert self.recording is not None
        self._feed(self._done(self.recording, reason))

    def stop_record(self, number: int, reason: Literal["stopped", "silence"] = "stopped") -> None:
        """Close a recording; one that is over is ignored."""
        if self.recording is not None and self.recording.command.id == number:
            self._agenda.later(0.0, self._feed, self._done(self.recording, reason))

    def _done(
        self, recording: _Recording, reason: Literal["stopped", "silence", "max_duration", "hung_up"]
    ) -> RecordDone:
        cancel(recording.end)
        self.recording = None
        command, starts = recording.command, recording.starts
        if starts is None:
            return RecordDone(command.id, reason=reason)
        end = self._agenda.now
        if reason == "silence":
            end = min(end, max(starts, self._speaks_until))
        count = self._names[command.name] = self._names.get(command.name, 0) + 1
        path = f"{command.name}{'' if count == 1 else f'-{count}'}{SUFFIX[command.format]}"
        self._recorded[path] = end - starts
        return RecordDone(command.id, path, end - starts, reason)

    # The end

    def close(self) -> None:
        """The session is over: what plays stops, what is recorded is kept."""
        if self.playing is not None:
            self.stop(self.playing.command.id)
        if self.recording is not None:
            self._agenda.later(0.0, self._feed, self._done(self.recording, "hung_up"))
