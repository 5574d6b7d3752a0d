"""What is counted of calls that are over."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ivr.call.figures import CallFigures
from ivr.metrics.calls import MAX_FLOWS, CallMetrics
from ivr.store import CallRecord
from media import Stats

MAX_MICROSECONDS = 60.0
"""Of one call with everything in it, on a slow and busy machine; some 8 are usual."""


def record(**changes: Any) -> CallRecord:
    values: dict[str, Any] = {
        "id": "c",
        "short_id": 1,
        "direction": "inbound",
        "started_at": 0.0,
        "line": "pbx",
        "flow": "reception",
        "cause": "user_hung_up",
    }
    return CallRecord(**{**values, **changes})


def figures(*, answered: float = 0.03, first: float = 0.07, reactions: tuple[float, ...] = ()) -> CallFigures:
    made = CallFigures(lambda: 0.0)
    made.answered, made.first_audio, made.ended = answered, first, 42.0
    made.reactions.extend(reactions)
    return made


def stats(**changes: Any) -> Stats:
    values: dict[str, Any] = {name: 0 for name in Stats.__slots__}
    values |= {"packets_in": 990, "packets_out": 1000, "lost": 10, "jitter_ms": 4.0, "rtt_ms": None, "mos": 4.2}
    return Stats(**{**values, **changes})


def samples(metrics: CallMetrics) -> dict[str, float]:
    """Values by name and labels, as they stand in the answer to a scrape."""
    found = {}
    for family in metrics.families():
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sample.labels.items())
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def test_a_call_is_counted_by_line_cause_and_flow() -> None:
    metrics = CallMetrics(["pbx"])
    metrics.ended(record(hand_offs=[{"outcome": "busy"}, {"outcome": "forwarded"}]), figures(), None)
    found = samples(metrics)
    assert found["ivr_calls_total{direction=inbound,line=pbx,cause=user_hung_up}"] == 1
    assert found["ivr_flow_endings_total{flow=reception,cause=user_hung_up}"] == 1
    assert found["ivr_hand_offs_total{outcome=busy}"] == found["ivr_hand_offs_total{outcome=forwarded}"] == 1


def test_times_go_into_the_bucket_that_holds_them() -> None:
    metrics = CallMetrics([])
    metrics.ended(record(), figures(reactions=(0.04, 0.041, 31.0)), None)
    found = samples(metrics)
    assert found["ivr_call_answer_seconds_bucket{le=0.02}"] == 0
    assert found["ivr_call_answer_seconds_bucket{le=0.04}"] == found["ivr_call_answer_seconds_bucket{le=+Inf}"] == 1
    assert found["ivr_call_digit_reaction_seconds_bucket{le=0.04}"] == 1
    assert found["ivr_call_digit_reaction_seconds_bucket{le=30}"] == 2
    assert found["ivr_call_digit_reaction_seconds_count{}"] == 3
    assert found["ivr_call_duration_seconds_sum{}"] == 42.0


def test_quality_counts_only_where_something_was_heard() -> None:
    metrics = CallMetrics([])
    metrics.ended(record(), figures(), stats(rtt_ms=30.0))
    metrics.ended(record(), figures(), stats(packets_in=0, lost=0))
    found = samples(metrics)
    assert found["ivr_rtp_loss_ratio_bucket{le=0.01}"] == 1
    assert found["ivr_rtp_mos_count{}"] == found["ivr_rtp_round_trip_seconds_count{}"] == 1
    assert found["ivr_rtp_packets_total{direction=out}"] == 2000
    assert found["ivr_rtp_bad_packets_total{kind=lost}"] == 10


@pytest.mark.parametrize(("line", "label"), [("pbx", "pbx"), ("200", "phones"), (None, "guest")])
def test_no_label_names_a_phone(line: str | None, label: str) -> None:
    metrics = CallMetrics(["pbx"])
    metrics.ended(record(line=line, caller="+491721234567", called="200"), figures(), None)
    text = "\n".join(samples(metrics))
    assert f"line={label}," in text
    assert "=200" not in text and "4917" not in text


def test_flows_without_end_share_a_label() -> None:
    metrics = CallMetrics([])
    for number in range(MAX_FLOWS + 5):
        metrics.ended(record(flow=f"flow{number}"), figures(), None)
    found = samples(metrics)
    assert found["ivr_flow_endings_total{flow=other,cause=user_hung_up}"] == 5
    assert sum(name.startswith("ivr_flow_endings") for name in found) == MAX_FLOWS + 1


def test_a_call_costs_little() -> None:
    metrics, made, heard, what = CallMetrics(["pbx"]), figures(reactions=(0.05,) * 4), stats(), record()
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(500):
            metrics.ended(what, made, heard)
        best = min(best, (time.perf_counter() - start) / 500)
    assert best * 1e6 < MAX_MICROSECONDS
