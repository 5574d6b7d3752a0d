from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from ivr.errors import StoreError
from ivr.store import Store
from ivr.webhooks import Courier, Delivery, Failure, RetryPolicy, Target

POLICY = RetryPolicy(first=0.01, longest=0.02, times=3)
TARGET = Target("https://crm.example/", lambda delivery, url, at: {})
DOWN = Failure("no connection")


class Receiver:
    """The other side, as a test says."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.answer: Callable[[Delivery], Failure | None] = lambda delivery: None
        self.gate = asyncio.Event()
        self.gate.set()
        self.at_once = self.most = 0

    async def send(self, target: Target, delivery: Delivery, at: float) -> Failure | None:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
        finally:
            self.at_once -= 1
        failure = self.answer(delivery)
        if failure is None:
            self.got.append(delivery.id)
        return failure

    async def close(self) -> None:
        pass


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


class House:
    """A courier over a store, again and again."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.receiver = Receiver()

    async def start(self, policy: RetryPolicy = POLICY, name: str = "crm") -> Courier:
        self.courier = Courier(self.store.deliveries, self.receiver)
        self.courier.open(name, TARGET, policy)
        await self.courier.begin()
        self.task = asyncio.create_task(self.courier.run())
        return self.courier

    async def stop(self) -> None:
        self.task.cancel()
        await self.courier.close()

    def kill(self) -> None:
        """End it as kill -9 does: what waits in memory is gone."""
        self.task.cancel()
        for task in list(self.courier._tasks._tasks):
            task.cancel()
        self.courier._closed = True

    def send(self, number: int, lane: str = "a") -> bool:
        return self.courier.send("crm", str(number), "call.ended", {"n": number}, lane)

    def kept(self) -> list[str]:
        return [row.id for row in self.store.deliveries.waiting()]


@pytest.fixture
def house(store: Store) -> House:
    return House(store)


async def test_what_is_taken_at_once_never_reaches_the_store(house: House) -> None:
    await house.start()
    for number in range(20):
        assert house.send(number, lane=str(number % 3))
    await until(lambda: len(house.receiver.got) == 20)
    assert house.receiver.most == 3
    for lane in range(3):
        numbers = [int(got) for got in house.receiver.got if int(got) % 3 == lane]
        assert numbers == sorted(numbers)
    (state,) = house.courier.states()
    assert (state.waiting, state.oldest, state.counts.delivered) == (0, None, 20)
    await house.stop()
    assert house.kept() == []


async def test_what_is_not_delivered_outlives_a_kill(house: House) -> None:
    await house.start()
    house.receiver.gate.clear()
    for number in range(5):
        house.send(number)
    await until(lambda: len(house.kept()) == 5)
    house.kill()
    house.receiver = Receiver()
    await house.start()
    await until(lambda: len(house.receiver.got) == 5)
    assert house.receiver.got == ["0", "1", "2", "3", "4"]
    await until(lambda: not house.kept())
    await house.stop()


