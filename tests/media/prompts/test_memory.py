from __future__ import annotations

import asyncio

import pytest

from media.prompts import PromptBusyError, PromptError
from media.prompts.memory import Memory, SharedJobs


def test_memory_forgets_the_least_recently_used() -> None:
    memory: Memory[str, int] = Memory(2)
    memory.put("a", 1)
    memory.put("b", 2)
    assert memory.get("a") == 1
    memory.put("c", 3)
    assert (memory.get("a"), memory.get("b"), memory.get("c")) == (1, None, 3)
    memory.drop("a")
    memory.drop("a")
    assert len(memory) == 1


async def test_jobs_are_shared_and_forgotten() -> None:
    jobs: SharedJobs[int] = SharedJobs(lambda: 0.0)
    gate, started = asyncio.Event(), []

    async def make() -> int:
        started.append(1)
        await gate.wait()
        return 7

    waiting = [asyncio.ensure_future(jobs.run("key", make)) for _ in range(5)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*waiting) == [7] * 5
    assert len(started) == 1 and len(jobs) == 0
    await jobs.close()


async def test_failures_are_remembered_unless_they_may_pass() -> None:
    now = [0.0]
    jobs: SharedJobs[int] = SharedJobs(lambda: now[0])
    calls = []

    async def fail() -> int:
        calls.append("fail")
        raise PromptError("broken")

    async def busy() -> int:
        calls.append("busy")
        raise PromptBusyError("busy")

    for _ in range(3):
        with pytest.raises(PromptError, match="broken"):
            await jobs.run("a", fail)
        with pytest.raises(PromptBusyError):
            await jobs.run("b", busy)
    assert calls.count("fail") == 1 and calls.count("busy") == 3
    now[0] = 3.0
    with pytest.raises(PromptError):
        await jobs.run("a", fail)
    assert calls.count("fail") == 2


async def test_close_cancels_and_refuses() -> None:
    jobs: SharedJobs[int] = SharedJobs(lambda: 0.0)

    async def forever() -> int:
        await asyncio.Event().wait()
        return 0

    waiting = asyncio.ensure_future(jobs.run("key", forever))
    await asyncio.sleep(0)
    await jobs.close()
    with pytest.raises(PromptError, match="closed"):
        await waiting
    with pytest.raises(PromptError, match="closed"):
        await jobs.run("other", forever)
