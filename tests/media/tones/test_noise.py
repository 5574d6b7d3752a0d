"""Comfort noise: level, independence of rows, no seam."""

from __future__ import annotations

import numpy as np
import pytest

from media.tones import ComfortNoise, level_of_payload


def test_the_level_of_a_packet() -> None:
    assert level_of_payload(bytes([40, 1, 2])) == -40
    assert level_of_payload(bytes([0xC0])) == -64
    assert level_of_payload(b"") == -127


def test_each_row_has_its_level() -> None:
    noise = ComfortNoise()
    levels = np.array([-30, -50, -127], np.float32)
    sound = np.concatenate([noise.frames(levels, np.arange(3) * 7001 + 160 * n) for n in range(200)], axis=1)
    power = np.mean(sound.astype(float) ** 2, axis=1)
    measured = 10 * np.log10(power[:2] / (32767**2 / 2))
    assert measured == pytest.approx([-30, -50], abs=0.6)
    assert power[2] == 0


def test_rows_at_other_places_are_not_alike() -> None:
    sound = ComfortNoise().frames(np.full(2, -30, np.float32), np.array([0, 12345])).astype(float)
    assert abs(np.corrcoef(sound)[0, 1]) < 0.3


def test_places_go_round() -> None:
    noise = ComfortNoise()
    loud = np.full(1, -30, np.float32)
    assert np.array_equal(noise.frames(loud, np.array([5])), noise.frames(loud, np.array([5 + (1 << 16)])))
    assert noise.frames(loud, np.array([(1 << 16) - 1])).shape == (1, 160)


def test_a_peer_cannot_ask_for_a_roar() -> None:
    sound = ComfortNoise().frames(np.zeros(1, np.float32), np.zeros(1, np.intp))
    assert np.abs(sound).max() < 12000


def test_noise_is_the_same_for_a_seed() -> None:
    loud, places = np.full(1, -30, np.float32), np.zeros(1, np.intp)
    assert np.array_equal(ComfortNoise(3).frames(loud, places), ComfortNoise(3).frames(loud, places))
    assert not np.array_equal(ComfortNoise(3).frames(loud, places), ComfortNoise(4).frames(loud, places))
