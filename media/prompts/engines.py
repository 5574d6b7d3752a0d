"""Speech engines: text in, a WAV file out. Each works outside this process and can be killed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from media.prompts.errors import EngineError, EngineLostError
from media.prompts.process import JobProcess, python_child, run_tool
from media.prompts.voices import Voice, espeak_voice

__all__ = ["CommandEngine", "EspeakEngine", "Pyttsx3Engine", "SpeechEngine", "make_engine"]

WORDS_PER_MINUTE = 165
"""At rate 1.0: a calm pace for listening on the phone; espeak-ng's own default is 175."""
MAX_WAV_BYTES = 64 * 2**20
"""Of one piece of text: minutes at any sample rate."""
TOOL_JOBS = 2
"""Programs running at the same time: more would only take time from the calls in progress."""


class SpeechEngine(Protocol):
    """What the store asks of an engine."""

    name: str
    """As configured, and part of the cache key."""
    version: str
    """Known after `start`; part of the cache key, since another version sounds different."""

    async def start(self) -> None:
        """Find out whether the engine can be used, and its version. Raises EngineError."""

    async def speak(self, text: str, language: str, voice: Voice, rate: float, out: Path, limit: float) -> None:
        """Write the WAV file `out` within `limit` seconds. Raises EngineError, EngineLostError, PromptBusyError."""

    async def close(self) -> None:
        """End what runs."""


class Pyttsx3Engine:
    """pyttsx3 with espeak-ng in a child process of its own."""

    name = "pyttsx3"

    def __init__(self, waiting: int) -> None:
        self.version = ""
        self._child = JobProcess(python_child("media.prompts.pyttsx3_child"), "pyttsx3", waiting=waiting)
        self._voices: dict[str, str] = {}

    @property
    def pid(self) -> int | None:
        """Of the child process, when it runs."""
        return self._child.pid

    async def start(self) -> None:
        hello = await self._child.start()
        self.version = str(hello["version"])
        self._voices = dict(hello["voices"])

    async def speak(self, text: str, language: str, voice: Voice, rate: float, out: Path, limit: float) -> None:
        job = {
            "text": text,
            "voice": espeak_voice(language, voice, self._voices),
            "rate": round(WORDS_PER_MINUTE * rate),
            "out": str(out),
        }
        try:
            await self._child.run(job, limit)
        except EngineLostError as error:
            if "longer than" in str(error):  # a hang is not tried twice: the caller is waiting
                raise
            await self._child.run(job, limit)  # it died: by another's hand, most likely

    async def close(self) -> None:
        await self._child.close()


class EspeakEngine:
    """The espeak-ng program, a process for each piece of text."""

    name = "espeak-ng"

    def __init__(self, program: str = "espeak-ng") -> None:
        self.version = ""
        self._program = program
        self._voices: dict[str, str] = {}
        self._turn = asyncio.Semaphore(TOOL_JOBS)

    async def start(self) -> None:
        if shutil.which(self._program) is None:
            raise EngineError(f"{self._program} is not installed")
        said = (await run_tool([self._program, "--version"], "", 5.0, 10_000)).decode("utf-8", "replace")
        self.version = said.partition("Data at")[0].strip()[:100]
        table = (await run_tool([self._program, "--voices"], "", 5.0, 1_000_000)).decode("utf-8", "replace")
        self._voices = _voice_table(table)

    async def speak(self, text: str, language: str, voice: Voice, rate: float, out: Path, limit: float) -> None:
        identifier = espeak_voice(language, voice, self._voices)
        words = str(round(WORDS_PER_MINUTE * rate))
        argv = [self._program, "-v", identifier, "-s", words, "-b", "1", "--stdin", "--stdout"]
        async with self._turn:
            data = await run_tool(argv, text, limit, MAX_WAV_BYTES)
        await asyncio.to_thread(out.write_bytes, data)

    async def close(self) -> None:
        """Nothing runs between jobs."""


def _voice_table(table: str) -> dict[str, str]:
    """`espeak-ng --voices`: columns priority, language, age/gender, name, file, other languages."""
    rows = [line.split() for line in table.splitlines()[1:]]
    voices: dict[str, str] = {}
    for row in rows:
        if len(row) >= 5:
            identifier = row[4].lower()
            for key in (identifier.rpartition("/")[2], identifier, row[3].lower().replace("_", " ")):
                voices.setdefault(key, identifier)
    for row in rows:
        if len(row) >= 5:
            voices.setdefault(row[1].lower(), row[4].lower())
    return voices


class CommandEngine:
    """Any program that speaks: text on standard input, WAV on standard output or in a file.

    Places in the arguments: `{language}`, `{voice}`, `{gender}`, `{rate}` (factor), `{slowness}` (its inverse, what
    piper calls length scale), `{out}` (a WAV file to write; without it standard output is read). Options map
    languages to voices: `{"voices": {"de": "de_DE-thorsten-medium.onnx"}}`, used where a prompt names no voice.
    """

    name = "command"

    def __init__(self, argv: Sequence[str], options: Mapping[str, object] | None = None) -> None:
        self.version = ""
        self._argv = list(argv)
        voices = (options or {}).get("voices", {})
        self._voices = {str(key).lower(): str(name) for key, name in voices.items()} if isinstance(voices, dict) else {}
        self._turn = asyncio.Semaphore(TOOL_JOBS)

    async def start(self) -> None:
        if not self._argv:
            raise EngineError("speech.command names no program")
        program = shutil.which(self._argv[0])
        if program is None:
            raise EngineError(f"{self._argv[0]} is not installed")
        # A program rarely tells its version in one way: its file tells of a change.
        stat = await asyncio.to_thread(os.stat, program)
        facts = [self._argv, self._voices, stat.st_size, stat.st_mtime_ns]
        self.version = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]

    async def speak(self, text: str, language: str, voice: Voice, rate: float, out: Path, limit: float) -> None:
        values = {
            "language": language,
            "voice": voice.name or self._voice(language),
            "gender": voice.gender or "",
            "rate": f"{rate:g}",
            "slowness": f"{1 / rate:.4g}",
            "out": str(out),
        }
        argv = [_filled(part, values) for part in self._argv]
        async with self._turn:
            data = await run_tool(argv, text, limit, MAX_WAV_BYTES)
        if not any("{out}" in part for part in self._argv):
            await asyncio.to_thread(out.write_bytes, data)

    async def close(self) -> None:
        """Nothing runs between jobs."""

    def _voice(self, language: str) -> str:
        name = self._voices.get(language) or self._voices.get(language.partition("-")[0])
        if name is None and self._voices:
            raise EngineError(f"speech.options.voices has none for the language {language!r}")
        return name or ""


def _filled(part: str, values: Mapping[str, str]) -> str:
    for key, value in values.items():
        part = part.replace(f"{{{key}}}", value)
    return part


def make_engine(
    name: str, command: Sequence[str], options: Mapping[str, object], waiting: int
) -> Pyttsx3Engine | EspeakEngine | CommandEngine:
    """The engine of a configured name; raises EngineError for another one."""
    if name == "pyttsx3":
        return Pyttsx3Engine(waiting)
    if name == "espeak-ng":
        return EspeakEngine()
    if name == "command":
        return CommandEngine(command, options)
    raise EngineError(f"there is no speech engine {name!r} (expected pyttsx3, espeak-ng, command)")
