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
