"""Regular work beside the calls: addresses of lines, what is deleted by age, the garbage of a quiet moment."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Callable

from ivr.errors import StoreError
from ivr.settings import Settings
from ivr.store import Store, apply_retention

__all__ = ["Upkeep"]

log = logging.getLogger("ivr.service")

RETENTION_EVERY = 600.0
"""Seconds between looks at what recordings may be deleted, and what records and events forgotten."""
COLLECT_EVERY = 60.0
"""Seconds between looks for a quiet moment."""
QUIET_TRANSACTIONS = 2_000
"""SIP transactions in memory up to which a full collection takes a few hundredths of a second."""
GC_THRESHOLD = (5_000, 4, 1_000_000)
"""Calls leave little cyclic garbage, and small collections of what is young find it within some milliseconds. A full
one looks at all that is kept of the calls of the last 32 s, millions of objects at a full set-up rate, and nobody is
answered meanwhile: it waits for a quiet moment."""


class Upkeep:
    """What is done again and again until the daemon ends. A disk or a database that fails is tried again."""

    def __init__(self, settings: Settings, store: Store, transactions: Callable[[], int]) -> None:
        """`transactions` counts the SIP transactions in memory."""
        self._settings = settings
        self._store = store
        self._transactions = transactions

    def begin_collecting(self) -> None:
        """Leave out of every collection what lives as long as the daemon: call it once everything is made."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLD)

    async def collect(self) -> None:
        """Full garbage collections in quiet moments."""
        while True:
            await asyncio.sleep(COLLECT_EVERY)
            if self._transactions() <= QUIET_TRANSACTIONS:
                gc.collect()

    async def forget(self) -> None:
        """Delete what is too old or too much."""
        while True:
            try:
                await asyncio.to_thread(self._forget_rows)
            except StoreError as error:
                log.warning("old records and events cannot be deleted now: %s", error)
            try:
                await asyncio.to_thread(self._forget_recordings)
            except Exception:
                log.exception("recordings cannot be looked through")
            await asyncio.sleep(RETENTION_EVERY)

    def _forget_rows(self) -> None:
        limits, retention, store = self._settings.limits, self._settings.retention, self._store
        now = time.time()
        store.events.prune(now - limits.events_kept, limits.events)
        calls = ways = 0
        if retention.records_age is not None or retention.records is not None:
            before = None if retention.records_age is None else now - retention.records_age
            calls = store.aging.forget_calls(before, retention.records)
        if retention.records_age is not None:
            campaigns = store.campaigns.forget(now - retention.records_age)
            if campaigns:
                log.info("deleted %d campaigns that are over, with their contacts", campaigns)
        if retention.traces_age is not None:
            ways = store.aging.forget_ways(now - retention.traces_age)
        if calls or ways:
            log.info("deleted %d records of calls, emptied %d", calls, ways)

    def _forget_recordings(self) -> None:
        retention = self._settings.retention
        if retention.recordings_age is not None or retention.recordings_size is not None:
            apply_retention(self._store, self._settings.recordings, retention.recordings_age, retention.recordings_size)
