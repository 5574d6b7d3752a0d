"""Recordings leave by age and by size. The folder is the truth: a crash may leave a file without a row."""

from __future__ import annotations

import logging
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from ivr.store.reader import RecordReader
from ivr.store.store import Store
from ivr.store.writer import RecordWriter

__all__ = ["Pruned", "apply_retention", "prune_recordings"]

log = logging.getLogger("ivr.store")

SUFFIXES = frozenset({".wav", ".ulaw", ".alaw", ".mp3"})
"""Sound files that recordings are made of; anything else in the folder is left alone."""

QUIET_SECONDS = 60.0
"""A file written within this time may still be growing and stays: recordings are flushed twice a second."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What one pass did."""

    deleted: int
    """Files."""
    freed: int
    """Bytes."""
    kept: int
    """Bytes that stay."""


def apply_retention(store: Store, folder: Path, max_age: float | None, max_bytes: int | None) -> Pruned:
    """One pass over the recordings folder at this moment, with the store's rows; see `prune_recordings`. Blocks."""
    return prune_recordings(
        folder, time.time(), max_age=max_age, max_bytes=max_bytes, reader=store.reader, writer=store.writer
    )


def prune_recordings(
    folder: Path,
    now: float,
    *,
    max_age: float | None,
    max_bytes: int | None,
    reader: RecordReader | None = None,
    writer: RecordWriter | None = None,
) -> Pruned:
    """Delete recordings older than `max_age` seconds, then the oldest until all fit into `max_bytes`. Blocks.

    `now` is the wall clock (seconds since the epoch). Files just written may be growing and stay.
    Rows of deleted files are marked.
    """
    files = []
    for path in folder.rglob("*") if folder.is_dir() else ():
        if path.suffix not in SUFFIXES:
            continue
        try:
            found = path.stat()
        except OSError:  # a recording that turned out too short is deleted at any time
            continue
        if stat.S_ISREG(found.st_mode):
            files.append((found.st_mtime, found.st_size, path))
    files.sort()
    total = sum(size for _, size, _ in files)
    deleted: list[Path] = []
    freed = 0
    for modified, size, path in files:
        too_old = max_age is not None and now - modified > max_age
        too_many = max_bytes is not None and total - freed > max_bytes
        if not (too_old or too_many) or now - modified < QUIET_SECONDS:
            continue
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("a recording cannot be deleted: %s: %s", path, error.strerror)
            continue
        deleted.append(path)
        freed += size
    if deleted and reader and writer:
        gone = {str(path) for path in deleted}
        for record in reader.recordings():
            if record.path in gone:
                writer.recording_deleted(record.id, now)
    if deleted:
        log.info("deleted %d recordings, %d bytes", len(deleted), freed)
    return Pruned(len(deleted), freed, total - freed)
