from __future__ import annotations

import os
from pathlib import Path

import pytest

from media.prompts import PromptError
from media.prompts.cache import IN_HAND_SECONDS, RECENT_SECONDS, SoundCache, content_key


class Disk:
    """A cache with room for 10 sounds of 1000 bytes, and a clock of its own."""

    def __init__(self, folder: Path) -> None:
        self.now = 2_000_000_000.0
        self.cache = SoundCache(folder, 10_000, lambda: self.now)
        self.cache.open()

    def add(self, name: str, age: float = 0.0) -> Path:
        unfinished = self.cache.temporary()
        unfinished.write_bytes(bytes(1000))
        os.utime(unfinished, (self.now - age, self.now - age))
        return self.cache.add(content_key(name), unfinished).path

    def names(self) -> int:
        return sum(1 for _ in self.cache.folder.rglob("*.s16"))


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "cache")


def test_what_is_added_is_found(disk: Disk) -> None:
    path = disk.add("a")
    found = disk.cache.find(content_key("a"))
    assert found is not None and found.path == path and found.samples == 500
    assert disk.cache.find(content_key("b")) is None
    assert not list((disk.cache.folder / "tmp").iterdir())


def test_a_sound_never_changes_once_it_exists(disk: Disk) -> None:
    path = disk.add("a")
    inode = path.stat().st_ino
    other = disk.cache.temporary()
    other.write_bytes(bytes(3000))
    assert disk.cache.add(content_key("a"), other).samples == 500
    assert path.stat().st_ino == inode


def test_keys_tell_parts_apart() -> None:
    assert content_key("ab", "c") != content_key("a", "bc")
    assert content_key("a", None) != content_key("a", "None")


def test_the_least_recently_used_go_first(disk: Disk) -> None:
    paths = [disk.add(str(n), age=RECENT_SECONDS + 1000 - n) for n in range(10)]
    disk.add("new")
    assert not paths[0].exists() and paths[5].exists()
    assert disk.names() <= 10


def test_a_hit_is_a_use(disk: Disk) -> None:
    old = disk.add("old", age=RECENT_SECONDS + 5000)
    for n in range(9):
        disk.add(str(n), age=RECENT_SECONDS + 1000)
    now = disk.now
    os.utime(old, (now - RECENT_SECONDS - 5000,) * 2)
    assert disk.cache.find(content_key("old"))
    assert abs(old.stat().st_mtime - __import__("time").time()) < 60
    os.utime(old, (now, now))
    disk.add("new")
    assert old.exists()


def test_what_was_used_within_hours_stays_up_to_twice_the_bound(disk: Disk) -> None:
    for n in range(18):
        disk.add(str(n), age=IN_HAND_SECONDS + 1000)
    assert disk.names() == 18
    for n in range(18, 30):
        disk.add(str(n), age=IN_HAND_SECONDS + 10)
    assert disk.names() <= 20


def test_what_is_in_hand_is_never_dropped(disk: Disk) -> None:
    paths = [disk.add(str(n)) for n in range(20)]
    with pytest.raises(PromptError, match="prompt cache is full"):
        disk.add("one more")
    assert all(path.exists() for path in paths)


def test_opening_counts_what_is_there_and_drops_old_fragments(disk: Disk) -> None:
    disk.add("a")
    stale, fresh = disk.cache.temporary(), disk.cache.temporary()
    stale.write_bytes(b"x")
    fresh.write_bytes(b"x")
    os.utime(stale, (disk.now - 10_000,) * 2)
    os.utime(fresh, (disk.now,) * 2)
    again = SoundCache(disk.cache.folder, 10_000, lambda: disk.now)
    again.open()
    assert not stale.exists() and fresh.exists()
    assert again._bytes == 1000


def test_folders_are_private(disk: Disk) -> None:
    disk.add("a")
    assert (disk.cache.folder / "sounds").stat().st_mode & 0o077 == 0
