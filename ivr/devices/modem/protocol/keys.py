"""Keys out of shielded codes: one for each press, however often the modem reports it."""

from __future__ import annotations

from typing import Final

__all__ = ["KEYS", "KeyFilter"]

KEYS: Final = frozenset("0123456789*#ABCD")

REPEATS_WITHIN: Final = 0.1
"""Seconds. Modems without edges report a held key about every 70 ms; two presses of one key begin at least 100 ms apart
(ITU-T Q.24: 40 ms of tone, 40 ms of pause, and what a finger or a dialler adds)."""

_START: Final = "/"
_END: Final = "~"


class KeyFilter:
    """Some modems frame a press as ``/ 5 5 ~``, some repeat ``5`` while it is held, some say it once."""

    def __init__(self) -> None:
        self._held: str | None = None
        self._framed = False
        self._seen = 0.0

    def feed(self, code: str, now: float) -> str | None:
        """The key that is pressed by this code; None: no key, or one that is told already."""
        if code == _START:
            self._held, self._framed = None, True
        elif code == _END:
            self._held, self._framed = None, False
        elif code in KEYS:
            same = code == self._held and (self._framed or now - self._seen < REPEATS_WITHIN)
            self._held, self._seen = code, now
            return None if same else code
        return None
