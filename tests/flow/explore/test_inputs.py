"""Keys that the explorer presses."""

from __future__ import annotations

import pytest

from ivr.flow.elements.collect import CollectElement
from ivr.flow.explore.inputs import right_keys, wrong_keys


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [("[1-5]", "1"), ("[0-9]{5}", "11111"), ("7[0-9]{9}", "7111111111"), ("[1-9][0-9]{3,9}", "1111#"), ("0*5", "5#")],
)
def test_an_input_that_a_pattern_takes_is_found(pattern: str, keys: str) -> None:
    element = CollectElement.model_validate({"type": "collect", "pattern": pattern, "max_digits": 10})
    found = right_keys(element, [])
    assert [key.rstrip("#") for key in found] == [keys.rstrip("#")]
    assert wrong_keys(element) is not None


def test_values_that_conditions_ask_for_are_tried_too() -> None:
    element = CollectElement.model_validate({"type": "collect", "pattern": "[0-9]{4}", "max_digits": 4})
    assert right_keys(element, ["2468", "24", "abcd", 1357]) == ["2468", "1357", "1111"]
