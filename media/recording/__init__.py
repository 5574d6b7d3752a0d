"""Recordings: files written by a thread of their own, readable at any moment."""

from __future__ import annotations

from media.recording.formats import Format
from media.recording.repair import complete_recording
from media.recording.spool import SpoolWriter
from media.recording.writer import Recording, RecordingResult, RecordingWriter

__all__ = ["Format", "Recording", "RecordingResult", "RecordingWriter", "SpoolWriter", "complete_recording"]
