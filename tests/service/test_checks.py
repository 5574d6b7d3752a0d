from __future__ import annotations

from dataclasses import dataclass

import pytest

from ivr.service import line_down, silent_worker


@dataclass
class Line:
    name: str
    usable: bool
    reason: str = ""


@dataclass
class Pool:
    silence: float


@pytest.mark.parametrize(("silence", "told"), [(1.2, None), (10.4, "a media worker has said nothing for 10 s")])
def test_a_worker_that_is_stuck(silence: float, told: str | None) -> None:
    assert silent_worker(Pool(silence), 10.0) == told


def test_lines_that_are_needed_and_cannot_be_used() -> None:
    lines = [Line("a", False, "not registered: 403"), Line("b", False, "silent"), Line("c", True)]
    assert line_down(lines, ["a", "c"]) == "line a: not registered: 403"
    assert line_down(lines, ["c"]) is None
