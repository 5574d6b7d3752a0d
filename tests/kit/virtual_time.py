"""An event loop whose clock stands still while there is work, and jumps to the next timer when there is none."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

__all__ = ["VirtualLoop", "run_virtual"]

T = TypeVar("T")

LEAST = 1e-6
"""Seconds that pass at least: less makes no difference to a time of day as a double."""


class _Selector(selectors.DefaultSelector):
    """Never waits: the time that it was to wait passes at once."""

    passed: Callable[[float], None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if timeout is None and not ready:
            raise AssertionError("nothing happens any more")
        if timeout and not ready:
            self.passed(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Starts at a moment, seconds since the epoch, which is the time of day, too."""

    def __init__(self, now: float) -> None:
        self._now = now
        selector = _Selector()
        selector.passed = self._pass
        super().__init__(selector)
        self._clock_resolution = LEAST

    def time(self) -> float:
        return self._now

    def _pass(self, seconds: float) -> None:
        self._now += max(seconds, LEAST)


def run_virtual(
    main: Callable[[VirtualLoop], Coroutine[Any, Any, T]], monkeypatch: pytest.MonkeyPatch, now: float
) -> T:
    """Run something to its end; what it gives to threads is done where it stands."""

    async def inline(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        await asyncio.sleep(0)
        return function(*args, **options)

    monkeypatch.setattr(asyncio, "to_thread", inline)
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(now)) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        return runner.run(main(loop))
