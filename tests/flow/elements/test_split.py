"""split: shares of the callers, and everybody always the same way."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ivr.flow.elements.split import SplitElement
from tests.kit.life import Life

CALLERS = [f"+1555{number:07}" for number in range(4000)]


def split(**ways: float) -> SplitElement:
    return SplitElement.model_validate({"type": "split", "ways": ways})


def test_shares_are_as_the_weights_say() -> None:
    found = Counter(split(a=70, b=20, c=10, d=0).way_of(caller, "main/split") for caller in CALLERS)
    assert found["d"] == 0
    for way, share in (("a", 0.7), ("b", 0.2), ("c", 0.1)):
        assert found[way] / len(CALLERS) == pytest.approx(share, abs=0.03)


@given(st.integers(0, 100), st.integers(0, 100), st.integers(1, 100), st.integers(0, 100))
def test_changing_one_weight_moves_callers_to_that_way_or_from_it_alone(a: int, b: int, c: int, changed: int) -> None:
    before, after = split(a=a, b=b, c=c), split(a=changed, b=b, c=c)
    for caller in CALLERS[:300]:
        old, new = before.way_of(caller, "main/split"), after.way_of(caller, "main/split")
        if old != new:
            assert (old if changed < a else new) == "a"


def test_elements_split_apart_from_one_another() -> None:
    element = split(a=1, b=1)
    same = sum(element.way_of(caller, "main/one") == element.way_of(caller, "main/two") for caller in CALLERS)
    assert same / len(CALLERS) == pytest.approx(0.5, abs=0.05)


FLOW = """
elements:
  start: {{type: start_from_audience, next: split}}
  split: {{type: split, ways: {{"1": 50, "b": 50}}, {key} branches: {{"1": one, "b": two}}}}
  one: {{type: tag, tags: "{{{{ result.way }}}}"}}
  two: {{type: tag, tags: "{{{{ result.way }}}}"}}
"""


def test_the_same_caller_goes_the_same_way_in_every_call() -> None:
    for number in CALLERS[:20]:
        tags = {tuple(Life(FLOW.format(key=""), number=number).run().machine.tags) for _ in range(3)}
        assert len(tags) == 1


def test_a_key_stands_for_the_caller() -> None:
    flow = FLOW.format(key='key: "same",')
    assert len({tuple(Life(flow, number=number).run().machine.tags) for number in CALLERS[:20]}) == 1
    assert Life(FLOW.format(key=""), number="").run().machine.tags  # nobody's number: the call decides


@pytest.mark.parametrize("ways", [{}, {"a": 0}, {"a": -1}, {"a": "many"}, {"": 1}, {1: 1}, {"a": float("inf")}])
def test_refuses(ways: dict[Any, Any]) -> None:
    with pytest.raises(ValidationError):
        SplitElement.model_validate({"type": "split", "ways": ways})


def test_the_way_of_a_caller_never_changes_between_versions() -> None:
    element = split(a=60, b=40)
    assert "".join(element.way_of(caller, "main/split") for caller in CALLERS[:20]) == "aaabaababbbaaaaaaaaa"
