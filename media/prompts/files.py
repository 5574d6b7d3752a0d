"""Prompt files in the prompts folder: names to paths that stay inside it, bytes under a limit. Blocking."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from media.prompts.errors import PromptError

__all__ = ["FileState", "file_state", "read_bounded", "resolve_inside"]

MAX_NAME = 1024


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells one version of a file from the next."""

    mtime_ns: int
    size: int
    inode: int


def file_state(path: Path) -> FileState | None:
    """None when there is no such file."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return FileState(found.st_mtime_ns, found.st_size, found.st_ino)


def resolve_inside(folder: Path, name: str | Path) -> Path:
    """The real path of a prompt named relative to `folder` (or by an absolute path inside it).

    Raises PromptError when there is none, or when it lies outside, be it by `..`, an absolute path or a link.
    """
    text = str(name)
    if not text or len(text) > MAX_NAME or "\0" in text:
        raise PromptError("a prompt file needs a name (expected a path inside the prompts folder)")
    try:
        root = folder.resolve(strict=True)
    except OSError as error:
        raise PromptError(f"the prompts folder {folder} cannot be read: {error.strerror}") from None
    try:
        path = (root / text).resolve()
        if path.is_relative_to(root):
            return path.resolve(strict=True)
    except FileNotFoundError:
        raise PromptError(f"there is no prompt file {text} in {folder}") from None
    except (OSError, RuntimeError) as error:
        raise PromptError(
            f"the prompt file {text} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from None
    raise PromptError(f"the prompt file {text} lies outside the prompts folder {folder}")


def read_bounded(path: Path, limit: int, name: str) -> bytes:
    """All bytes of a regular file; raises PromptError with `name` when it is none or holds more than `limit`."""
    try:
        # Not blocking on a FIFO; a path that was resolved before is no link any more.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
                raise PromptError(f"{name} is {kind} (expected a sound file)")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                data = file.read(limit + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise PromptError(f"there is no file {name}") from None
    except OSError as error:
        raise PromptError(f"{name} cannot be read: {error.strerror}") from None
    if len(data) > limit:
        raise PromptError(f"{name} is larger than {limit} bytes (found {max(found.st_size, len(data))})")
    return data
