"""A called party that hears a document before it is connected, by a small machine of its own.

The document says whether the party takes the call: it does where the document ends, or cannot be had (a caller is not
to be lost for it), and declines by a Hangup in it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from ivr.call.keys import send_keys
from ivr.call.leg import Leg
from ivr.call.parties import ForwardHost
from ivr.call.runner import FlowRunner
from ivr.call.services import Services
from ivr.flow import FlowSet, Machine, ports
from ivr.flow.twiml.element import SCREEN, screening_flow
from media import PlayDone, Sound

__all__ = ["Screened"]


class Screened:
    """One party (RunnerHost)."""

    def __init__(
        self,
        services: Services,
        host: ForwardHost,
        leg: Leg,
        screen: ports.Screen,
        taken: Callable[[], None],
        declined: Callable[[], None],
    ) -> None:
        """`taken` or `declined` is called once, unless :meth:`leave` is called before."""
        self._services = services
        self._host = host
        self._leg = leg
        self._taken = taken
        self._declined = declined
        self._over = False
        self._wanted: ports.Play | None = None
        """Whose sounds are being made."""
        self._playing: dict[int, int] = {}
        """Plays of the port, with the flow's ids."""
        settings = services.settings
        info = ports.CallInfo(
            str(uuid4()),
            screen.params.get("From", ""),
            screen.params.get("To", ""),
            datetime.fromtimestamp(services.wall(), settings.zone),
            "outbound",
        )
        self._machine = Machine(screening_flow(screen), FlowSet({}), info, settings.settings, settings.limits)
        self._runner = FlowRunner(self._machine, self, services, services.outside)

    def begin(self) -> None:
        """Ask for the document."""
        self._runner.begin(SCREEN)

    def leave(self) -> None:
        """The party is connected, or gone."""
        self._over = True
        self._wanted = None
        self._runner.leave()

    def feed(self, event: ports.Event) -> None:
        """Something happened at the party's end."""
        if not self._over:
            self._runner.feed(event)

    def played(self, event: PlayDone) -> None:
        """A play of its port is over."""
        number = self._playing.pop(event.play_id, None)
        if number is not None:
            self.feed(ports.PlayDone(number, event.heard, event.reason))

    # RunnerHost

    def stepped(self) -> None:
        """Nobody hears where it is."""

    def execute(self, command: ports.Command) -> None:
        match command:
            case ports.Play():
                self._wanted = command
                self._make(command, [])
            case ports.StopPlay(id=number):
                self._stop(number)
            case ports.SendKeys(keys=keys):
                send_keys(self._services, keys, lambda: None if self._over else self._leg)
            case ports.TellApplication():
                self._host.tell_application(command)
            case ports.Note():
                self._host.log.log(logging.getLevelNamesMapping()[command.level.upper()], "%s", command.text)
            case _:  # the session is the forward's to answer and to end
                pass

    def failed(self, error: Exception) -> None:
        self._host.log.error("the document of a called party failed", exc_info=error)
        self._end(taken=True)

    def turned(self) -> None:
        if self._machine.finished:
            self._end(taken=self._machine.steps[-1].branch != "declined")
        self._services.flush()

    def _end(self, *, taken: bool) -> None:
        if not self._over:
            self.leave()
            self._leg.port.stop_play()
            (self._taken if taken else self._declined)()

    # Sound

    def _make(self, command: ports.Play, sounds: list[Sound]) -> None:
        """Have the next sound made, or play where all are there."""
        if self._wanted is not command:
            return
        if len(sounds) < len(command.prompts):
            self._host.want_sound(command.prompts[len(sounds)], lambda sound: self._made(command, sounds, sound))
            return
        self._wanted = None
        play = self._leg.port.play(sounds, loop=command.loop, pause_ms=round(command.pause * 1000))
        self._playing[play] = command.id

    def _made(self, command: ports.Play, sounds: list[Sound], sound: Sound | None) -> None:
        if sound is not None:
            self._make(command, [*sounds, sound])
        elif self._wanted is command:
            self._wanted = None
            self.feed(ports.PlayDone(command.id, 0.0, "failed", "the sound cannot be made"))

    def _stop(self, number: int) -> None:
        if self._wanted is not None and self._wanted.id == number:
            self._wanted = None
            self.feed(ports.PlayDone(number, 0.0, "stopped"))
            return
        play = next((play for play, own in self._playing.items() if own == number), None)
        if play is not None:
            self._leg.port.stop_play(play)
