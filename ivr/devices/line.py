"""One line on hardware as a state machine: what the hardware tells on one side, the call with the daemon on the other.

Pure: an event in, commands out. There is never more than one call, a call that is over is over on both sides, and the
hardware is left on hook.

    gone     --Back--> idle           there is no hardware; calls from the daemon get 503
    idle     --Ringing--> ringing     somebody rings: the daemon is called
             --Offered--> dialling    the daemon calls: the number is dialled
    ringing  --Taken--> talking       the daemon has answered: the hardware takes the call; its sound goes to the daemon
                                      once the hardware is through (Answered), and no prompt begins before
             --HungUp--> idle         the caller gave up: the call to the daemon is cancelled
             --Over--> idle           the daemon does not want it: it is left ringing
    dialling --Answered--> talking    --Failed--> idle
    talking  --HungUp--> idle         --Over--> idle
    any      --Gone--> gone           the call ends, with the reason
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from ivr.devices.hardware import (
    Alerting,
    Answered,
    Back,
    Failed,
    Gone,
    HardwareEvent,
    HungUp,
    Key,
    Ringing,
)

__all__ = [
    "Accept",
    "CallEvent",
    "Command",
    "Connect",
    "Dial",
    "End",
    "HangUp",
    "Line",
    "Offered",
    "Over",
    "Place",
    "Pressed",
    "Progress",
    "Reject",
    "SendKey",
    "SoundKey",
    "State",
    "TakeUp",
    "Taken",
]


class State(Enum):
    """What the line does."""

    GONE = "gone"
    IDLE = "idle"
    RINGING = "ringing"
    DIALLING = "dialling"
    TALKING = "talking"


# Events of the call with the daemon


@dataclass(frozen=True, slots=True)
class Offered:
    """The daemon calls (INVITE)."""

    call: int
    """Names the call; every call has another one."""
    number: str
    """To be dialled."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The daemon has answered our call (200)."""

    call: int


@dataclass(frozen=True, slots=True)
class Over:
    """The daemon has refused, cancelled or ended a call."""

    call: int
    reason: str = ""
    """For the log."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """A key came from the daemon."""

    call: int
    digit: str


CallEvent = Offered | Taken | Over | Pressed


# Commands to the hardware


@dataclass(frozen=True, slots=True)
class TakeUp:
    """Take the call that rings."""


@dataclass(frozen=True, slots=True)
class Dial:
    """Call a number."""

    number: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """On hook, or leave it ringing."""


@dataclass(frozen=True, slots=True)
class SoundKey:
    """Sound a key to the other side."""

    digit: str


# Commands to the call with the daemon


@dataclass(frozen=True, slots=True)
class Place:
    """Call the daemon."""

    call: int
    caller: str
    """Empty: withheld, or not told."""
    name: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Tell the daemon how far its call is."""

    call: int
    heard: bool
    """183 with sound of the line; False: 180."""


@dataclass(frozen=True, slots=True)
class Accept:
    """Answer the daemon's call."""

    call: int


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse the daemon's call."""

    call: int
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class End:
    """End a call: BYE, or CANCEL of our own that is not answered."""

    call: int
    reason: str = ""
    """Said in a Reason header; empty: the other side has just hung up."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Begin to send the sound of a caller: the hardware is through to him."""

    call: int


@dataclass(frozen=True, slots=True)
class SendKey:
    """Pass a key of the other side on to the daemon (RFC 4733)."""

    call: int
    digit: str


Command = TakeUp | Dial | HangUp | SoundKey | Place | Connect | Progress | Accept | Reject | End | SendKey

FAILURES: Final[dict[str, tuple[int, str]]] = {
    "busy": (486, "Busy Here"),
    "no_answer": (480, "No Answer"),
    # Another line may carry the call: 503 has the daemon try those of `failover`.
    "no_dial_tone": (503, "No Dial Tone"),
    "error": (503, "The Line Does Not Work"),
    "refused": (403, "Not Dialled"),
}
"""What the daemon is answered when a call out came to nothing."""


