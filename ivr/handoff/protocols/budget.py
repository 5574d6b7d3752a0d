"""How much an endpoint may send: more is left in its socket, so that it cannot take the processor from others."""

from __future__ import annotations

from typing import Final

__all__ = ["BURST_MESSAGES", "BURST_OCTETS", "FLOOD_SECONDS", "MESSAGES_PER_SECOND", "OCTETS_PER_SECOND", "Budget"]

MESSAGES_PER_SECOND: Final = 500
"""Ten times real time in frames of 20 ms; a hundredth of the processor."""
BURST_MESSAGES: Final = 5_000
"""A hundred seconds of speech at once, in frames of 20 ms."""
OCTETS_PER_SECOND: Final = 512 * 1024
"""Forty times µ-law in base64; sixteen times that of samples."""
BURST_OCTETS: Final = 4 * 1024 * 1024
FLOOD_SECONDS: Final = 20.0
"""Who has sent all it may for so long without a pause is not speaking."""
PAUSE: Final = 0.1
"""Of a burst: what must be free again so that it was a pause."""


class Budget:
    """Two buckets that fill with time."""

    __slots__ = ("_at", "_messages", "_octets", "_since")

    def __init__(self, now: float) -> None:
        self._at = now
        self._messages = float(BURST_MESSAGES)
        self._octets = float(BURST_OCTETS)
        self._since: float | None = None

    def spend(self, messages: int, octets: int, now: float) -> float:
        """So much has come; seconds in which no more is to be read."""
        passed = max(0.0, now - self._at)
        self._at = now
        self._messages = min(BURST_MESSAGES, self._messages + passed * MESSAGES_PER_SECOND) - messages
        self._octets = min(BURST_OCTETS, self._octets + passed * OCTETS_PER_SECOND) - octets
        wait = max(-self._messages / MESSAGES_PER_SECOND, -self._octets / OCTETS_PER_SECOND, 0.0)
        if wait > 0.0:
            self._since = now if self._since is None else self._since
        elif self._messages >= PAUSE * BURST_MESSAGES and self._octets >= PAUSE * BURST_OCTETS:
            self._since = None
        return wait

    def floods(self, now: float) -> bool:
        """Whether this has gone on for too long."""
        return self._since is not None and now - self._since > FLOOD_SECONDS
