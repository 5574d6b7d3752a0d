"""What nobody would write is refused with an error that is documented, in time, and within bounds of memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ivr.errors import FlowLoadError
from ivr.flow.loader import parse_flow
from tests.fuzz.bombs import BOMBS

CHILD = Path(__file__).with_name("child.py")
HARMLESS = {
    "everything leads everywhere",
    "huge exponent",
    "many comments",
    "menu of thousands",
    "one number for ever",
}
"""Within the limits of one flow."""


def run(subject: str, seed: int, seconds: float) -> int:
    """Texts that a child read without a fault."""
    done = subprocess.run(
        [sys.executable, str(CHILD), subject, str(seed), str(seconds)],
        capture_output=True,
        text=True,
        timeout=seconds + 100,
        check=False,
        env={**os.environ, "PYTHONPATH": str(CHILD.parents[2])},
    )
    assert done.returncode == 0, f"{subject}, seed {seed}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return int(done.stdout.split()[-1])


SECONDS = {"flows": 3.0, "expressions": 1.5, "patterns": 1.5, "paths": 1.5, "settings": 1.5, "cases": 1.5}
"""For each subject in every run; the longer runs are for `deploy/test.sh --heavy`."""


@pytest.mark.parametrize(("subject", "seconds"), SECONDS.items())
def test_some(subject: str, seconds: float) -> None:
    assert run(subject, 20260302, seconds) > 0


@pytest.mark.heavy
@pytest.mark.timeout(600)
@pytest.mark.parametrize("subject", SECONDS)
def test_many(subject: str) -> None:
    assert run(subject, int.from_bytes(os.urandom(4)), 120) > 1000


def test_bombs_take_neither_time_nor_memory() -> None:
    assert run("bombs", 0, 100) == len(BOMBS)


@pytest.mark.parametrize("name", sorted(BOMBS.keys() - HARMLESS))
def test_bombs_are_refused(name: str) -> None:
    with pytest.raises(FlowLoadError) as caught:
        parse_flow(BOMBS[name], "bomb")
    assert all(len(str(fault)) < 3_000 for fault in caught.value.faults)
