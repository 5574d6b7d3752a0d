"""Whatever stands in a file of cases: it becomes cases, or faults with lines, and never a crash."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.flow.testing import CaseError, case_faults, parse_cases, run_case
from ivr.flow.testing.cases import Case
from ivr.flow.testing.fields import ExpectFields, GivenFields
from tests.flow.testing.desk import FLOWS

WORDS = st.sampled_from(
    [
        *(
            "name",
            "given",
            "when",
            "expect",
            "each",
            "cases",
            "press",
            "at",
            "hang_up",
            "silence",
            "wait",
            "speak",
            "http",
        ),
        *(
            "forward",
            "result",
            "busy",
            "menu",
            "start",
            "sales",
            "...",
            "*",
            "1",
            "5s",
            "< 3s",
            "<key>",
            "key",
            "missing",
        ),
        *GivenFields.model_fields,
        *ExpectFields.model_fields,
    ]
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5000), st.floats(allow_nan=False), WORDS, st.text(max_size=5)
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)
CASES = st.lists(
    st.fixed_dictionaries(
        {"name": WORDS},
        optional={
            "given": st.dictionaries(st.sampled_from(list(GivenFields.model_fields)), VALUES, max_size=3),
            "when": st.lists(st.dictionaries(WORDS, SCALARS, max_size=2), max_size=3),
            "expect": st.dictionaries(st.sampled_from(list(ExpectFields.model_fields)), VALUES, max_size=3),
            "each": VALUES,
        },
    ),
    max_size=3,
)


def read(data: Any) -> tuple[Case, ...]:
    try:
        return parse_cases(json.dumps(data), "desk.test.yaml")
    except CaseError as error:
        assert error.faults
        assert all(fault.text and fault.file == "desk.test.yaml" for fault in error.faults)
        return ()


@given(VALUES)
@settings(max_examples=300, deadline=None)
def test_any_data(data: Any) -> None:
    read(data)


@given(CASES)
@settings(max_examples=500, deadline=None)
def test_cases_run_or_are_refused(data: Any) -> None:
    for case in read(data):
        case_faults(case, FLOWS["desk"], FLOWS)
        if case.given.entry in (None, "start"):
            outcome = run_case(case, FLOWS["desk"], FLOWS)
            json.dumps([[each.text, each.expected, each.actual] for each in outcome.differences])


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text(text: str) -> None:
    try:
        parse_cases(text, "desk.test.yaml")
    except CaseError as error:
        assert error.faults
