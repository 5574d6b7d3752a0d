"""The arithmetic of the DTMF receiver: gate and window fit, over arrays whose rows are calls.

All levels are mean squares at 16-bit scale; 0 dBm0 is a sine 3.14 dB below full scale.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["HOP", "WINDOW", "gate", "pairs"]

WINDOW: Final = 200
"""Samples of one analysis window: 25 ms, which tells neighbouring DTMF frequencies apart."""

HOP: Final = 40
"""Samples between windows."""

_RATE: Final = 8000.0
_FRAME: Final = 160
_LOW: Final = np.array([697.0, 770.0, 852.0, 941.0])
_HIGH: Final = np.array([1209.0, 1336.0, 1477.0, 1633.0])
_POWER_0DBM0: Final = (32767.0 * 10 ** (-3.14 / 20)) ** 2 / 2

_TOLERANCE: Final = 0.015  # Q.24: a frequency error of 1.5 % plus 2 Hz must be accepted, 3.5 % be rejected
_TOLERANCE_HZ: Final = 2.0 + 2.5
_LEAST_TONE: Final = np.float32(_POWER_0DBM0 * 10 ** (-34 / 10))  # Q.24 asks for -25 dBm0; -55 must be rejected
_HIGH_OVER_LOW: Final = np.float32(10 ** (7.0 / 10))  # Q.24: +4 dB, and 3 dB that an echo may add
_LOW_OVER_HIGH: Final = np.float32(10 ** (11.0 / 10))  # Q.24: -8 dB, likewise
_RESIDUAL: Final = np.float32(0.06)
_LOW_BAND: Final = np.float32(0.5)

_GATE_SHARE: Final = np.float32(0.4)
_GATE_TWIST: Final = np.float32(0.04)
_GATE_DETUNE: Final = 12.0


def _tones(frequencies: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """(length, 2 * n): cosines, then sines of each frequency, about the middle of the window."""
    time = np.arange(length) - (length - 1) / 2
    phase = 2 * np.pi / _RATE * np.outer(time, frequencies)
    return np.concatenate((np.cos(phase), np.sin(phase)), axis=1)


_GATE_FREQUENCIES: Final = np.concatenate((_LOW, _HIGH - _GATE_DETUNE, _HIGH + _GATE_DETUNE))
_GATE: Final = np.ascontiguousarray(_tones(_GATE_FREQUENCIES, _FRAME).T, np.float32)
_GATE_SCALE: Final = np.float32(2 / _FRAME)


def gate(frames: NDArray[np.float32]) -> NDArray[np.intp]:
    """Indices of those ``frames`` (n, 160) that may lie inside a digit."""
    energy = np.einsum("ij,ij->i", frames, frames)
    product = _GATE @ frames.T
    product *= product
    half = len(_GATE_FREQUENCIES)
    power = product[:half] + product[half:]
    low = power[:4].max(axis=0)
    high = power[4:].max(axis=0)
    low *= _GATE_SCALE
    high *= _GATE_SCALE
    both = low + high
    passing = both > _GATE_SHARE * energy
    passing &= energy > _LEAST_TONE * _FRAME
    passing &= np.minimum(low, high) > _GATE_TWIST * both
    return np.flatnonzero(passing)


# The fit is linear around the nearest pair of a grid: a cosine, a sine and both times t for each tone.
_LOW_GRID: Final = (_LOW[:, None] + np.array([-10.0, 0.0, 10.0])).ravel()
_HIGH_GRID: Final = (_HIGH[:, None] + np.array([-20.0, -10.0, 0.0, 10.0, 20.0])).ravel()
_PER_LOW: Final = 3
_PER_HIGH: Final = 5


def _low_band() -> NDArray[np.float64]:
    """Orthonormal basis (WINDOW, k) of what lies below 480 Hz: dial tone, hum, offset."""
    tones = _tones(np.arange(0.0, 481.0, 5.0), WINDOW)
    left, strength, _ = np.linalg.svd(tones, full_matrices=False)
    return np.asarray(left[:, strength > 0.03 * strength[0]], np.float64)


def _fits(low_band: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """For each pair of the grid the orthonormal basis (8, WINDOW) of the fit and the way back to coefficients (8, 8)."""
    time = (np.arange(WINDOW) - (WINDOW - 1) / 2) / (WINDOW / 2)
    bases, backs = [], []
    for low in _LOW_GRID:
        for high in _HIGH_GRID:
            tones = _tones(np.array([low, high]), WINDOW)
            columns = np.concatenate((tones, tones * time[:, None]), axis=1)
            columns -= low_band @ (low_band.T @ columns)
            q, r = np.linalg.qr(columns)
            bases.append(q.T)
            backs.append(np.linalg.inv(r))
    return np.array(bases, np.float32), np.array(backs, np.float32)


_LOW_BASIS64: Final = _low_band()
_LOW_BASIS: Final = np.ascontiguousarray(_LOW_BASIS64, np.float32)
_FIT_BASIS, _FIT_BACK = _fits(_LOW_BASIS64)
_WEIGHT: Final = np.hanning(WINDOW + 2)[1:-1]
_LOW_PROBE: Final = np.ascontiguousarray(_tones(_LOW_GRID, WINDOW) * _WEIGHT[:, None], np.float32)
_HIGH_PROBE: Final = np.ascontiguousarray(_tones(_HIGH_GRID, WINDOW) * _WEIGHT[:, None], np.float32)


def _strongest(windows: NDArray[np.float32], probe: NDArray[np.float32]) -> NDArray[np.intp]:
    product = windows @ probe
    product *= product
    half = probe.shape[1] // 2
    return np.asarray((product[:, :half] + product[:, half:]).argmax(axis=1))


def measure(windows: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    energy = np.einsum("ij,ij->i", windows, windows)
    below = windows @ _LOW_BASIS
    low_energy = np.einsum("ij,ij->i", below, below)
    low = _strongest(windows, _LOW_PROBE)
    high = _strongest(windows, _HIGH_PROBE)
    pair = low * len(_HIGH_GRID) + high
    fit = np.matmul(_FIT_BASIS[pair], windows[:, :, None])[:, :, 0]
    explained = np.einsum("ij,ij->i", fit, fit)
    c = np.matmul(_FIT_BACK[pair], fit[:, :, None])[:, :, 0]
    out = {"energy": energy, "below": low_energy, "explained": explained, "low": low, "high": high}
    # x ~ a cos + b sin + t (a' cos + b' sin); a frequency offset d turns (a, b) by d t
    for k, name in enumerate(("lo", "hi")):
        a, b, da, db = c[:, k], c[:, 2 + k], c[:, 4 + k], c[:, 6 + k]
        square = a * a + b * b + np.float32(1e-3)
        turn = (a * db - b * da) / square  # rad per half window
        out["p" + name] = square / 2
        out["f" + name] = turn * np.float32(_RATE / (np.pi * WINDOW))
        out["s" + name] = (a * da + b * db) / square
    out["flo"] = out["flo"] + _LOW_GRID[low].astype(np.float32)
    out["fhi"] = out["fhi"] + _HIGH_GRID[high].astype(np.float32)
    out["elo"] = out["flo"] - _LOW[low // _PER_LOW].astype(np.float32)
    out["ehi"] = out["fhi"] - _HIGH[high // _PER_HIGH].astype(np.float32)
    return out


_LOW_LIMIT: Final = (_LOW * _TOLERANCE + _TOLERANCE_HZ).astype(np.float32)
_HIGH_LIMIT: Final = (_HIGH * _TOLERANCE + _TOLERANCE_HZ).astype(np.float32)


def judge(m: dict[str, NDArray[np.float32]]) -> NDArray[np.bool_]:
    tl, th = m["low"] // _PER_LOW, m["high"] // _PER_HIGH
    tones = (m["plo"] + m["phi"]) * WINDOW
    ok = (m["plo"] > _LEAST_TONE) & (m["phi"] > _LEAST_TONE)
    ok &= (m["phi"] < m["plo"] * _HIGH_OVER_LOW) & (m["plo"] < m["phi"] * _LOW_OVER_HIGH)
    ok &= (np.abs(m["elo"]) < _LOW_LIMIT[tl]) & (np.abs(m["ehi"]) < _HIGH_LIMIT[th])
    ok &= m["energy"] - m["below"] - m["explained"] < _RESIDUAL * tones
    ok &= m["below"] < _LOW_BAND * tones
    return ok


def pairs(heard: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Codes (n, 4), -1 for none, and energies of the windows that end in the second frame of ``heard`` (n, 320)."""
    count = _FRAME // HOP
    view = np.lib.stride_tricks.sliding_window_view(heard, WINDOW, axis=1)
    first = 2 * _FRAME - WINDOW - (count - 1) * HOP
    windows = np.ascontiguousarray(view[:, first::HOP]).reshape(-1, WINDOW)
    m = measure(windows)
    ok = judge(m)
    code = (m["low"] // _PER_LOW) * 4 + m["high"] // _PER_HIGH
    return (
        np.where(ok, code, -1).astype(np.int8).reshape(-1, count),
        (m["plo"] + m["phi"]).reshape(-1, count),
    )
