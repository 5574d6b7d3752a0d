"""Tests of flows: cases in YAML beside the flow, run as simulated calls and compared with what they expect.

for case in load_cases("flows/reception.test.yaml"):
    outcome = run_case(case, flow, flows)
    outcome.passed, outcome.differences
"""

from ivr.flow.testing.cases import Case, CaseError, case_files, load_cases, lone_tests, parse_cases
from ivr.flow.testing.coverage import Coverage, FlowCoverage
from ivr.flow.testing.differences import Difference
from ivr.flow.testing.junit import junit
from ivr.flow.testing.running import Outcome, case_faults, run_case

__all__ = [
    "Case",
    "CaseError",
    "Coverage",
    "Difference",
    "FlowCoverage",
    "Outcome",
    "case_faults",
    "case_files",
    "junit",
    "load_cases",
    "lone_tests",
    "parse_cases",
    "run_case",
]
