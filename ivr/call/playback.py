"""What a flow lets its caller hear, and the recordings that begin with a beep."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from ivr.call.figures import CallFigures
from ivr.call.latemedia import LateMedia
from ivr.call.recordings import CallRecordings
from ivr.call.services import Services
from ivr.call.sounds import BEEP
from ivr.errors import IvrError
from ivr.flow import ports
from media import PlayDone, Port, Sound

__all__ = ["Playback"]


class Playback:
    """Plays for one call. A sound that is not there yet is made in a task of the call; the newest one wins."""

    def __init__(
        self,
        services: Services,
        port: Port,
        recordings: CallRecordings,
        figures: CallFigures,
        feed: Callable[[ports.Event], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        late_media: float = 0.0,
    ) -> None:
        """`feed` tells the flow; `spawn` runs what takes time, for as long as the call is up; `late_media` is how many
        seconds the first prompt waits for the caller's sound at most."""
        self._services = services
        self._port = port
        self._recordings = recordings
        self._figures = figures
        self._feed = feed
        self._spawn = spawn
        self._playing: dict[int, int] = {}
        """The port's playbacks, with the flow's ids."""
        self._newest: int | None = None
        self._waiting: int | None = None
        """The flow's playback whose sound is being made."""
        self._beeps: dict[int, ports.Record] = {}
        self._closed = False
        self.late = LateMedia(port, late_media, services.call_later)
        """Holds the first prompt back."""

    def play(self, command: ports.Play) -> None:
        """Play, now or when the sounds are made."""
        if self.late.waiting:
            self._waiting = command.id
            self.late.hold(lambda: self._held(command))
            return
        self._waiting = None
        sounds: list[Sound] = []
        for prompt in command.prompts:
            sound = self._services.sounds.ready(prompt)
            if sound is None:
                self._waiting = command.id
                self._spawn(self._make_and_play(command))
                return
            sounds.append(sound)
        self._start(command, sounds)

    def _held(self, command: ports.Play) -> None:
        if self._waiting == command.id and not self._closed:
            self.play(command)

    async def _make_and_play(self, command: ports.Play) -> None:
        try:
            sounds = [await self._services.sounds.make(prompt) for prompt in command.prompts]
        except IvrError as error:
            if self._waiting == command.id:
                self._waiting = None
                self._feed(ports.PlayDone(command.id, 0.0, "failed", str(error)))
            return
        if self._waiting == command.id and not self._closed:
            self._waiting = None
            self._start(command, sounds)

    def _start(self, command: ports.Play, sounds: list[Sound]) -> None:
        pause = round(command.pause * 1000)
        self._newest = self._port.play(sounds, loop=command.loop, pause_ms=pause, go_on=command.go_on)
        self._playing[self._newest] = command.id
        self._figures.begins(self._newest)

    def stop(self, number: int) -> None:
        """Stop what the flow knows as `number`; one that is over is ignored."""
        if self._waiting == number:
            self._waiting = None
            self._feed(ports.PlayDone(number, 0.0, "stopped"))
        elif self._newest is not None and self._playing.get(self._newest) == number:
            self._port.stop_play(self._newest)

    def done(self, event: PlayDone) -> None:
        """A playback of the port is over: the flow is told, or the recording behind a beep begins."""
        self._figures.played(event.play_id, event.began)
        record = self._beeps.pop(event.play_id, None)
        if record is not None:
            self._recordings.start(record)
            return
        number = self._playing.pop(event.play_id, None)
        if self._newest == event.play_id:
            self._newest = None
        if number is not None:
            self._feed(ports.PlayDone(number, event.heard, event.reason))

    def record(self, command: ports.Record) -> None:
        """Record the caller, after a beep where one is asked for."""
        beep = self._services.sounds.ready(BEEP) if command.beep else None
        if beep is None:
            self._recordings.start(command)
        else:
            self._beeps[self._port.play([beep])] = command

    def stop_record(self, number: int) -> None:
        """Close a recording, also one whose beep still sounds."""
        waiting = next((play for play, record in self._beeps.items() if record.id == number), None)
        if waiting is None:
            self._recordings.stop(number)
            return
        del self._beeps[waiting]
        self._port.stop_play(waiting)
        self._feed(ports.RecordDone(number))

    def close(self) -> None:
        """The call is over: what waits for a sound or a beep ends."""
        self._closed = True
        if self._waiting is not None:
            self.stop(self._waiting)
        for record in self._beeps.values():
            self._feed(ports.RecordDone(record.id, reason="hung_up"))
        self._beeps.clear()
