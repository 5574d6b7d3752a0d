"""Whether the caller speaks, and since when nobody does."""

from __future__ import annotations

from typing import Final

from ivr.handoff.protocols.laws import loud_samples
from ivr.handoff.protocols.talk import Encoding

__all__ = ["Silence"]

LOUD_SHARE: Final = 0.15
"""Of a frame's samples: half of those of a voice are loud; of a click or of noise hardly any."""
FRAMES: Final = 3
"""Loud frames one after the other: 60 ms are a syllable, and no crackle."""


class Silence:
    """Looks at the caller's frames."""

    __slots__ = ("_linear", "_loud", "_spoke_at")

    def __init__(self, encoding: Encoding, now: float) -> None:
        self._linear = encoding == "slin16"
        self._loud = 0
        self._spoke_at = now

    def heard(self, payload: bytes, now: float) -> None:
        """20 ms of the caller."""
        samples = len(payload) // 2 if self._linear else len(payload)
        if loud_samples(payload, self._linear) >= LOUD_SHARE * samples:
            self._loud += 1
            if self._loud >= FRAMES:
                self._spoke_at = now
        else:
            self._loud = 0

    def pressed(self, now: float) -> None:
        """A key counts, too."""
        self._spoke_at = max(self._spoke_at, now)

    def seconds(self, agent_until: float, now: float) -> float:
        """For how long neither the caller has said something nor the agent, whose sound ends at a time."""
        return max(0.0, now - max(self._spoke_at, agent_until))
