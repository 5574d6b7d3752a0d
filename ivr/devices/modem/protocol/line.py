"""A telephone line on a voice modem, without port and clock: octets and the time in; octets, events and a wake-up out.

::

    closed --open--> setting up --> idle --RING--> ringing --answer--> answering --> talking --> ending --> idle
                                     |                 `--hang_up--> unheard --(it stops)--------------------> idle
                                     `--dial--> dialling --> talking, or ending (it came to nothing)

From every state a modem that does not answer ends in ``closed`` with :class:`~ivr.devices.hardware.Gone`; from every
state of a call :meth:`ModemLine.hang_up` leads to ``ending``. What each state says to the modem stands in
:mod:`.setup` and :mod:`.calls`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ivr.devices.hardware import Alerting, Answered, Back, Failed, Gone, HardwareEvent, HungUp, Key
from ivr.devices.modem.protocol import calls, setup, steps
from ivr.devices.modem.protocol.callerid import CallerId
from ivr.devices.modem.protocol.dialogue import Dialogue
from ivr.devices.modem.protocol.formats import decode
from ivr.devices.modem.protocol.keys import KEYS, KeyFilter
from ivr.devices.modem.protocol.ringing import Rings
from ivr.devices.modem.protocol.sender import Sender
from ivr.devices.modem.protocol.wire import Code, Item, Line, Mode, Samples, StreamEnd, Wire
from media.devices import FRAME_SECONDS

__all__ = ["ModemLine", "State"]

KEEP_ALIVE: Final = 30.0
"""Seconds between two looks whether an idle modem still answers."""

STALLED: Final = 1.0
"""Seconds without samples of a modem that should send them: they come every 10 to 100 ms."""

_DIALLED_SIGNS: Final = KEYS | {","}
_CALL_OVER: Final = frozenset({"NO CARRIER", "BUSY", "NO DIALTONE"})


class State(Enum):
    """Where the line stands."""

    CLOSED = "closed"
    SETTING_UP = "setting up"
    IDLE = "idle"
    RINGING = "ringing"
    UNHEARD = "unheard"
    ANSWERING = "answering"
    DIALLING = "dialling"
    TALKING = "talking"
    ENDING = "ending"


QUIET_STATES: Final = frozenset({State.IDLE, State.RINGING, State.UNHEARD})
"""States in which it may ring."""
IN_CALL: Final = frozenset({State.ANSWERING, State.DIALLING, State.TALKING})
"""States of a call that can be hung up."""


class ModemLine:
    """The line. ``usb``: vendor and product of the port, where it has them. ``trace`` is given the dialogue to log.

    After each call of a method: send :meth:`take_output`, do :meth:`take_doings`, tell :meth:`take_events`, play
    :meth:`take_heard`, and call :meth:`timer` at :meth:`wake_at`.
    """

    def __init__(
        self, wish: setup.Wish, usb: tuple[int, int] | None = None, trace: Callable[[str], None] | None = None
    ) -> None:
        self.state = State.CLOSED
        """Where it stands."""
        self.setup: setup.Setup | None = None
        """What is known of the modem, once it was set up."""
        self.full_duplex = wish.duplex != "half"
        """It hears while it sounds, as far as is known."""
        self.held_up = False
        """The port has sound that the modem has not taken yet: no more is sent."""
        self._wish = wish
        self._usb = usb
        self._trace = trace
        self._now = 0.0
        self._events: list[HardwareEvent] = []
        self._heard: list[NDArray[np.int16]] = []
        self._wire = Wire()
        self._dialogue = Dialogue(self._wire, self._over, self._fail, self._say)
        self._forget()

    def _forget(self) -> None:
        """No call is there, nor one to come."""
        self._rings = Rings(self._wish.rings)
        self._alerted = self._connecting = False
        self._filter = KeyFilter()
        self._keys: deque[str] = deque()
        self._sender: Sender | None = None
        self._sound_at = self._sound_began = 0.0
        self._next_number: str | None = None
        self._look_at: float | None = None

    # What the line is told.

    def open(self, now: float) -> None:
        """The port is open."""
        self._now = now
        self._forget()
        self._wire.enter(Mode.COMMAND)
        self._run(setup.set_up(self._wish, self._usb), State.SETTING_UP)

    def lost(self, reason: str, now: float) -> None:
        """The port is no more."""
        self._now = now
        self._fail(reason)

    def receive(self, data: bytes, now: float) -> None:
        """Octets of the modem."""
        self._now = now
        for item in self._wire.feed(data):
            self._take(item)

    def timer(self, now: float) -> None:
        """The time has come that :meth:`wake_at` said; early and late calls do no harm."""
        self._now = now
        self._dialogue.timer(now)
        if self.state is State.IDLE and self._look_at is not None and now >= self._look_at:
            self._look_at = None
            self._dialogue.begin(setup.wake(), now)
        elif self.state in (State.RINGING, State.UNHEARD) and now >= self._rings.over_at:
            if self.state is State.RINGING and self._rings.told:
                self._events.append(HungUp())
            self._rest()
        self._flow()

    def wake_at(self) -> float | None:
        """When :meth:`timer` is to be called; None: when something comes."""
        times = [self._dialogue.deadline, self._look_at if self.state is State.IDLE else None]
        if self.state in (State.RINGING, State.UNHEARD):
            times.append(self._rings.over_at)
        if self._dialogue.listening and self._sender is not None:
            times.append(self._now + FRAME_SECONDS if self.held_up else self._sender.next_at())
            if self._wire.mode.hears:
                times.append(self._sound_at + STALLED)
        return min((at for at in times if at is not None), default=None)

    def answer(self, now: float) -> None:
        """Take the call that rings; :class:`HungUp` follows if it does not ring any more."""
        self._now = now
        if self.state is State.RINGING and self.setup is not None:
            self._run(calls.pick_up(self.setup), State.ANSWERING)
        elif self.state not in IN_CALL:
            self._events.append(HungUp())

    def dial(self, number: str, now: float) -> None:
        """Call somebody; waits for the end of the call before."""
        self._now = now
        signs = "".join(sign for sign in number.upper() if sign in _DIALLED_SIGNS)
        if not signs or self.setup is None or self.state not in (State.IDLE, State.ENDING):
            self._events.append(Failed("error" if signs else "refused"))
        elif self.state is State.ENDING:
            self._next_number = signs
        else:
            self._run(calls.dial(self.setup, signs), State.DIALLING)

    def hang_up(self, now: float) -> None:
        """End the call; one that rings is left alone."""
        self._now = now
        self._next_number = None
        if self.state is State.RINGING:
            self.state = State.UNHEARD
        elif self.state in IN_CALL:
            self._end()

    def call_over(self, now: float) -> None:
        """The sound of the line says that the other side has hung up, which the modem has not noticed."""
        self._now = now
        if self.state is State.TALKING:
            self._hung_up()

    def send_key(self, digit: str, now: float) -> None:
        """Sound a key."""
        self._now = now
        if digit in KEYS and self.state is State.TALKING:
            self._keys.append(digit)
            self._dialogue.stop_listening("keys", now)

    def sound(self, samples: NDArray[np.int16], now: float) -> None:
        """The next 20 ms for the other side, at the modem's rate; they are lost while there is no call."""
        self._now = now
        if self.state is State.TALKING and self._sender is not None:
            self._sender.put(samples, now, keep_silence=self._wire.mode.sounds or self.full_duplex)
            self._flow()

    # What the line says.

    def take_output(self) -> bytes:
        """Octets for the modem."""
        output = bytes(self._dialogue.output)
        self._dialogue.output.clear()
        return output

    def take_events(self) -> list[HardwareEvent]:
        """What has happened, in order."""
        events, self._events = self._events, []
        return events

    def take_doings(self) -> list[Literal["break", "drop_dtr"]]:
        """What the port is to do."""
        doings, self._dialogue.doings = self._dialogue.doings, []
        return doings

    def take_heard(self) -> list[NDArray[np.int16]]:
        """Sound of the other side, at the modem's rate, in order."""
        heard, self._heard = self._heard, []
        return heard

    # From state to state.

    def _run(self, script: steps.Script[Any], state: State) -> None:
        self.state = state
        self._dialogue.begin(script, self._now)

    def _over(self, value: Any) -> None:
        """A dialogue has come to its end."""
        match self.state:
            case State.SETTING_UP:
                self.setup = value
                self.full_duplex = value.duplex
                self._events.append(Back(value.what))
                self._rest()
            case State.ANSWERING if value:
                self._connecting = True
                self._talk()
            case State.DIALLING if value in ("answered", "supposed"):
                self._events.append(Answered(certain=value == "answered" or self._alerted))
                self._talk()
            case State.DIALLING:
                self._events.append(Failed(value))
                self._end()
            case State.ANSWERING | State.TALKING:
                self._hung_up()
            case State.IDLE:
                self._look_at = self._now + KEEP_ALIVE
            case _:
                self._rest()

    def _rest(self) -> None:
        """Wait for calls, or make the one that waits."""
        number = self._next_number
        self._forget()
        self.state = State.IDLE
        self._look_at = self._now + KEEP_ALIVE
        if number is not None and self.setup is not None:
            self._run(calls.dial(self.setup, number), State.DIALLING)

    def _talk(self) -> None:
        assert self.setup is not None
        self._sender = Sender(self.setup.format, self._now)
        self._run(calls.talk(self.setup, self), State.TALKING)

    def _end(self) -> None:
        """Hang up from wherever the call is."""
        assert self.setup is not None
        dialling = self.state is State.DIALLING and self._dialogue.asking
        self._sender = None
        self._run(self._ending(self.setup, self._wire.mode, self._wire.awaited, dialling), State.ENDING)

    @staticmethod
    def _ending(setup_: setup.Setup, mode: Mode, awaited: Mode, dialling: bool) -> steps.Script[None]:
        if awaited is not Mode.COMMAND:  # it begins its sound at this moment, and hears nothing until it has
            reply = yield calls.enter(awaited, again=False)
            mode = awaited if reply.result == "CONNECT" else mode
        if mode is not Mode.COMMAND:
            yield from calls.leave(setup_, mode, at_once=True)
        yield from setup.hang_up(setup_, dialling)

    def _hung_up(self) -> None:
        self._events.append(HungUp())
        self._end()

    def _fail(self, reason: str) -> None:
        self._dialogue.drop()
        self._dialogue.output.clear()
        self._forget()
        self.state = State.CLOSED
        self.setup = None
        self._events.append(Gone(reason))

    # What the modem says.

    def _take(self, item: Item) -> None:
        match item:
            case Samples(data):
                self._sound_at = self._now
                if self.state is State.TALKING and self.setup is not None:
                    self._heard.append(decode(self.setup.format.coding, data))
            case Line(text):
                self._say("<", text)
                self._line(text)
            case Code(code):
                self._say("<", f"DLE {code}")
                self._code(code)
            case StreamEnd():
                self._say("<", "DLE ETX")
                self._dialogue.stream_end(self._now)

    def _line(self, text: str) -> None:
        word = text.upper()
        if word.startswith(("RINGING", "RING BACK", "RINGBACK")):
            self._alerting()
        elif word == "RING" or word.startswith("RING "):
            self._ring()
        elif self._rings.line(text, self._now) or self._dialogue.line(text, self._now):
            return
        elif steps.result_of(text) in _CALL_OVER and self.state in (State.ANSWERING, State.TALKING):
            self._hung_up()

    def _code(self, code: str) -> None:
        if code == "R":
            self._ring()
        elif self.state is State.DIALLING and code == "r":
            self._alerting()
        elif self.state is State.DIALLING and code == "b":
            self._line("BUSY")
        elif self.state is State.TALKING and self.setup is not None:
            key = self._filter.feed(code, self._now)
            if key is not None:
                self._events.append(Key(key))
            elif code in self.setup.profile.gone:
                self._hung_up()
            elif code == "u" and self._sender is not None:
                self._sender.underrun(self._now)

    def _ring(self) -> None:
        if self.state not in QUIET_STATES:
            return
        if self.state is State.IDLE:
            self._dialogue.drop()  # a look whether it answers: it does
            self.state = State.RINGING
        told = self._rings.ring(self._now)
        if told is not None and self.state is State.RINGING:
            self._events.append(told)

    def _alerting(self) -> None:
        if self.state is State.DIALLING and not self._alerted:
            self._alerted = True
            self._events.append(Alerting())

    # Sound; what follows without an underscore is the desk of :func:`calls.talk`.

    def _flow(self) -> None:
        """Sound that is due goes out; reasons to stop are looked for."""
        sender = self._sender
        if not self._dialogue.listening or sender is None:
            return
        if not self.held_up:
            self._dialogue.output += sender.due(self._now)
        mode = self._wire.mode
        if mode.hears and self._now - self._sound_at >= STALLED:
            self._dialogue.stop_listening("stalled", self._now)
        elif not self.full_duplex and (mode is Mode.TRANSMIT) != sender.wants(self._now):
            self._dialogue.stop_listening("switch", self._now)

    def wanted(self) -> Mode:
        """See :class:`.calls.Desk`."""
        if self.full_duplex:
            return Mode.DUPLEX
        return Mode.TRANSMIT if self._sender is not None and self._sender.wants(self._now) else Mode.RECEIVE

    def next_key(self) -> str | None:
        """See :class:`.calls.Desk`."""
        return self._keys.popleft() if self._keys else None

    def no_duplex(self) -> None:
        """See :class:`.calls.Desk`."""
        self.full_duplex = False

    def sounding(self, mode: Mode) -> None:
        """See :class:`.calls.Desk`."""
        if self._sender is None:
            return
        if mode is Mode.COMMAND:
            self._sender.end()
            return
        self._sound_at = self._sound_began = self._now
        if self._connecting:
            self._connecting = False
            self._events.append(Answered(certain=True))
        if mode.sounds:
            self._sender.begin(self._now)

    def lasted(self) -> float:
        """See :class:`.calls.Desk`."""
        return self._now - self._sound_began

    def _say(self, direction: str, text: str) -> None:
        """A line for the log, without numbers and names of people."""
        if self._trace is None:
            return
        text = text.strip("\r\n")
        if text.startswith("ATD"):
            text = text[:4] + "..."
        elif CallerId().feed(text):
            text = text.partition("=")[0].rstrip() + " = ..."
        self._trace(f"{direction} {text}" if text.isprintable() else f"{direction} {text!r}")
