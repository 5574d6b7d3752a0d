"""The receiver as a function of one recording, as ``gen.py --detector tests/media/dtmf_adapter.py:detect`` wants it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from media.dtmf.detector import DIGITS, FRAME, DtmfDetector

RATE = 8000
ROW = np.zeros(1, np.intp)


def detect(samples: NDArray[np.int16]) -> list[tuple[str, float, float]]:
    """Digits of ``samples`` at 8 kHz as (digit, start s, end s); an end that never came is the end of the samples."""
    detector = DtmfDetector(1)
    frames = np.concatenate((samples, np.zeros(-len(samples) % FRAME + 3 * FRAME, np.int16))).reshape(-1, 1, FRAME)
    digits: list[tuple[str, float, float]] = []
    for index, frame in enumerate(frames):
        edges = detector.process(frame, ROW)
        for code, started, offset in zip(edges.codes, edges.started, edges.offsets, strict=True):
            at = (index * FRAME + int(offset)) / RATE
            if started:
                digits.append((DIGITS[code], at, len(samples) / RATE))
            else:
                digits[-1] = (digits[-1][0], digits[-1][1], at)
    return digits
