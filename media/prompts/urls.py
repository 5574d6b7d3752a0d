"""Prompts behind URLs: the copy we have, how fresh it is, and asking again whether it changed (RFC 9111)."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from media.face import Sound
from media.prompts.cache import SoundCache
from media.prompts.errors import PromptError
from media.prompts.fetch import Fetcher, Validators, shown
from media.prompts.memory import Memory

__all__ = ["UrlPrompts"]

log = logging.getLogger(__name__)

FRESH_SECONDS = 60.0
"""A copy is used without asking for so long where the server says nothing."""
MAX_FRESH_SECONDS = 86400.0
"""Whatever the server says, it is asked once a day."""
MIN_FRESH_SECONDS = 1.0
"""Even a copy that must be revalidated each time serves the calls of the same second."""
PATIENCE_SECONDS = 2.0
"""With a copy at hand a caller waits no longer for the server; the copy is played and the asking goes on."""
RETRY_SECONDS = 30.0
"""After a failed revalidation the copy serves for so long before the server is asked again."""


@dataclass(slots=True)
class _Copy:
    """What is known of a URL."""

    key: str
    """Of the sound in the cache."""
    validators: Validators
    """For asking whether it changed."""
    fresh_until: float
    """Wall-clock time."""


class UrlPrompts:
    """Sounds of URLs; what is known of each is kept beside the cache, so that a restart fetches nothing anew."""

    def __init__(
        self,
        cache: SoundCache,
        fetcher: Fetcher,
        decode: Callable[[bytes, str], Awaitable[tuple[str, Sound]]],
        size: int,
        clock: Callable[[], float],
    ) -> None:
        """decode: bytes and a name to the key and the sound. size: URLs remembered. clock: wall-clock seconds."""
        self._cache = cache
        self._fetcher = fetcher
        self._decode = decode
        self._copies: Memory[str, _Copy] = Memory(size)
        self._clock = clock
        self._asking: dict[str, asyncio.Task[Sound]] = {}

    def cached(self, url: str) -> Sound | None:
        """The sound of a URL while its copy is fresh; None when the server is to be asked."""
        copy = self._copies.get(url)
        if copy is None or self._clock() >= copy.fresh_until:
            return None
        return self._cache.find(copy.key)

    async def get(self, url: str) -> Sound:
        """The sound of a URL: fetched, or the copy when it is fresh, unchanged, or the server fails. PromptError."""
        copy = self._copies.get(url) or await asyncio.to_thread(self._load, url)
        sound = await asyncio.to_thread(self._cache.find, copy.key) if copy else None
        if copy is None or sound is None:
            return await self._ask(url, None)
        self._copies.put(url, copy)
        if self._clock() < copy.fresh_until:
            return sound
        task = self._asking.get(url)
        if task is None:
            task = self._asking[url] = asyncio.ensure_future(self._revalidate(url, copy, sound))
            task.add_done_callback(lambda _: self._asking.pop(url, None))
        done, _ = await asyncio.wait([task], timeout=PATIENCE_SECONDS)
        return task.result() if done else sound

    async def close(self) -> None:
        """Stop asking."""
        self._fetcher.close()
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _revalidate(self, url: str, copy: _Copy, sound: Sound) -> Sound:
        try:
            return await self._ask(url, copy)
        except PromptError as error:
            log.warning("prompt %s; its last copy is played", error)
            copy.fresh_until = self._clock() + RETRY_SECONDS
            return sound

    async def _ask(self, url: str, copy: _Copy | None) -> Sound:
        answer = await self._fetcher.fetch(url, copy.validators if copy else None)
        if answer.body is None and copy is not None:
            sound = await asyncio.to_thread(self._cache.find, copy.key)
            if sound is None:
                return await self._ask(url, None)
            key = copy.key
        else:
            name = shown(url)
            key, sound = await self._decode(answer.body or b"", name)
        fresh = FRESH_SECONDS if answer.max_age is None else answer.max_age
        fresh_until = self._clock() + min(max(fresh, MIN_FRESH_SECONDS), MAX_FRESH_SECONDS)
        known = _Copy(key, answer.validators, fresh_until)
        self._copies.put(url, known)
        await asyncio.to_thread(self._save, url, known)
        return sound

    def _place(self, url: str) -> Path:
        return self._cache.folder / "urls" / f"{hashlib.sha256(url.encode()).hexdigest()}.json"

    def _load(self, url: str) -> _Copy | None:
        try:
            data = json.loads(self._place(url).read_bytes())
            copy = _Copy(str(data["key"]), Validators(**data["validators"]), float(data["fresh_until"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None
        copy.fresh_until = min(copy.fresh_until, self._clock() + MAX_FRESH_SECONDS)  # the clock may have been set back
        return copy

    def _save(self, url: str, copy: _Copy) -> None:
        place, temporary = self._place(url), self._cache.temporary(".json")
        with contextlib.suppress(OSError):  # without it, only a restart costs a fetch
            place.parent.mkdir(mode=0o700, exist_ok=True)
            temporary.write_text(json.dumps(asdict(copy)))
            temporary.replace(place)
