"""What a scrape is answered."""

from __future__ import annotations

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from ivr.metrics.distribution import Distribution
from ivr.metrics.registry import Metrics


async def test_every_source_is_read_each_time() -> None:
    metrics, values = Metrics(), iter((1, 2))
    metrics.add(lambda: [GaugeMetricFamily("ivr_test", "Help.", value=next(values))])
    first, second = (await metrics.text()).decode(), (await metrics.text()).decode()
    assert "ivr_test 1.0" in first and "ivr_test 2.0" in second


async def test_a_distribution_is_a_histogram_that_prometheus_reads() -> None:
    metrics = Metrics()
    distribution = Distribution("ivr_wait_seconds", "Help.", (0.1, 1))
    for value in (0.05, 0.1, 0.5, 7.0):
        distribution.observe(value)
    metrics.add(lambda: [distribution.family()])
    families = {family.name: family for family in text_string_to_metric_families((await metrics.text()).decode())}
    found = {(sample.name, sample.labels.get("le")): sample.value for sample in families["ivr_wait_seconds"].samples}
    assert found["ivr_wait_seconds_bucket", "0.1"] == 2
    assert found["ivr_wait_seconds_bucket", "1"] == 3
    assert found["ivr_wait_seconds_bucket", "+Inf"] == found["ivr_wait_seconds_count", None] == 4
    assert found["ivr_wait_seconds_sum", None] == 7.65
