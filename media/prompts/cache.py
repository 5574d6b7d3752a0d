"""Converted sounds on disk, by content: written once and whole, found by name, the least recently used dropped.

The time of last use is the file's modification time, so that processes share the folder: the daemon and
`ivr prompts warm`. Blocking; called in threads, but for `find`, which takes a few microseconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from media.face import WIDE_SUFFIX, Sound
from media.prompts.errors import PromptError

__all__ = ["SoundCache", "content_key", "wide_path"]

CONVERSION = 1
"""Part of every key; raised whenever the same input is to sound different."""
RECENT_SECONDS = 6 * 3600.0
"""What was used within is not dropped while the cache keeps its bound in other ways: a call may be about to play it."""
IN_HAND_SECONDS = 300.0
"""Nothing younger is ever dropped: somebody was just given its path."""
TOUCH_SECONDS = 60.0
"""How exact the time of last use is; far below IN_HAND_SECONDS."""
SLACK = 0.9
"""Part of the bound that a clean-up comes down to, so that not every new sound makes one."""
STALE_TEMPORARY_SECONDS = 3600.0
"""Unfinished files of processes that died; no job takes so long."""
SUFFIX = ".s16"


def content_key(*parts: object) -> str:
    """Name of a sound that these parts (strings, numbers) determine."""
    return hashlib.sha256(json.dumps([CONVERSION, *parts]).encode()).hexdigest()


def wide_path(path: Path) -> Path:
    """Where the same sound at 16 kHz is, if it is."""
    return path.with_name(path.name + WIDE_SUFFIX)


class SoundCache:
    """A folder of raw sounds."""

    def __init__(self, folder: Path, bound: int, clock: Callable[[], float] = time.time) -> None:
        """bound: bytes on disk. clock: wall-clock seconds, as file times are."""
        self.folder = folder
        self._sounds = folder / "sounds"
        self._temporary = folder / "tmp"
        self._bound = bound
        self._clock = clock
        self._bytes = 0
        self._clean_at = bound

    @property
    def bytes(self) -> int:
        """What the sounds take on disk."""
        return self._bytes

    def open(self) -> None:
        """Make the folders, and count what is there. Raises PromptError when they cannot be written."""
        try:
            for folder in (self._sounds, self._temporary):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._temporary):
                pass
        except OSError as error:
            raise PromptError(f"the prompt cache {self.folder} cannot be written: {error.strerror}") from None
        self._bytes = sum(size for _, size, _ in self._entries())
        now = self._clock()
        for path in self._temporary.iterdir():
            with contextlib.suppress(OSError):
                if now - path.stat().st_mtime > STALE_TEMPORARY_SECONDS:
                    path.unlink()

    def temporary(self, suffix: str = "") -> Path:
        """A path for an unfinished file, which does not exist yet."""
        return self._temporary / f"{os.getpid()}-{os.urandom(8).hex()}{suffix}"

    def find(self, key: str) -> Sound | None:
        """The sound of a key, and a note that it was used."""
        path = self._path(key)
        try:
            stat = path.stat()
            if self._clock() - stat.st_mtime > TOUCH_SECONDS:
                os.utime(path)
        except OSError:
            return None
        return Sound(path, stat.st_size // 2) if stat.st_size else None

    def add(self, key: str, finished: Path) -> Sound:
        """Move a finished file in, and the same at 16 kHz where that is beside it; the sound. Raises PromptError when
        the cache is full of what is in use."""
        path, wide = self._path(key), wide_path(finished)
        try:
            size = finished.stat().st_size
            if self._bytes + size > self._clean_at:
                self.clean()
            if self._bytes + size > 2 * self._bound:
                raise PromptError(f"the prompt cache is full: {self._bytes} bytes used within minutes")
            path.parent.mkdir(mode=0o700, exist_ok=True)
            if wide.exists():  # first, so that whoever finds the sound finds both
                self._bytes += wide.stat().st_size
                os.replace(wide, wide_path(path))
            size = self._place(finished, path, size)
        except OSError as error:
            raise PromptError(f"the prompt cache {self.folder} cannot be written: {error.strerror}") from None
        return Sound(path, size // 2)

    def _place(self, finished: Path, path: Path, size: int) -> int:
        """Give the file its name, unless another process did so first: a sound never changes once it exists."""
        try:
            os.link(finished, path)
            finished.unlink()
        except FileExistsError:
            there = path.stat().st_size
            if there:
                finished.unlink()
                return there
            os.replace(finished, path)
        except PermissionError:  # a file system without hard links
            os.replace(finished, path)
        self._bytes += size
        return size

    def clean(self) -> int:
        """Drop the least recently used until the bound is kept; how many.

        What was used within hours stays, unless that takes twice the bound; what was used within minutes always stays.
        """
        now, dropped = self._clock(), 0
        entries = sorted(self._entries())
        total = sum(size for _, size, _ in entries)
        for used, size, path in entries:
            age = now - used
            if total <= self._bound * SLACK or age < IN_HAND_SECONDS:
                break
            if age < RECENT_SECONDS and total <= self._bound * 2 * SLACK:
                break
            with contextlib.suppress(OSError):
                path.unlink()
                wide_path(path).unlink(missing_ok=True)
                total -= size
                dropped += 1
        self._bytes = total
        self._clean_at = min(max(self._bound, total + int(self._bound * (1 - SLACK))), 2 * self._bound)
        return dropped

    def _path(self, key: str) -> Path:
        return self._sounds / key[:2] / f"{key}{SUFFIX}"

    def _entries(self) -> list[tuple[float, int, Path]]:
        """(last use, bytes, path) of all sounds."""
        entries = []
        for path in self._sounds.glob(f"*/*{SUFFIX}"):
            with contextlib.suppress(OSError):
                stat = path.stat()
                size = stat.st_size
                with contextlib.suppress(OSError):
                    size += wide_path(path).stat().st_size
                entries.append((stat.st_mtime, size, path))
        return entries
