"""Merging keys of several sources."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.digits import DigitMerger
from ivr.flow.ports import DigitEnded


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        # (source, digit, begin, end)
        (("rfc4733", "5", 0.0, 0.1), ("inband", "5", 0.05, 0.12), True),
        (("rfc4733", "5", 0.0, 0.1), ("inband", "5", 0.15, 0.3), True),
        (("rfc4733", "5", 0.0, 0.1), ("inband", "5", 0.16, 0.3), False),
        (("rfc4733", "5", 0.0, 0.5), ("inband", "5", 0.4, 0.6), True),
        (("inband", "5", 0.05, 0.2), ("rfc4733", "5", 0.0, 0.2), True),
        (("rfc4733", "5", 0.0, 0.1), ("inband", "6", 0.0, 0.1), False),
        (("rfc4733", "5", 0.0, 0.1), ("rfc4733", "5", 0.12, 0.2), False),
        (("inband", "5", 0.0, 0.05), ("inband", "5", 0.1, 0.15), False),
    ],
)
def test_two_keys(first: Any, second: Any, same: bool) -> None:
    merger = DigitMerger()
    assert merger.start(first[1], first[0], first[2], 1)
    ended = merger.end(first[1], first[0], first[3], 1)
    assert ended == DigitEnded(first[1], first[2], first[3] - first[2])
    assert merger.start(second[1], second[0], second[2], 2) is not same
    if same:
        assert merger.end(second[1], second[0], second[3], 2) is None


def test_an_open_key_overlaps_a_late_source() -> None:
    merger = DigitMerger()
    assert merger.start("1", "rfc4733", 0.0, 1)
    assert not merger.start("1", "inband", 1.5, 2)
    assert merger.end("1", "rfc4733", 2.0, 1) == DigitEnded("1", 0.0, 2.0)


def test_info_tells_its_length_at_once() -> None:
    merger = DigitMerger()
    assert merger.start("1", "rfc4733", 0.0, 1)
    merger.end("1", "rfc4733", 0.2, 1)
    assert not merger.start("1", "info", 0.1, duration=0.16)
    assert merger.start("1", "info", 0.5, duration=0.1)
    assert merger.start("1", "info", 0.52, duration=0.1)


def test_the_same_event_again_is_no_new_key() -> None:
    merger = DigitMerger()
    assert merger.start("1", "rfc4733", 0.0, 77)
    assert not merger.start("1", "rfc4733", 0.5, 77)


def test_a_fast_typist_on_two_sources_is_counted_right() -> None:
    merger = DigitMerger()
    taken = 0
    for index in range(20):
        at = index * 0.2
        taken += merger.start("1", "rfc4733", at, index)
        merger.end("1", "rfc4733", at + 0.08, index)
        taken += merger.start("1", "inband", at + 0.04, 1000 + index)
        merger.end("1", "inband", at + 0.1, 1000 + index)
    assert taken == 20


def test_a_lost_end_does_not_swallow_later_keys() -> None:
    merger = DigitMerger()
    assert merger.start("1", "rfc4733", 0.0, 1)
    assert merger.start("1", "inband", 11.0, 2)


@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.sampled_from("12"),
            st.sampled_from(["rfc4733", "info", "inband"]),
            st.floats(0, 5),
            st.one_of(st.none(), st.integers(0, 5)),
        ),
        max_size=60,
    )
)
def test_anything_in_any_order(script: list[Any]) -> None:
    merger = DigitMerger()
    for begins, digit, source, at, key in script:
        if begins:
            merger.start(digit, source, at, key)
        else:
            ended = merger.end(digit, source, at, key)
            assert ended is None or ended.duration >= 0
        assert len(merger._pressed) <= 16
