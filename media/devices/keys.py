"""Keys in what a card hears, and not those of our own sound that comes back to it.

The receiver of :mod:`media.dtmf` listens behind the echo canceller. What it finds is a key only where its two tones are
louder than our own sound explains: than what the canceller took out at this moment, and, as long as it has taken out
little, than an echo of all that was sounded lately could be. So a prompt may hold any sound, a dialled number too.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.codecs import resample
from media.devices.echo import SPAN
from media.dtmf.detector import DIGITS, FRAME, DtmfDetector
from media.dtmf.generator import HIGH, LOW

__all__ = ["KeyFinder"]

_RATE: Final = 8000
_LATE: Final = 4
"""Frames from the middle of a key to the frame in which the receiver finds it, and one more."""
_LOUDEST_ECHO: Final = 0.5
"""Power of an echo that nothing is known of, of its cause: 3 dB down. A louder one is a fault of the wiring."""
_SURE: Final = 0.1
"""Of the power heard that is left at most where the canceller is taken to know the echo."""
_REMAINS: Final = 0.3
"""Power that may remain at some frequency, of the echo that was taken out: far more than does on the whole."""
_RATIO: Final = 1.6
"""Power that a key has at least, of what our own sound explains: 2 dB, for windows that do not fit."""

_Powers = NDArray[np.float32]


def _probe() -> NDArray[np.float32]:
    """(160, 16): cosine and sine of each tone, so that a sine of amplitude a has the power a * a / 2."""
    turn = 2 * np.pi / _RATE * np.outer(np.arange(FRAME), (*LOW, *HIGH))
    probe = np.sqrt(2) / FRAME * np.concatenate((np.cos(turn), np.sin(turn)), axis=1)
    return np.asarray(probe, np.float32)


_PROBE: Final = _probe()


def _powers(frame: NDArray[np.float32]) -> _Powers:
    """Power at each of the four low and the four high tones in a frame at 8 kHz, (8,)."""
    parts: NDArray[np.float32] = (frame @ _PROBE) ** 2
    both: _Powers = parts[:8] + parts[8:]
    return both


class _Narrow:
    """Frames at 8 kHz of a stream at 8 or 16 kHz."""

    def __init__(self, rate: int) -> None:
        self._before = None if rate == _RATE else np.zeros(resample.DOWN_HISTORY, np.float32)

    def take(self, frame: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._before is None:
            return frame
        wide = np.concatenate((self._before, frame))
        self._before = wide[-resample.DOWN_HISTORY :]
        narrow: NDArray[np.float32] = resample.down(wide[None])[0]
        return narrow


class KeyFinder:
    """One line's receiver, for frames of 20 ms at ``rate``."""

    def __init__(self, rate: int) -> None:
        self._receiver = DtmfDetector(1)
        self._row = np.zeros(1, np.intp)
        self._streams = _Narrow(rate), _Narrow(rate), _Narrow(rate)
        keep = _LATE + round(SPAN * _RATE / FRAME)
        self._sounded: deque[_Powers] = deque([np.zeros(8, np.float32)] * keep, maxlen=keep)
        self._echoes: deque[_Powers] = deque([np.zeros(8, np.float32)] * _LATE, maxlen=_LATE)
        self._heard: deque[_Powers] = deque([np.zeros(8, np.float32)] * _LATE, maxlen=_LATE)
        self._pending = -1
        self.narrow: NDArray[np.float32] = np.zeros(FRAME, np.float32)
        """What the canceller left of the last frame, (160,) at 8 kHz."""

    def hear(
        self, rest: NDArray[np.float32], echo: NDArray[np.float32], sounded: NDArray[np.int16], left: float
    ) -> str:
        """The keys that became certain with this frame, mostly none.

        ``rest`` is what the canceller left, ``echo`` what it took out, ``sounded`` the frame it was given, and
        ``left`` the share of power that it leaves.
        """
        narrow = self.narrow = self._streams[0].take(rest)
        self._heard.append(_powers(narrow))
        self._echoes.append(_powers(self._streams[1].take(echo)))
        self._sounded.append(_powers(self._streams[2].take(sounded.astype(np.float32))))
        edges = self._receiver.process(narrow[None], self._row)
        found = ""
        for code, started in zip(edges.codes.tolist(), edges.started.tolist(), strict=True):
            self._pending = code if started else -1
            found += self._take(left)
        return found or self._take(left)

    def _take(self, left: float) -> str:
        code = self._pending
        if code < 0 or not self._is_theirs(code, left):
            return ""
        self._pending = -1
        return DIGITS[code]

    def _is_theirs(self, code: int, left: float) -> bool:
        tones = [code // 4, 4 + code % 4]
        heard = np.max(self._heard, axis=0)[tones]
        explained = _REMAINS * np.max(self._echoes, axis=0)[tones]
        if left > _SURE:
            explained = np.maximum(explained, _LOUDEST_ECHO * np.max(self._sounded, axis=0)[tones])
        return bool(heard.sum() > _RATIO * explained.sum())
