"""What happened in calls, added when their records are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric

from ivr.call.figures import CallFigures
from ivr.metrics.distribution import Distribution
from ivr.store import CallRecord
from media import Stats

__all__ = ["CallMetrics"]

WAITS = (0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds that a caller waits: people notice from 0.1 on, and are gone at 30."""
DURATIONS = (1, 5, 10, 20, 30, 60, 120, 180, 300, 600, 1200, 1800, 3600, 7200)
LOSSES = (0.0, 0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5)
"""Share of packets: from 0.01 on it is heard, at 0.05 words are missing."""
JITTERS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
TRIPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
SCORES = (1.5, 2.0, 2.5, 3.0, 3.4, 3.6, 3.8, 4.0, 4.1, 4.2, 4.3, 4.4)
"""Below 3.6 many callers are dissatisfied (ITU-T G.107 annex B)."""
MAX_FLOWS = 200
"""Names of flows that get figures of their own; flows that come later count as `other`."""
OTHER = "other"


class CallMetrics:
    """Counters and distributions over all calls since the start."""

    def __init__(self, lines: Collection[str]) -> None:
        """`lines`: names that the configuration has; anybody else is `phones` or `guest`."""
        self._lines = frozenset(lines)
        self._ended: Counter[tuple[str, str, str]] = Counter()
        self._endings: Counter[tuple[str, str]] = Counter()
        self._flows: set[str] = set()
        self._hand_offs: Counter[str] = Counter()
        self._packets = [0] * 5
        self._answer = Distribution("ivr_call_answer_seconds", "From INVITE to the 200 that answers it.", WAITS)
        self._first = Distribution(
            "ivr_call_first_audio_seconds", "From INVITE to the first RTP packet of a prompt.", WAITS
        )
        self._reaction = Distribution(
            "ivr_call_digit_reaction_seconds",
            "From a key, as far as it was heard when the flow went on, to the first RTP packet of the next prompt.",
            WAITS,
        )
        self._duration = Distribution("ivr_call_duration_seconds", "From INVITE to the end of the call.", DURATIONS)
        self._loss = Distribution("ivr_rtp_loss_ratio", "Share of a caller's RTP packets that never came.", LOSSES)
        self._jitter = Distribution("ivr_rtp_jitter_seconds", "Interarrival jitter of a caller's RTP.", JITTERS)
        self._trip = Distribution("ivr_rtp_round_trip_seconds", "Round trip to a caller as RTCP tells.", TRIPS)
        self._score = Distribution("ivr_rtp_mos", "Quality of what was heard of a caller, by the E-model.", SCORES)

    def ended(self, record: CallRecord, figures: CallFigures, stats: Stats | None) -> None:
        """A call is over and its record written."""
        cause = record.cause or OTHER
        self._ended[record.direction, self.line_of(record.line), cause] += 1
        self._endings[self._flow(record.flow), cause] += 1
        for hand_off in record.hand_offs:
            self._hand_offs[hand_off["outcome"]] += 1
        if figures.answered is not None and record.direction != "outbound":
            self._answer.observe(figures.answered)
        # Of calls that are placed these would be the time that people let it ring.
        if figures.first_audio is not None and record.direction != "outbound":
            self._first.observe(figures.first_audio)
        if figures.ended is not None:
            self._duration.observe(figures.ended)
        for reaction in figures.reactions:
            self._reaction.observe(reaction)
        if stats is not None:
            self._heard(stats)

    def _heard(self, stats: Stats) -> None:
        new = (stats.packets_in, stats.packets_out, stats.lost, stats.late, stats.refused)
        self._packets = [old + more for old, more in zip(self._packets, new, strict=True)]
        if stats.packets_in:
            self._loss.observe(stats.lost / (stats.packets_in + stats.lost))
            self._jitter.observe(stats.jitter_ms / 1000)
            self._score.observe(stats.mos)
        if stats.rtt_ms is not None:
            self._trip.observe(stats.rtt_ms / 1000)

    @property
    def labels(self) -> list[str]:
        """Every label that :meth:`line_of` gives."""
        return [*sorted(self._lines), "phones", "guest"]

    def line_of(self, name: str | None) -> str:
        """The label of a line: its name, `phones` or `guest`. A phone's own name is no label."""
        if name is None:
            return "guest"
        return name if name in self._lines else "phones"

    def _flow(self, name: str | None) -> str:
        name = name or OTHER
        if name not in self._flows:
            if len(self._flows) >= MAX_FLOWS:
                return OTHER
            self._flows.add(name)
        return name

    def families(self) -> Iterator[Metric]:
        """Everything, as Prometheus reads it."""
        yield _counted("ivr_calls", "Calls that are over.", ("direction", "line", "cause"), self._ended)
        yield _counted("ivr_flow_endings", "Calls that are over, by flow.", ("flow", "cause"), self._endings)
        yield _counted("ivr_hand_offs", "Forwards that came to an end.", ("outcome",), self._hand_offs)
        received, sent, lost, late, refused = self._packets
        packets = CounterMetricFamily("ivr_rtp_packets", "RTP packets of calls that are over.", labels=["direction"])
        packets.add_metric(["in"], received)
        packets.add_metric(["out"], sent)
        yield packets
        bad = CounterMetricFamily(
            "ivr_rtp_bad_packets",
            "Packets of callers that never came, that came too late to be heard, or that were not theirs.",
            labels=["kind"],
        )
        for kind, count in (("lost", lost), ("late", late), ("refused", refused)):
            bad.add_metric([kind], count)
        yield bad
        for distribution in (
            *(self._answer, self._first, self._reaction, self._duration),
            *(self._loss, self._jitter, self._trip, self._score),
        ):
            yield distribution.family()


def _counted(name: str, help_text: str, labels: tuple[str, ...], counts: Counter[Any]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, help_text, labels=labels)
    for key, count in counts.items():
        family.add_metric([key] if isinstance(key, str) else list(key), count)
    return family
