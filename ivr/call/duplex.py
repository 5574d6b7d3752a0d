"""Lines that cannot sound and hear at once: two people cannot talk through one, so that it is never bridged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ivr.call.leg import MediaPolicy
from ivr.call.targets import Destination

__all__ = ["HALF_DUPLEX", "all_bridgeable"]

HALF_DUPLEX = "the line cannot sound and hear at once"
"""Why a call is not connected; for logs, traces and records."""


def all_bridgeable(
    destinations: Sequence[Destination], own: MediaPolicy, policies: Callable[[str | None], MediaPolicy]
) -> Sequence[Destination]:
    """Those that a leg with a policy of its `own` can be bridged with."""
    if not own.full_duplex:
        return ()
    return [found for one in destinations if (found := _bridgeable(one, policies)) is not None]


def _bridgeable(destination: Destination, policies: Callable[[str | None], MediaPolicy]) -> Destination | None:
    """The destination by those of its lines that can be bridged; None where none of them can."""
    ways = [way for way in (destination, *destination.instead) if policies(way.line).full_duplex]
    return replace(ways[0], instead=tuple(replace(way, instead=()) for way in ways[1:])) if ways else None
