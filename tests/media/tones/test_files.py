"""Tones as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from media.tones import tone, tone_file, write_samples


def test_a_tone_file_holds_the_tone(tmp_path: Path) -> None:
    path, samples = tone_file(tmp_path / "cache", "busy", "us")
    assert np.array_equal(np.fromfile(path, "<i2"), tone("busy", "us"))
    assert samples == len(tone("busy", "us"))
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_file_is_written_once_and_named_after_its_content(tmp_path: Path) -> None:
    first = write_samples(tmp_path, "x", np.array([1, 2], np.int16))
    before = first.stat().st_mtime_ns
    assert write_samples(tmp_path, "x", np.array([1, 2], np.int16)) == first
    assert first.stat().st_mtime_ns == before
    assert write_samples(tmp_path, "x", np.array([1, 3], np.int16)) != first
