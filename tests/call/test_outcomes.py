"""What statuses, causes of the network and our own errors mean for a flow."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.call.outcomes import INTERNAL, Q850, STATUSES, broken, cause_of, cause_of_error, outcome_of, q850_of
from ivr.call.targets import NoLineError
from ivr.errors import (
    BusyError,
    CallForbiddenError,
    IvrError,
    MediaUnavailableError,
    NumberNotServedError,
    OverloadedError,
    StoreError,
    TooManyHopsError,
    UnreachableError,
)
from ivr.flow import ports
from ivr.sip import BuildError

PAGE = Path(__file__).parent.parent.parent / "docs" / "outgoing-calls.md"


@pytest.mark.parametrize(
    ("status", "outcome", "kind"),
    [
        (486, "busy", "known"),
        (600, "busy", "known"),
        (603, "declined", "known"),
        (607, "declined", "final"),
        (608, "declined", "final"),
        (408, "no_answer", "known"),
        (480, "no_answer", "known"),
        (404, "failed", "final"),
        (503, "failed", "known"),
        (488, "failed", "unexplained"),
        (399, "failed", "final"),
        (498, "failed", "unexplained"),
        (599, "failed", "known"),
        (699, "declined", "known"),
    ],
)
def test_statuses(status: int, outcome: str, kind: str) -> None:
    found = cause_of(status)
    assert (found.outcome, found.kind) == (outcome, kind)
    assert outcome_of(status) == outcome


def test_every_final_status_means_something() -> None:
    for status in range(300, 700):
        found = cause_of(status)
        assert found.outcome in get_args(ports.DialOutcome)
        assert found.kind in get_args(ports.FailureKind)
        assert re.fullmatch(r"[a-z_]+", found.word)
    for found in STATUSES.values():
        assert re.match(r"RFC \d{4} \d", found.where)
    for number, found in Q850.items():
        assert found.where.startswith(f"Q.850 {number}: ")
    for word, found in INTERNAL.items():
        assert found.word == word


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ('Q.850;cause=17;text="User busy"', 17),
        ('SIP;cause=200;text="Call completed elsewhere", q.850 ; cause = 21', 21),
        ('Q.850;text="cause=3"', None),
        ("SIP;cause=486", None),
        ("Q.850", None),
        ("Q.8500;cause=17", None),
        ("", None),
    ],
)
def test_reasons_are_read(value: str, cause: int | None) -> None:
    assert q850_of([("Via", "x"), ("Reason", value)]) == cause


@pytest.mark.parametrize(
    ("reason", "fault"),
    [
        ('Q.850;cause=27;text="the port is gone"', True),
        ("Q.850;cause=16", False),
        ("SIP;cause=200", False),
        (None, False),
    ],
)
def test_a_line_that_has_vanished_is_nobody_who_hung_up(reason: str | None, fault: bool) -> None:
    assert broken(reason) is fault


def test_the_cause_of_the_network_says_more_than_a_status_that_says_little() -> None:
    busy = [("Reason", "Q.850;cause=17")]
    assert cause_of(503, busy).outcome == "busy"
    assert cause_of(403, [("Reason", "Q.850;cause=21")]).outcome == "declined"
    assert cause_of(603, busy).outcome == "declined"
    assert cause_of(404, [("Reason", "Q.850;cause=16")]).word == "unknown_number"


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (CallForbiddenError("x"), "not_permitted"),
        (BusyError("x"), "limit"),
        (OverloadedError("x"), "limit"),
        (MediaUnavailableError("x"), "no_media"),
        (TooManyHopsError("x"), "too_many_hops"),
        (UnreachableError("x"), "unreachable"),
        (NoLineError("x"), "no_line"),
        (NumberNotServedError("x"), "no_number"),
        (BuildError("x"), "not_sendable"),
        (StoreError("x"), "error"),
    ],
)
def test_errors_of_our_own(error: IvrError, word: str) -> None:
    assert cause_of_error(error).word == word


def _rows(head: str) -> dict[str, tuple[str, ...]]:
    """Rows of the table of the page that begins so, by their first column."""
    text = PAGE.read_text()
    table = text[text.index(f"\n| {head} |") :].split("\n\n")[0].strip().splitlines()[2:]
    cells = [tuple(cell.strip().strip("`") for cell in row.strip().strip("|").split("|")) for row in table]
    return {row[0]: row[1:] for row in cells}


def _expected(table: object) -> dict[str, tuple[str, ...]]:
    assert isinstance(table, dict)
    return {str(key): (one.outcome, one.kind, one.word, one.where) for key, one in table.items()}


def test_the_page_lists_every_status() -> None:
    assert _rows("SIP status") == _expected(STATUSES)


def test_the_page_lists_every_cause_of_the_network() -> None:
    listed = {key: (*row[:3], f"Q.850 {key}: {row[3]}") for key, row in _rows("Q.850 cause").items()}
    assert listed == _expected(Q850)


def test_the_page_lists_every_cause_of_our_own() -> None:
    listed = {key: (row[0], row[1], key, row[2]) for key, row in _rows("word").items()}
    assert listed == _expected(INTERNAL)


@given(
    st.text(st.sampled_from(list('Q.850;cause="17 ,<>\\')), max_size=40) | st.text(max_size=40), st.integers(300, 699)
)
def test_whatever_stands_in_a_reason_has_a_meaning(value: str, status: int) -> None:
    assert cause_of(status, [("Reason", value)]).word
    broken(value)
