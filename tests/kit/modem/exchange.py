"""A telephone exchange with analog lines: rings, caller id, tones, sound both ways, keys, and how a call ends.

Pure: :meth:`Exchange.tick` is called every 10 ms of whatever time there is. Owners of lines are emulated modems, or
:class:`Phone`, which a test holds in its hand.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from media.dtmf.generator import digit_samples

__all__ = ["SAMPLES", "TICK", "Caller", "Exchange", "Line", "Owner", "Phone", "Sound", "Tone"]

TICK: Final = 0.01
SAMPLES: Final = 80
"""Of a tick: 8000 a second."""

Sound = NDArray[np.int16]
Tone = Literal["none", "dial", "ringback", "busy", "voice"]

_FREQUENCY: Final[dict[Tone, float]] = {"dial": 425.0, "ringback": 425.0, "busy": 425.0}
_CADENCE: Final[dict[Tone, tuple[float, float]]] = {"dial": (1.0, 0.0), "busy": (0.48, 0.48)}
_LEVEL: Final = 4000.0


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls; ``P``: withheld, ``O``: not known."""

    number: str
    name: str = ""


class Owner(Protocol):
    """What stands at the end of a line."""

    def rings(self, now: float) -> None:
        """A ring begins."""

    def told(self, caller: Caller, now: float) -> None:
        """Caller id comes."""

    def hears(self, sound: Sound, tone: Tone, now: float) -> None:
        """Ten milliseconds of the line; ``tone``: what of."""

    def sounds(self, now: float) -> Sound:
        """Ten milliseconds for the line."""

    def key(self, digit: str, now: float) -> None:
        """The other side's key is down in this tick."""

    def loop_break(self, now: float) -> None:
        """The exchange interrupts the current of the line."""


class Line:
    """One line."""

    def __init__(self, exchange: Exchange, number: str) -> None:
        self.number = number
        self.owner: Owner | None = None
        self.off_hook = False
        self.plugged = True
        self.caller = Caller(number)
        """What others are told of it."""
        self._exchange = exchange
        self._tone: Tone = "none"
        self._tone_at = 0.0
        self.peer: Line | None = None
        self.ringing_at: float | None = None
        """Since when it rings."""
        self._next_ring = 0.0
        self._rang = 0
        self._told = False
        self._keys: deque[tuple[str, Sound]] = deque()

    @property
    def tone(self) -> Tone:
        """What it is given to hear."""
        return self._tone

    @property
    def ringback(self) -> bool:
        """The ring-back tone sounds at this moment."""
        return self._tone == "ringback" and self._exchange.ring_on(self._exchange.now - self._tone_at)

    def lift(self, now: float) -> None:
        """Off hook: answers, or gets dial tone."""
        if self.off_hook:
            return
        self.off_hook = True
        if self.ringing_at is not None and self.peer is not None:
            self.ringing_at = None
            self.give("voice", now)
            self.peer.give("voice", now)
        else:
            self.give("dial" if self.plugged else "none", now)

    def hang(self, now: float) -> None:
        """On hook."""
        if not self.off_hook:
            return
        self.off_hook = False
        peer, self.peer = self.peer, None
        self._keys.clear()
        self.give("none", now)
        if peer is None:
            return
        peer.peer = None
        if peer.ringing_at is not None:
            peer.ringing_at = None
        elif self._exchange.release == "loop" and peer.owner is not None:
            peer.give("none", now)
            peer.owner.loop_break(now)
        else:
            peer.give("busy", now)

    def dial(self, number: str, now: float) -> None:
        """A number was dialled on dial tone."""
        if self._tone != "dial":
            return
        other = self._exchange.lines.get(number.lstrip(","))
        if other is None or other.off_hook or other.peer is not None or not other.plugged:
            self.give("busy", now)
            return
        self.peer, other.peer = other, self
        self.give("ringback", now)
        other.ringing_at = now
        other._next_ring = now + (0.4 if self._exchange.id_first else 0.0)
        other._rang = 0
        other._told = False

    def press(self, digits: str, seconds: float = 0.1) -> None:
        """Sound keys to the other side, each with a pause of the same length behind it."""
        ticks = round(seconds / TICK)
        for digit in digits:
            tone = digit_samples(digit, ticks * TICK * 1000).reshape(ticks, SAMPLES)
            self._keys.extend((digit, part) for part in tone)
            self._keys.extend(("", np.zeros(SAMPLES, np.int16)) for _ in range(ticks))

    def voice(self, now: float) -> Sound:
        """What its owner sounds in this tick; a key goes before all else."""
        assert self.owner is not None
        sound = self.owner.sounds(now)
        if not self._keys:
            return sound
        digit, sound = self._keys.popleft()
        if digit and self.peer is not None and self.peer.tone == "voice" and self.peer.owner is not None:
            self.peer.owner.key(digit, now)
        return sound

    def give(self, tone: Tone, now: float) -> None:
        """It hears something else from now on."""
        self._tone, self._tone_at = tone, now

    def advance(self, now: float) -> None:
        """Rings and caller id of this tick."""
        if self.ringing_at is None or self.peer is None or self.owner is None:
            return
        on, off = self._exchange.ring
        if self._exchange.id_first and not self._told and now >= self.ringing_at + 0.1:
            self._told = True
            self.owner.told(self.peer.caller, now)
        if now >= self._next_ring:
            self._next_ring += on + off
            self._rang += 1
            self.owner.rings(now)
        elif not self._told and self._rang == 1 and now >= self._next_ring - off + min(0.5, off / 4):
            self._told = True
            self.owner.told(self.peer.caller, now)

    def sound_for(self, voice: Sound | None, now: float) -> Sound:
        """What it hears in this tick."""
        if self._tone == "voice" and voice is not None:
            return voice
        since = now - self._tone_at
        if self._tone == "ringback":
            on = self._exchange.ring_on(since)
        elif self._tone in _CADENCE:
            long, pause = _CADENCE[self._tone]
            on = since % (long + pause) < long
        else:
            on = False
        if not on:
            return np.zeros(SAMPLES, np.int16)
        time = since + np.arange(SAMPLES) / 8000
        return (_LEVEL * np.sin(2 * np.pi * _FREQUENCY[self._tone] * time)).astype(np.int16)


