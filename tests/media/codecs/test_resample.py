"""The half-band filter: flat where telephones hear, silent where it would fold, the same in frames as in one go."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from media.codecs.resample import DOWN_HISTORY, FRAME, UP_HISTORY, WIDE_FRAME, down, low_pass, up


def in_frames(sound: NDArray[np.float32], frame: int, history: int, step: object, rows: int = 1) -> NDArray[np.float32]:
    before = np.zeros((rows, history), np.float32)
    parts = []
    for at in range(0, sound.shape[1], frame):
        joined = np.concatenate((before, sound[:, at : at + frame]), axis=1)
        parts.append(step(joined))  # type: ignore[operator]
        before = joined[:, -history:]
    return np.concatenate(parts, axis=1)


def level(frequency: float, rate: int, found: NDArray[np.float32]) -> float:
    """dB of a tone of amplitude 1 in the settled part of what was ``found``."""
    body = found[0, rate // 10 :]
    return float(10 * np.log10(2 * np.mean(body**2) + 1e-12))


@pytest.mark.parametrize("frequency", [300.0, 1000.0, 2000.0, 3000.0, 3400.0])
def test_telephone_band_passes_both_ways(frequency: float) -> None:
    wide = np.sin(2 * np.pi * frequency * np.arange(WIDE_FRAME * 50) / 16000)[None].astype(np.float32)
    narrow = np.sin(2 * np.pi * frequency * np.arange(FRAME * 50) / 8000)[None].astype(np.float32)
    assert abs(level(frequency, 8000, in_frames(wide, WIDE_FRAME, DOWN_HISTORY, down))) < 0.1
    assert abs(level(frequency, 16000, in_frames(narrow, FRAME, UP_HISTORY, up))) < 0.1


@pytest.mark.parametrize(("frequency", "most"), [(4600.0, -44.0), (5000.0, -62.0), (6500.0, -65.0), (7900.0, -65.0)])
def test_what_would_fold_is_gone(frequency: float, most: float) -> None:
    wide = np.sin(2 * np.pi * frequency * np.arange(WIDE_FRAME * 50) / 16000)[None].astype(np.float32)
    assert level(frequency, 8000, in_frames(wide, WIDE_FRAME, DOWN_HISTORY, down)) < most


def test_frames_of_many_rows_are_the_same_as_one_go() -> None:
    rng = np.random.default_rng(1)
    wide = rng.standard_normal((3, WIDE_FRAME * 6)).astype(np.float32)
    found = in_frames(wide, WIDE_FRAME, DOWN_HISTORY, down, rows=3)
    for row in range(3):
        assert np.allclose(found[row], np.convolve(wide[row], low_pass())[: wide.shape[1] : 2], atol=1e-4)
    narrow = rng.standard_normal((3, FRAME * 6)).astype(np.float32)
    found = in_frames(narrow, FRAME, UP_HISTORY, up, rows=3)
    for row in range(3):
        stuffed = np.zeros(2 * narrow.shape[1])
        stuffed[::2] = narrow[row]
        assert np.allclose(found[row], 2 * np.convolve(stuffed, low_pass())[: len(stuffed)], atol=1e-4)
