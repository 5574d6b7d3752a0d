"""The way of a flow: what is counted, and what is kept of it."""

from __future__ import annotations

import json

from ivr.flow.trace import Step
from ivr.flow.way import Way
from ivr.settings import Limits


def way(steps: int = 5, visits: int = 2) -> Way:
    return Way(Limits(steps_per_call=steps, visits_without_input=visits))


def test_visits_count_until_something_comes_from_outside() -> None:
    walked = way()
    assert [walked.refused("main", "a", 0) for _ in range(3)] == [
        None, None, "limits.visits_without_input is reached at element a",
    ]  # fmt: skip
    assert walked.refused("main", "a", 1) is None
    assert walked.refused("sub", "a", 1) is None


def test_steps_count_whatever_comes() -> None:
    walked = way()
    assert [walked.refused("main", "a", number) for number in range(6)][-1] == "limits.steps_per_call is reached"
    walked.rested()
    assert walked.refused("main", "a", 6) is None


def test_counts_go_on_after_they_were_kept() -> None:
    walked, other = way(), way()
    walked.refused("main", "a", 3)
    walked.refused("main", "a", 3)
    other.set_counters(json.loads(json.dumps(walked.counters())))
    assert other.refused("main", "a", 3) == walked.refused("main", "a", 3) is not None


def test_no_more_steps_are_kept_than_one_call_may_walk() -> None:
    walked = way(steps=3)
    steps = walked.steps
    for number in range(5):
        walked.enter(Step("main", f"e{number}", "tag", 0.0))
    assert [step.element for step in steps] == ["e2", "e3", "e4"]
    assert steps is walked.steps
