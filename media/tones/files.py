"""Tones as files of samples that the plane can play like any prompt."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from media.tones.progress import ToneName, tone

__all__ = ["tone_file", "write_samples"]


def write_samples(folder: Path, name: str, samples: NDArray[np.int16]) -> Path:
    """Keep ``samples`` as raw signed 16-bit little-endian in ``folder`` and return the path, which names its content.

    A file that is there already is not written again; readers never see a part of one. Raises OSError.
    """
    data = samples.astype("<i2", copy=False).tobytes()
    path = folder / f"{name}-{hashlib.sha256(data).hexdigest()[:16]}.s16"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        part.write_bytes(data)
        part.replace(path)
    return path


def tone_file(folder: Path, name: ToneName, country: str = "eu") -> tuple[Path, int]:
    """File in ``folder`` of one turn of a tone, and its length in samples. Raises ValueError and OSError."""
    samples = tone(name, country)
    return write_samples(folder, f"tone-{name}", samples), len(samples)
