"""What a flow wants heard, made into sounds: prompts from the prompt store, tones made once at the start."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from ivr.errors import PromptUnavailableError
from ivr.flow.ports import PromptSpec
from media import TONES, PromptError, PromptStore, Sound, tone_file

log = logging.getLogger("ivr.call")

RINGBACK = PromptSpec("tone", "ringback")
BEEP = PromptSpec("tone", "beep")


def tone_sounds(folder: Path) -> dict[str, Sound]:
    """Every tone as a sound, by name; writes what is not in `folder` yet. Blocks."""
    return {name: Sound(*tone_file(folder, name)) for name in TONES}


class SoundBook:
    """Finds the sound of a prompt: at once when it is in the cache, else by waiting for the prompt store."""

    def __init__(self, store: PromptStore, tones: Mapping[str, Sound]) -> None:
        self._store = store
        self._tones = tones
        self.hits = self.made = self.failed = 0
        """Prompts that were there when they were asked for, that were made, and that could not be."""

    def ready(self, prompt: PromptSpec) -> Sound | None:
        """The sound if it is there already; what is wrong with a prompt is told by :meth:`make`."""
        sound = self._there(prompt)
        self.hits += sound is not None
        return sound

    def _there(self, prompt: PromptSpec) -> Sound | None:
        try:
            match prompt.kind:
                case "tone":
                    return self._tones.get(prompt.value)
                case "text":
                    return self._store.cached_speech(prompt.value, prompt.language, prompt.voice, prompt.rate)
                case "file":
                    return self._store.cached_file(prompt.value)
                case "url" | "recording":
                    return None
        except PromptError:
            return None

    async def make(self, prompt: PromptSpec) -> Sound:
        """The sound; :class:`PromptUnavailableError` says why there is none."""
        sound = self._there(prompt)
        if sound is None:
            sound = await self._made(prompt)
        return sound

    async def _made(self, prompt: PromptSpec) -> Sound:
        try:
            sound = await self._make(prompt)
        except PromptError as error:
            self.failed += 1
            raise PromptUnavailableError(str(error)) from error
        if sound is None:
            self.failed += 1
            raise PromptUnavailableError(f"there is no tone {prompt.value!r}")
        self.made += 1
        return sound

    async def _make(self, prompt: PromptSpec) -> Sound | None:
        match prompt.kind:
            case "text":
                return await self._store.speech(prompt.value, prompt.language, prompt.voice, prompt.rate)
            case "file":
                return await self._store.file(prompt.value)
            case "url":
                return await self._store.url(prompt.value)
            case "recording":
                return await self._store.decode(Path(prompt.value))
            case "tone":
                return None

    async def warm(self, prompts: Iterable[PromptSpec]) -> None:
        """Make prompts before the first caller needs them; one that cannot be made is told in the log."""
        for prompt in prompts:
            try:
                await self.make(prompt)
            except PromptUnavailableError as error:
                log.warning("a prompt cannot be made: %s", error)
