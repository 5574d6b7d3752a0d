"""Random calls through random flows, run again from their records: the same flow goes the same way."""

from __future__ import annotations

import itertools
import os
from datetime import UTC

from hypothesis import HealthCheck, given, settings

from ivr.flow.loader import parse_flow
from ivr.flow.model import FlowSet
from ivr.flow.ports import PromptSpec
from ivr.flow.replay import Recorded, read_record, replay
from ivr.flow.sim import Configured, Given, SimulatedCall, Stubs, Surroundings
from ivr.flow.spoken import Languages
from ivr.settings import Limits
from tests.kit.flows_random import Scenario, live_through, scenarios
from tests.kit.records import record_of

EXAMPLES = int(os.environ.get("IVR_EXAMPLES", "60"))
"""Calls that are run again."""
DURATION = 60.0173
"""`limits.call_duration` here: loops with input in them end."""


def played(scenario: Scenario) -> tuple[SimulatedCall, FlowSet, Configured]:
    flows = FlowSet({name: parse_flow(text, name) for name, text in scenario.flows.items()})
    surroundings = Configured(
        limits=Limits(call_duration=DURATION, courtesy=scenario.courtesy),
        settings={},
        courtesy=PromptSpec("text", scenario.courtesy) if scenario.courtesy else None,
        languages=Languages(),
        calendars={},
        surroundings=Surroundings(),
    )
    stubs = Stubs(http=scenario.requests, forwards=tuple(itertools.chain(*scenario.phones.values())))
    found = flows.find("100")
    assert found is not None
    call = SimulatedCall(found[0], flows, Given(), stubs, **surroundings).start()
    return live_through(call, scenario.acts), flows, surroundings


def told(recorded: Recorded) -> str:
    return "\n".join(f"{step.data} {step.actions}" for step in recorded.steps)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(scenarios())
def test_the_same_flow_goes_the_same_way(scenario: Scenario) -> None:
    call, flows, surroundings = played(scenario)
    recorded = read_record(record_of(call), UTC)
    found = replay(recorded, call.flow, flows, surroundings)
    assert found.divergence is None, (found.divergence, found.path, told(recorded))
