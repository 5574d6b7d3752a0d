"""The store's own thread: no call waits for the disk.

The call layer appends records, and changes to profiles and their like, to a queue and goes on. The thread gathers what
comes within `GATHER_SECONDS` and writes it in one transaction. While the database cannot be written (locked, disk full,
server gone) records wait in the queue; beyond `QUEUE_LIMIT` they go to a file of JSON lines beside the database, which
is loaded as soon as a transaction succeeds again, or at the next start. Nothing is lost; a record that the database
refuses is kept in a file too.

Order is kept, for a number that was taken off a list must not come back onto it: the rows that the database refused
first are the oldest, then come those in the file, then the queue. They are written in this order.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
)

from ivr.store import schema
from ivr.store.batches import Batch, Item, call_row, parse_lines, recording_row
from ivr.store.changes import CHANGES
from ivr.store.people import number_key
from ivr.store.records import CallRecord, RecordingRecord
from ivr.store.texts import storable

__all__ = ["RecordWriter"]

log = logging.getLogger("ivr.store")

GATHER_SECONDS = 0.15
"""Records of so long go into one transaction: a person looking at `ivr calls` does not notice, the disk does."""
BATCH_ROWS = 1000
"""Of one transaction, so that a large backlog does not hold the database's lock for long."""
RETRY_SECONDS = 0.5
QUEUE_LIMIT = 20_000
"""Records that wait in memory (about 3 kB each) while the database cannot be written."""
PRODUCER_FACTOR = 2
"""At so many times the limit the thread itself hangs (a dead disk): who appends moves the oldest to the spill file."""
CLOSE_SECONDS = 5.0
"""At closing, the database gets so long to take what is left before it goes to the spill file."""


