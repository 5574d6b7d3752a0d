"""Globs, lists with gaps, alignment, values."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.testing.matching import GAP, align, glob, in_order, list_matches, same_value, subset


def same(wanted: Any, found: Any) -> bool:
    return bool(wanted == found)


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("Welcome*", "Welcome to Example Limited.", True),
        ("*Limited.", "Welcome to Example Limited.", True),
        ("Welcome", "Welcome to Example Limited.", False),
        ("How are you?", "How are you?", True),
        ("How are you?", "How are you!", False),
        ("[1-5]", "3", False),
        ("two  words", "two\nwords", True),
        ("*", "", True),
        ("a*b*c", "a--b--c", True),
    ],
)
def test_globs(pattern: str, text: str, fits: bool) -> None:
    assert glob(pattern, text) is fits


@pytest.mark.parametrize(
    ("wanted", "found", "fits"),
    [
        ("ab", "ab", True),
        ("ab", "abc", False),
        ("abc", "ab", False),
        ([GAP], "", True),
        ([GAP], "abc", True),
        (["a", GAP], "a", True),
        (["a", GAP], "ba", False),
        (["a", GAP, "c"], "abc", True),
        (["a", GAP, "c"], "abcd", False),
        ([GAP, "b", GAP, "b"], "abab", True),
        ([GAP, "b", GAP, "b"], "ab", False),
        ([GAP, GAP, "b"], "ab", True),
        ([], "", True),
        ([], "a", False),
    ],
)
def test_lists_with_gaps(wanted: Any, found: str, fits: bool) -> None:
    assert list_matches([*wanted], [*found], same) is fits


@given(st.lists(st.sampled_from("abc.")), st.lists(st.sampled_from("abc"), max_size=12))
def test_an_alignment_shows_a_difference_where_there_is_one(pattern: list[str], found: list[str]) -> None:
    wanted = [GAP if sign == "." else sign for sign in pattern]
    rows = align(wanted, found, same)
    assert all(row.same for row in rows) is list_matches(wanted, found, same)
    assert [row.found for row in rows if row.found is not None] == [*range(len(found))]
    seen = [row.wanted for row in rows if row.wanted is not None]
    assert list(dict.fromkeys(seen)) == [*range(len(wanted))]
    assert all(row.wanted is not None or row.found is not None for row in rows)


def test_what_is_left_out_put_in_and_other() -> None:
    def shown(wanted: str, found: str) -> list[str]:
        rows = align([*wanted], [*found], same)
        return [
            f"{'-' if row.wanted is None else wanted[row.wanted]}{'-' if row.found is None else found[row.found]}"
            for row in rows
            if not row.same
        ]

    assert shown("abcd", "abd") == ["c-"]
    assert shown("abd", "abcd") == ["-c"]
    assert shown("abcd", "abxd") == ["cx"]
    assert shown("ab", "") == ["a-", "b-"]


def test_in_order() -> None:
    assert in_order("ac", "abc", same) is None
    assert in_order("ca", "abc", same) == 1
    assert in_order("aa", "abc", same) == 1
    assert in_order("", "", same) is None


@pytest.mark.parametrize(
    ("wanted", "found", "fits"),
    [
        (1, 1.0, True),
        (0.3, 0.1 + 0.2, True),
        (Decimal("1.5"), 1.5, True),
        (1, True, False),
        (True, True, True),
        ("1", 1, False),
        ("", None, False),
        (None, None, True),
        ([1, 2], (1, 2.0), True),
        ([1], [1, 2], False),
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ("2026-03-02", date(2026, 3, 2), True),
        ("2026-03-02T10:00:00+00:00", datetime(2026, 3, 2, 10, tzinfo=UTC), True),
        ("2026-03-03", date(2026, 3, 2), False),
        ("rec-*.wav", "rec-7.wav", True),
    ],
)
def test_values(wanted: Any, found: Any, fits: bool) -> None:
    assert same_value(wanted, found) is fits


def test_subsets() -> None:
    body = {"account": "1001", "amount": 5, "items": [{"name": "x", "n": 1}], "note": "call back"}
    assert subset({"account": "1001"}, body)
    assert subset({"items": [{"name": "x"}], "note": "call*"}, body)
    assert not subset({"items": []}, body)
    assert not subset({"other": None}, body)
    assert not subset({"amount": "5"}, body)
    assert subset({}, body)
