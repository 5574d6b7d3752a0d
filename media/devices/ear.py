"""What a line on a sound card hears, and what it sounds by itself: echo, keys, tones and levels of one line."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from media.codecs import resample
from media.devices.echo import EchoCanceller
from media.devices.face import FRAME_SECONDS
from media.devices.keys import KeyFinder
from media.devices.levels import level_of
from media.dtmf.generator import digits_samples
from media.tones.detector import ToneDetector, ToneKind
from media.tones.progress import COUNTRIES, tone

__all__ = ["EarReport", "LineEar", "LineTones", "tones_of"]

_NARROW: Final = 8000
_FRAME: Final = 160
_KEY_MS: Final = 100.0
_KEY_GAP_MS: Final = 70.0
"""Of what is dialled: twice the least of ETSI ES 201 235-2, as exchanges and adapters are slow."""
_TABLES: Final = {"GB": "uk", "US": "us", "CA": "us"}
"""Countries whose tones have another name in :mod:`media.tones`."""


def tones_of(country: str | None) -> str:
    """The table of tones for a country of ISO 3166; empty where none is known."""
    name = _TABLES.get(country or "", (country or "").lower())
    return name if name in COUNTRIES else ""


@dataclass(frozen=True, slots=True)
class EarReport:
    """What one frame of 20 ms had."""

    sound: NDArray[np.int16]
    """What the other side said, the echo of our own sound taken out."""
    level: float
    """Its level before remains were suppressed, dBFS."""
    keys: str
    """Keys of the other side that became certain."""
    tone: ToneKind | None
    """A busy, congestion or dial tone of the exchange that became certain."""


class LineEar:
    """Hears a line at ``rate`` samples a second."""

    def __init__(self, rate: int, *, echo: Literal["auto", "on", "off"] = "auto", country: str = "") -> None:
        """``country`` as :func:`tones_of` has it; empty: busy tones of all countries."""
        self._silence = np.zeros(round(rate * FRAME_SECONDS), np.int16)
        self._quiet = self._silence.astype(np.float32)
        self._canceller = None if echo == "off" else EchoCanceller(rate, always=echo == "on")
        self._keys = KeyFinder(rate)
        self._tones = ToneDetector(1)
        self._tones.listen(0, country)
        self._row = np.zeros(1, np.intp)

    @property
    def echo_delay(self) -> float:
        """Seconds after which our own sound comes back; 0: it does not, or nothing is known."""
        return self._canceller.delay if self._canceller is not None else 0.0

    def hear(self, heard: NDArray[np.int16], sounded: NDArray[np.int16]) -> EarReport:
        """Take a frame that was heard, and the one handed to the card last."""
        canceller = self._canceller
        if canceller is None:
            rest = heard.astype(np.float32)
            keys = self._keys.hear(rest, self._quiet, self._silence, 1.0)
            sound = heard
        else:
            rest = canceller.process(heard, sounded)
            keys = self._keys.hear(rest, canceller.echo, sounded, canceller.left)
            sound = np.clip(np.rint(canceller.suppress(rest)), -32768, 32767).astype(np.int16)
        found = self._tones.process(self._keys.narrow[None], self._row)
        return EarReport(sound, level_of(rest), keys, found[0].kind if found else None)


class LineTones:
    """Sounds that the line makes by itself, in frames of 20 ms at ``rate``."""

    def __init__(self, rate: int, country: str = "") -> None:
        self._country = country or "eu"
        self._up = np.zeros(resample.UP_HISTORY, np.float32) if rate != _NARROW else None
        self._loop: NDArray[np.int16] | None = None
        self._at = 0
        self._once: deque[NDArray[np.int16]] = deque()

    @property
    def busy(self) -> bool:
        """Whether digits are left to sound."""
        return bool(self._once)

    def ring(self) -> None:
        """Ring for whoever sits at the card, until :meth:`stop`."""
        self._start(tone("ringback", self._country))

    def hung_up(self) -> None:
        """The busy tone that tells that the call is over, until :meth:`stop`."""
        self._start(tone("busy", self._country))

    def dial(self, digits: str, wait: float = 0.0) -> None:
        """Sound digits, ``*#ABCD`` and commas (pauses of two seconds), after ``wait`` seconds of silence."""
        sound = digits_samples(digits, _KEY_MS, _KEY_GAP_MS)
        sound = np.concatenate((np.zeros(round(wait * _NARROW), np.int16), sound))
        padded = np.zeros(-(-len(sound) // _FRAME) * _FRAME, np.int16)
        padded[: len(sound)] = sound
        self._once.extend(padded.reshape(-1, _FRAME))

    def stop(self) -> None:
        """Be silent."""
        self._loop = None
        self._once.clear()

    def next(self) -> NDArray[np.int16] | None:
        """The next frame; None where nothing is to be sounded."""
        if self._once:
            return self._wide(self._once.popleft())
        if self._loop is None:
            return None
        frame = np.take(self._loop, np.arange(self._at, self._at + _FRAME), mode="wrap")
        self._at = (self._at + _FRAME) % len(self._loop)
        return self._wide(frame)

    def _start(self, loop: NDArray[np.int16]) -> None:
        self.stop()
        self._loop, self._at = loop, 0

    def _wide(self, frame: NDArray[np.int16]) -> NDArray[np.int16]:
        if self._up is None:
            return frame
        narrow = np.concatenate((self._up, frame.astype(np.float32)))
        self._up = narrow[-resample.UP_HISTORY :]
        wide: NDArray[np.int16] = np.clip(np.rint(resample.up(narrow[None])[0]), -32768, 32767).astype(np.int16)
        return wide
