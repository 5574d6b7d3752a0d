"""Flows with a planted fault each, and the same flows without it: the explorer finds the faults and nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from ivr.flow.explore import Report, as_case, explore
from ivr.flow.loader import load_flow
from ivr.flow.model import Flow, FlowSet
from ivr.flow.sim import Script
from ivr.flow.testing import parse_cases, run_case

FOLDER = Path(__file__).parent / "planted"
PLANTED = sorted(path.stem for path in FOLDER.glob("*.yaml") if not path.stem.endswith("_clean"))

FAULT = re.compile(r"# Planted: (\w+) at (\w+): ")


@cache
def explored(name: str) -> tuple[Flow, Report]:
    flow = load_flow(FOLDER / f"{name}.yaml")
    return flow, explore(flow, FlowSet({flow.name: flow}))


def test_there_are_twenty() -> None:
    assert len(PLANTED) == 20


@pytest.mark.parametrize("name", PLANTED)
def test_the_fault_is_found(name: str) -> None:
    planted = FAULT.match((FOLDER / f"{name}.yaml").read_text())
    assert planted is not None
    _, report = explored(name)
    assert [(finding.kind, finding.element) for finding in report.findings] == [(planted[1], planted[2])]
    assert report.complete


@pytest.mark.parametrize("name", PLANTED)
def test_its_twin_is_clean(name: str) -> None:
    _, report = explored(f"{name}_clean")
    assert report.findings == ()
    assert report.complete


@pytest.mark.parametrize("name", PLANTED)
def test_the_case_that_is_given_fails(name: str) -> None:
    flow, report = explored(name)
    (case,) = parse_cases(as_case(report.findings[0]), FOLDER / f"{name}.test.yaml")
    outcome = run_case(case, flow, FlowSet({flow.name: flow}))
    assert not outcome.passed
    assert not outcome.call.unused_steps


@pytest.mark.parametrize("name", PLANTED)
def test_no_step_can_be_left_out(name: str) -> None:
    flow, report = explored(name)
    (finding,) = report.findings
    steps = finding.script.steps
    for index in range(len(steps)):
        fewer = replace(finding, script=Script(steps[:index] + steps[index + 1 :]))
        (case,) = parse_cases(as_case(fewer), FOLDER / f"{name}.test.yaml")
        outcome = run_case(case, flow, FlowSet({flow.name: flow}))
        assert outcome.passed or outcome.call.unused_steps
