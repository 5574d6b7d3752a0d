"""The HTTP interface in a thread of its own, for commands that ask it."""

from __future__ import annotations

import asyncio
import threading
from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from ivr.api import Guard, HttpServer, OperationRoutes, local_token
from ivr.settings import MetricsSettings, Settings, load_settings
from ivr.store import Store


class Health:
    """All is well."""

    def sick(self) -> list[str]:
        return []

    unready = sick


async def figures() -> bytes:
    """None."""
    return b""


class Served:
    """An interface with parts over a store; a test says which."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.loop: asyncio.AbstractEventLoop
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._over.set)
        self._thread.join(60)

    @abstractmethod
    def parts(self, settings: Settings, store: Store) -> Sequence[Any]:
        """Routes beside those of the operation."""

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[None]:
        """What runs while it is served."""
        yield

    async def _serve(self) -> None:
        settings = load_settings(self.config, {})
        self.loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        store = Store.open(settings.store)
        parts = self.parts(settings, store)
        with local_token(settings.token_file) as token:
            operations = OperationRoutes(Health(), figures, "text/plain", MetricsSettings())
            http = HttpServer(settings.http.listen, Guard(store, token), operations, parts)
            await http.start()
            async with self.beside():
                self._ready.set()
                await self._over.wait()
            await http.close()
        store.close()
