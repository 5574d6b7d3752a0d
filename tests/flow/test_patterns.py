"""Patterns over keys, compared with the expressions of the standard library."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.patterns import KEYS, Pattern, PatternError

PATTERNS = [
    "[1-5]", r"\d{4}", r"0\d{2,4}", r"\d+", r"(12|34)*5?", r"^\d{3}$", r"[^0]\d*", r"1?2?3?", r"(?:1|2){2,}",
    r"\*\d\#", r"[*#]", r"(\d\d){1,3}", r".{2}", r"1|22|333", r"\D\d", r"#1", r"(1*)*2",
]  # fmt: skip


@given(st.sampled_from(PATTERNS), st.text(alphabet=KEYS, max_size=8))
def test_matches_as_the_standard_library_does(text: str, keys: str) -> None:
    assert Pattern(text).matches(keys) == (re.fullmatch(text, keys) is not None)


@pytest.mark.parametrize(
    ("text", "keys", "extends"),
    [
        (r"\d{4}", "123", True),
        (r"\d{4}", "1234", False),
        (r"\d{4}", "*", False),
        (r"\d+", "1234567", True),
        (r"1|12", "1", True),
        (r"1|12", "12", False),
        (r"0\d{2,4}", "01", True),
        (r"0\d{2,4}", "01234", False),
    ],
)
def test_whether_more_could_come(text: str, keys: str, extends: bool) -> None:
    assert Pattern(text).extends(keys) is extends


@given(st.sampled_from(PATTERNS), st.text(alphabet=KEYS, max_size=4), st.text(alphabet=KEYS, min_size=1, max_size=3))
def test_what_matches_could_come(text: str, keys: str, more: str) -> None:
    if Pattern(text).matches(keys + more):
        assert Pattern(text).extends(keys)


@pytest.mark.parametrize(
    "text",
    ["(", ")", "[1", "(?=1)", "(?P<a>1)", r"(1)\1", "*1", "1{2", "1{3,2}", "1{99}", "x", "[]", "1" * 300, "[E]",
     "(((1{9}){9}){9})", r"\q", "$1"],
)  # fmt: skip
def test_refuses(text: str) -> None:
    with pytest.raises(PatternError):
        Pattern(text)


@given(st.text(alphabet="01*#[]()|?+{},.^$\\d-A", max_size=40), st.text(alphabet=KEYS, max_size=64))
def test_any_text_is_a_pattern_or_an_error(text: str, keys: str) -> None:
    try:
        pattern = Pattern(text)
    except PatternError:
        return
    assert pattern.matches(keys) in (True, False)
    assert pattern.extends(keys) in (True, False)


@pytest.mark.parametrize("text", [r"(\d+)+\*", r"(\d|\d\d|\d{3})*\*", r"(\d?){60}\*", r"(.*1){10}\*"])
def test_no_input_makes_a_pattern_explode(text: str) -> None:
    # A backtracking matcher would not come back from these before the test's time is up.
    assert not Pattern(text).matches("1" * 64)
