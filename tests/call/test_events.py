from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ivr.call import events
from ivr.call.events import EventHub
from ivr.flow.ports import EventArrived, WaitForEvent
from ivr.store import KeptWait, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{tmp_path}/ivr.db")
    yield store
    store.close()


class Hub(EventHub):
    """A hub with a clock of its own and tasks that a test can wait for."""

    def __init__(self, store: Store) -> None:
        self.tasks: list[asyncio.Task[None]] = []
        self.now = 1000.0
        super().__init__(store, self.spawn, lambda: self.now)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.create_task(work))

    async def settle(self) -> None:
        await asyncio.sleep(0)
        await asyncio.gather(*self.tasks)


@pytest.fixture
async def hub(store: Store) -> Hub:
    hub = Hub(store)
    await hub.begin()
    return hub


def listen(hub: Hub, since: float | None = None, event: str = "paid", number: int = 1) -> tuple[list[Any], Any]:
    heard: list[EventArrived] = []
    moment = None if since is None else datetime.fromtimestamp(since, UTC)
    return heard, hub.wait_for(WaitForEvent(number, event, moment), heard.append)


async def test_an_event_reaches_those_that_wait_for_its_name(hub: Hub) -> None:
    paid, _ = listen(hub, number=7)
    other, _ = listen(hub, event="sent")
    await hub.post("a", "paid", {"amount": 5})
    assert other == []
    assert paid == [EventArrived(7, "paid", {"amount": 5}, datetime.fromtimestamp(1000.0, UTC).astimezone())]


async def test_the_same_event_twice_is_told_once(hub: Hub) -> None:
    heard, _ = listen(hub)
    assert [(await hub.post("a", "paid", {"n": n}))[1] for n in (1, 1, 2)] == ["new", "known", "other"]
    assert len(heard) == 1


async def test_a_wait_that_is_over_hears_nothing(hub: Hub) -> None:
    heard, stop = listen(hub)
    again, _ = listen(hub)
    stop()
    stop()
    await hub.post("a", "paid", {})
    assert (len(heard), len(again)) == (0, 1)


@pytest.mark.parametrize("remembered", [1000, 2], ids=["recent", "stored"])
async def test_past_events_come_first_and_each_once(hub: Hub, remembered: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "RECENT", remembered)
    for n in range(4):
        hub.now = 1000.0 + n
        await hub.post(f"p{n}", "paid", {"n": n})
    heard, _ = listen(hub, since=1002.0)
    await hub.post("new", "paid", {"n": 9})  # while the past is still being read
    await hub.settle()
    await hub.post("newer", "paid", {"n": 10})
    assert [event.properties["n"] for event in heard] == [2, 3, 9, 10]


async def test_a_wait_that_ends_while_the_past_is_read_hears_no_more(hub: Hub) -> None:
    await hub.post("a", "paid", {})
    heard, stop = listen(hub, since=0.0)
    stop()
    await hub.settle()
    assert heard == []


async def test_the_first_of_the_past_may_end_the_wait(hub: Hub) -> None:
    for n in range(3):
        await hub.post(str(n), "paid", {"n": n})
    heard: list[EventArrived] = []

    def arrived(event: EventArrived) -> None:
        heard.append(event)
        stop()

    stop = hub.wait_for(WaitForEvent(1, "paid", datetime.fromtimestamp(0, UTC)), arrived)
    await hub.settle()
    assert [event.properties["n"] for event in heard] == [0]


async def test_what_happens_inside_is_kept_only_where_somebody_asks(hub: Hub, store: Store) -> None:
    hub.happened("c1", "call.ended", {"cause": "network"})
    hub.wanted = lambda name: name == "call.ended"
    hub.happened("c2", "call.ended", {"cause": "user_hung_up"})
    heard, _ = listen(hub, since=0.0, event="call.ended")
    await hub.settle()
    assert [event.properties for event in heard] == [{"cause": "user_hung_up"}]
    hub.happened("c3", "call.ended", {"cause": "system"})
    assert [event.properties["cause"] for event in heard] == ["user_hung_up", "system"]


async def test_a_store_that_cannot_be_read_leaves_what_comes_from_now_on(
    hub: Hub, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(name: str, at: float, after: int) -> Any:
        from ivr.errors import StoreError

        raise StoreError("the disk is gone")

    monkeypatch.setattr(store.events, "since", fail)
    monkeypatch.setattr(hub, "_forgotten", 1)
    heard, _ = listen(hub, since=0.0)
    await hub.post("a", "paid", {})
    await hub.settle()
    assert len(heard) == 1
    assert "past events cannot be read: the disk is gone" in caplog.text


async def test_flows_that_an_event_starts_are_kept_with_it(hub: Hub, store: Store) -> None:
    def starts(name: str, properties: dict[str, Any], at: float) -> list[KeptWait]:
        return [
            KeptWait(
                id="w1", call_id="c1", node="local", flow="ship", version=1, snapshot={"p": properties}, events=[],
                after_event=0, wake_at=None, created_at=at, last_step_at=at,
            )
        ]  # fmt: skip

    told: list[tuple[str, int]] = []
    hub.starts = starts
    hub.told = lambda event, waits: told.append((event.id, len(waits)))
    await hub.post("a", "paid", {"n": 1})
    await hub.post("a", "paid", {"n": 1})
    assert told == [("a", 1)]
    assert [wait.snapshot for wait in store.waits.take(["w1"], 1.0)] == [{"p": {"n": 1}}]


async def test_a_wait_that_is_taken_up_again_hears_what_came_since_and_that_this_was_all(hub: Hub) -> None:
    numbers = [(await hub.post(str(n), "paid", {"n": n}))[0].number for n in range(4)]
    for forgotten in (0, numbers[-1]):
        hub._forgotten = forgotten
        heard: list[EventArrived] = []
        settled = asyncio.Event()
        command = WaitForEvent(1, "paid", datetime.fromtimestamp(0, UTC))
        stop = hub.wait_for(command, heard.append, after=numbers[1], settled=settled.set)
        assert heard == []  # never from inside
        await settled.wait()
        assert [event.properties["n"] for event in heard] == [2, 3]
        stop()


async def test_what_happened_inside_is_heard_though_it_is_forgotten_and_nothing_was_posted_since(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "RECENT", 2)
    hub.wanted = lambda name: True
    number = (await hub.post("a", "paid", {}))[0].number
    for n in range(5):
        hub.happened(f"c{n}", "call.ended", {"n": n})
    heard: list[EventArrived] = []
    settled = asyncio.Event()
    command = WaitForEvent(1, "call.ended", datetime.fromtimestamp(0, UTC))
    hub.wait_for(command, heard.append, after=number, settled=settled.set)
    await settled.wait()
    assert [event.properties["n"] for event in heard] == [0, 1, 2, 3, 4]


async def test_what_happened_inside_is_heard_before_it_is_in_the_store(
    hub: Hub, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.writer, "flush", lambda timeout: False)
    monkeypatch.setattr(store.writer, "event", lambda *arguments: None)
    hub.wanted = lambda name: True
    hub.happened("c1", "call.ended", {})
    heard, _ = listen(hub, since=0.0, event="call.ended")
    await hub.settle()
    assert len(heard) == 1
