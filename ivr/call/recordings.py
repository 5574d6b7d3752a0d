"""The recordings of one call: voicemails that the flow asks for, and the whole call in stereo."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ivr.call.naming import free_path, safe_name
from ivr.call.report import CallReport
from ivr.call.services import Services
from ivr.flow import ports
from ivr.store import RecordingRecord
from media import Port, RecordDone, RecordOptions

SUFFIX = {"wav": ".wav", "ulaw": ".ulaw"}

_REASONS: dict[str, str] = {"lost": "failed"}
"""The media plane's reasons that a flow knows by another name."""


@dataclass(slots=True)
class _Running:
    kind: str
    number: int | None
    """The flow's id of the recording; None for the whole call."""
    path: Path
    started_at: float
    id: str
    """Of its record in the store."""
    silence: float
    """Seconds of it that end the recording, and are in the file."""
    owner: int = 0
    """Of the whole call: the flow's id of who wants to hear of it; 0: nobody does."""


class CallRecordings:
    """Starts, stops and books the recordings of a call."""

    def __init__(self, services: Services, port: Port, report: CallReport) -> None:
        self._services = services
        self._port = port
        self._report = report
        self._running: dict[int, _Running] = {}
        self._paths: dict[int, Path] = {}
        self._call: int | None = None
        self._paused = False
        self._closing = False
        self._to_book: dict[int, RecordingRecord] = {}

    def start(self, command: ports.Record) -> None:
        """Record the caller alone."""
        options = RecordOptions(
            sides="caller",
            format=command.format,
            max_seconds=command.max_duration,
            max_silence=command.max_silence or None,
        )
        self._begin("voicemail", command.id, command.name, options)

    def start_call(self, name: str, form: Literal["wav", "ulaw"], owner: int = 0) -> str:
        """Record both sides from now on; the id of the recording, empty and nothing when that runs already. `owner`:
        the flow's id, with which it is told of the end."""
        if self._call is not None:
            return ""
        self._call = self._begin("call", None, name, RecordOptions(sides="both", format=form), owner)
        if self._paused:
            self._port.pause_record(self._call)
        return self._running[self._call].id

    def _begin(self, kind: str, number: int | None, name: str, options: RecordOptions, owner: int = 0) -> int:
        services = self._services
        path = free_path(
            services.settings.recordings,
            safe_name(name, f"{kind}-{self._report.short_id}"),
            SUFFIX[options.format],
            services.paths_taken,
        )
        services.paths_taken.add(path)
        record = self._port.record(path, options)
        self._report.on_change()
        self._running[record] = _Running(
            kind, number, path, services.wall(), str(uuid.uuid4()), options.max_silence or 0.0, owner
        )
        return record

    def stop(self, number: int) -> None:
        """Close the recording that the flow knows as `number`."""
        for record, running in self._running.items():
            if running.number == number:
                self._port.stop_record(record)
                return

    def stop_call(self) -> None:
        """End the recording of the whole call."""
        if self._call is not None:
            self._port.stop_record(self._call)
            self._call = None

    def pause_call(self) -> None:
        """What comes now must not be in the recording of the whole call."""
        self._paused = True
        if self._call is not None:
            self._port.pause_record(self._call)

    def resume_call(self) -> None:
        """Go on with the recording of the whole call."""
        self._paused = False
        if self._call is not None:
            self._port.resume_record(self._call)

    @property
    def running(self) -> bool:
        """Something is recorded, or its file is not closed yet."""
        return bool(self._running)

    def unfinished(self) -> list[dict[str, Any]]:
        """Recordings in progress, with the fields of their records."""
        return [
            {
                "id": running.id,
                "kind": running.kind,
                "name": running.path.name,
                "path": str(running.path),
                "started_at": running.started_at,
            }
            for running in self._running.values()
        ]

    def close(self) -> None:
        """The call ends: giving the port back closes what runs."""
        self._closing = True
        self._call = None

    def done(self, event: RecordDone) -> ports.RecordDone | ports.CallRecorded | None:
        """Book a closed recording; the flow's event where the flow asked for it."""
        running = self._running.pop(event.record_id, None)
        if running is None:
            return None
        if self._call == event.record_id:
            self._call = None
        self._services.paths_taken.discard(running.path)
        kept = event.seconds > 0 or event.reason != "failed"
        if kept:
            self._to_book[event.record_id] = RecordingRecord(
                id=running.id,
                call_id=self._report.id,
                kind=running.kind,
                name=running.path.name,
                path=str(running.path),
                started_at=running.started_at,
                seconds=event.seconds,
                reason=event.reason,
            )
        if event.error:
            # A name may hold the caller's number, and this text is logged.
            error = event.error.replace(str(running.path), "the file").replace(running.path.name, "the file")
            self._report.fault(f"recording: {error}")
        if running.number is None:
            if not running.owner:
                return None
            key, path = (running.id, str(running.path)) if kept and event.seconds > 0 else ("", "")
            return ports.CallRecorded(running.owner, "done", key, path, event.seconds)
        self._paths[running.number] = running.path
        reason = _REASONS.get(event.reason, event.reason)
        if self._closing and reason == "stopped":
            reason = "hung_up"
        path = str(running.path) if kept else ""
        return ports.RecordDone(
            running.number,
            path,
            max(0.0, event.seconds - running.silence) if event.reason == "silence" else event.seconds,
            reason,  # type: ignore[arg-type]
            event.error,
            running.id if kept else "",
        )

    def discard(self, number: int) -> None:
        """Delete a recording that turned out too short."""
        path = self._paths.pop(number, None)
        if path is None:
            return
        for record, row in self._to_book.items():
            if row.path == str(path):
                del self._to_book[record]
                break
        self._services.delete_file(path)

    def book(self) -> None:
        """Write the rows of closed recordings, once the flow has had its chance to discard them."""
        if self._to_book:
            rows = list(self._to_book.values())
            self._to_book.clear()
            self._report.recorded(rows)

    def path(self, number: int) -> Path | None:
        """Where a closed recording of the flow lies."""
        return self._paths.get(number)
