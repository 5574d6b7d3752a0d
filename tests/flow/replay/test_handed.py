"""Calls with hand-offs, run again from their records: the same flow goes the same way."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ivr.flow.loader import load_folder
from ivr.flow.replay import read_record, replay
from ivr.flow.sim import configured
from ivr.flow.testing import load_cases, run_case
from ivr.settings import load_settings
from tests.kit.records import record_of

EXAMPLES = Path(__file__).resolve().parents[3] / "config" / "examples"
SETTINGS = load_settings(EXAMPLES / "ivr.yaml", {}, need_secrets=False)
FLOWS = load_folder(SETTINGS.flows, SETTINGS)
SURROUNDINGS = configured(SETTINGS)
CASES = [
    case
    for name in ("support-desk", "ai-front-desk", "menu-application")
    for case in load_cases(EXAMPLES / "flows" / f"{name}.test.yaml")
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.flow}: {case.name}")
def test_every_case_goes_the_same_way_again(case: object) -> None:
    flow = FLOWS[case.flow]  # type: ignore[attr-defined]
    call = run_case(case, flow, FLOWS, SURROUNDINGS).call  # type: ignore[arg-type]
    record = record_of(call)
    recorded = read_record(record, ZoneInfo("UTC"))
    found = replay(recorded, flow, FLOWS, SURROUNDINGS)
    assert found.divergence is None, found.divergence
    assert list(found.path) == call.path