async def test_what_is_under_way_at_the_end_is_kept(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.webhooks.courier.CLOSE_SECONDS", 0.05)
    await house.start()
    house.receiver.gate.clear()
    house.send(1)
    await house.stop()
    assert house.kept() == ["1"]


async def test_one_that_is_refused_too_often_is_dead_and_may_be_tried_again(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    courier = await house.start()
    house.receiver.answer = lambda delivery: Failure("status 422", refused=True) if delivery.id == "1" else None
    with caplog.at_level(logging.WARNING):
        for number in range(3):
            house.send(number)
        await until(lambda: house.receiver.got == ["0", "2"])
    assert "crm: an event call.ended is given up after 3 tries: status 422" in caplog.text
    (dead,) = await courier.dead("crm", 10)
    assert (dead.id, dead.attempts, dead.problem) == ("1", 3, "status 422")
    assert await courier.dead_counts() == {"crm": 1}
    house.receiver.answer = lambda delivery: None
    assert await courier.revive("crm", ["nothing"]) == 0
    assert await courier.revive("crm") == 1
    await until(lambda: house.receiver.got == ["0", "2", "1"])
    await until(lambda: not house.kept())
    assert await courier.dead_counts() == {}
    await house.stop()


async def test_dead_letters_outlive_a_restart_and_can_be_deleted(house: House) -> None:
    courier = await house.start()
    house.receiver.answer = lambda delivery: Failure("status 422", refused=True)
    for number in range(4):
        house.send(number, lane=str(number))
    await until(lambda: courier.states()[0].counts.dead == 4)
    await house.stop()
    courier = await house.start()
    first, second, *_ = await courier.dead("crm", 2)
    assert [one.id for one in await courier.dead("crm", 10, second.number)] == ["2", "3"]
    assert await courier.forget("crm", [first.id]) == 1
    assert await courier.forget("crm") == 3
    assert courier.states()[0].waiting == 0
    await house.stop()


async def test_an_endpoint_that_is_down_gets_all_of_it_in_order_when_it_is_back(house: House) -> None:
    await house.start(RetryPolicy(first=0.01, longest=0.02, times=1000))
    house.receiver.answer = lambda delivery: DOWN
    for number in range(30):
        house.send(number, lane=str(number % 2))
    await until(lambda: house.courier.states()[0].counts.failed > 5)
    (state,) = house.courier.states()
    assert (state.troubled, state.problem, state.waiting) == (True, "no connection", 30)
    house.receiver.answer = lambda delivery: None
    await until(lambda: len(house.receiver.got) == 30)
    for lane in (0, 1):
        assert [int(got) for got in house.receiver.got if int(got) % 2 == lane] == list(range(lane, 30, 2))
    await house.stop()


async def test_there_is_room_for_so_many(house: House, caplog: pytest.LogCaptureFixture) -> None:
    await house.start(RetryPolicy(queue=2))
    house.receiver.gate.clear()
    with caplog.at_level(logging.ERROR):
        assert [house.send(number) for number in range(5)] == [True, True, False, False, False]
    assert caplog.text.count("2 events wait, those that come now are lost") == 1
    assert house.courier.states()[0].counts.lost == 3
    house.receiver.gate.set()
    await until(lambda: len(house.receiver.got) == 2)
    await house.stop()


async def test_a_store_that_cannot_be_written_loses_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.webhooks.courier.RETRY_SECONDS", 0.01)
    await house.start()
    house.receiver.gate.clear()
    book = house.store.deliveries.book
    tries = 0

    def fail(*_: object) -> None:
        nonlocal tries
        tries += 1
        raise StoreError("locked")

    monkeypatch.setattr(house.store.deliveries, "book", fail)
    house.send(1)
    await until(lambda: tries > 1)
    monkeypatch.setattr(house.store.deliveries, "book", book)
    await until(lambda: house.kept() == ["1"])
    house.receiver.gate.set()
    await until(lambda: not house.kept())
    assert house.receiver.got == ["1"]
    await house.stop()


async def test_what_waits_for_an_endpoint_that_is_gone_is_dead(house: House) -> None:
    await house.start()
    house.receiver.gate.clear()
    house.send(1)
    await until(lambda: len(house.kept()) == 1)
    house.kill()
    await house.start(name="other")
    (dead,) = await house.courier.dead("crm", 10)
    assert dead.problem == "the endpoint is not configured any more"
    await house.stop()


def test_old_dead_letters_go(store: Store) -> None:
    rows = [
        {
            "endpoint": "crm", "id": str(number), "lane": "", "type": "x", "url": None, "content_type": "text/plain",
            "body": "", "made_at": 1.0, "attempts": 1, "next_at": 1.0, "dead_at": float(number), "problem": "no",
        }
        for number in range(10)
    ]  # fmt: skip
    store.deliveries.book(rows, (), ())
    store.deliveries.book(rows, (), ())
    assert store.deliveries.prune(3.0, 4) == 6
    assert [row.id for row in store.deliveries.dead("crm", 100)] == ["6", "7", "8", "9"]
