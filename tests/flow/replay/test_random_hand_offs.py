"""Random calls with hand-offs of every kind, moved and told what to do, run again from their records."""

from __future__ import annotations

import os
from datetime import UTC

from hypothesis import HealthCheck, given, settings

from ivr.flow.replay import read_record, replay
from tests.kit.handoffs_random import HandedScenario, handed, play, surroundings
from tests.kit.records import record_of

EXAMPLES = int(os.environ.get("IVR_EXAMPLES", "120"))
"""Calls that are run again."""


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(handed())
def test_calls_with_hand_offs_go_the_same_way_again(scenario: HandedScenario) -> None:
    call, flows = play(scenario)
    record = record_of(call)
    recorded = read_record(record, UTC)
    found = replay(recorded, flows["main"], flows, surroundings())
    told = "\n".join(f"{step.data} {step.actions}" for step in recorded.steps)
    assert found.divergence is None, (found.divergence, found.path, found.notes, told)
    assert list(found.path) == call.path
