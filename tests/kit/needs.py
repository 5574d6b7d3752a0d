"""What a test needs of the machine: in CI it must be there, elsewhere the test is skipped with a reason."""

from __future__ import annotations

import os
import shutil


def may_skip(present: object) -> bool:
    """Whether a test may be skipped for want of something: never in CI, where it then runs and fails."""
    return not present and not os.environ.get("CI")


def lacks(program: str) -> bool:
    """Whether a test may be skipped because `program` is not installed."""
    return may_skip(shutil.which(program))
