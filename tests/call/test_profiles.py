from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ivr.call import profiles
from ivr.call.profiles import ProfileBook
from ivr.errors import StoreError
from ivr.flow.expressions import Sensitive
from ivr.flow.ports import UpdateProfile
from ivr.store import Store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store.open(f"sqlite:///{tmp_path}/ivr.db")
    yield store
    store.close()


@pytest.fixture
async def book(store: Store) -> AsyncIterator[ProfileBook]:
    book = ProfileBook(store, asyncio.get_running_loop())
    yield book
    book.close()


async def read(book: ProfileBook, number: str = "+1555") -> Mapping[str, Any]:
    found: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
    book.read(number, found.set_result)
    return await asyncio.wait_for(found, 10)


def change(book: ProfileBook, sensitive: frozenset[str] = frozenset(), **changes: Any) -> None:
    book.change(UpdateProfile("+1555", changes, sensitive), "+1555", 1.0)


async def test_changes_are_read_at_once_and_later_from_the_store(book: ProfileBook, store: Store) -> None:
    change(book, name="Anna", visits=1)
    change(book, visits=2)
    assert await read(book) == {"name": "Anna", "visits": 2}
    assert await asyncio.to_thread(store.writer.flush, 20)
    change(book, name=None)
    assert await read(book) == {"visits": 2}
    assert await read(book, "+1666") == {}


async def test_secret_fields_are_wrapped(book: ProfileBook) -> None:
    change(book, frozenset({"pin"}), pin="1234", name="Anna")
    profile = await read(book)
    assert profile["name"] == "Anna"
    assert isinstance(profile["pin"], Sensitive)


async def test_a_store_that_fails_gives_no_profile_and_a_line_in_the_log(
    book: ProfileBook, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(number: str) -> Any:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(store.people, "profile", fail)
    assert await read(book) == {}
    assert "a profile cannot be read, the call starts without: the disk is gone" in caplog.text
    assert "1555" not in caplog.text


async def test_a_store_that_hangs_holds_no_call_up(
    book: ProfileBook, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(profiles, "READ_WAIT", 0.01)
    free = threading.Event()
    monkeypatch.setattr(store.people, "profile", lambda number: free.wait(20) and {})
    try:
        assert await read(book) == {}
        assert "not there in time" in caplog.text
        monkeypatch.setattr(profiles, "MAX_READS", 1)
        assert await read(book) == {}
        assert "too many profiles" in caplog.text
    finally:
        free.set()


async def test_changes_that_are_written_are_forgotten(
    book: ProfileBook, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "FORGET_SECONDS", 3600.0)
    change(book, name="Anna")
    book._forget("+1555")
    assert await asyncio.to_thread(store.writer.flush, 20)
    book._forget("+1555")
    assert not book._changes
    assert await read(book) == {"name": "Anna"}


async def test_a_number_that_is_no_text_is_found_as_it_was_kept(book: ProfileBook, store: Store) -> None:
    number = "caf\udce9\0" + "1" * 300
    book.change(UpdateProfile(number, {"name": "Anna"}, frozenset()), number, 1.0)
    assert await read(book, number) == {"name": "Anna"}
    assert await asyncio.to_thread(store.writer.flush, 20)
    assert (await asyncio.to_thread(store.people.profile, number)).fields == {"name": "Anna"}
    again = ProfileBook(store, asyncio.get_running_loop())
    assert await read(again, number) == {"name": "Anna"}
    again.close()
