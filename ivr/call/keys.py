"""Keys of one party: by whatever way they come each counts once; and keys that are sent to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ivr.flow import ports
from ivr.flow.digits import DigitMerger
from ivr.sip.bodies import FLASH
from media import Digit

if TYPE_CHECKING:
    from ivr.call.leg import Leg
    from ivr.call.services import Services

__all__ = ["Keys", "send_keys", "sending_takes"]

KEY_SECONDS = 0.17
"""From one key that is sent to the next, as the media plane sends them."""
PAUSE_SECONDS = 0.5
"""Of a `w` among keys that are sent."""


class Keys:
    """Joins what the sound path and INFO say of the same keys, and tells the flow while nobody else has the caller."""

    __slots__ = ("_clock", "_feed", "_merger", "_pass_on")

    def __init__(
        self,
        clock: Callable[[], float],
        feed: Callable[[ports.Event], None],
        pass_on: Callable[[str | None, bool], bool],
    ) -> None:
        """`pass_on(key, sounded)` says whether the party is bridged, and then sends the key on where one is given;
        `sounded`: it came in the sound path, which passes it on by itself where the other party takes keys so."""
        self._clock = clock
        self._feed = feed
        self._pass_on = pass_on
        self._merger = DigitMerger()

    def heard(self, event: Digit) -> None:
        """A key in the sound path began or ended."""
        key = event.event_key
        if event.phase == "start":
            if self._merger.start(event.digit, event.source, event.at, key) and not self._pass_on(event.digit, True):
                self._feed(ports.Digit(event.digit, event.source, event.at))
            return
        ended = self._merger.end(event.digit, event.source, event.at, key)
        if ended is not None and not self._pass_on(None, True):
            self._feed(ended)

    def info(self, digit: str, duration: float) -> None:
        """A key by INFO, whole; or a hook flash, which is for the other party alone."""
        if digit == FLASH:
            self._pass_on(digit, False)
            return
        now = self._clock()
        if self._merger.start(digit, "info", now - duration, None, duration) and not self._pass_on(digit, False):
            self._feed(ports.Digit(digit, "info", now - duration, duration))


def send_keys(services: Services, keys: str, leg: Callable[[], Leg | None]) -> None:
    """Send keys to a party, each `w` a silence. `leg` is asked before each piece; None: the call is over."""
    party = leg()
    if not keys or party is None:
        return
    first, *later = re.split("(w+)", keys)
    if first:
        party.send_keys(first, services.clock())
        services.flush()
    if later:
        seconds = KEY_SECONDS * len(first) + PAUSE_SECONDS * len(later[0])
        services.call_later(seconds, lambda: send_keys(services, "".join(later[1:]), leg))


def sending_takes(keys: str) -> float:
    """Seconds until keys that are sent are out."""
    pauses = keys.count("w")
    return KEY_SECONDS * (len(keys) - pauses) + PAUSE_SECONDS * pauses
