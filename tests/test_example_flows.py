"""The cases of the example flows hold, leave no branch out, and notice when a flow is changed."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ivr.cli.surroundings import surroundings_of
from ivr.errors import FlowLoadError
from ivr.flow.custom import element_types
from ivr.flow.loader import join_flows, load_folder, parse_flow
from ivr.flow.model import FlowSet
from ivr.flow.testing import Case, Coverage, Outcome, case_faults, case_files, load_cases, lone_tests, run_case
from ivr.flow.testing.coverage import missing
from ivr.settings import load_settings

CONFIG = Path(__file__).resolve().parents[1] / "config"


class House:
    """A configuration with its flows and their cases."""

    def __init__(self, config: Path) -> None:
        self.settings = load_settings(config, {}, need_secrets=False)
        self.flows = load_folder(self.settings.flows, self.settings)
        self.cases = [case for file in case_files(self.settings.flows) for case in load_cases(file)]
        self.surroundings = surroundings_of(self.settings)
        self.types = element_types(self.settings)

    def run(self, case: Case, flows: FlowSet | None = None) -> Outcome:
        flows = flows or self.flows
        return run_case(case, flows[case.flow], flows, self.surroundings)

    def with_change(self, name: str, data: dict[str, Any]) -> FlowSet | None:
        """The flows with one of them changed; None where the loader refuses the change."""
        text = yaml.safe_dump(data, allow_unicode=True)
        try:
            other = parse_flow(text, name, limits=self.settings.limits, types=self.types)
            return join_flows([other if flow.name == name else flow for flow in self.flows.values()])
        except FlowLoadError:
            return None


HOUSES = {"front-desk": House(CONFIG / "ivr.yaml"), "examples": House(CONFIG / "examples" / "ivr.yaml")}
CASES = [(house, case) for house in HOUSES.values() for case in house.cases]
NAMES = [f"{name}: {case.flow}: {case.name}" for name, house in HOUSES.items() for case in house.cases]


@pytest.mark.parametrize(("house", "case"), CASES, ids=NAMES)
def test_case(house: House, case: Case) -> None:
    assert case_faults(case, house.flows[case.flow], house.flows) == []
    outcome = house.run(case)
    assert outcome.passed, "\n".join(map(str, outcome.differences))


@pytest.mark.parametrize("name", HOUSES)
def test_no_branch_is_left_out(name: str) -> None:
    house = HOUSES[name]
    coverage = Coverage(house.flows)
    for case in house.cases:
        coverage.add(house.run(case).call.steps)
    assert [line for found in coverage.flows.values() for line in missing(found)] == []


@pytest.mark.parametrize("name", HOUSES)
def test_every_flow_has_cases(name: str) -> None:
    house = HOUSES[name]
    assert lone_tests(house.settings.flows) == []
    assert {case.flow for case in house.cases} == {*house.flows}


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
    """Fields that name another element; `other` of a flow that is there is never taken, nor what a message that nobody
    waits for comes to."""
    for field in ("next", "return_to"):
        if field in element:
            yield (field,)
    never = {"other", "error"} if element["type"] == "notify" and not element.get("wait") else {"other"}
    for field in ("branches", "responses"):
        for branch in element.get(field, {}):
            if branch not in never:
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


@pytest.mark.parametrize(
    ("house", "name"),
    [(house, flow) for house in HOUSES.values() for flow in house.flows],
    ids=[f"{name}: {flow}" for name, house in HOUSES.items() for flow in house.flows],
)
def test_no_change_goes_unnoticed(house: House, name: str) -> None:
    source = house.flows[name].source
    assert source is not None
    cases = sorted(house.cases, key=lambda case: case.flow != name)
    tried, unnoticed = 0, []
    for what, data in changes(yaml.safe_load(source.read_text())):
        flows = house.with_change(name, data)
        if flows is None:
            continue
        tried += 1
        if all(house.run(case, flows).passed for case in cases):
            unnoticed.append(what)
    assert tried > 5
    assert unnoticed == []
