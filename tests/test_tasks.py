from __future__ import annotations

import asyncio

import pytest

from ivr.tasks import TaskSet


async def test_closing_ends_what_runs() -> None:
    tasks, ended = TaskSet(), asyncio.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    tasks.spawn(forever())
    await asyncio.sleep(0)
    await tasks.close()
    assert ended.is_set()


async def test_what_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    tasks = TaskSet()

    async def fail() -> None:
        raise ValueError("broken")

    tasks.spawn(fail())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert "something in the background failed" in caplog.text


async def test_it_can_be_waited_for() -> None:
    tasks, done = TaskSet(), []

    async def work(left: int) -> None:
        await asyncio.sleep(0)
        if left:
            tasks.spawn(work(left - 1))
        done.append(left)

    tasks.spawn(work(2))
    await tasks.wait(10)
    assert done == [2, 1, 0]
    tasks.spawn(asyncio.sleep(60))
    await tasks.wait(0.01)
    assert len(tasks) == 1
    await tasks.close()
