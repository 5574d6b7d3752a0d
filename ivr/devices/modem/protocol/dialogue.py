"""Runs one dialogue at a time: sends what its steps say, gives them what came of it, and keeps their times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from ivr.devices.modem.protocol import steps
from ivr.devices.modem.protocol.wire import Mode, Wire

__all__ = ["Dialogue"]

QUIET: Final = 0.2
"""Seconds between two tries, in which a late answer to the first is heard and dropped."""

OK_AFTER_END: Final = 0.3
"""Seconds after DLE ETX in which the OK comes, if it does."""


class Dialogue:
    """``on_over`` is called with what a dialogue returns, ``on_unusable`` with a reason; either may begin another."""

    def __init__(
        self,
        wire: Wire,
        on_over: Callable[[Any], None],
        on_unusable: Callable[[str], None],
        say: Callable[[str, str], None],
    ) -> None:
        self.wire = wire
        """What the modem says, cut up."""
        self.output = bytearray()
        """What is to be sent; whoever sends it, clears it."""
        self.doings: list[Literal["break", "drop_dtr"]] = []
        """What the port is to do; likewise."""
        self.deadline: float | None = None
        """When :meth:`timer` has something to do."""
        self._on_over = on_over
        self._on_unusable = on_unusable
        self._say = say
        self._now = 0.0
        self._script: steps.Script[Any] | None = None
        self._step: steps.Step | None = None
        self._lines: list[str] = []
        self._tries = 0
        self._quiet = False
        self._ended = False

    @property
    def running(self) -> bool:
        """A dialogue is under way."""
        return self._script is not None

    @property
    def listening(self) -> bool:
        """Sound flows."""
        return isinstance(self._step, steps.Listen)

    @property
    def asking(self) -> bool:
        """A command was sent that is not answered yet."""
        return isinstance(self._step, steps.Ask)

    def begin(self, script: steps.Script[Any], now: float) -> None:
        """Begin a dialogue; the one under way is dropped."""
        self.drop()
        self._script = script
        self._advance(None, now)

    def drop(self) -> None:
        """No dialogue any more. The wire stays as it is."""
        if self._script is not None:
            self._script.close()
        self._script = self._step = self.deadline = None
        self.wire.awaited = Mode.COMMAND

    def line(self, text: str, now: float) -> bool:
        """A line of the modem; False: it is news, and answers nothing."""
        step, result = self._step, steps.result_of(text)
        if not isinstance(step, steps.Ask) or self._quiet:
            return False
        if result is None:
            self._lines.append(text)
            return True
        if result not in step.ends:
            return False
        if result != "CONNECT" or step.mode is Mode.COMMAND or self.wire.mode is step.mode:
            self._advance(self._reply(result), now)
        return True

    def stream_end(self, now: float) -> None:
        """The modem has ended its sound."""
        if isinstance(self._step, steps.Ask) and self._step.leaving:
            self._ended = True
            self.deadline = now + OK_AFTER_END
        else:
            self.stop_listening("ended", now)

    def stop_listening(self, why: steps.Why, now: float) -> None:
        """There is a reason to end the sound."""
        if self.listening:
            self._advance(why, now)

    def timer(self, now: float) -> None:
        """The time of a step may be over."""
        if self.deadline is None or now < self.deadline:
            return
        self.deadline = None
        step = self._step
        if isinstance(step, steps.Pause):
            self._advance(None, now)
        elif isinstance(step, steps.Ask):
            if self._quiet:
                self._send(step, now)
            elif self._ended or not self._tries:
                self._advance(self._reply(""), now)
            else:
                self._quiet = True
                self.deadline = now + QUIET

    def _reply(self, result: str) -> steps.Reply:
        return steps.Reply(result, tuple(self._lines), self._ended)

    def _advance(self, answer: object, now: float) -> None:
        """On to the next step that takes time."""
        self._step = self.deadline = None
        self.wire.awaited = Mode.COMMAND
        script = self._script
        assert script is not None
        try:
            step = script.send(answer)
            while isinstance(step, steps.Do):
                self.doings.append(step.what)
                step = script.send(None)
        except StopIteration as end:
            self._script = None
            self._on_over(end.value)
            return
        except steps.UnusableError as unusable:
            self._script = None
            self._on_unusable(str(unusable))
            return
        self._step = step
        self._ended = False
        if isinstance(step, steps.Ask):
            self._tries = step.tries
            self._send(step, now)
        elif isinstance(step, steps.Pause):
            self.deadline = now + step.seconds

    def _send(self, step: steps.Ask, now: float) -> None:
        self._tries -= 1
        self._quiet = False
        self._lines = []
        self.wire.awaited = step.mode
        self.wire.leaving = step.leaving
        self.output += step.data
        self.deadline = now + step.seconds
        self._say(">", step.data.decode("latin-1"))
