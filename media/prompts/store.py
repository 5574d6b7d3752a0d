"""The prompt store: texts, files, addresses and recordings become sounds that the plane can play.

A sound is made once, kept in a folder by its content, and handed to all who ask. What is known already is a dictionary
look-up without waiting (`cached_speech`, `cached_file`, `cached_url`); the rest happens in child processes and threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from media.face import Sound
from media.guard import allow_listed
from media.prompts.cache import TOUCH_SECONDS, SoundCache, content_key, wide_path
from media.prompts.containers import headerless_kind
from media.prompts.errors import EngineError, PromptError
from media.prompts.fetch import Fetcher
from media.prompts.files import FileState, file_state, read_bounded, resolve_inside
from media.prompts.limits import PromptLimits
from media.prompts.memory import Memory, SharedJobs
from media.prompts.process import JobProcess, python_child
from media.prompts.speech import Speaker, SpeechConfig, Utterance
from media.prompts.text import clean_text, speech_pieces
from media.prompts.urls import UrlPrompts
from media.prompts.voices import VoiceLike, voice_of

__all__ = ["PromptStore"]

PIECE_PAUSE = 0.25
"""Seconds between the pieces of a long text, as between two sentences."""
RECHECK_SECONDS = 1.0
"""A prompt file is looked at again, for changes, at most so often."""


@dataclass(slots=True)
class _Known:
    """A sound in memory."""

    key: str
    sound: Sound
    checked: float
    """Monotonic time at which its file was there."""


@dataclass(slots=True)
class _KnownFile:
    """A file that was converted."""

    source: Path
    state: FileState
    known: _Known
    checked: float
    """Monotonic time at which the file had this state."""


class PromptStore:
    """Makes and keeps the sounds of prompts; one per process, used from one event loop."""

    def __init__(
        self,
        cache_dir: Path,
        prompts_dir: Path,
        speech: SpeechConfig | None = None,
        limits: PromptLimits | None = None,
        *,
        allow: Iterable[str] = (),
        wide: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """cache_dir: made when missing; several processes may share it. prompts_dir: where `file` prompts are.

        allow: private hosts, addresses and networks that prompts may be fetched from; public ones may always.
        wide: keep sounds at 16 kHz too, for callers in a wideband codec; takes three times the room.
        """
        self._wide = wide
        self.limits = limits or PromptLimits()
        self.prompts_dir = Path(prompts_dir)
        self.cache = SoundCache(Path(cache_dir), self.limits.cache_bytes)
        self._clock = clock
        self._speaker = Speaker(speech or SpeechConfig(), self.limits, clock)
        decoder, waiting = python_child("media.prompts.decoder_child"), self.limits.waiting
        # Speech does not wait behind a file that takes its decoder to the time limit.
        self._speech_decoder = JobProcess(decoder, "the decoder of speech", waiting=waiting)
        self._file_decoder = JobProcess(decoder, "the decoder", waiting=waiting)
        self._jobs: SharedJobs[Sound] = SharedJobs(clock)
        self._spoken: Memory[Utterance, _Known] = Memory(self.limits.known_sounds)
        self._files: Memory[str, _KnownFile] = Memory(self.limits.known_sounds)
        fetcher = Fetcher(allow_listed(allow), self.limits)
        self._urls = UrlPrompts(self.cache, fetcher, self._decoded_url, self.limits.known_sounds, time.time)

    @property
    def cached_bytes(self) -> int:
        """Size of the cache on disk."""
        return self.cache.bytes

    async def start(self) -> None:
        """Open the cache, and start the speech engine so that the first text does not wait for it.

        Raises PromptError when the cache cannot be written or sound cannot be converted. An engine that is
        not there is only logged.
        """
        await asyncio.to_thread(self.cache.open)
        await asyncio.gather(self._start_engine(), self._start_decoder())

    async def _start_engine(self) -> None:
        for name in self._speaker.candidates(self._speaker.utterance("", None, voice_of(None), 1.0)):
            with contextlib.suppress(EngineError):
                await self._speaker.engine(name)
                break

    async def _start_decoder(self) -> None:
        try:
            await self._speech_decoder.start()
        except EngineError as error:
            raise PromptError(str(error)) from None

    async def close(self) -> None:
        """End all child processes; those who wait for a prompt get a PromptError."""
        await self._jobs.close()
        await self._urls.close()
        await self._speaker.close()
        await self._speech_decoder.close()
        await self._file_decoder.close()

    # Speech

    def cached_speech(
        self,
        text: str,
        language: str | None = None,
        voice: VoiceLike | Mapping[str, object] | str | None = None,
        rate: float = 1.0,
    ) -> Sound | None:
        """The sound of a text that was spoken before, at once; None when it is to be made. Raises PromptError."""
        return self._remembered(self._utterance(text, language, voice, rate))

    async def speech(
        self,
        text: str,
        language: str | None = None,
        voice: VoiceLike | Mapping[str, object] | str | None = None,
        rate: float = 1.0,
    ) -> Sound:
        """The sound of a text. language: BCP 47 tag. voice: see `voice_of`. rate: factor.

        Raises PromptError: no text, too long, no such voice, no engine could do it.
        """
        utterance = self._utterance(text, language, voice, rate)
        sound = self._remembered(utterance)
        if sound is None:
            sound = await self._jobs.run(utterance, lambda: self._make_speech(utterance))
        return sound

    def _utterance(
        self, text: str, language: str | None, voice: VoiceLike | Mapping[str, object] | str | None, rate: float
    ) -> Utterance:
        if len(text) > self.limits.text_characters:
            raise PromptError(f"a text of {len(text)} characters (at most {self.limits.text_characters} are spoken)")
        return self._speaker.utterance(text, language, voice_of(voice), rate)

    def _remembered(self, utterance: Utterance) -> Sound | None:
        known = self._spoken.get(utterance)
        if known is None:
            return None
        if self._still_there(known):
            return known.sound
        self._spoken.drop(utterance)
        return None

    async def _make_speech(self, utterance: Utterance) -> Sound:
        text = clean_text(utterance.text)
        if not text:
            raise PromptError("there is nothing to speak in the text")
        reasons: list[str] = []
        for name in self._speaker.candidates(utterance):
            try:
                engine = await self._speaker.engine(name)
                voice = utterance.voice
                parts = (text, utterance.language, voice.gender, voice.name, utterance.rate, name, engine.version)
                key = self._key("speech", *parts)
                sound = await asyncio.to_thread(self.cache.find, key)
                if sound is None:
                    sound = await self._spoken_by(name, utterance, speech_pieces(text), key)
            except EngineError as error:
                reasons.append(f"{name}: {error}")
                continue
            if not reasons:  # what the fall-back spoke is asked for again when the engine has recovered
                self._spoken.put(utterance, _Known(key, sound, self._clock()))
            return sound
        raise PromptError(f"the text cannot be spoken ({'; '.join(reasons)})")

    async def _spoken_by(self, name: str, utterance: Utterance, pieces: Sequence[str], key: str) -> Sound:
        engine = await self._speaker.engine(name)
        waves: list[Path] = []
        try:
            for piece in pieces:
                waves.append(self.cache.temporary(".wav"))
                await self._speaker.speak(engine, utterance, piece, waves[-1])
            inputs = [(wave, wave.name) for wave in waves]
            return await self._convert(self._speech_decoder, inputs, key, speech=True)
        finally:
            await asyncio.to_thread(_remove, waves)

    # Files and recordings

    def cached_file(self, name: str | Path) -> Sound | None:
        """The sound of a prompt file that was converted before and has not changed; None when it is to be made."""
        return self._remembered_file(f"file:{name}")

    async def file(self, name: str | Path) -> Sound:
        """The sound of a file in the prompts folder, by its path relative to it. Raises PromptError."""
        memo = f"file:{name}"
        sound = self._remembered_file(memo)
        if sound is None:
            sound = await self._jobs.run(memo, lambda: self._make_file(memo, str(name), inside=True))
        return sound

    async def decode(self, source: bytes | Path, name: str = "the sound") -> Sound:
        """The sound of a recording anywhere, or of bytes (`name` tells a headerless format). Raises PromptError."""
        if isinstance(source, bytes):
            if len(source) > self.limits.file_bytes:
                raise PromptError(f"{name} is larger than {self.limits.file_bytes} bytes (found {len(source)})")
            return (await self._known_bytes(source, name)).sound
        memo = f"path:{source}"
        sound = self._remembered_file(memo)
        if sound is None:
            sound = await self._jobs.run(memo, lambda: self._make_file(memo, str(source), inside=False))
        return sound

    def _remembered_file(self, memo: str) -> Sound | None:
        entry = self._files.get(memo)
        if entry is None:
            return None
        now = self._clock()
        if now - entry.checked >= RECHECK_SECONDS:
            if file_state(entry.source) != entry.state:
                self._files.drop(memo)
                return None
            entry.checked = now
        if not self._still_there(entry.known):
            self._files.drop(memo)
            return None
        return entry.known.sound

    async def _make_file(self, memo: str, name: str, *, inside: bool) -> Sound:
        source = (self.prompts_dir / name) if inside else Path(name)
        limit = self.limits.file_bytes if inside else self.limits.recording_bytes

        def read() -> tuple[FileState | None, bytes]:
            state = file_state(source)
            path = resolve_inside(self.prompts_dir, name) if inside else source.resolve()
            return state, read_bounded(path, limit, name)

        state, data = await asyncio.to_thread(read)
        known = await self._known_bytes(data, name)
        if state is not None and await asyncio.to_thread(file_state, source) == state:
            self._files.put(memo, _KnownFile(source, state, known, self._clock()))
        return known.sound

    async def _known_bytes(self, data: bytes, name: str) -> _Known:
        digest = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
        key = self._key("file", digest, headerless_kind(name))
        sound = await asyncio.to_thread(self.cache.find, key)
        if sound is None:
            sound = await self._jobs.run(key, lambda: self._make_bytes(data, name, key))
        return _Known(key, sound, self._clock())

    async def _make_bytes(self, data: bytes, name: str, key: str) -> Sound:
        copy = self.cache.temporary()
        try:
            # The child reads a copy: the file may change under it, and its bytes would not be those of the key.
            await asyncio.to_thread(_write_private, copy, data)
            return await self._convert(self._file_decoder, [(copy, name)], key, speech=False)
        except EngineError as error:
            raise PromptError(f"{name}: {error}") from None
        except OSError as error:
            raise PromptError(f"the prompt cache cannot be written: {error.strerror}") from None
        finally:
            await asyncio.to_thread(_remove, [copy])

    # URLs

    def cached_url(self, url: str) -> Sound | None:
        """The sound of a URL whose copy is still fresh; None when the server is to be asked."""
        return self._urls.cached(url)

    async def url(self, url: str) -> Sound:
        """The sound of an http or https URL: fetched, kept, and asked for again when it is no longer fresh.

        Raises PromptError. A server that fails to answer does no harm while there is a copy.
        """
        return self.cached_url(url) or await self._jobs.run(f"url:{url}", lambda: self._urls.get(url))

    async def _decoded_url(self, body: bytes, name: str) -> tuple[str, Sound]:
        known = await self._known_bytes(body, name)
        return known.key, known.sound

    # Common

    def _key(self, *parts: object) -> str:
        """Sounds that were made without their wide variant are others."""
        return content_key(*parts, "wide") if self._wide else content_key(*parts)

    async def _convert(
        self, decoder: JobProcess, inputs: Sequence[tuple[Path, str]], key: str, *, speech: bool
    ) -> Sound:
        out = self.cache.temporary()
        job = {
            "inputs": [{"path": str(path), "name": name} for path, name in inputs],
            "out": str(out),
            "max_seconds": self.limits.seconds,
            "speech": speech,
            "pause": PIECE_PAUSE,
            "wide": self._wide,
        }
        try:
            await decoder.run(job, self.limits.decode_seconds)
            return await asyncio.to_thread(self.cache.add, key, out)
        finally:
            await asyncio.to_thread(_remove, [out, wide_path(out)])

    def _still_there(self, known: _Known) -> bool:
        now = self._clock()
        if now - known.checked < TOUCH_SECONDS:
            return True
        known.checked = now
        return self.cache.find(known.key) is not None


def _write_private(path: Path, data: bytes) -> None:
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(data)


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
