"""Taking our own sound out of what a card hears.

The canceller is the partitioned-block frequency-domain Kalman filter of Enzner and Vary (Signal Processing 86, 2006)
as Kuech, Mabande and Enzner have it for long echoes (ICASSP 2014): each bin of each partition has an uncertainty beside
its weight, from which its step follows. While somebody speaks the steps become small by themselves, so double talk
needs no detector. The filter spans the latency of the card and its room; where in it the echo lies is the delay.

A filter that has become sure does not notice that the echo has moved. So while one is of little use, a fresh one learns
beside it, and takes its place when it does better.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["SPAN", "EchoCanceller"]

_FRAMES_A_SECOND: Final = 50
SPAN: Final = 0.34
"""Seconds of echo that are taken out: buffers of both ways (0.24 s at most), a filter each, 90 ms of room or line."""
_KEPT: Final = 0.9995
"""Of each weight that stays from frame to frame: a still echo is held 30 dB down, and one that creeps is followed."""
_UNSURE: Final = 1.0
"""Of all weights of a bin together at the start: squared gain of an echo as loud as its cause."""
_SMOOTHING: Final = 0.7
"""Of the power of all that is not echo, from frame to frame."""
_FLOOR: Final = 30.0
"""Mean square of the faintest sound that is learnt from, at 16-bit scale: the noise of 8 bits of mu-law."""
_WORSE: Final = 1.5
"""Times as loud as a frame heard its rest must be for the frame to stay as it was: the filter knows little yet."""

_SOUNDING: Final = 100.0**2
"""Mean square of what counts as our sound, -46 dBm0: fainter echoes say nothing of a filter's worth."""
_MEMORY: Final = 0.98
"""Of the powers by which filters are judged, from frame to frame: about a second."""
_USELESS: Final = 0.5
"""Of the power heard that is left: so much and more, and a fresh filter tries."""
_BETTER: Final = 0.5
"""Of the power that the old filter leaves: no more than that, and the fresh one takes its place."""
_LEAST_TRIAL: Final = 50
_TRIAL: Final = 200
"""Frames with our sound after which a fresh filter may win, and after which another one begins."""

_ALONE: Final = 0.1
"""Of the power of the echo that is left at most where nobody speaks."""
_SUPPRESSED: Final = 0.25
"""Of the amplitude of what is left, that passes while nobody speaks: 12 dB more, and the room does not go dead."""

_Frame = NDArray[np.float32]


class _Filter:
    """One adaptive filter over the spectra of the last frames sounded."""

    def __init__(self, parts: int, length: int) -> None:
        shape = parts, length + 1
        self._length = length
        self.weights: NDArray[np.complex64] = np.zeros(shape, np.complex64)
        self._doubt: NDArray[np.float32] = np.full(shape, _UNSURE / parts, np.float32)
        self._other: NDArray[np.float32] = np.full(length + 1, _FLOOR * length, np.float32)

    def step(self, heard: _Frame, spectra: NDArray[np.complex64]) -> _Frame:
        """The echo in ``heard``, (n,), of what has the ``spectra`` (parts, n + 1); then learn of what was left."""
        n = self._length
        echo = np.fft.irfft(np.einsum("ij,ij->j", spectra, self.weights))[n:].astype(np.float32)
        left = np.concatenate((np.zeros(n, np.float32), heard - echo))
        error = np.fft.rfft(left).astype(np.complex64)
        power = (spectra * spectra.conj()).real
        self._other *= _SMOOTHING
        self._other += (1 - _SMOOTHING) * (error * error.conj()).real
        # Half of a block of 2n is zeros: so is half of the power that a doubt is expected to cause.
        expected = 0.5 * np.einsum("ij,ij->j", power, self._doubt)
        gain = self._doubt / (expected + self._other + _FLOOR * n)
        step = np.fft.irfft(gain * spectra.conj() * error, axis=1)
        step[:, n:] = 0  # a partition's answer lasts for a frame
        self.weights += np.fft.rfft(step, axis=1).astype(np.complex64)
        self._doubt *= (1 - 0.5 * gain * power) * _KEPT**2
        self._doubt += (1 - _KEPT**2) * (self.weights * self.weights.conj()).real
        return echo


