"""Speaks texts into WAV files through pyttsx3 and espeak-ng: `python -m media.prompts.pyttsx3_child`.

A process of its own, since the library hangs under threads, crashes on long texts, prints to standard output and fails
silently. Here each of these becomes an error or a dead child. Job: {text, voice, rate (words a minute), out}.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
import wave
from typing import Any

import pyttsx3
from pyttsx3.drivers import _espeak

from media.prompts.childside import JobError, serve

__all__ = ["main"]

ATTEMPTS = 3
"""The first run of an engine may return before the file is written."""
MIN_SECONDS = 0.02
"""Of sound: less means that nothing was spoken."""


class Speaker:
    """The one pyttsx3 engine of the process."""

    def __init__(self) -> None:
        self._engine: Any = pyttsx3.init("espeak")
        self._engine.runAndWait()  # until a first run, settings are only noted down
        self._chosen: tuple[str, int] | None = None
        self.voices: dict[str, str] = {}
        for voice in self._engine.getProperty("voices"):
            identifier = str(voice.id).lower()
            self.voices.setdefault(identifier.rpartition("/")[2], identifier)
            self.voices.setdefault(identifier, identifier)
            self.voices.setdefault(str(voice.name).lower(), identifier)
        for voice in self._engine.getProperty("voices"):
            for language in voice.languages or ():
                self.voices.setdefault(str(language).lower(), str(voice.id).lower())

    def speak(self, job: dict[str, Any]) -> dict[str, Any]:
        """Write the WAV file of one job; how long it is."""
        for _ in range(ATTEMPTS):
            self._set(job["voice"], int(job["rate"]))
            self._engine.save_to_file(job["text"], job["out"])
            self._engine.runAndWait()
            if self._engine.getProperty("voice") != job["voice"].lower():
                self._chosen = None
                raise JobError(f"there is no voice {job['voice']!r}")  # a voice that is not set keeps the one before
            if self._engine.getProperty("rate") != int(job["rate"]):
                self._chosen = None
                continue
            seconds = _seconds(job["out"])
            if seconds >= MIN_SECONDS:
                return {"seconds": seconds}
        raise JobError("no sound came out")

    def _set(self, voice: str, rate: int) -> None:
        """Choose voice and rate, when others are chosen: it takes 20 ms.

        The rate waits in espeak-ng's own queue; speaking at once would take the one before.
        """
        if self._chosen == (voice, rate):
            return
        self._engine.setProperty("voice", voice)
        self._engine.setProperty("rate", rate)
        _espeak.Synchronize()
        self._chosen = (voice, rate)


def _seconds(path: str) -> float:
    if not os.path.exists(path):
        return 0.0
    try:
        with wave.open(path, "rb") as sound:
            return sound.getnframes() / sound.getframerate()
    except (wave.Error, EOFError):
        return 0.0


def _espeak_version() -> str:
    info = _espeak.Info(None)
    return info.decode() if isinstance(info, bytes) else str(info)


def main() -> int:
    """Answer jobs until standard input ends."""
    speakers: list[Speaker] = []

    def prepare() -> dict[str, Any]:
        speakers.append(Speaker())
        return {
            "version": f"{importlib.metadata.version('pyttsx3')}/{_espeak_version()}",
            "voices": speakers[0].voices,
        }

    return serve(prepare, lambda job: speakers[0].speak(job))


if __name__ == "__main__":
    sys.exit(main())
