"""The cases of the example front desk hold, leave no branch out, and notice when a flow is changed."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ivr.errors import FlowLoadError
from ivr.flow.loader import join_flows, load_folder, parse_flow
from ivr.flow.model import FlowSet
from ivr.flow.sim import configured
from ivr.flow.testing import Case, Coverage, case_faults, case_files, load_cases, lone_tests, run_case
from ivr.flow.testing.coverage import missing
from ivr.settings import load_settings

CONFIG = Path(__file__).resolve().parents[1] / "config"
SETTINGS = load_settings(CONFIG / "ivr.yaml", {}, need_secrets=False)
FLOWS = load_folder(SETTINGS.flows, SETTINGS)
CASES = [case for file in case_files(SETTINGS.flows) for case in load_cases(file)]
SURROUNDINGS = configured(SETTINGS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.flow}: {case.name}")
def test_case(case: Case) -> None:
    flow = FLOWS[case.flow]
    assert case_faults(case, flow, FLOWS) == []
    outcome = run_case(case, flow, FLOWS, SURROUNDINGS)
    assert outcome.passed, "\n".join(map(str, outcome.differences))


def test_no_branch_is_left_out() -> None:
    coverage = Coverage(FLOWS)
    for case in CASES:
        coverage.add(run_case(case, FLOWS[case.flow], FLOWS, SURROUNDINGS).call.steps)
    assert [line for found in coverage.flows.values() for line in missing(found)] == []


def test_every_flow_has_cases() -> None:
    assert lone_tests(SETTINGS.flows) == []
    assert {case.flow for case in CASES} == {*FLOWS}


# What if somebody changes a flow


def changes(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A flow with one thing changed: a way that leads elsewhere, other words, one attempt, a prompt that goes on."""
    names = list(data["elements"])
    for name, element in data["elements"].items():
        for way in ways(element):
            old = element
            for part in way:
                old = old[part]
            for other in {names[(names.index(old) + 1) % len(names)], names[names.index(old) - 1]} - {old}:
                yield changed(data, name, way, other)
        if element.get("attempts", 1) > 1:
            yield changed(data, name, ("attempts",), 1)
        if element.get("interruptible"):
            yield changed(data, name, ("interruptible",), False)
        if "save_as" in element:
            yield changed(data, name, ("save_as",), "elsewhere")
        if "text" in element:
            yield changed(data, name, ("text",), "Something else.")


def ways(element: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Fields that name another element; `other` of a flow that is there is never taken."""
    for field in ("next", "return_to"):
        if field in element:
            yield (field,)
    for field in ("branches", "responses"):
        for branch in element.get(field, {}):
            if branch != "other":
                yield field, branch
    for index, condition in enumerate(element.get("conditions", ())):
        if "to" in condition:
            yield "conditions", index, "to"


def changed(data: dict[str, Any], name: str, way: tuple[Any, ...], value: Any) -> tuple[str, dict[str, Any]]:
    copied = copy.deepcopy(data)
    holder = copied["elements"][name]
    for part in way[:-1]:
        holder = holder[part]
    holder[way[-1]] = value
    return f"{name}.{'.'.join(map(str, way))}: {value}", copied


def with_change(name: str, data: dict[str, Any]) -> FlowSet | None:
    """The flows with one of them changed; None where the loader refuses the change."""
    try:
        other = parse_flow(yaml.safe_dump(data, allow_unicode=True), name, limits=SETTINGS.limits)
        return join_flows([other if flow.name == name else flow for flow in FLOWS.values()])
    except FlowLoadError:
        return None


@pytest.mark.parametrize("name", sorted(FLOWS))
def test_no_change_goes_unnoticed(name: str) -> None:
    source = FLOWS[name].source
    assert source is not None
    cases = sorted(CASES, key=lambda case: case.flow != name)
    tried, unnoticed = 0, []
    for what, data in changes(yaml.safe_load(source.read_text())):
        flows = with_change(name, data)
        if flows is None:
            continue
        tried += 1
        if all(run_case(case, flows[case.flow], flows, SURROUNDINGS).passed for case in cases):
            unnoticed.append(what)
    assert tried > 5
    assert unnoticed == []
