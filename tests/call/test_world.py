from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ivr.call.events import EventHub
from ivr.call.outside import Outside
from ivr.call.profiles import ProfileBook
from ivr.call.world import World
from ivr.flow import ports
from ivr.outside import HttpClient, Mailer
from ivr.settings import Settings
from ivr.store import Store
from ivr.tasks import TaskSet


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store.open(f"sqlite:///{tmp_path}/ivr.db")
    yield store
    store.close()


@pytest.fixture
async def world(store: Store) -> AsyncIterator[World]:
    loop = asyncio.get_running_loop()
    requests, mails, book, tasks = HttpClient(Settings()), Mailer(None), ProfileBook(store, loop), TaskSet()
    yield World(store, requests, mails, book, EventHub(store, tasks.spawn, lambda: 1000.0), lambda: 1000.0)
    book.close()
    await tasks.close()
    await requests.close()
    await mails.close()


async def test_it_is_all_that_flows_may_ask_for(world: World) -> None:
    outside: Outside = world
    done: asyncio.Queue[Any] = asyncio.Queue()
    outside.request(ports.Request(1, "GET", "nowhere"), done.put_nowait)
    outside.mail(ports.SendMail(2, ("a@x.example",), "s", "t"), done.put_nowait)
    assert [(await done.get()).id for _ in range(2)] == [1, 2]


async def test_one_number_has_one_profile_however_it_is_written(world: World) -> None:
    world.update_profile(ports.UpdateProfile("+1 (555) 01-99", {"vip": True}))
    found: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
    world.read_profile("+15550199", found.set_result)
    assert await found == {"vip": True}


async def test_a_change_of_a_profile_is_an_event_without_secrets(world: World) -> None:
    heard: list[ports.EventArrived] = []
    world.wait_for(ports.WaitForEvent(1, "profile.changed"), heard.append)
    world.update_profile(ports.UpdateProfile("+1555", {"pin": "1234", "vip": None}, frozenset({"pin"})))
    assert [event.properties for event in heard] == [
        {"number": "+1555", "changed": ["pin", "vip"], "fields": {"vip": None}}
    ]


async def test_the_do_not_contact_list(world: World, store: Store) -> None:
    world.do_not_contact(ports.DoNotContact("add", "+1 555", "asked"))
    world.do_not_contact(ports.DoNotContact("add", "+1666"))
    world.do_not_contact(ports.DoNotContact("remove", "+1666"))
    assert await asyncio.to_thread(store.writer.flush, 20)
    assert [(b.number, b.reason) for b in store.people.do_not_contact()] == [("+1555", "asked")]
