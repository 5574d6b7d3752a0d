"""Calls that are up, as the store knows them: what is there when the daemon is killed.

    a call is up, goes on   changed() -> a moment later its record, as far as it is, to the store's writer
    the daemon dies
    the next one begins     settle(): the record gets its end, what was recorded is completed, and all who want to know
                            are told, as of any end; applications hear their last words

What is told to the writer costs the loop some 50 microseconds and waits for nothing; short calls cost nothing, others a
row every `AGAIN` seconds at most, and all together no more than `ROUND_MOST` rows a round.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from ivr.call.report import recording_of, summary_of
from ivr.feed import Feed
from ivr.store import (
    LAST_WORDS,
    RUNNING,
    SEEN,
    CallRecord,
    CutOff,
    RecordingRecord,
    RecordWriter,
    Store,
    shown_details,
)
from media import complete_recording

__all__ = ["CUT_OFF", "Unfinished", "settle"]

log = logging.getLogger("ivr.call")

ROUND = 0.5
"""Seconds that changes are gathered: a crash loses as much of a call as it does of a recording."""
AGAIN = 1.0
"""Seconds between two records of one call: who hurries through menus is written down once in a while."""
ROUND_MOST = 50
"""Records of one round, 5 ms of the loop; under a burst the others wait for the next."""
ALIVE = 5.0
"""Seconds after which the record that was written longest ago is written anew, where nothing else is: the newest one
tells until when the daemon lived."""
CUT_OFF = "cut_off"
"""In the details of a call that the daemon's death has ended: when it was known to be up last."""


class Going(Protocol):
    """A call that is up."""

    def so_far(self) -> CallRecord | None:
        """Its record as far as it is, which nobody changes any more; None: there is nothing to keep."""

    def keep(self, writer: RecordWriter, record: CallRecord) -> None:
        """Give it to the writer."""


class Unfinished:
    """Brings the records of calls that are up to the store."""

    def __init__(
        self,
        writer: RecordWriter,
        call_later: Callable[[float, Callable[[], None]], asyncio.TimerHandle],
        clock: Callable[[], float],
    ) -> None:
        self._writer = writer
        self._call_later = call_later
        self._clock = clock
        self._changed: dict[Going, None] = {}
        """Those that are to be written, in the order of their changes."""
        self._written: dict[Going, float] = {}
        """When those that have a record got it, the oldest first."""
        self._timer: asyncio.TimerHandle | None = None
        self.rows = 0
        """Records that the writer was given."""

    def changed(self, call: Going) -> None:
        """A call began, or there is more to tell of it."""
        self._changed[call] = None
        if self._timer is None:
            self._timer = self._call_later(ROUND, self._round)

    def over(self, call: Going) -> None:
        """All of a call is known, and its own record is written."""
        self._changed.pop(call, None)
        self._written.pop(call, None)

    def close(self) -> None:
        """Write no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _round(self) -> None:
        self._timer = None
        now = self._clock()
        due = [call for call in self._changed if now - self._written.get(call, -AGAIN) >= AGAIN][:ROUND_MOST]
        if not due and self._written:
            oldest = next(iter(self._written))
            newest = next(reversed(self._written.values()))
            due = [oldest] if now - newest >= ALIVE else []
        for call in due:
            self._changed.pop(call, None)
            self._written.pop(call, None)
            try:
                record = call.so_far()
                if record is not None:
                    call.keep(self._writer, record)
                    self._written[call] = now
                    self.rows += 1
            except Exception:
                # It may be written when it ends; the other calls must be.
                log.exception("what is known of a call cannot be kept")
        if self._changed or self._written:
            self._timer = self._call_later(ROUND, self._round)


LastWords = Callable[[CallRecord, Mapping[str, Any], float], None]
"""Takes the record of a call that was cut off, its last words by key, and until when it was up (seconds since the
epoch)."""


async def settle(
    store: Store,
    feed: Feed,
    on_ended: Callable[[str, dict[str, Any]], None],
    last_words: LastWords = lambda record, words, at: None,
) -> int:
    """Give the calls that an earlier run has left behind their end, and tell everybody of it; how many.

    Who is killed in the middle of this tells it again: nothing here is done twice but that.
    """
    left = store.cut_off
    if not left:
        return 0
    files = await asyncio.to_thread(_complete, store, left)
    lived = max((float(one.record.details.get(SEEN, 0.0)) for one in left), default=0.0)
    ended = 0
    for one in left:
        record = one.record
        details = shown_details(record.details)
        words = record.details.get(LAST_WORDS, {})
        recordings = files.get(record.id, [])
        for row in recordings:
            store.writer.recording(row)
            feed.tell("recording.ready", recording_of(row), record.id)
        sound = max((row.started_at + (row.seconds or 0.0) for row in recordings), default=0.0)
        at = round(max(lived, sound, record.answered_at or record.started_at), 3)
        if one.goes_on:
            last_words(record, words, at)
            store.writer.call_completed(replace(record, details=details))
            continue
        details[CUT_OFF] = {"at": at}
        record = replace(record, ended_at=at, cause="system", details=details)
        ended += 1
        feed.tell("call.ended", summary_of(record), record.id)
        on_ended(record.id, summary_of(record))
        last_words(record, words, at)
        store.writer.call_ended(record)
    if ended:
        log.warning("%d calls were up when the daemon died", ended)
    left.clear()
    return ended


def _complete(store: Store, left: Iterable[CutOff]) -> dict[str, list[RecordingRecord]]:
    """The recordings that were in progress, by call, with their files in order. Blocks."""
    found: dict[str, list[RecordingRecord]] = {}
    for one in left:
        for told in one.record.details.get(RUNNING, ()):
            try:
                row = RecordingRecord(**told, call_id=one.record.id)
            except TypeError:  # whatever it is, the daemon has to begin
                log.warning("a recording of call %s was begun by another release: it is not completed", one.record.id)
                continue
            if store.reader.recording(row.id) is not None:
                continue  # it was over, and that was told
            try:
                seconds = complete_recording(Path(row.path))
            except OSError as error:
                log.warning("what was recorded of call %s is lost: %s", row.call_id, error.strerror)
                continue
            if seconds:
                found.setdefault(row.call_id, []).append(replace(row, seconds=seconds, reason=CUT_OFF))
    return found
