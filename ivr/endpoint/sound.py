"""The sound of a call of an endpoint: its port, and what it measures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from ivr.endpoint.events import CallStatistics
from media import Stats

if TYPE_CHECKING:
    from ivr.call.leg import Leg
    from media.devices import Levels

__all__ = ["SoundPort", "figures"]

FLOOR: Final = -90.0
"""dBFS of a meter without sound."""


class SoundPort(Protocol):
    """What is needed of :class:`media.devices.RtpEndpoint` beyond a port."""

    muted: bool
    paused: bool
    attached: bool

    @property
    def levels(self) -> Levels:
        """Meters now."""

    def statistics(self) -> Stats:
        """Figures now."""


def figures(leg: Leg | None, last: Stats | None, seconds: float, *, live: bool) -> CallStatistics:
    """Those of a call that stands for so many seconds: of its port while it is `live`, else `last`, the final ones."""
    stats, levels = last, None
    if leg is not None and live:
        port: SoundPort = leg.port  # type: ignore[assignment]
        stats, levels = port.statistics(), port.levels
    agreed = leg.agreed if leg is not None else None
    return CallStatistics(
        codec=agreed.codec if agreed is not None else "",
        encrypted=agreed is not None and agreed.crypto_out is not None,
        seconds=seconds,
        packets_in=stats.packets_in if stats else 0,
        packets_out=stats.packets_out if stats else 0,
        lost=stats.lost if stats else 0,
        late=stats.late if stats else 0,
        remote_lost=stats.remote_lost if stats else None,
        jitter_ms=stats.jitter_ms if stats else 0.0,
        rtt_ms=stats.rtt_ms if stats else None,
        mos=stats.mos if stats else 4.5,
        heard=levels.heard if levels else FLOOR,
        said=levels.said if levels else FLOOR,
        heard_seconds=levels.heard_seconds if levels else 0.0,
        quiet_seconds=levels.quiet_seconds if levels else 0.0,
    )
