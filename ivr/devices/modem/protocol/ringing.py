"""Rings of an exchange, and who calls: reported before the first ring, between the first two, or not at all."""

from __future__ import annotations

from typing import Final

from ivr.devices.hardware import Ringing
from ivr.devices.modem.protocol.callerid import CallerId

__all__ = ["RING_OVER", "Rings"]

RING_OVER: Final = 8.0
"""Seconds after the last RING: networks ring every 3 to 6 seconds."""

CALLER_ID_HOLDS: Final = 10.0
"""Seconds that a caller id holds which comes before the first ring, as in Europe (ETSI EN 300 659-1)."""


class Rings:
    """One call that rings. It is told after ``least`` rings."""

    def __init__(self, least: int) -> None:
        self.told = False
        """The call was told."""
        self._least = least
        self._count = 0
        self._at = 0.0
        self._caller = CallerId()
        self._caller_at = 0.0

    @property
    def over_at(self) -> float:
        """When the caller has given up, if it does not ring again."""
        return self._at + RING_OVER

    def line(self, text: str, now: float) -> bool:
        """A line that may belong to a caller id report; False: it does not."""
        if now - self._caller_at > CALLER_ID_HOLDS and not self._count:
            self._caller = CallerId()
        taken = self._caller.feed(text)
        if taken:
            self._caller_at = now
        return taken

    def ring(self, now: float) -> Ringing | None:
        """It rings; gives what is to be told, once."""
        if not self._count and now - self._caller_at > CALLER_ID_HOLDS:
            self._caller = CallerId()
        self._count += 1
        self._at = now
        if self.told or self._count < self._least:
            return None
        self.told = True
        return Ringing(self._caller.number, self._caller.name)
