from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.dialer import BlockList
from ivr.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{tmp_path}/ivr.db")
    yield store
    store.close()


async def allowed(listed: BlockList, number: str) -> bool:
    future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    listed.may_contact(number, future.set_result)
    assert not future.done(), "it is never told from inside the call"
    return await asyncio.wait_for(future, 20.0)


async def test_the_store_is_asked_each_time(store: Store) -> None:
    listed = BlockList(store, asyncio.get_running_loop(), time.time)
    assert await allowed(listed, "+49 30 1")
    store.people.block(["+49301"], "by another process", time.time())
    assert not await allowed(listed, "+49 30 1")
    store.people.unblock("+49301", time.time())
    assert await allowed(listed, "+49 30 1")
    listed.close()


async def test_a_number_is_the_same_however_it_is_written(store: Store) -> None:
    store.people.block(["0301234569"], "before the country was known", 1.0)
    listed = BlockList(store, asyncio.get_running_loop(), time.time, "DE")
    listed.change("030 1234567", "asked")
    for number in ("+49 30 1234567", "0301234567", "00493012345-67", "+49301234569", "030 1234569"):
        assert not await allowed(listed, number)
    assert await allowed(listed, "0301234568")
    assert await asyncio.to_thread(store.writer.flush, 20.0)
    assert store.people.blocked("+49301234567")
    listed.close()


async def test_what_a_flow_changed_holds_before_the_disk_has_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.store.writer.GATHER_SECONDS", 30.0)
    listed = BlockList(store, asyncio.get_running_loop(), time.time)
    listed.change("+49 30 1", "asked")
    assert not store.people.blocked("+49301")
    assert not await allowed(listed, "+49301")
    listed.change("+49 30 1", None)
    assert await allowed(listed, "+49301")
    store.people.block(["+49301"], "later, by somebody else", time.time() + 1)
    assert not await allowed(listed, "+49301"), "the younger change counts"
    listed.close()


async def test_a_change_is_forgotten_once_the_store_has_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.dialer.blocklist.FORGET_SECONDS", 0.01)
    listed = BlockList(store, asyncio.get_running_loop(), time.time)
    listed.change("+49301", "asked")
    assert await asyncio.to_thread(store.writer.flush, 20.0)
    async with asyncio.timeout(20):
        while listed._changes:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not await allowed(listed, "+49301")
    listed.close()


async def test_while_the_list_cannot_be_read_nobody_is_called(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.dialer.blocklist.RETRY_SECONDS", 0.01)
    listed = BlockList(store, asyncio.get_running_loop(), time.time)
    looks: list[str] = []
    read = store.people.changed_at

    def fails(number: str) -> tuple[bool, float]:
        looks.append(number)
        if len(looks) < 3:
            raise OSError("the disk is gone")
        return read(number)

    monkeypatch.setattr(store.people, "changed_at", fails)
    assert await allowed(listed, "+49301")
    assert len(looks) == 3
    told: list[bool] = []
    listed.close()
    listed.may_contact("+49301", told.append)
    await asyncio.sleep(0.05)
    assert told == []
