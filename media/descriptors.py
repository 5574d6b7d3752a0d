"""How many files and sockets a process may have open."""

from __future__ import annotations

import contextlib
import resource

__all__ = ["raise_descriptors"]


def raise_descriptors() -> int:
    """Permit this process, and those that it starts, as many as the system does. Returns the number in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return 1 << 30 if soft == resource.RLIM_INFINITY else soft
