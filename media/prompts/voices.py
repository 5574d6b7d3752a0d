"""Voices: what a prompt asks for, and which voice of espeak-ng that is. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from media.prompts.errors import EngineError, PromptError

__all__ = ["GENDERS", "Voice", "VoiceLike", "espeak_voice", "language_tag", "voice_of"]

GENDERS = ("female", "male")
_LANGUAGE_ALIASES = {"zh": "cmn", "zh-cn": "cmn", "zh-tw": "cmn", "zh-hk": "yue", "no": "nb", "nn": "nb", "iw": "he"}
_GENDER_VARIANTS = {"female": "f3", "male": "m3"}
MAX_VOICE_NAME = 100
MAX_LANGUAGE_TAG = 35  # RFC 5646 section 4.4.1: the length that every implementation must take


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice as a prompt asks for it; every part may be left open."""

    gender: str | None = None
    """female or male."""
    name: str | None = None
    """A voice of the engine by the engine's own name."""
    engine: str | None = None
    """Another engine than the configured one."""


class VoiceLike(Protocol):
    """What counts as a voice: anything with these three."""

    @property
    def gender(self) -> str | None:
        """female or male."""

    @property
    def name(self) -> str | None:
        """The engine's own name of a voice."""

    @property
    def engine(self) -> str | None:
        """Another engine than the configured one."""


def voice_of(value: VoiceLike | Mapping[str, object] | str | None) -> Voice:
    """A Voice from how flows and settings write it: a mapping, `female`, `male`, or the name of a voice.

    Raises PromptError for anything else.
    """
    if value is None:
        return Voice()
    if isinstance(value, Voice):
        return value
    parts: dict[str, object]
    if isinstance(value, str):
        parts = {"gender" if value in GENDERS else "name": value or None}
    elif isinstance(value, Mapping):
        parts = dict(value)
    else:
        parts = {"gender": value.gender, "name": value.name, "engine": value.engine}
    known: dict[str, str] = {}
    for key, part in parts.items():
        if key not in ("gender", "name", "engine"):
            raise PromptError(f"voice: unknown key {key!r} (expected gender, name, engine)")
        if part is None:
            continue
        if not isinstance(part, str) or not part or len(part) > MAX_VOICE_NAME or not part.isprintable():
            raise PromptError(f"voice.{key}: expected a short text")
        known[key] = part
    voice = Voice(**known)
    if voice.gender is not None and voice.gender not in GENDERS:
        raise PromptError(f"voice.gender: found {voice.gender!r}, expected female or male")
    if voice.name is not None and voice.name.startswith("-"):
        raise PromptError("voice.name: must not begin with -")
    return voice


def language_tag(language: str) -> str:
    """The tag in lower case with hyphens; raises PromptError when it is none (RFC 5646)."""
    tag = language.strip().replace("_", "-").lower()
    if not tag or len(tag) > MAX_LANGUAGE_TAG or not tag.isascii() or not all(p.isalnum() for p in tag.split("-")):
        raise PromptError(f"{language[:40]!r} is no language tag (expected one like en, de, pt-BR)")
    return tag


def espeak_voice(language: str, voice: Voice, installed: Mapping[str, str]) -> str:
    """The voice of espeak-ng for a language tag, with the variant of the gender asked for: `gmw/en-us+f3`.

    installed: language tag or voice name in lower case -> voice identifier. Raises EngineError when there is none.
    """
    variant = f"+{_GENDER_VARIANTS[voice.gender]}" if voice.gender else ""
    if voice.name:
        name, plus, own_variant = voice.name.lower().partition("+")
        if name not in installed:
            raise EngineError(f"there is no voice {voice.name!r}")
        if plus and not own_variant.replace("-", "").replace("_", "").isalnum():  # it becomes part of a path
            raise EngineError(f"there is no voice {voice.name!r}")
        return installed[name] + (plus + own_variant if plus else variant)
    parts = _LANGUAGE_ALIASES.get(language, language).split("-")
    for length in range(len(parts), 0, -1):
        tag = "-".join(parts[:length])
        tag = _LANGUAGE_ALIASES.get(tag, tag)
        if tag in installed:
            return installed[tag] + variant
    raise EngineError(f"there is no voice for the language {language!r}")
