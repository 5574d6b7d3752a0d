"""The explorer in random flows: it comes to its end, and what it finds can be shown by the case that it gives."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import HealthCheck, given, settings

from ivr.flow.explore import Bounds, as_case, explore
from ivr.flow.loader import parse_flow
from ivr.flow.model import FlowSet
from ivr.flow.testing import case_faults, parse_cases, run_case
from tests.kit.flows_random import Scenario, scenarios

EXAMPLES = int(os.environ.get("IVR_EXAMPLES", "20"))
"""Flows that are explored."""
RUNS = 150
"""Calls in each."""


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(scenarios())
def test_findings_can_be_shown(scenario: Scenario) -> None:
    texts = scenario.flows
    found = FlowSet({name: parse_flow(text, name) for name, text in texts.items()})
    flow = found[next(iter(texts))]
    report = explore(flow, found, bounds=Bounds(runs=RUNS))
    for finding in report.findings:
        (case,) = parse_cases(as_case(finding), Path(f"{flow.name}.test.yaml"))
        assert not case_faults(case, flow, found), as_case(finding)
        outcome = run_case(case, flow, found)
        assert not outcome.passed, as_case(finding)
        assert not outcome.call.unused_steps, as_case(finding)
