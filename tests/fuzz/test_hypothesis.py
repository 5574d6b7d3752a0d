"""Data of any shape and texts of any letters: read, or refused with an error that is documented."""

from __future__ import annotations

import string
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.errors import FlowLoadError
from ivr.flow.elements import ELEMENTS
from ivr.flow.expressions import Expression, ExpressionError, Scope, Template
from ivr.flow.lint import check_flow
from ivr.flow.loader import parse_flow
from tests.kit.lint import WORLD

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["start", "1", "{{ x }}"])
)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = sorted({info.alias or name for model in ELEMENTS.values() for name, info in model.model_fields.items()})
ELEMENT = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(ELEMENTS))}, optional={"next": st.sampled_from(["start", "a", "b"])}
).flatmap(lambda fixed: st.dictionaries(st.sampled_from(FIELDS), DATA, max_size=5).map(lambda more: {**more, **fixed}))
FLOW = st.fixed_dictionaries(
    {
        "variables": st.dictionaries(st.sampled_from(["x", "y", "language"]), DATA, max_size=3) | DATA,
        "elements": st.dictionaries(st.sampled_from(["start", "a", "b", "c"]), ELEMENT | DATA, max_size=4) | DATA,
    },
    optional={"sensitive": DATA, "description": DATA, "canary": DATA},
)
START = {"start": {"type": "start_incoming_call", "numbers": ["1"], "next": "a"}}


def read(text: str) -> None:
    try:
        flow = parse_flow(text, "fuzz")
    except FlowLoadError as error:
        assert all(fault.text for fault in error.faults)
        return
    for finding in check_flow(flow, WORLD):
        assert str(finding)


@given(FLOW)
@settings(max_examples=150, deadline=None)
def test_flows_of_any_data(data: dict[str, Any]) -> None:
    read(yaml.safe_dump(data, allow_unicode=True))


@given(st.lists(ELEMENT, min_size=2, max_size=2))
@settings(max_examples=150, deadline=None)
def test_elements_with_any_fields(elements: list[dict[str, Any]]) -> None:
    first, second = elements
    read(yaml.safe_dump({"elements": {**START, "a": first, "b": second}}, allow_unicode=True))


@given(st.text(max_size=200) | st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_texts_of_any_letters(text: str | bytes) -> None:
    try:
        parse_flow(text, "fuzz")
    except FlowLoadError as error:
        assert error.faults


ALPHABET = st.sampled_from(
    [*string.printable, "é", "\u202e", "\x00", " and ", " if ", " else ", "not ", "len(", "x", "y.z", "['a']"]
)


@given(st.lists(ALPHABET, max_size=40).map("".join), DATA)
@settings(max_examples=300, deadline=None)
def test_expressions_of_any_letters(text: str, value: Any) -> None:
    scope = Scope({"x": value, "y": {"z": value}})
    for source in (text, f"({text})", f"x == {text}"):
        try:
            Expression(source).evaluate(scope)
        except ExpressionError as error:
            assert str(error)
    try:
        Template.parse(text + "{{" + text + "}}").render(scope)
    except ExpressionError as error:
        assert str(error)
