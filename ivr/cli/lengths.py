"""How long the sound files of a folder are, where that is easily seen."""

from __future__ import annotations

import wave
from pathlib import Path

__all__ = ["wav_seconds"]


def wav_seconds(folder: Path) -> dict[str, float]:
    """Seconds of each WAV file in a folder, by its name as flows write it."""
    lengths: dict[str, float] = {}
    for path in folder.rglob("*.wav") if folder.is_dir() else ():
        try:
            with wave.open(str(path)) as sound:
                lengths[path.relative_to(folder).as_posix()] = sound.getnframes() / sound.getframerate()
        except (OSError, EOFError, wave.Error, ZeroDivisionError):
            continue
    return lengths
