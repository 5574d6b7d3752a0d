"""How often somebody is called, and how long it waits in between."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ivr.flow.attempts import LONGEST_VALIDITY, Books, CallRetry, following
from ivr.flow.callhours import CallHours
from ivr.flow.ports import FailureKind
from ivr.flow.snapshot import decode, encode

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ALWAYS = CallHours(None, ())


def retry(**fields: object) -> CallRetry:
    return CallRetry.model_validate(fields)


def test_waits_grow_from_the_least_to_the_longest() -> None:
    three = retry(times=3, min_minutes=10, max_minutes=90)
    assert [three.seconds(number) for number in (1, 2, 3)] == [600.0, 1800.0, 5400.0]
    assert retry(times=1, min_minutes=5, max_minutes=90).seconds(1) == 300.0
    alike = retry(times=3, min_minutes=20)
    assert [alike.seconds(number) for number in (1, 2, 3)] == [1200.0] * 3


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"times": 0},
        {"times": 51},
        {"times": 1.5},
        {"times": 2, "min_minutes": 0},
        {"times": 2, "min_minutes": 10, "max_minutes": 5},
        {"times": 2, "hours": 1},
    ],
)
def test_bad_retry(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CallRetry.model_validate(fields)


@given(
    st.integers(1, 50),
    st.floats(0.01, 10_000, allow_nan=False),
    st.floats(0.01, 10_000, allow_nan=False),
)
def test_each_wait_is_at_least_as_long_as_the_one_before(times: int, a: float, b: float) -> None:
    waits = retry(times=times, min_minutes=min(a, b), max_minutes=max(a, b))
    found = [waits.seconds(number) for number in range(1, times + 1)]
    assert all(earlier <= later + 0.01 for earlier, later in itertools.pairwise(found))
    assert found[0] == pytest.approx(min(a, b) * 60, abs=0.01)
    assert times == 1 or found[-1] == pytest.approx(max(a, b) * 60, rel=1e-6, abs=0.01)


def test_a_known_failure_is_retried_as_often_as_retry_says() -> None:
    twice, books, now, waits = retry(times=2, min_minutes=10), Books(), NOON, []
    while True:
        books = books.begun(now).failed("known")
        later = following(books, "known", now, twice, LONGEST_VALIDITY, ALWAYS)
        if later is None:
            break
        waits.append((later - now).total_seconds())
        now = later
    assert waits == [600.0, 600.0]
    assert books.attempts == 3


def test_without_retry_a_known_failure_is_the_end() -> None:
    assert following(Books().begun(NOON).failed("known"), "known", NOON, None, LONGEST_VALIDITY, ALWAYS) is None


def test_what_is_final_is_never_tried_again() -> None:
    often = retry(times=50)
    assert following(Books().begun(NOON).failed("final"), "final", NOON, often, LONGEST_VALIDITY, ALWAYS) is None


def test_faults_of_our_own_are_tried_until_the_validity_is_over() -> None:
    books, now, waits = Books(), NOON, []
    while True:
        books = books.begun(now).failed("unexplained")
        later = following(books, "unexplained", now, None, 3600.0, ALWAYS)
        if later is None:
            break
        waits.append((later - now).total_seconds())
        now = later
    assert waits == [60.0, 120.0, 240.0, 480.0, 900.0, 900.0, 900.0]
    assert now <= NOON + timedelta(hours=1)


def test_faults_of_our_own_take_no_retry_away() -> None:
    once = retry(times=1, min_minutes=10)
    books = Books().begun(NOON).failed("unexplained").begun(NOON).failed("known")
    assert following(books, "known", NOON, once, 60.0, ALWAYS) == NOON + timedelta(minutes=10)


@given(st.lists(st.sampled_from(["known", "unexplained", "final"]), max_size=12), st.integers(0, 12))
def test_books_come_back_as_they_were_kept(kinds: list[FailureKind], cut: int) -> None:
    books, kept = Books(), Books()
    for index, kind in enumerate(kinds):
        books = books.begun(NOON + timedelta(hours=index)).failed(kind)
        kept = kept.begun(NOON + timedelta(hours=index)).failed(kind)
        if index == cut:
            kept = Books.of(decode(encode(kept.kept())))
    assert books == kept
    assert books.attempts == len(kinds)
    assert Books.of(None) == Books()


@given(
    st.lists(st.tuples(st.sampled_from(["known", "unexplained"]), st.floats(0, 90)), max_size=400),
    st.integers(1, 5),
    st.floats(60, LONGEST_VALIDITY),
)
def test_it_always_comes_to_an_end(outcomes: list[tuple[FailureKind, float]], times: int, validity: float) -> None:
    """However often it fails, and for which reasons: known ones count, the others have their time."""
    rule, books, now = retry(times=times, min_minutes=1, max_minutes=60), Books(), NOON
    for kind, lasted in outcomes:
        books = books.begun(now)
        now += timedelta(seconds=lasted)
        books = books.failed(kind)
        later = following(books, kind, now, rule, validity, ALWAYS)
        if later is None:
            break
        assert later > now
        assert kind == "known" or later <= NOON + timedelta(seconds=validity)
        now = later
    assert books.known <= times + 1
