"""The cases of the example flows hold, and leave no branch out."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.flow.loader import load_folder
from ivr.flow.sim import configured
from ivr.flow.testing import Case, Coverage, case_faults, case_files, load_cases, lone_tests, run_case
from ivr.flow.testing.coverage import missing
from ivr.settings import load_settings

CONFIG = Path(__file__).resolve().parents[1] / "config"

SETTINGS = load_settings(CONFIG / "ivr.yaml", {}, need_secrets=False)
FLOWS = load_folder(SETTINGS.flows, SETTINGS)
CASES = [case for file in case_files(SETTINGS.flows) for case in load_cases(file)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.flow}: {case.name}")
def test_case(case: Case) -> None:
    flow = FLOWS[case.flow]
    assert case_faults(case, flow, FLOWS) == []
    outcome = run_case(case, flow, FLOWS, configured(SETTINGS))
    assert outcome.passed, "\n".join(map(str, outcome.differences))


def test_no_branch_is_left_out() -> None:
    coverage = Coverage(FLOWS)
    for case in CASES:
        coverage.add(run_case(case, FLOWS[case.flow], FLOWS, configured(SETTINGS)).call.steps)
    assert [line for found in coverage.flows.values() for line in missing(found)] == []


def test_every_flow_has_cases() -> None:
    assert lone_tests(SETTINGS.flows) == []
    assert {case.flow for case in CASES} == {*FLOWS}