class Line:
    """The state of one line. :meth:`receive` takes every event of either side, in the order in which they come."""

    def __init__(self, *, early_media: bool) -> None:
        """`early_media`: the hardware hears the line while it dials."""
        self.state = State.GONE
        self.trouble = "the hardware has not been found yet"
        """Why no call can be taken; empty while one can."""
        self.call: int | None = None
        """The call that stands, rings or is dialled."""
        self._early_media = early_media
        self._calls = 0

    def receive(self, event: HardwareEvent | CallEvent) -> list[Command]:
        """What is to be done, in this order. What means nothing in this state is passed over: a party may be told of
        the end of a call after it has heard of it."""
        if isinstance(event, Taken | Over | Pressed) and event.call != self.call:
            # An answer that crossed our CANCEL on the way: that call ends, whatever the line does by now.
            return [End(event.call)] if isinstance(event, Taken) else []
        handler = _TABLE.get((self.state, type(event)))
        return [] if handler is None else handler(self, event)

    def new_call(self) -> int:
        """A name for a call, which no other one had."""
        self._calls += 1
        return self._calls

    # What is done on an event

    def _back(self, event: Back) -> list[Command]:
        self.state, self.trouble = State.IDLE, ""
        return []

    def _gone(self, event: Gone) -> list[Command]:
        before, call = self.state, self.call
        self.state, self.trouble, self.call = State.GONE, event.reason, None
        if call is None:
            return []
        if before is State.DIALLING:
            return [Reject(call, 503, "Line Gone")]
        return [End(call, event.reason)]

    def _ringing(self, event: Ringing) -> list[Command]:
        self.state, self.call = State.RINGING, self.new_call()
        return [Place(self.call, event.caller, event.name)]

    def _offered(self, event: Offered) -> list[Command]:
        self.state, self.call = State.DIALLING, event.call
        commands: list[Command] = [Dial(event.number)]
        if self._early_media:
            commands.append(Progress(event.call, heard=True))
        return commands

    def _busy(self, event: Offered) -> list[Command]:
        # Not 486: nobody that was called is busy, and another line may carry the call.
        return [Reject(event.call, 503, "Line In Use")]

    def _away(self, event: Offered) -> list[Command]:
        return [Reject(event.call, 503, "Line Gone")]

    def _taken(self, event: Taken) -> list[Command]:
        self.state = State.TALKING
        return [TakeUp()]

    def _alerting(self, event: Alerting) -> list[Command]:
        assert self.call is not None
        return [] if self._early_media else [Progress(self.call, heard=False)]

    def _answered(self, event: Answered) -> list[Command]:
        assert self.call is not None
        self.state = State.TALKING
        return [Accept(self.call)]

    def _through(self, event: Answered) -> list[Command]:
        assert self.call is not None
        return [Connect(self.call)]

    def _failed(self, event: Failed) -> list[Command]:
        assert self.call is not None
        call = self._free()
        return [HangUp(), Reject(call, *FAILURES[event.reason])]

    def _undialled(self, event: HungUp) -> list[Command]:
        return [HangUp(), Reject(self._free(), 480, "Hung Up")]

    def _left(self, event: HungUp) -> list[Command]:
        # The caller stopped ringing, or the other side has hung up; the hardware goes on hook in any case.
        return [HangUp(), End(self._free())]

    def _over(self, event: Over) -> list[Command]:
        self._free()
        return [HangUp()]

    def _key(self, event: Key) -> list[Command]:
        assert self.call is not None
        return [SendKey(self.call, event.digit)]

    def _pressed(self, event: Pressed) -> list[Command]:
        return [SoundKey(event.digit)]

    def _free(self) -> int:
        """The call that is over; the line is idle."""
        assert self.call is not None
        call, self.call, self.state = self.call, None, State.IDLE
        return call


_TABLE: Final[dict[tuple[State, type[Any]], Callable[[Line, Any], list[Command]]]] = {
    (State.GONE, Back): Line._back,
    (State.GONE, Gone): Line._gone,
    (State.GONE, Offered): Line._away,
    (State.IDLE, Gone): Line._gone,
    (State.IDLE, Ringing): Line._ringing,
    (State.IDLE, Offered): Line._offered,
    (State.RINGING, Gone): Line._gone,
    (State.RINGING, HungUp): Line._left,
    (State.RINGING, Taken): Line._taken,
    (State.RINGING, Over): Line._over,
    (State.RINGING, Offered): Line._busy,
    (State.DIALLING, Gone): Line._gone,
    (State.DIALLING, Alerting): Line._alerting,
    (State.DIALLING, Answered): Line._answered,
    (State.DIALLING, Failed): Line._failed,
    (State.DIALLING, HungUp): Line._undialled,
    (State.DIALLING, Over): Line._over,
    (State.DIALLING, Offered): Line._busy,
    (State.TALKING, Gone): Line._gone,
    (State.TALKING, Answered): Line._through,
    (State.TALKING, HungUp): Line._left,
    (State.TALKING, Over): Line._over,
    (State.TALKING, Offered): Line._busy,
    (State.TALKING, Key): Line._key,
    (State.TALKING, Pressed): Line._pressed,
}
"""What an event does in a state; a pair that is not here does nothing."""
