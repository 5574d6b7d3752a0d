"""Keys worth pressing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.elements.collect import CollectElement
from ivr.flow.explore.inputs import right_keys, wrong_keys
from ivr.flow.patterns import KEYS


def collect(**fields: Any) -> CollectElement:
    return CollectElement.model_validate({"type": "collect", **fields})


@pytest.mark.parametrize(
    ("fields", "wanted", "keys"),
    [
        ({"responses": {"1": "a", "2": "b"}}, [], ["1", "2"]),
        ({"responses": {"1": "a", "10": "b"}}, [], ["1#", "10"]),
        ({"responses": {"1": "a", "10": "b"}, "terminator": "none"}, [], ["1", "10"]),
        ({"max_digits": 1}, [], ["1"]),
        ({"min_digits": 4, "max_digits": 4}, [], ["1234"]),
        ({"min_digits": 4, "max_digits": 4}, ["2468", 1001, "sales", 12, None], ["2468", "1001", "1234"]),
        ({"pattern": "[0-9]{5}", "max_digits": 5}, [], ["11111"]),
        ({"pattern": "19[0-9]{2}", "max_digits": 4}, [1999.0], ["1999", "1911"]),
        ({"max_digits": 8}, [7], ["7#", "1#"]),
        ({"pattern": "7[0-9]{9}", "max_digits": 10}, [], ["7111111111"]),
        ({"pattern": "[1-9][0-9]{3,9}", "max_digits": 10}, [], ["1111#"]),
        ({"pattern": "0*5", "max_digits": 10}, [], ["5"]),
        ({"pattern": "[0-9]{4}", "max_digits": 4}, ["2468", "24", "abcd", 1357], ["2468", "1357", "1111"]),
    ],
)
def test_right_keys(fields: dict[str, Any], wanted: list[Any], keys: list[str]) -> None:
    assert right_keys(collect(**fields), wanted) == keys


@pytest.mark.parametrize(
    ("fields", "keys"),
    [
        ({"responses": {"1": "a"}}, "*"),
        ({"responses": {"*": "a", "0": "b"}}, "9"),
        ({"min_digits": 4, "max_digits": 4}, "#"),
        ({"min_digits": 0, "max_digits": 4}, None),
        ({"min_digits": 0, "max_digits": 4, "pattern": "[0-9]*"}, "*"),
        ({"max_digits": 1, "terminator": "none"}, None),
        ({"min_digits": 2, "terminator": "none"}, "1"),
    ],
)
def test_wrong_keys(fields: dict[str, Any], keys: str | None) -> None:
    assert wrong_keys(collect(**fields)) == keys


@given(
    st.lists(st.text(KEYS, min_size=1, max_size=4), min_size=1, max_size=6, unique=True),
    st.sampled_from(["#", "*", "none", "5"]),
)
def test_keys_do_what_they_are_for(responses: list[str], terminator: str) -> None:
    element = collect(responses=dict.fromkeys(responses, "a"), terminator=terminator)
    for keys in right_keys(element, []):
        assert element.valid(keys) or element.valid(keys[:-1])
    wrong = wrong_keys(element)
    if wrong is not None:
        assert not element.valid(wrong)
