from __future__ import annotations

from typing import Any

import pytest

from ivr.dialer.rules.results import result_of


def attempt(outcome: str, **more: Any) -> dict[str, Any]:
    return {"outcome": outcome, **more}


@pytest.mark.parametrize(
    ("attempts", "fault", "result"),
    [
        ([], None, ("not_called", 0)),
        ([], "it failed", ("failed", 0)),
        ([attempt("answered", answerer="human")], None, ("answered", 1)),
        ([attempt("answered")], "it failed later", ("answered", 1)),
        ([attempt("answered", answerer="unknown")], None, ("answered", 1)),
        ([attempt("answered", answerer="machine")], None, ("voicemail", 1)),
        ([attempt("answered", answerer="machine"), attempt("busy")], None, ("voicemail", 2)),
        ([attempt("busy"), attempt("no_answer")], None, ("no_answer", 2)),
        ([attempt("failed", status="congestion")], None, ("failed", 1)),
        ([attempt("failed", status="cancelled")], None, ("failed", 1)),
        ([attempt("failed", status="do_not_contact")], None, ("do_not_contact", 0)),
        ([attempt("busy"), attempt("failed", status="interrupted")], None, ("interrupted", 1)),
        ([attempt("busy"), attempt("failed", status="campaign_cancelled")], None, ("cancelled", 1)),
        ([attempt("failed", status="campaign_over")], None, ("expired", 0)),
        ([attempt("declined"), {}], None, ("failed", 2)),
    ],
)
def test_what_became_of_a_contact(attempts: Any, fault: str | None, result: tuple[str, int]) -> None:
    assert result_of(attempts, fault) == result
