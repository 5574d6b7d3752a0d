"""The finished prompt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Sound"]


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound that the plane can play."""

    path: Path
    """Raw s16le mono file at 8 kHz."""
    samples: int
    """Its length."""
