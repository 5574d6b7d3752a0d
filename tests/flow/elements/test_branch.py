"""branch and its conditions; set_variable beside it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ivr.flow.elements.branch import BranchElement
from ivr.flow.expressions import Sensitive
from tests.kit.flow import Talk


def holds(condition: str, variables: str = "{}") -> bool:
    """Whether the condition leads to `yes`. The call begins on Monday, 2026-03-02 at 12:00 UTC."""
    call = Talk(
        f"""
variables: {variables}
elements:
  start: {{type: start_from_flow, next: ask}}
  ask: {{type: branch, conditions: [{{{condition}, to: right}}], next: wrong}}
  right: {{type: set_variable, variables: {{found: true}}}}
  wrong: {{type: set_variable, variables: {{found: false}}}}
"""
    ).start()
    return bool(call.machine.variables["found"])


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("when: n > 3", True),
        ('when: "{{ n > 5 }}"', False),
        ("when: missing == 1", False),
        ('value: "{{ t }}", is: sales', True),
        ('value: "{{ t }}", is: other', False),
        ('value: "{{ n }}", is: 5', True),
        ('value: "{{ n }}", is: "5"', True),
        ('value: "{{ t }}", is_not: other', True),
        ('value: "{{ t }}", contains: ALE', True),
        ('value: "{{ t }}", does_not_contain: x', True),
        ('value: "{{ t }}", starts_with: sa', True),
        ('value: "{{ t }}", ends_with: sa', False),
        ('value: "{{ e }}", is_empty: true', True),
        ('value: "{{ e }}", is_empty: false', False),
        ('value: "{{ nothing_in.it }}", is_empty: true', False),
        ('value: "{{ t }}", is_not_empty: true', True),
        ('value: "{{ n }}", less_than: 6', True),
        ('value: "{{ n }}", less_than: 5', False),
        ('value: "{{ n }}", at_most: 5', True),
        ('value: "{{ n }}", at_least: 5', True),
        ('value: "{{ n }}", greater_than: "4.5"', True),
        ('value: "{{ d }}", at_least: 5', True),
        ('value: "{{ t }}", less_than: 6', False),
        ('value: "{{ n }}", at_least: 1, at_most: 5', True),
        ('value: "{{ n }}", at_least: 1, at_most: 4', False),
        ('value: "2026-03-01", before: "2026-03-02"', True),
        ('value: "2026-03-02", before: "2026-03-02"', False),
        ('value: "2026-03-02T23:00:00", until: "2026-03-02"', True),
        ('value: "2026-03-03", until: "2026-03-02"', False),
        ('value: "2026-03-02T12:00:00+00:00", until: "2026-03-02T12:00:00+00:00"', True),
        ('value: "2026-03-02", since: "2026-03-02"', True),
        ('value: "2026-03-02T23:00:00", after: "2026-03-02"', False),
        ('value: "2026-03-03", after: "2026-03-02"', True),
        ('value: "2026-03-02T12:00:01", after: "2026-03-02T12:00:00"', True),
        ('value: "{{ now }}", today: true', True),
        ('value: "2026-03-01", today: true', False),
        ('value: "2026-03-01", today: false', True),
        ('value: "2026-03-01", within: 7d', True),
        ('value: "2026-02-01", within: 7d', False),
        ('value: "2026-03-05", within: 7d', False),
        ('value: "2026-03-05", within_next: 7d', True),
        ('value: "2026-03-05", within: 99999999999d', False),
        ('value: "no date", before: "2026-03-02"', False),
        ('value: "{{ n }}", before: "2026-03-02"', False),
        ('value: "{{ true }}", less_than: 3', False),
        ('value: "{{ t }}", in_list: [service, SALES]', True),
        ('value: "{{ t }}", in_list: [service, support]', False),
        ('value: "{{ t }}", in_list: "{{ words }}"', True),
        ('value: "{{ t }}", in_list: [a, "{{ words }}"]', True),
        ('value: "{{ n }}", in_list: ["4", "5"]', True),
        ('value: "{{ t }}", not_in_list: "{{ words }}"', False),
        ('value: "{{ t }}", not_in_list: [x]', True),
        ('value: "{{ words }}", contains: SALES', True),
        ('value: "{{ words }}", contains: sal', False),
        ('value: "{{ words }}", does_not_contain: x', True),
        ('value: "{{ n }}", between: [5, 6]', True),
        ('value: "{{ n }}", between: ["4.5", "{{ n }}"]', True),
        ('value: "{{ n }}", between: [6, 9]', False),
        ('value: "{{ t }}", between: [1, 2]', False),
        ('value: "2026-03-31T23:59", between: ["2026-03-01", "2026-03-31"]', True),
        ('value: "2026-04-01", between: ["2026-03-01", "2026-03-31"]', False),
        ('value: "2026-03-02", between: ["2026-03-03", "2026-03-04"]', False),
        ('value: "{{ n > 3 }}", is: true', True),
        ('value: "{{ n > 3 }}", is: false', False),
        ('value: "True", is: true', True),
        ('value: "{{ false }}", is: "false"', True),
        ('value: "{{ e }}", is: false', False),
        ('value: "{{ now }}", weekday: mon', True),
        ('value: "{{ now }}", weekday: [sat-sun, tue]', False),
        ('value: "{{ now }}", weekday: sun-mon', True),
        ('value: "{{ now }}", weekday: mon, today: true, at_least: 1', False),
        ('value: "2026-03-02T23:30:00+00:00", weekday: tue, time_zone: Europe/Berlin', True),
        ('value: "2026-03-02T23:30:00+00:00", today: true, time_zone: Europe/Berlin', False),
        ('value: "2026-03-02T23:30:00+00:00", today: true', True),
        ('value: "2026-03-02T13:30", after: "{{ now }}", time_zone: Europe/Berlin', True),
        ('value: "2026-03-02T12:30", after: "{{ now }}", time_zone: Europe/Berlin', False),
        ('value: "2026-10-25T00:30:00+00:00", before: "2026-10-25T02:15", time_zone: Europe/Berlin', False),
        ('value: "2026-10-25T01:15:00+00:00", after: "2026-10-25T02:30", time_zone: Europe/Berlin', True),
    ],
)
def test_conditions(condition: str, expected: bool) -> None:
    assert holds(condition, '{n: 5, t: Sales, e: "", d: "07", words: [a, sales]}') is expected


def test_the_first_that_holds_is_taken_and_names_the_branch() -> None:
    call = Talk(
        """