class EchoCanceller:
    """One card's canceller, for frames of 20 ms at ``rate``.

    Each frame heard is given together with the frame that was handed to the card last; how long that takes to come
    back is found out.
    """

    def __init__(self, rate: int, *, always: bool = False) -> None:
        """``always``: what the filter takes for echo is taken out even while that makes things worse."""
        self._always = always
        self._length = rate // _FRAMES_A_SECOND
        self._parts = round(SPAN * _FRAMES_A_SECOND)
        self._spectra: NDArray[np.complex64] = np.zeros((self._parts, self._length + 1), np.complex64)
        self._block: _Frame = np.zeros(2 * self._length, np.float32)
        self._filter = _Filter(self._parts, self._length)
        self._fresh: _Filter | None = None
        self._age = 0
        self._silent = self._parts
        self._heard = self._left = self._left_fresh = 0.0
        self._gain = 1.0
        self.echo: _Frame = np.zeros(self._length, np.float32)
        """What of the last frame was taken to be echo, (n,) at 16-bit scale."""

    @property
    def delay(self) -> float:
        """Seconds after which most of the echo comes back, in steps of 20 ms; 0 where none was found."""
        weights = self._filter.weights
        power = np.einsum("ij,ij->i", weights, weights.conj()).real
        return float(power.argmax()) / _FRAMES_A_SECOND if power.max() > 0 else 0.0

    @property
    def left(self) -> float:
        """Of the power heard while we sounded in the last second or so, how much was left: 0.001 is 30 dB less."""
        return min(1.0, self._left / self._heard) if self._heard > 0 else 1.0

    def process(self, heard: NDArray[np.int16], sounded: NDArray[np.int16]) -> _Frame:
        """What was heard without the echo of all that was sounded, (n,) at 16-bit scale."""
        n = self._length
        self._block = np.concatenate((self._block[n:], sounded.astype(np.float32)))
        self._spectra = np.roll(self._spectra, 1, axis=0)
        self._spectra[0] = np.fft.rfft(self._block)
        latest = self._block[n:]
        self._silent = 0 if float(latest @ latest) > _SOUNDING * n else self._silent + 1
        microphone = heard.astype(np.float32)
        self.echo = self._filter.step(microphone, self._spectra)
        if self._silent < self._parts:
            self._judge(microphone)
        rest = microphone - self.echo
        # Where nothing comes back, a filter that learns adds to what is heard, and takes nothing away.
        useless = self._left >= self._heard and not self._always
        if useless or float(rest @ rest) > _WORSE * float(microphone @ microphone) + _FLOOR * n:
            self.echo = np.zeros(n, np.float32)
            return microphone
        return rest

    def suppress(self, rest: _Frame) -> _Frame:
        """What :meth:`process` left, fainter while it is but the remains of an echo: for people and recordings."""
        echo, left = float(self.echo @ self.echo), float(rest @ rest)
        alone = echo > _FLOOR * self._length and left < _ALONE * echo
        before, self._gain = self._gain, _SUPPRESSED if alone else 1.0
        return rest * np.linspace(before, self._gain, self._length, dtype=np.float32)

    def _judge(self, microphone: _Frame) -> None:
        """Compare what the filters leave, and let a fresh one try where the old one is of little use."""
        rest = microphone - self.echo
        self._heard = _MEMORY * self._heard + float(microphone @ microphone)
        self._left = _MEMORY * self._left + float(rest @ rest)
        if self._fresh is None:
            if self._left > _USELESS * self._heard:
                self._fresh, self._age, self._left_fresh = _Filter(self._parts, self._length), 0, self._left
            return
        other = microphone - self._fresh.step(microphone, self._spectra)
        self._left_fresh = _MEMORY * self._left_fresh + float(other @ other)
        self._age += 1
        if self._age > _LEAST_TRIAL and self._left_fresh < _BETTER * self._left:
            self._filter, self._left = self._fresh, self._left_fresh
            self._fresh = None
        elif self._age > _TRIAL or self._left < _USELESS / 2 * self._heard:
            self._fresh = None
