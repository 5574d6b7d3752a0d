from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ivr.store import CallRecord, Pruned, RecordingRecord, Store, apply_retention, prune_recordings

NOW = 1_772_000_000.0
HOUR = 3600.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Recordings of 1,000 bytes, 1 to 5 hours old, the older ones in a folder of their own."""
    for age in range(1, 6):
        path = tmp_path / "rec" / ("old" if age > 3 else "") / f"{age}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 1000)
        os.utime(path, (NOW - age * HOUR, NOW - age * HOUR))
    return tmp_path / "rec"


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_nothing_goes_without_a_bound(folder: Path) -> None:
    assert prune_recordings(folder, NOW, max_age=None, max_bytes=None) == Pruned(0, 0, 5000)


def test_by_age(folder: Path) -> None:
    assert prune_recordings(folder, NOW, max_age=2.5 * HOUR, max_bytes=None) == Pruned(3, 3000, 2000)
    assert left(folder) == ["1.wav", "2.wav"]


def test_by_size_the_oldest_go_first(folder: Path) -> None:
    assert prune_recordings(folder, NOW, max_age=None, max_bytes=2500) == Pruned(3, 3000, 2000)
    assert left(folder) == ["1.wav", "2.wav"]


def test_files_just_written_or_no_recordings_stay(folder: Path) -> None:
    (folder / "notes.txt").write_text("x")
    os.utime(folder / "notes.txt", (0, 0))
    os.utime(folder / "1.wav", (NOW - 1, NOW - 1))
    prune_recordings(folder, NOW, max_age=0.0, max_bytes=0)
    assert left(folder) == ["1.wav", "notes.txt"]


def test_of_a_store_at_this_moment(folder: Path, store: Store) -> None:
    (folder / "new.wav").write_bytes(b"x" * 10)
    assert apply_retention(store, folder, HOUR, None) == Pruned(5, 5000, 10)


def test_rows_of_deleted_files_are_marked(folder: Path, store: Store, make_call: Callable[..., CallRecord]) -> None:
    for age in (2, 3):
        record = RecordingRecord(
            id=f"r{age}", call_id="c", kind="call", name="x", path=str(folder / f"{age}.wav"), started_at=NOW
        )
        store.writer.recording(record)
    assert store.writer.flush(20)
    prune_recordings(folder, NOW, max_age=2.5 * HOUR, max_bytes=None, reader=store.reader, writer=store.writer)
    assert store.writer.flush(20)
    assert [(r.id, r.deleted_at) for r in store.reader.recordings("c")] == [("r2", None), ("r3", NOW)]


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert prune_recordings(tmp_path / "nowhere", NOW, max_age=1.0, max_bytes=0) == Pruned(0, 0, 0)


def test_what_vanishes_meanwhile_is_left_out(folder: Path) -> None:
    (folder / "gone.wav").symlink_to(folder / "nowhere")
    (folder / "folder.wav").mkdir()
    assert prune_recordings(folder, NOW, max_age=2.5 * HOUR, max_bytes=None) == Pruned(3, 3000, 2000)
