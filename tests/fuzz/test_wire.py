"""What strangers send is read or refused, in time and within bounds of memory; what once was a fault is none again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.wire import TARGETS
from tests.fuzz.wire_child import CORPUS, read

CHILD = Path(__file__).with_name("wire_child.py")
APART = ("sh", "-c", '"$@"; exit $?', "sh")
"""A shell between: to Linux the most memory that the parent ever had is that of a child, too (getrusage(2)), and after
thousands of tests that is more than the child may have."""
SECONDS = 2.5
"""For all targets together in every run; the longer runs are for `deploy/test.sh --heavy`."""


def run(target: str, seed: int, seconds: float) -> int:
    """Inputs that a child handed over without a fault."""
    done = subprocess.run(
        [*APART, sys.executable, str(CHILD), target, str(seed), str(seconds)],
        capture_output=True,
        text=True,
        timeout=seconds + 300,
        check=False,
        env={**os.environ, "PYTHONPATH": str(CHILD.parents[2])},
    )
    assert done.returncode == 0, f"{target}, seed {seed}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return int(done.stdout.split()[-1])


def test_some() -> None:
    assert run("all", 20260302, SECONDS) > 50


@pytest.mark.parametrize("target", TARGETS)
def test_kept_inputs(target: str) -> None:
    kept = read(target)
    assert kept, f"{CORPUS / target}.txt is empty"
    for data in kept:
        TARGETS[target](data)


@pytest.mark.heavy
@pytest.mark.timeout(600)
@pytest.mark.parametrize("target", TARGETS)
def test_many(target: str) -> None:
    assert run(target, int.from_bytes(os.urandom(3)) + 1, 60) > 500
