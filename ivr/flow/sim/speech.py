"""How long prompts last where there is no sound: an estimate that is always the same for the same words."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from ivr.flow.ports import PromptSpec

__all__ = ["TONES", "SpeechModel"]

LETTERS_PER_WORD = {"en": 4.8, "de": 6.1, "es": 4.9, "fr": 4.8, "it": 5.1, "nl": 5.2, "pt": 4.9, "pl": 6.2, "tr": 6.5}
"""Mean length of a spoken word; it makes words per minute comparable between languages."""
OTHER_LETTERS_PER_WORD = 5.2
WIDE_LETTERS_PER_WORD = 1.7
"""Of signs that are syllables or words themselves (Chinese, Japanese, Korean)."""
SIGN_SECONDS = 0.35
"""A digit or a currency sign, said as a word of its own."""
SENTENCE_PAUSE = 0.4
"""Between sentences."""
CLAUSE_PAUSE = 0.15
"""At a comma."""
SENTENCE_ENDS = frozenset(".!?;:\u3002\uff01\uff1f\u2026")
CLAUSE_ENDS = frozenset(",\u3001\uff0c")
TONES = {"ringback": 5.0, "busy": 1.0, "congestion": 0.5, "dial": 1.0, "beep": 0.4, "music": 9.6}
"""Seconds of one turn of each tone, as the media plane makes them."""
TEXTS_CACHED = 4096
"""Lengths of texts that are kept: flows say the same texts in call after call."""


@dataclass(frozen=True, slots=True)
class SpeechModel:
    """Seconds that a prompt lasts."""

    words_per_minute: float = 165.0
    """Speed of speech, as engines have it by default."""
    minimum: float = 0.5
    """The shortest text takes so long."""
    other: float = 3.0
    """Files, URLs and recordings of unknown length."""
    files: Mapping[str, float] = field(default_factory=dict)
    """Files, URLs and recordings of known length, by the prompt's value."""
    missing: frozenset[str] = frozenset()
    """Files and URLs that cannot be played."""
    fixed: float | None = None
    """Every prompt but tones takes so long, whatever it says."""

    def seconds(self, prompt: PromptSpec) -> float | None:
        """How long one round of the prompt lasts; None: it cannot be played."""
        if prompt.kind == "tone":
            return TONES.get(prompt.value)
        if prompt.value in self.missing:
            return None
        if self.fixed is not None:
            return self.fixed
        if prompt.kind != "text":
            return self.files.get(prompt.value, self.other)
        spoken = _spoken(prompt.value, prompt.language or "en", self.words_per_minute)
        return max(self.minimum, round(spoken / prompt.rate, 3))


@lru_cache(maxsize=TEXTS_CACHED)
def _spoken(text: str, language: str, words_per_minute: float) -> float:
    per_word = LETTERS_PER_WORD.get(language.partition("-")[0].lower(), OTHER_LETTERS_PER_WORD)
    words = pauses = 0.0
    stripped = text.strip()
    for index, sign in enumerate(stripped):
        if sign.isdecimal() or unicodedata.category(sign) == "Sc":
            pauses += SIGN_SECONDS
        elif unicodedata.category(sign)[0] in "LM":
            words += 1.0 / (WIDE_LETTERS_PER_WORD if unicodedata.east_asian_width(sign) in "WF" else per_word)
        elif index < len(stripped) - 1:
            pauses += SENTENCE_PAUSE if sign in SENTENCE_ENDS else CLAUSE_PAUSE if sign in CLAUSE_ENDS else 0.0
    return round(words * 60.0 / words_per_minute + pauses, 3)
