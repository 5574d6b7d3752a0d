"""How many contacts are taken up now: enough that the pace is kept, and no more than that.

A contact that is taken up is a flow in memory and rows in the store. Those of a pace are taken up a few seconds ahead
of their calls, so that what the store needs for them is no delay; without a pace, as many as may be called at once.
Several campaigns share what there is room for evenly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ivr.dialer.rules.pace import LENGTHS, MICROSECOND
from ivr.flow.ports import Speed

__all__ = ["AHEAD_SECONDS", "FARTHEST_AHEAD", "Demand", "per_second", "shares"]

AHEAD_SECONDS = 3.0
"""Contacts are taken up so long before their calls: the store needs some tenths of a second for them."""

FARTHEST_AHEAD = 300
"""Of a fast pace: each is a flow that is worked on, and of these 500 have room."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What one campaign has under way."""

    ahead: int
    """Contacts that are taken up and wait for their first call."""
    calling: int
    """Contacts that are being called or talked to."""
    speed: Speed | None
    """The pace of its calls; None: it has none."""
    full_until: float = 0.0
    """Seconds until the pace has the next call to give out."""

    def wanted(self, at_once: int) -> int:
        """How many more contacts it can use now; `at_once` may be called at the same time."""
        room = at_once - self.calling
        if self.speed is not None:
            if self.full_until > AHEAD_SECONDS:
                return 0
            room = min(room, math.ceil(per_second(self.speed) * AHEAD_SECONDS))
        return max(0, min(room, FARTHEST_AHEAD) - self.ahead)


def per_second(speed: Speed) -> float:
    """Calls a second while a window has some to give out."""
    length = LENGTHS[speed.per] / MICROSECOND
    even = speed.calls / length
    return even if speed.per == "minute" else max(even, 1.0)


def shares(wanted: Mapping[int, int], room: int) -> dict[int, int]:
    """So many for each of some campaigns, none more than it wants and all together no more than there is room for; who
    gets less than it wants gets no less than any other. What does not divide evenly goes to those that come first."""
    given = dict.fromkeys(wanted, 0)
    while room > 0:
        hungry = [key for key in wanted if given[key] < wanted[key]]
        if not hungry:
            break
        each = max(1, room // len(hungry))
        for key in hungry:
            part = min(each, wanted[key] - given[key], room)
            given[key] += part
            room -= part
    return given