elements:
  start: {type: start_from_flow, next: ask}
  ask:
    type: branch
    conditions:
      - {when: "1 > 2", to: a}
      - {name: second, when: "2 > 1", to: b}
      - {when: "true", to: c}
    branches: {otherwise: c}
  a: {type: set_variable, variables: {x: 1}}
  b: {type: set_variable, variables: {x: 1}}
  c: {type: set_variable, variables: {x: 1}}
"""
    ).start()
    assert call.path == ["start", "ask", "b"]
    assert call.machine.steps[1].branch == "second"
    element = call.flows["main"].elements["ask"]
    assert {name: way.path for name, way in element.exits.items()} == {
        "1": "conditions.0.to",
        "second": "conditions.1.to",
        "3": "conditions.2.to",
        "otherwise": "branches.otherwise",
    }


@pytest.mark.parametrize(
    "condition",
    [
        {"to": "a"},
        {"when": "1", "value": "2", "to": "a"},
        {"value": "2", "to": "a"},
        {"when": "1"},
        {"when": "1 +", "to": "a"},
        {"when": "1", "to": "a", "name": "otherwise"},
        {"value": "1", "resembles": "2", "to": "a"},
        {"value": "1", "between": [1], "to": "a"},
        {"value": "1", "between": [1, 2, 3], "to": "a"},
        {"value": "1", "in_list": [], "to": "a"},
        {"value": "1", "weekday": "monday", "to": "a"},
        {"value": "1", "weekday": [], "to": "a"},
        {"value": "1", "time_zone": "Europe/Berlin", "to": "a"},
        {"value": "1", "today": True, "time_zone": "Mars/Olympus", "to": "a"},
    ],
)
def test_refuses(condition: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BranchElement.model_validate({"type": "branch", "conditions": [condition]})


def test_set_variable_in_order_with_types_and_sensitivity() -> None:
    call = Talk(
        """
variables: {a: 1, pin: ""}
sensitive: [pin]
elements:
  start: {type: start_from_flow, next: set}
  set:
    type: set_variable
    variables:
      {a: "{{ a + 1 }}", b: "{{ a * 2 }}", text: "a is {{ a }}", pin: "12", copy: "{{ pin }}", bad: "{{ 1 / 0 }}"}
"""
    ).start()
    found = call.machine.variables
    assert (found["a"], found["b"], found["text"], found["bad"]) == (2, 4, "a is 2", None)
    assert found["copy"] == found["pin"] == Sensitive("12")
    assert call.notes == ["variables.bad: division by zero"]
