"""Recordings over HTTP: listed, heard, deleted. Only files that the store knows, below the folder of recordings."""

from __future__ import annotations

import asyncio
import logging
import re
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from aiohttp import web
from pydantic import AfterValidator, Field

from ivr.api.endpoints import Ask, Endpoint, File, Model, Query
from ivr.api.fields import Moment
from ivr.api.problems import ProblemError
from ivr.api.tracing import request_id
from ivr.feed import Feed
from ivr.store import RecordingRecord

__all__ = ["KINDS", "RecordingRoutes", "file_of"]

audit = logging.getLogger("ivr.audit")

PAGE, MAX_PAGE = 100, 1000
"""Recordings of one answer: as asked for by default, and at most."""
KINDS = {".wav": "audio/wav", ".ulaw": "audio/basic", ".alaw": "audio/x-alaw-basic", ".mp3": "audio/mpeg"}
GONE = "the file of this recording is gone"
_CURSOR = re.compile(r"([0-9]{1,12}\.[0-9]{1,17})~([0-9A-Za-z-]{1,64})", re.ASCII)


def _cursor(value: str) -> str:
    if not _CURSOR.fullmatch(value):
        raise ValueError("not the `next` of a page")
    return value


class RecordingQuery(Query):
    """Which recordings."""

    call: Annotated[str | None, Field(max_length=64)] = None
    """Of the call with this id."""
    kind: Literal["voicemail", "call"] | None = None
    from_: Annotated[Moment | None, Field(alias="from")] = None
    """Begun at or after that time (seconds since the epoch, or like `2026-03-01T08:00:00+01:00`)."""
    to: Moment | None = None
    """Begun before that time."""
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = PAGE
    """How many."""
    before: Annotated[str, AfterValidator(_cursor)] | None = None
    """Goes on after a page; its `next`."""


class RecordingShown(Model):
    """A recording."""

    id: str
    call_id: str
    kind: str
    """`voicemail`: the caller alone; `call`: both sides, in stereo."""
    name: str
    """Of the file."""
    started_at: float
    """Seconds since the epoch."""
    seconds: float | None
    bytes: int | None
    reason: str | None
    """Why it ended: `stopped`, `silence`, `max_duration`, `hung_up`..."""


class RecordingPage(Model):
    """Recordings, newest first."""

    recordings: list[RecordingShown]
    next: str | None = None
    """Where there may be more: `before` of the next page."""


class RecordingSource(Protocol):
    """Who knows recordings. Both block."""

    def recording(self, name: str) -> RecordingRecord | None:
        """The recording of an id."""

    def recording_page(
        self,
        limit: int,
        before: tuple[float, str] | None = None,
        *,
        call_id: str | None = None,
        kind: str | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> list[RecordingRecord]:
        """Recordings that have their files, newest first."""


class RecordingRoutes:
    """Handlers. Everything here is personal data: a token is needed on this machine, too."""

    def __init__(
        self,
        source: RecordingSource,
        folder: Path,
        deleted: Callable[[str, float], None],
        feed: Feed,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`folder` holds all of them; `deleted` notes in the store that a file is gone."""
        self._source = source
        self._folder = folder
        self._deleted = deleted
        self._feed = feed
        self._wall = wall

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        one, gone = "/v1/recordings/{id}", {404: "There is no such recording, or its file is gone."}
        sound = File("audio/wav", "The sound; a part of it where the header `Range` says so.")
        parts = {200: sound, 206: sound, 304: None, 416: None}
        read = "recordings:read"
        return [
            Endpoint(
                "GET", "/v1/recordings", read, self.all, query=RecordingQuery, answers={200: RecordingPage}
            ),
            Endpoint("GET", one, read, self.show, answers={200: RecordingShown}, problems=gone),
            Endpoint("GET", f"{one}/audio", read, self.audio, answers=parts, problems=gone),
            Endpoint("DELETE", one, "recordings", self.delete, problems=gone),
        ]  # fmt: skip

    async def all(self, ask: Ask[None, RecordingQuery]) -> dict[str, Any]:
        """List recordings, newest first."""
        query = ask.query

        def read() -> list[RecordingRecord]:
            return self._source.recording_page(
                query.limit, _place(query.before), call_id=query.call, kind=query.kind, since=query.from_,
                until=query.to,
            )  # fmt: skip

        found = await asyncio.to_thread(read)
        rest = {"next": f"{found[-1].started_at!r}~{found[-1].id}"} if len(found) == query.limit else {}
        return {"recordings": [_shown(record) for record in found], **rest}

    async def show(self, ask: Ask[None, None]) -> dict[str, Any]:
        """Show what is known of a recording."""
        record = await self._find(ask)
        if await asyncio.to_thread(file_of, record, self._folder) is None:
            raise ProblemError(404, GONE)
        return _shown(record)

    async def audio(self, ask: Ask[None, None]) -> web.StreamResponse:
        """Hear a recording, or a part of it."""
        record = await self._find(ask)
        path = await asyncio.to_thread(file_of, record, self._folder)
        if path is None:
            raise ProblemError(404, GONE)
        audit.info("recording %s is heard by %s, request %s", record.id, ask.by, request_id(ask.request))
        kind = KINDS.get(path.suffix, "application/octet-stream")
        headers = {"Content-Type": kind, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return web.FileResponse(path, headers=headers)

    async def delete(self, ask: Ask[None, None]) -> None:
        """Delete a recording with its file. It cannot be had back."""
        record = await self._find(ask)
        path = await asyncio.to_thread(file_of, record, self._folder)
        if path is not None:
            try:
                await asyncio.to_thread(path.unlink, missing_ok=True)
            except OSError as error:
                raise ProblemError(500, f"the file cannot be deleted: {error.strerror}") from None
        self._deleted(record.id, self._wall())
        self._feed.tell("recording.deleted", {"id": record.id}, record.call_id)

    async def _find(self, ask: Ask[Any, None]) -> RecordingRecord:
        record = await asyncio.to_thread(self._source.recording, ask.path["id"])
        if record is None or record.deleted_at is not None:
            raise ProblemError(404, "there is no such recording")
        return record


def file_of(record: RecordingRecord, folder: Path) -> Path | None:
    """The file of a recording, if it is one below the folder and no link leads there; None else. Blocks."""
    path = Path(record.path)
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
        return path if inside and stat.S_ISREG(path.lstat().st_mode) else None
    except OSError:
        return None


def _place(cursor: str | None) -> tuple[float, str] | None:
    if cursor is None:
        return None
    at, _, name = cursor.partition("~")
    return float(at), name


def _shown(record: RecordingRecord) -> dict[str, Any]:
    names = ("id", "call_id", "kind", "name", "started_at", "seconds", "bytes", "reason")
    return {name: getattr(record, name) for name in names}
