"""What the kernel says of processes."""

from __future__ import annotations

import re
from pathlib import Path


def children(pid: int) -> list[int]:
    """Processes below a process, the nearest first."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            found += [child, *children(child)]
    return found


def resident(pid: int) -> int:
    """Kilobytes of a process in memory."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])
