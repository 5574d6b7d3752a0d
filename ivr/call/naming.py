"""Names that reach the file system, made safe.

A recording's name comes from a template that may hold what a caller sent (a number, a display name). What is left
after :func:`safe_name` is one path component that no file system and no shell treats specially.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from pathlib import Path

MAX_NAME = 100
"""Bytes of a name without suffix: file systems allow 255, which leaves room for a counter and a suffix."""

MAX_COUNT = 20
"""Files of one name that are counted: every look for a free one asks the file system while calls wait."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._+@-]+")


def safe_name(text: str, fallback: str) -> str:
    """One path component of ASCII letters, digits and ``._+@-`` made from `text`; `fallback` when nothing is left.

    Never empty, never starts with a dot, never longer than :data:`MAX_NAME` bytes.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    cleaned = _UNSAFE.sub("_", plain).strip("._")[:MAX_NAME].rstrip("._")
    return cleaned or fallback


def free_path(folder: Path, name: str, suffix: str, taken: set[Path]) -> Path:
    """A path in `folder` that no file and no recording in progress (`taken`) uses; adds ``-2``, ``-3``…, and after
    :data:`MAX_COUNT` something random."""
    path = folder / f"{name}{suffix}"
    count = 2
    while path in taken or path.exists():
        number = str(count) if count <= MAX_COUNT else uuid.uuid4().hex[:12]
        path = folder / f"{name}-{number}{suffix}"
        count += 1
    return path
