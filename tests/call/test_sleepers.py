"""Flows that sleep: an event that is for one of them wakes it, whatever else it does not wake."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ivr.call.sleepers import Sleepers
from ivr.flow.elements.properties import holds
from ivr.flow.elements.wait_for_event import WaitForEventElement
from tests.kit.life import Life

PLAIN = (
    st.sampled_from([0, 1, 1.0, -0.0, True, False, None, "", "1", "1.0", "TRUE", "a", "A", "ß", "SS", 10**17, 1e17])
    | st.sampled_from([2**53, float(2**53), 10**18, 1e18, "1e+18", 1e300, "Ab", ["a"], [1, "A"], [], {"a": 1}])
    | st.text("aAsSß1. ", max_size=3)
    | st.integers(-3, 3)
)
LISTS = st.lists(PLAIN.filter(lambda value: not isinstance(value, dict)), min_size=1, max_size=3)
OPERATORS = st.dictionaries(
    st.sampled_from(
        ["is", "is_not", "contains", "does_not_contain", "starts_with", "ends_with", "less_than", "at_least"]
    ),
    PLAIN.filter(lambda value: value is not None),
    max_size=2,
)
OTHERS = st.fixed_dictionaries(
    {},
    optional={
        "is_empty": st.booleans(),
        "is_not_empty": st.booleans(),
        "in_list": LISTS,
        "not_in_list": LISTS,
        "between": st.tuples(st.integers(-2, 0), st.integers(0, 3)).map(list),
        "before": st.just("2026-01-01"),
    },
)


def life(conditions: list[dict[str, Any]], **variables: Any) -> Life:
    flow = {
        "variables": {"x": None, "pin": None, **variables},
        "sensitive": ["pin"],
        "elements": {
            "start": {"type": "start_from_audience", "next": "wait"},
            "wait": {"type": "wait_for_event", "event": "go", "conditions": conditions},
        },
    }
    return Life(json.dumps(flow, ensure_ascii=False)).start()


def checks(found: Life) -> list[Any]:
    [wait] = found.keep()["waits"]
    return list(wait.get("checks", []))


@given(OPERATORS, OTHERS, PLAIN, PLAIN)
@example({"is": 10**18}, {}, 1e18, None)
@example({"is": "1e+18"}, {}, 1e18, None)
def test_whoever_an_event_is_for_is_woken_and_of_constants_nobody_else(
    operators: dict[str, Any], others: dict[str, Any], value: Any, variable: Any
) -> None:
    condition = {"property": "p", **operators, **others}
    if "is_not" in operators:
        condition["is_not"] = "{{ x }}"
    if len(condition) == 1:
        return
    found = life([condition], x=variable)
    element = found.flow.elements["wait"]
    assert isinstance(element, WaitForEventElement)
    sleepers = Sleepers()
    sleepers.add("flow", ["go"], checks(found))
    for properties in ({"p": value}, {}):
        for_it = holds(found.machine._ctx, element.conditions, properties)
        woken = bool(sleepers.woken_by("go", properties))
        assert woken or not for_it
        if "before" not in others:
            assert woken == for_it
    sleepers.remove("flow")
    assert not sleepers._known and not sleepers._places and not sleepers._properties


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ({"is": "{{ x }}"}, [["p", "is", "{{ 1 }}"]]),
        ({"is": "{{ pin }}"}, [["p", "is", {"$sensitive": "1234"}]]),
        ({"in_list": ["{{ pin }}", 5]}, [["p", "in_list", {"$sensitive": ["1234", 5]}]]),
        ({"is": "{{ call.from }}"}, [["p", "is", "+15550199"]]),
        ({"is": "{{ profile.x }}"}, []),
        ({"is": "{{ settings.x }}"}, []),
        ({"is": "{{ now.day }}"}, []),
        ({"is": "{{ none }}"}, []),
        ({"before": "2026-01-01", "is_not": 5}, [["p", "is_not", 5]]),
        ({"between": ["2026-01-01", "2026-02-01"]}, []),
        ({"between": [1, "2"]}, [["p", "between", [1, "2"]]]),
        ({"today": True}, []),
    ],
)
def test_what_stays_as_it_is_is_kept(condition: dict[str, Any], kept: list[Any]) -> None:
    found = life([{"property": "p", **condition}])
    found.machine._ctx.variables["x"] = "{{ 1 }}"
    found.machine._ctx.set_variable("pin", "1234")
    assert checks(found) == kept


def test_checks_that_are_damaged_wake() -> None:
    sleepers = Sleepers()
    sleepers.add("a", ["go"], [5])
    sleepers.add("b", ["go"], [["p", "is", {"$else": 1}]])
    sleepers.add("c", ["go"], [["p", "newer", 1]])
    sleepers.add("d", ["go"], [["p", "between", 1]])
    assert sorted(sleepers.woken_by("go", {"p": 1})) == ["a", "b", "c", "d"]
    assert sleepers.woken_by("other", {}) == []
    assert "go" in sleepers and "other" not in sleepers
