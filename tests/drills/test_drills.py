"""The drills that have a form of a second or two, for every change; and all of them as for every night."""

from __future__ import annotations

import pytest

from tests.drills.harness import ROOT, Drill, drills, perform
from tests.drills.report import MEASURED, PAGE, page

ALL = drills()
SHORT = [name for name, drill in ALL.items() if drill.short]
"""Some seconds altogether."""


def check(name: str, drill: Drill, scale: str) -> None:
    result = perform(name, drill, "short" if scale == "short" else "quick")
    if result.skipped:
        pytest.skip(result.skipped)
    assert not result.error, result.error
    assert [figure for figure in result.figures if not figure.passed] == []


@pytest.mark.interop
@pytest.mark.parametrize("name", SHORT)
def test_short(name: str) -> None:
    check(name, ALL[name], "short")


@pytest.mark.heavy
@pytest.mark.interop
@pytest.mark.timeout(700)
@pytest.mark.parametrize("name", ALL)
def test_as_for_every_night(name: str) -> None:
    check(name, ALL[name], "quick")


def test_the_page_says_what_was_measured() -> None:
    text = (ROOT / PAGE).read_text()
    assert page(text, (ROOT / MEASURED).read_text()) == text, "run python -m tests.drills.report"


def test_every_drill_is_on_the_page() -> None:
    text = (ROOT / PAGE).read_text()
    assert [name for name in ALL if f"`{name}`" not in text] == []