class RecordWriter:
    """Queue and thread. Its methods never block, but for `flush` and `close`, and may be called from any thread."""

    def __init__(self, engine: sa.Engine, spill: Path, *, queue_limit: int = QUEUE_LIMIT) -> None:
        self._engine = engine
        self._spill_path = spill
        self._loading_path = spill.with_suffix(".loading.jsonl")
        self._spill_lock = threading.RLock()
        """Held while rows go from the queue to the file, and while the thread looks for the file and takes rows."""
        self._loads = True
        """No more once a spill file was met that cannot be read: it is kept for the next start."""
        self._queue_limit = queue_limit
        self._producer_limit = queue_limit * PRODUCER_FACTOR + BATCH_ROWS
        self._queue: deque[Item] = deque()
        self._retry: list[Item] = []
        self._open_calls: set[str] = set()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._hurry = threading.Event()
        """Somebody waits for what is queued: nothing more is gathered."""
        self._give_up_at = float("inf")
        self._available = True
        self._thread = threading.Thread(target=self._run, name="ivr-store", daemon=True)
        self.written = 0
        """Rows in the database since the start."""
        self.spilled = 0
        """Rows that went to the spill file since the start."""
        self.rejected = 0
        """Rows that the database refused for their content."""

    @property
    def backlog(self) -> int:
        """Records that wait to be written."""
        return len(self._queue) + len(self._retry)

    @property
    def available(self) -> bool:
        """Whether the last transaction succeeded."""
        return self._available

    def start(self) -> None:
        """Load what an earlier run spilled, as far as the database lets us, and start the thread."""
        self._load_spill()
        self._thread.start()

    def knows(self, calls: Iterable[str]) -> None:
        """There are records without an end of these calls, by their ids, of an earlier run."""
        self._open_calls.update(calls)

    def call_started(self, record: CallRecord) -> None:
        """A call is up; may be told again as it goes on. Optional: short calls may come with `call_ended` alone. Who
        opens the store after a crash finds it (:attr:`Store.cut_off`)."""
        self._put(Item("started", call_row(record)))

    def call_ended(self, record: CallRecord) -> None:
        """A call is over, told once; replaces what `call_started` told."""
        self._put(Item("ended", call_row(record)))

    def recording(self, record: RecordingRecord) -> None:
        """A sound file is complete."""
        self._put(Item("recording", recording_row(record)))

    def recording_deleted(self, recording_id: str, at: float) -> None:
        """The file of a recording is gone."""
        self._put(Item("deleted", {"b_id": recording_id, "b_deleted_at": at}))

    def call_completed(self, record: CallRecord) -> None:
        """A flow without a caller has got further: its record gets the way, and an end unless it has one.

        Where there is no record yet, this is it.
        """
        self._put(Item("completed", call_row(record)))

    def profile(self, number: str, changes: dict[str, Any], sensitive: list[str], at: float) -> threading.Event:
        """Fields of a profile change, None takes one away; set once that is in the database."""
        done = threading.Event()
        row = {"number": number_key(number), "changes": changes, "sensitive": sensitive, "at": at}
        self._put(Item("profile", row, done))
        return done

    def do_not_contact(self, number: str, at: float, reason: str | None) -> threading.Event:
        """A number goes on the do-not-contact list, or off it (without a reason); set once that is in the database."""
        done = threading.Event()
        row = {"number": number_key(number), "reason": storable(reason, 1000), "at": at}
        self._put(Item("unblocked" if reason is None else "blocked", row, done))
        return done

    def paced(self, pace: str, at: int) -> None:
        """A moment (microseconds since the epoch) is given to a call of a pace."""
        self._put(Item("paced", {"pace": pace, "at": at}))

    def pace_over(self, pace: str, before: int) -> None:
        """What was given to calls of a pace before a moment is not needed any more."""
        self._put(Item("pace_over", {"pace": pace, "before": before}))

    def event(self, key: str, name: str, properties: dict[str, Any], at: float) -> None:
        """Something happened inside that flows may ask for later."""
        self._put(Item("event", {"id": key, "name": name, "properties": properties, "received_at": at}))

    def token_used(self, key: str, at: float) -> None:
        """A token of the HTTP interface was shown."""
        self._put(Item("token_used", {"id": key, "at": at}))

    def center(self, node: str, kind: str, key: str, value: Any, at: float) -> None:
        """Something that the contact centre keeps over a restart is so now, as JSON; None: it is no more."""
        row = {"node": node, "kind": kind, "key": storable(key, 256)}
        if value is None:
            self._put(Item("center_gone", row))
        else:
            self._put(Item("center", {**row, "value": value, "changed_at": at}))

    def disposed(self, call: str, agent: str, disposition: str) -> None:
        """An agent has said how a conversation ended; it stands in the record of a call that is over."""
        self._put(Item("disposed", {"id": call, "agent": agent, "disposition": disposition}))

    def flush(self, timeout: float) -> bool:
        """Wait until everything queued so far is safe; False when it is not within `timeout` seconds. Blocks."""
        done = threading.Event()
        self._put(Item("flush", {}, done))
        self._hurry.set()
        return done.wait(timeout)

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Write what is left, to the spill file if the database does not take it, and end the thread. Blocks."""
        self._give_up_at = time.monotonic() + timeout
        self._closing.set()
        self._hurry.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(timeout + CLOSE_SECONDS)
        if self._thread.is_alive():
            log.error("the store does not answer; records go to %s", self._spill_path)
        self._spill_retry()
        with self._spill_lock:
            self._spill(self._take(len(self._queue)))

    def _put(self, item: Item) -> None:
        if len(self._queue) >= self._producer_limit:
            with self._spill_lock:
                self._spill(self._take(1))
        self._queue.append(item)
        if not self._wake.is_set():
            self._wake.set()

    def _run(self) -> None:
        while not (self._closing.is_set() and not self.backlog):
            if not self.backlog:
                self._wake.wait()
            if self._available:
                self._hurry.wait(GATHER_SECONDS)
            else:
                self._closing.wait(RETRY_SECONDS)
            self._hurry.clear()
            self._wake.clear()
            try:
                self._drain()
            except Exception:
                log.exception("the store's thread met the unexpected; records go to %s", self._spill_path)
                self._spill_retry()
            if time.monotonic() >= self._give_up_at:
                return

    def _drain(self) -> None:
        """Write all that waits, a transaction at a time, until done or the database fails."""
        while (items := self._next()) is not None:
            if not items:
                return
            self._retry = items
            self._retry = self._write(items)
            if self._retry:
                break
        while self.backlog > self._queue_limit and self._queue:
            with self._spill_lock:
                self._spill(self._take(BATCH_ROWS))

    def _next(self) -> list[Item] | None:
        """The oldest rows that are not in the file, once the file is loaded; None if the database is unavailable."""
        if self._retry:
            return self._retry
        while True:
            with self._spill_lock:
                if not (self._loads and (self._loading_path.exists() or self._spill_path.exists())):
                    return self._take(BATCH_ROWS)
            try:
                if not self._load_spill():
                    return None
            except Exception:
                self._loads = False
                log.exception("%s cannot be loaded before the next start", self._spill_path)

    def _take(self, count: int) -> list[Item]:
        items: list[Item] = []
        while self._queue and len(items) < count:
            items.append(self._queue.popleft())
        return items

    def _write(self, items: list[Item]) -> list[Item]:
        """One transaction; returns the items that are not in the database because it cannot be written now."""
        batch = Batch.of(items, self._open_calls)
        try:
            with self._engine.begin() as connection:
                batch.write(connection)
        except (SQLAlchemyError, UnicodeError) as error:
            if _is_unavailable(error):
                self._note_unavailable(error)
                return items
            if len(items) > 1:
                middle = len(items) // 2  # by halves: a few bad rows among a thousand cost a few transactions
                rest = self._write(items[:middle])
                return rest + items[middle:] if rest else self._write(items[middle:])
            if not isinstance(error, IntegrityError) or self._not_there_yet(items):
                self._reject(items[0], error)
        else:
            self._note_written(batch, len(items))
        for item in items:
            if item.done:
                item.done.set()
        return []

    def _note_written(self, batch: Batch, count: int) -> None:
        self.written += count
        self._open_calls.update(batch.begun)
        self._open_calls.difference_update(batch.over)
        if not self._available:
            self._available = True
            log.warning("the store can be written again; %d records wait", self.backlog)

    def _note_unavailable(self, error: Exception) -> None:
        if self._available:
            self._available = False
            log.error("the store cannot be written, records wait: %s", _cause(error))

    def _reject(self, item: Item, error: Exception) -> None:
        self.rejected += 1
        path = self._spill_path.with_suffix(".rejected.jsonl")
        log.error("the store refuses a record (%s), kept in %s: %s", item.kind, path, _cause(error))
        self._append(path, [item])

    def _spill_retry(self) -> None:
        """Rows that the database refused are older than those in the spill file: they go where is looked first."""
        items, self._retry = self._retry, []
        with self._spill_lock:
            first = self._spill_path.exists() and not self._loading_path.exists()
            self._spill(items, self._loading_path if first else self._spill_path)

    def _spill(self, items: list[Item], path: Path | None = None) -> None:
        rows = [item for item in items if item.kind != "flush"]
        if rows:
            self.spilled += len(rows)
            self._append(path or self._spill_path, rows)
        for item in items:
            if item.done:
                item.done.set()

    def _append(self, path: Path, items: Iterable[Item]) -> None:
        lines = "".join(json.dumps({"kind": i.kind, "row": i.row}, default=str) + "\n" for i in items)
        try:
            with self._spill_lock, open(path, "a", encoding="utf-8", opener=_open_private) as file:
                file.write(lines)
        except OSError as error:
            log.critical("records are lost, %s cannot be written: %s", path, error.strerror)

    def _load_spill(self) -> bool:
        """Bring spilled rows into the database, the oldest file first; a file goes when all of it is in.

        False if the database is unavailable.
        """
        loading = self._loading_path
        while True:
            with self._spill_lock:
                if not loading.exists():
                    if not self._spill_path.exists():
                        return True
                    self._spill_path.rename(loading)
            count = 0
            with loading.open(encoding="utf-8", errors="replace") as file:
                items = parse_lines(file)
                while part := list(islice(items, BATCH_ROWS)):
                    fresh = self._not_there_yet(part)
                    if fresh is None or self._write(fresh):
                        return False
                    count += len(part)
            loading.unlink()
            log.warning("loaded %d records that had waited in %s", count, self._spill_path)

    def _not_there_yet(self, items: list[Item]) -> list[Item] | None:
        """Items without those that an interrupted loading or a later write has brought in; None if unavailable."""
        call_ids = {item.row["id"] for item in items if item.kind in ("started", "ended")}
        recording_ids = {item.row["id"] for item in items if item.kind == "recording"}
        columns = schema.calls.c
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(sa.select(columns.id, columns.cause).where(columns.id.in_(call_ids)))
                calls = {row.id: row.cause for row in rows}
                known = schema.recordings.c.id
                recordings = set(connection.scalars(sa.select(known).where(known.in_(recording_ids))))
        except SQLAlchemyError as error:
            self._note_unavailable(error)
            return None
        self._open_calls.update(key for key, cause in calls.items() if cause is None)
        return [
            item
            for item in items
            if (item.kind in ("started", "ended") and calls.get(item.row["id"]) is None)
            or (item.kind == "recording" and item.row["id"] not in recordings)
            or item.kind == "deleted"
            or item.kind in CHANGES
        ]


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _is_unavailable(error: Exception) -> bool:
    return isinstance(error, (OperationalError, InterfaceError, InternalError)) or type(error) is DatabaseError


def _cause(error: Exception) -> str:
    """Without the statement and its values: they are personal data."""
    return str(getattr(error, "orig", None) or type(error).__name__)