class Exchange:
    """Lines by their numbers. ``ring``: seconds of a ring and of the pause after it."""

    def __init__(
        self,
        ring: tuple[float, float] = (2.0, 4.0),
        id_first: bool = False,
        release: Literal["busy", "loop"] = "busy",
    ) -> None:
        self.ring = ring
        self.id_first = id_first
        """Caller id comes before the first ring."""
        self.release = release
        """What who is left in a call gets: a busy tone, or an interruption of the current."""
        self.lines: dict[str, Line] = {}
        self.now = 0.0

    def line(self, number: str) -> Line:
        """A new line."""
        self.lines[number] = Line(self, number)
        return self.lines[number]

    def ring_on(self, since: float) -> bool:
        """A ring that began so long ago sounds."""
        on, off = self.ring
        return since % (on + off) < on

    def tick(self, now: float) -> None:
        """The next 10 ms."""
        self.now = now
        voices: dict[str, Sound] = {}
        for line in self.lines.values():
            line.advance(now)
            if line.owner is not None and line.off_hook:
                voices[line.number] = line.voice(now)
        for line in self.lines.values():
            if line.owner is not None and line.off_hook:
                voice = voices.get(line.peer.number) if line.peer is not None else None
                line.owner.hears(line.sound_for(voice, now), line.tone, now)


class Phone:
    """A telephone in the hand of a test."""

    def __init__(self, line: Line) -> None:
        self.line = line
        line.owner = self
        self.heard: list[Sound] = []
        """Ticks since it was lifted."""
        self.rung = 0
        self.keys: list[str] = []
        """Keys of the other side."""
        self.broken = False
        """The current was interrupted since it was lifted."""
        self.caller: Caller | None = None
        self._sound: deque[Sound] = deque()
        self._key_at = -1.0

    def lift(self) -> None:
        """Off hook."""
        self.heard.clear()
        self.keys.clear()
        self._sound.clear()
        self.broken = False
        self.line.lift(self.line._exchange.now)

    def call(self, number: str, caller: Caller | None = None) -> None:
        """Lift and dial."""
        if caller is not None:
            self.line.caller = caller
        self.lift()
        self.line.dial(number, self.line._exchange.now)

    def hang(self) -> None:
        """On hook."""
        self.line.hang(self.line._exchange.now)

    def press(self, digits: str, seconds: float = 0.1) -> None:
        """Keys, one after the other, with a pause of the same length."""
        self.line.press(digits, seconds)

    def play(self, sound: Sound) -> None:
        """Speak: samples at 8000 a second."""
        for at in range(0, len(sound) - SAMPLES + 1, SAMPLES):
            self._sound.append(sound[at : at + SAMPLES])

    @property
    def tone(self) -> Tone:
        """What it hears."""
        return self.line.tone

    def recorded(self) -> Sound:
        """All that was heard since it was lifted."""
        return np.concatenate(self.heard) if self.heard else np.zeros(0, np.int16)

    def rings(self, now: float) -> None:
        self.rung += 1

    def told(self, caller: Caller, now: float) -> None:
        self.caller = caller

    def hears(self, sound: Sound, tone: Tone, now: float) -> None:
        self.heard.append(sound)

    def sounds(self, now: float) -> Sound:
        return self._sound.popleft() if self._sound else np.zeros(SAMPLES, np.int16)

    def key(self, digit: str, now: float) -> None:
        if not self.keys or digit != self.keys[-1] or now - self._key_at > 1.5 * TICK:
            self.keys.append(digit)
        self._key_at = now

    def loop_break(self, now: float) -> None:
        self.broken = True
