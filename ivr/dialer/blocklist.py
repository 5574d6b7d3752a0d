"""Who must not be called: the list in the store, and what was changed a moment ago and is not there yet.

It is read from the store for each call: other processes change it, too. Changes of this process that its writer has not
brought there yet count as of their moment, unless the store has a younger one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from ivr.errors import StoreError
from ivr.flow.values import plain_number
from ivr.lines import one_form, spellings
from ivr.store import Store
from ivr.store.people import number_key

__all__ = ["BlockList"]

log = logging.getLogger("ivr.dialer")

READERS = 2
"""Threads; a look takes 0.2 ms, and a disk that hangs must not hang the threads that resolve names."""
RETRY_SECONDS = 1.0
"""Until a list that could not be read is read again: nobody is called meanwhile."""
FORGET_SECONDS = 5.0
"""After a change was handed over, it is looked whether the store has it and it may be forgotten here."""


class BlockList:
    """The do-not-contact list."""

    def __init__(
        self,
        store: Store,
        loop: asyncio.AbstractEventLoop,
        wall: Callable[[], float],
        country: str | None = None,
    ) -> None:
        """`country` is that of numbers without a country code."""
        self._store = store
        self._country = country
        self._loop = loop
        self._wall = wall
        self._threads = ThreadPoolExecutor(READERS, "ivr-list")
        self._changes: dict[str, tuple[bool, float, Event]] = {}
        self._closed = False

    def change(self, number: str, reason: str | None) -> None:
        """A number goes on the list, or off it (without a reason)."""
        key, now = self._key(number), self._wall()
        written = self._store.writer.do_not_contact(key, now, reason)
        self._changes[key] = reason is not None, now, written
        self._loop.call_later(FORGET_SECONDS, self._forget, key)

    def may_contact(self, number: str, then: Callable[[bool], None]) -> None:
        """Call `then` once the list could be read, with whether the number is not on it; until then nobody calls it."""
        self._look(self._key(number), then)

    def _key(self, number: str) -> str:
        return number_key(one_form(plain_number(number), self._country))

    def _look(self, key: str, then: Callable[[bool], None]) -> None:
        if self._closed:
            return

        def found(future: asyncio.Future[tuple[bool, float]]) -> None:
            if future.cancelled() or self._closed:
                return
            error = future.exception()
            if error is not None:
                known = isinstance(error, StoreError)
                log.error("the do-not-contact list cannot be read, a call waits: %s", error, exc_info=not known)
                self._loop.call_later(RETRY_SECONDS, self._look, key, then)
                return
            listed, at = future.result()
            change = self._changes.get(key)
            if change is not None and change[1] >= at:
                listed = change[0]
            then(not listed)

        self._loop.run_in_executor(
            self._threads, self._store.people.changed_at, *spellings(key, self._country)
        ).add_done_callback(found)

    def _forget(self, key: str) -> None:
        change = self._changes.get(key)
        if change is None:
            return
        if change[2].is_set():
            del self._changes[key]
        else:
            self._loop.call_later(FORGET_SECONDS, self._forget, key)

    def close(self) -> None:
        """End the threads."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
