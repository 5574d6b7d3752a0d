"""The receiver as a function of whole recordings: ``gen.py --detector tests/media/dtmf_adapter.py:detect``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from media.dtmf.detector import DIGITS, FRAME, DtmfDetector

RATE = 8000
ROWS_AT_ONCE = 300
"""Recordings heard together; few enough for their samples to fit in memory."""

TAIL = 4 * FRAME
"""Silence behind each recording, in which the end of its last digit is found."""

Heard = list[tuple[str, float, float]]
"""(digit, start s, end s) of one recording; NaN for an end that did not come."""


def detect(samples: NDArray[np.int16]) -> Heard:
    """Digits of one recording at 8 kHz."""
    return _together([samples])[0]


def detect_all(recordings: Sequence[NDArray[np.int16]]) -> list[Heard]:
    """Digits of many recordings, as rows of one receiver."""
    heard: list[Heard] = [[] for _ in recordings]
    by_length = sorted(range(len(recordings)), key=lambda number: len(recordings[number]))
    for first in range(0, len(by_length), ROWS_AT_ONCE):
        part = by_length[first : first + ROWS_AT_ONCE]
        for number, digits in zip(part, _together([recordings[number] for number in part]), strict=True):
            heard[number] = digits
    return heard


def _together(recordings: Sequence[NDArray[np.int16]]) -> list[Heard]:
    ticks = (max(len(samples) for samples in recordings) + TAIL) // FRAME + 1
    sound = np.zeros((len(recordings), ticks * FRAME), np.int16)
    for row, samples in enumerate(recordings):
        sound[row, : len(samples)] = samples
    detector = DtmfDetector(len(recordings))
    rows = np.arange(len(recordings))
    heard: list[Heard] = [[] for _ in recordings]
    for tick in range(ticks):
        start = tick * FRAME
        for row, code, started, offset in zip(*detector.process(sound[:, start : start + FRAME], rows), strict=True):
            at = (start + int(offset)) / RATE
            if started:
                heard[row].append((DIGITS[code], at, float("nan")))
            else:
                digit, began, _ = heard[row][-1]
                heard[row][-1] = (digit, began, at)
    return heard
