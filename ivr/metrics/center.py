"""How the contact centre fares. Labels are queues of the configuration and words of ours, never callers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

__all__ = ["center"]

OUTCOMES = (
    "answered",
    "abandoned",
    "max_wait",
    "key_exit",
    "callback_scheduled",
    "cancelled",
    "error",
    "interrupted",
    "refused_closed",
    "refused_full",
    "refused_no_agents",
    "refused_error",
)
CALLBACKS = ("kept", "due", "made", "expired", "failed", "cancelled")
RINGS = ("rings", "missed", "declined", "failed")
GAUGES = (
    ("ivr_queue_waiting", "Callers who wait.", "waiting"),
    ("ivr_queue_talking", "Conversations with agents.", "talking"),
    ("ivr_queue_callbacks_waiting", "Places kept for people who are called back.", "callbacks"),
    ("ivr_queue_longest_wait_seconds", "Longest wait of those who wait.", "longest_wait"),
    ("ivr_queue_open", "1 while the queue takes callers.", "open"),
)
COUNTERS = (
    ("ivr_queue_offered", "Callers who began to wait.", "offered"),
    ("ivr_queue_answered_in_target", "Callers answered within the time aimed at.", "answered_in_target"),
    ("ivr_queue_wait_seconds", "Seconds that answered callers waited.", "wait_answered_seconds"),
    ("ivr_queue_talk_seconds", "Seconds of conversations.", "talk_seconds"),
    ("ivr_queue_wrap_seconds", "Seconds of wrapping up.", "wrap_seconds"),
)


def center(figures: Mapping[str, Any]) -> Iterator[Metric]:
    """Queues and agents; `figures` are those of the centre."""
    queues: Mapping[str, Any] = figures["queues"]
    for name, text, key in GAUGES:
        gauge = GaugeMetricFamily(name, text, labels=["queue"])
        for queue, now in queues.items():
            gauge.add_metric([queue], float(now[key]))
        yield gauge
    level = GaugeMetricFamily(
        "ivr_queue_service_level", "Share of today's callers answered within the time aimed at.", labels=["queue"]
    )
    staff = GaugeMetricFamily("ivr_queue_agents", "Agents of a queue by what they are.", labels=["queue", "state"])
    for queue, now in queues.items():
        if now["today"]["service_level"] is not None:
            level.add_metric([queue], now["today"]["service_level"])
        for state, count in now["agents"].items():
            staff.add_metric([queue, state], count)
    yield from (level, staff)
    for name, text, key in COUNTERS:
        counter = CounterMetricFamily(name, text, labels=["queue"])
        for queue, now in queues.items():
            counter.add_metric([queue], now["total"][key])
        yield counter
    for name, text, label, words, prefix in (
        ("ivr_queue_calls", "Callers by how they left the queue, or why they could not wait.", "outcome", OUTCOMES, ""),
        ("ivr_queue_callbacks", "Call backs by what became of them.", "outcome", CALLBACKS, "callbacks_"),
        ("ivr_queue_rings", "Agents rung, and those who did not take the call.", "result", RINGS, ""),
    ):
        family = CounterMetricFamily(name, text, labels=["queue", label])
        for queue, now in queues.items():
            for word in words:
                family.add_metric([queue, word], now["total"][prefix + word])
        yield family
    agents = Counter((agent["group"], agent["phase"]) for agent in figures["agents"].values() if agent["enabled"])
    people = GaugeMetricFamily(
        "ivr_agents", "Agents by the group of their status and what they do.", labels=["group", "phase"]
    )
    for (group, phase), count in sorted(agents.items()):
        people.add_metric([group, phase], count)
    yield people
