from __future__ import annotations

from prometheus_client import generate_latest
from prometheus_client.core import CollectorRegistry

from ivr.center.rules import Center, CenterConfig
from ivr.center.rules.events import CallerJoined, CallOver, OfferAnswered, PhoneState
from ivr.metrics.center import center
from ivr.settings import Agent, Queue


def test_queues_and_agents_have_figures() -> None:
    agents = {"anna": Agent(queues=("sales",)), "ben": Agent(enabled=False)}
    rules = Center(CenterConfig(agents, {"sales": Queue(), "default": Queue(all=True)}), 0.0, 1e9)
    rules.receive(PhoneState("anna", True), 0.0)
    rules.receive(CallerJoined("c1", {}, "sales"), 1.0)
    rules.receive(OfferAnswered(1), 4.0)
    rules.receive(CallerJoined("c2", {}, "sales"), 5.0)
    rules.receive(CallOver(1), 34.0)

    class Collector:
        def collect(self) -> object:
            return center(rules.figures())

    registry = CollectorRegistry()
    registry.register(Collector())  # type: ignore[arg-type]
    lines = generate_latest(registry).decode().splitlines()
    for line in (
        'ivr_queue_waiting{queue="sales"} 1.0',
        'ivr_queue_waiting{queue="default"} 0.0',
        'ivr_queue_offered_total{queue="sales"} 2.0',
        'ivr_queue_calls_total{outcome="answered",queue="sales"} 1.0',
        'ivr_queue_talk_seconds_total{queue="sales"} 30.0',
        'ivr_queue_wait_seconds_total{queue="sales"} 3.0',
        'ivr_queue_service_level{queue="sales"} 1.0',
        'ivr_agents{group="available",phase="ringing"} 1.0',
    ):
        assert line in lines
    assert not any("c1" in line or "anna" in line or "ben" in line for line in lines)
