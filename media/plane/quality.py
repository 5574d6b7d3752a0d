"""How good a call sounds: the E-model (ITU-T G.107) from what RTP and RTCP tell."""

from __future__ import annotations

from typing import Final

__all__ = ["mean_opinion"]

_R_BEST: Final = 93.2  # G.107: all parameters at their defaults, no delay, no loss
_LOSS_ROBUSTNESS: Final = 25.1  # G.113 appendix I: Bpl of G.711 with concealment
_OURS_MS: Final = 50.0  # delay of our own: a frame, the jitter buffer's usual depth, half a tick


def mean_opinion(loss: float, jitter_ms: float, rtt_ms: float | None) -> float:
    """Estimated mean opinion score, 1.0 to 4.5, at a share of ``loss`` (0 to 1), of packets lost or too late."""
    delay = _OURS_MS + 2 * jitter_ms + (rtt_ms or 0.0) / 2
    delay_impairment = 0.024 * delay + (0.11 * (delay - 177.3) if delay > 177.3 else 0.0)
    percent = 100 * min(max(loss, 0.0), 1.0)
    loss_impairment = 95 * percent / (percent + _LOSS_ROBUSTNESS)
    rating = min(max(_R_BEST - delay_impairment - loss_impairment, 0.0), 100.0)
    score = 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6
    return min(max(score, 1.0), 4.5)
