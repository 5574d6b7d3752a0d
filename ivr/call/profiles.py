"""Profiles of callers: read before a call starts, changed behind its back."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ivr.errors import StoreError
from ivr.flow import ports
from ivr.flow.expressions import Sensitive
from ivr.store import Profile, Store
from ivr.store.people import number_key

__all__ = ["ProfileBook"]

log = logging.getLogger("ivr.call")

READ_WAIT = 0.5
"""Seconds that a call waits for the profile of its caller before it starts without: nobody minds so short a pause."""
READERS = 2
"""Threads; reading one takes 0.2 ms, and a disk that hangs must not hang the threads that resolve names."""
MAX_READS = 500
"""Profiles being read at the same time; beyond it calls start without."""

FORGET_SECONDS = 5.0
"""After a change was handed over, it is looked whether the database has it and it may be forgotten here."""

Fields = Mapping[str, Any]
Then = Callable[[Fields], None]


@dataclass(frozen=True, slots=True, eq=False)
class _Change:
    changes: Fields
    sensitive: frozenset[str]
    written: threading.Event


class ProfileBook:
    """Reads profiles in threads of its own, and hands changes to the store's writer."""

    def __init__(self, store: Store, loop: asyncio.AbstractEventLoop) -> None:
        self._store = store
        self._loop = loop
        self._threads = ThreadPoolExecutor(READERS, "ivr-profiles")
        self._reading = 0
        self._changes: dict[str, deque[_Change]] = {}

    def read(self, number: str, then: Then) -> None:
        """Call `then` once with the fields known of a number, secret ones wrapped, within READ_WAIT.

        With none, and a line in the log, where that cannot be.
        """
        number = number_key(number)
        if self._reading >= MAX_READS:
            log.warning("too many profiles are being read: a call starts without")
            self._loop.call_soon(then, {})
            return
        self._reading += 1
        before = list(self._changes.get(number, ()))
        done = False

        def finish(profile: Profile) -> None:
            nonlocal done
            if done:
                return
            done = True
            timer.cancel()
            # Some of the changes are in what was read: all of them once more, in their order, make the same of it.
            since = [change for change in self._changes.get(number, ()) if change not in before]
            for change in [*before, *since]:
                profile = profile.changed(change.changes, change.sensitive)
            then({k: Sensitive(v) if k in profile.sensitive else v for k, v in profile.fields.items()})

        def late() -> None:
            log.warning("a profile is not there in time: the call starts without")
            finish(Profile())

        def found(future: asyncio.Future[Profile]) -> None:
            self._reading -= 1
            if future.cancelled():
                return
            error = future.exception()
            if error is not None:
                known = isinstance(error, StoreError)
                log.warning("a profile cannot be read, the call starts without: %s", error, exc_info=not known)
            finish(Profile() if error is not None else future.result())

        timer = self._loop.call_later(READ_WAIT, late)
        future = self._loop.run_in_executor(self._threads, self._store.people.profile, number)
        future.add_done_callback(found)

    def change(self, command: ports.UpdateProfile, number: str, at: float) -> None:
        """Keep changes; who reads from now on has them, whether the disk has or not."""
        number = number_key(number)
        written = self._store.writer.profile(number, dict(command.changes), sorted(command.sensitive), at)
        self._changes.setdefault(number, deque()).append(_Change(command.changes, command.sensitive, written))
        self._loop.call_later(FORGET_SECONDS, self._forget, number)

    def _forget(self, number: str) -> None:
        """Let go of what the database has, in the order in which it came."""
        changes = self._changes.get(number)
        while changes and changes[0].written.is_set():
            changes.popleft()
        if changes:
            self._loop.call_later(FORGET_SECONDS, self._forget, number)
        else:
            self._changes.pop(number, None)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
