from __future__ import annotations

from ivr.metrics.deliveries import deliveries
from ivr.webhooks import Counts, EndpointState


def test_what_is_counted() -> None:
    state = EndpointState("webhooks/crm", 3, 40.0, False, True, "status 500", Counts(7, 5, 2, 1))
    found = {
        (sample.name, sample.labels.get("outcome")): sample.value
        for family in deliveries([state], 100.0)
        for sample in family.samples
    }
    assert found == {
        ("ivr_deliveries_waiting", None): 3,
        ("ivr_deliveries_oldest_seconds", None): 60.0,
        ("ivr_deliveries_total", "delivered"): 7,
        ("ivr_deliveries_total", "dead"): 2,
        ("ivr_deliveries_total", "lost"): 1,
        ("ivr_delivery_failures_total", None): 5,
    }
    assert len(list(deliveries([], 0.0))) == 4
