"""Whether the daemon is well, on a loop that a test holds up."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ivr.service import Health, ServiceManager
from ivr.settings import HealthSettings


class Told(ServiceManager):
    """Keeps what is told."""

    def __init__(self) -> None:
        super().__init__({"WATCHDOG_USEC": "300000"})
        self.told: list[str] = []
        self.new = asyncio.Event()

    def _tell(self, state: str) -> None:
        self.told.append(state)
        self.new.set()


@pytest.fixture
def told() -> Told:
    return Told()


@asynccontextmanager
async def beating(health: Health) -> AsyncIterator[None]:
    task = asyncio.create_task(health.beat())
    try:
        yield
    finally:
        task.cancel()


async def until(told: Told, state: str) -> None:
    async with asyncio.timeout(5.0):
        while state not in told.told:
            told.new.clear()
            await told.new.wait()


async def test_the_watchdog_hears_of_a_daemon_that_is_well(told: Told) -> None:
    health = Health(HealthSettings(), told)
    health.sentence = lambda: "3 calls"
    async with beating(health):
        await until(told, "WATCHDOG=1")
        await until(told, "STATUS=3 calls")


async def test_it_hears_nothing_of_one_that_is_not(told: Told) -> None:
    health = Health(HealthSettings(), told)
    health.vital.append(lambda: "media worker 7 is stuck")
    async with beating(health):
        await until(told, "STATUS=Not ready: media worker 7 is stuck")
    assert "WATCHDOG=1" not in told.told
    assert health.sick() == health.unready() == ["media worker 7 is stuck"]


async def test_a_loop_that_is_held_up_is_late(told: Told) -> None:
    health = Health(HealthSettings(loop_lag=0.2), told)
    was_late = asyncio.Event()
    health.on_lag = lambda seconds: was_late.set() if seconds > 0.2 else None
    async with beating(health):
        await until(told, "WATCHDOG=1")
        time.sleep(0.5)  # noqa: ASYNC251 - what holds a loop up
        assert health.lag > 0.2
        async with asyncio.timeout(5.0):
            await was_late.wait()
        assert re.match(r"the loop is \d+\.", health.unready()[0])
        assert not health.sick()


async def test_what_calls_need_is_asked_for(told: Told) -> None:
    health = Health(HealthSettings(), told)
    health.needed.extend([lambda: None, lambda: "the store cannot be written"])
    assert (health.sick(), health.unready()) == ([], ["the store cannot be written"])
