"""What the store remembers: sounds by what was asked for, and jobs in progress that several callers share."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from media.prompts.errors import PromptError

__all__ = ["Memory", "SharedJobs"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

FAILURE_SECONDS = 2.0
"""A failure is answered from memory for so long: a prompt that cannot be had is asked for by every call."""
MAX_FAILURES = 1000


class Memory(Generic[K, V]):
    """A dictionary that forgets the least recently used."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value, which counts as used."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> None:
        """Remember a value."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget a value, if it is known."""
        self._entries.pop(key, None)

    def __len__(self) -> int:
        return len(self._entries)


class SharedJobs(Generic[V]):
    """Makes each thing once, however many ask for it at the same time.

    A job goes on when those who wait for it leave, since the next call will want the same; `close` cancels all.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """clock: monotonic seconds."""
        self._clock = clock
        self._tasks: dict[Hashable, asyncio.Task[V]] = {}
        self._failures: Memory[Hashable, tuple[float, str, bool]] = Memory(MAX_FAILURES)
        self._closed = False

    def __len__(self) -> int:
        return len(self._tasks)

    async def run(self, key: Hashable, make: Callable[[], Awaitable[V]]) -> V:
        """The result of the job `key`, started by `make` when nobody did yet. Raises what the job raised."""
        failed = self._failures.get(key)
        if failed is not None:
            until, text, retryable = failed
            if self._clock() < until and not retryable:
                raise PromptError(text)
            self._failures.drop(key)
        if self._closed:
            raise PromptError("the prompt store is closed")
        task = self._tasks.get(key)
        if task is None:
            task = asyncio.ensure_future(self._make(make))
            self._tasks[key] = task
            task.add_done_callback(lambda done: self._done(key, done))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled() and self._closed:
                raise PromptError("the prompt store is closed") from None
            raise

    async def close(self) -> None:
        """Cancel what runs."""
        self._closed = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @staticmethod
    async def _make(make: Callable[[], Awaitable[V]]) -> V:
        return await make()

    def _done(self, key: Hashable, task: asyncio.Task[V]) -> None:
        self._tasks.pop(key, None)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, PromptError):
            self._failures.put(key, (self._clock() + FAILURE_SECONDS, str(error), error.retryable))
