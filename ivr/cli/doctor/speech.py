"""Speech and prompts: does the engine speak every language that is configured?"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ivr.cli.doctor.finding import Finding
from ivr.settings import Settings

__all__ = ["speech_checks"]

TEXT: Final = "One, two, three."
SPEAK_SECONDS: Final = 20.0
"""For a sentence with a cold engine on a slow disk."""


def speech_checks(settings: Settings) -> Iterator[Finding]:
    """A sentence in each language, made anew."""
    speech = settings.speech
    for language in dict.fromkeys((speech.language, *speech.languages)):
        what = f"{speech.engine}, {language}"
        begun = time.monotonic()
        try:
            seconds = asyncio.run(_speak(settings, language))
        except Exception as error:  # whatever an engine's child says is the finding
            advice = "apt-get install espeak-ng, or see speech: in the configuration"
            yield Finding("audio", what, "fault", str(error) or type(error).__name__, advice)
            continue
        took = time.monotonic() - begun
        if seconds < 0.5:
            yield Finding(
                "audio", what, "fault", f"{seconds:.1f} s of sound", "the engine says nothing: another voice?"
            )
        else:
            yield Finding("audio", what, "ok", f"{seconds:.1f} s of sound, made within {took:.1f} s")


async def _speak(settings: Settings, language: str) -> float:
    from media import PromptStore, SpeechConfig

    speech = settings.speech
    with tempfile.TemporaryDirectory() as cache:  # what the daemon's cache holds proves nothing of the engine
        store = PromptStore(
            Path(cache),
            settings.prompts,
            SpeechConfig(
                engine=speech.engine,
                language=speech.language,
                voice=speech.voice,
                command=speech.command,
                options=speech.options,
            ),
        )
        await store.start()
        try:
            async with asyncio.timeout(SPEAK_SECONDS):
                return (await store.speech(TEXT, language)).seconds
        finally:
            await store.close()
