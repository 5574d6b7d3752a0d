"""The prompt store as configured, for commands that make sounds without the daemon."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from ivr.settings import Settings
from media import PromptLimits, PromptStore, SpeechConfig

__all__ = ["prompt_store"]


@asynccontextmanager
async def prompt_store(
    settings: Settings, *, engine: str | None = None, fall_back: bool = True
) -> AsyncIterator[PromptStore]:
    """A started store with the configured folders, engine and limits; raises PromptError.

    engine: instead of the configured one. It shares its cache with a running daemon.
    """
    speech = SpeechConfig(
        engine=settings.speech.engine,
        language=settings.speech.language,
        voice=settings.speech.voice,
        command=settings.speech.command,
        options=settings.speech.options,
        fall_back=fall_back,
    )
    if engine is not None:
        speech = replace(speech, engine=engine)
    limits = PromptLimits(
        text_characters=settings.limits.text_characters,
        file_bytes=settings.limits.audio_file_bytes,
        seconds=settings.limits.audio_seconds,
        cache_bytes=settings.limits.prompt_cache_bytes,
    )
    store = PromptStore(
        settings.cache, settings.prompts, speech, limits, allow=settings.http.allow, wide=settings.wideband
    )
    try:
        await store.start()
        yield store
    finally:
        await store.close()
