"""Tones that are computed: call progress, beep, music on hold, comfort noise."""

from __future__ import annotations

from media.tones.files import tone_file, write_samples
from media.tones.noise import ComfortNoise, level_of_payload
from media.tones.progress import COUNTRIES, TONES, ToneName, tone

__all__ = ["COUNTRIES", "TONES", "ComfortNoise", "ToneName", "level_of_payload", "tone", "tone_file", "write_samples"]
