"""Which engine speaks, and which one takes over when it fails."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from media.prompts.engines import SpeechEngine, make_engine
from media.prompts.errors import EngineError, EngineLostError, PromptError
from media.prompts.limits import PromptLimits
from media.prompts.voices import Voice, language_tag

__all__ = ["Speaker", "SpeechConfig", "Utterance"]

log = logging.getLogger(__name__)

FALL_BACK = "espeak-ng"
DOWN_SECONDS = 30.0
"""An engine that hung or died is not asked for so long, while another one can speak."""
MIN_RATE, MAX_RATE = 0.5, 2.5
"""Rate factors that engines keep intelligible (espeak-ng takes 80 to 450 words a minute)."""


@dataclass(frozen=True, slots=True)
class SpeechConfig:
    """Text to speech as configured."""

    engine: str = "pyttsx3"
    """pyttsx3, espeak-ng or command."""
    language: str = "en"
    """Where a prompt names none."""
    voice: str | None = None
    """female, male or the name of a voice; for the configured language."""
    command: tuple[str, ...] = ()
    """Program and arguments of the engine `command`."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Further settings of the engine."""
    fall_back: bool = True
    """Let espeak-ng speak where the engine fails."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """A text with everything that determines its sound."""

    text: str
    """Cleaned."""
    language: str
    """A tag in lower case."""
    voice: Voice
    """As asked for, or as configured."""
    rate: float
    """Factor, 1.0 is normal."""


class Speaker:
    """The engines: the configured one, others that prompts ask for, and the one to fall back on."""

    def __init__(self, config: SpeechConfig, limits: PromptLimits, clock: Callable[[], float]) -> None:
        self._config = config
        self._limits = limits
        self._clock = clock
        self._engines: dict[str, SpeechEngine] = {}
        self._started: dict[str, asyncio.Lock] = {}
        self._down: dict[str, tuple[float, str]] = {}

    def check_rate(self, rate: float) -> float:
        """The factor; raises PromptError when no voice is intelligible at it."""
        if not MIN_RATE <= rate <= MAX_RATE:
            raise PromptError(f"speech rate {rate:g} (expected {MIN_RATE:g} to {MAX_RATE:g})")
        return round(float(rate), 3)

    def utterance(self, text: str, language: str | None, voice: Voice, rate: float) -> Utterance:
        """Fill in what is configured. Raises PromptError."""
        tag = language_tag(language or self._config.language)
        if voice == Voice(engine=voice.engine) and tag == language_tag(self._config.language) and self._config.voice:
            known = self._config.voice in ("female", "male")
            name, gender = (None, self._config.voice) if known else (self._config.voice, None)
            voice = Voice(gender=gender, name=name, engine=voice.engine)
        return Utterance(text, tag, voice, self.check_rate(rate))

    def candidates(self, utterance: Utterance) -> list[str]:
        """Engines to try, in order; those that are down come last."""
        first = utterance.voice.engine or self._config.engine
        names = [first] if first == FALL_BACK or not self._config.fall_back else [first, FALL_BACK]
        return sorted(names, key=self._is_down)

    async def engine(self, name: str) -> SpeechEngine:
        """The engine of a name, started. Raises EngineError."""
        engine = self._engines.get(name)
        if engine is None:
            async with self._started.setdefault(name, asyncio.Lock()):
                engine = self._engines.get(name)
                if engine is None:
                    engine = await self._start(name)
        return engine

    async def speak(self, engine: SpeechEngine, utterance: Utterance, piece: str, out: Path) -> None:
        """One piece of the utterance as a WAV file. Raises EngineError, PromptBusyError."""
        voice = utterance.voice
        if engine.name != (voice.engine or self._config.engine):
            voice = Voice(gender=voice.gender)  # the names of voices are those of another engine
        try:
            await engine.speak(piece, utterance.language, voice, utterance.rate, out, self._limits.speech_seconds)
        except EngineLostError as error:
            self._mark_down(engine.name, error)
            raise

    async def close(self) -> None:
        """End all engines."""
        for engine in self._engines.values():
            await engine.close()

    async def _start(self, name: str) -> SpeechEngine:
        down = self._down.get(name)
        if down is not None and self._is_down(name):
            raise EngineError(down[1])
        engine = make_engine(name, self._config.command, self._config.options, self._limits.waiting)
        try:
            await engine.start()
        except EngineError as error:
            self._mark_down(name, error)
            with contextlib.suppress(EngineError):
                await engine.close()
            raise
        self._engines[name] = engine
        return engine

    def _is_down(self, name: str) -> bool:
        return name in self._down and self._clock() < self._down[name][0]

    def _mark_down(self, name: str, error: EngineError) -> None:
        log.warning("speech engine %s: %s", name, error)
        self._down[name] = (self._clock() + DOWN_SECONDS, str(error))
