"""Which language a text is in, where neither the prompt nor the flow says so.

Only texts that stand in a flow are looked at, and only when flows are loaded: finding a language out takes a model of
100 MB that needs a second to load, so it is loaded for the work alone and never while a call waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ivr.flow.spoken.tongue import tongue_of

__all__ = ["MIN_WORDS", "Languages", "detect"]

MIN_WORDS = 3
"""Words that a text must have: one or two are as often wrong as right."""

MIN_SURE = 0.6
"""How sure the model must be, from 0 to 1; below it the configured language is the better guess."""

MAX_TEXTS = 20_000
"""Texts whose languages are remembered: those of 200 flows of 100 elements."""


class Languages:
    """The languages that this system speaks, and what was found out about the texts of its flows."""

    __slots__ = ("_found", "among", "default")

    def __init__(self, default: str = "en", among: Iterable[str] = ()) -> None:
        self.default = default
        """Where nothing else is known."""
        self.among: tuple[str, ...] = tuple(dict.fromkeys((default, *among)))
        """Those that a text may be in; the default comes first."""
        self._found: dict[str, str] = {}

    @property
    def choice(self) -> bool:
        """There is more than one language, so that texts are worth looking at."""
        return len(self.among) > 1

    def known(self, text: str) -> str | None:
        """Language of a text that was learned; None: the default. Costs nothing."""
        return self._found.get(text)

    def warm(self) -> None:
        """Get ready to say values in every one of them. Blocks for some hundredths of a second."""
        for tag in self.among:
            tongue_of(tag)

    def open(self, texts: Iterable[str]) -> list[str]:
        """Texts that are yet to be looked at, each once; empty where there is no choice."""
        if not self.choice:
            return []
        return [text for text in dict.fromkeys(texts) if text not in self._found and _is_long_enough(text)]

    def keep(self, found: Mapping[str, str]) -> None:
        """Take in what was found out; further ones than fit are forgotten."""
        merged = {**self._found, **{text: tag for text, tag in found.items() if tag in self.among}}
        self._found = dict(list(merged.items())[-MAX_TEXTS:])

    def learn(self, texts: Iterable[str]) -> None:
        """Find out the languages of texts. Takes a second where there is a choice; blocks."""
        self.keep(detect(self.open(texts), self.among))


def _is_long_enough(text: str) -> bool:
    return sum(any(map(str.isalpha, word)) for word in text.split()) >= MIN_WORDS


def detect(texts: Iterable[str], among: tuple[str, ...]) -> dict[str, str]:
    """Language of each text, of those given; texts that are too short, or of which it is not sure, are left out."""
    long_enough = [text for text in texts if _is_long_enough(text)]
    if len(among) < 2 or not long_enough:
        return {}
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    tags: dict[str, str] = {}
    for tag in among:  # the first tag of a language stands for it: de before de-AT
        base = tag.replace("_", "-").lower().partition("-")[0]
        if base in model.labels:
            tags.setdefault(base, tag)
    if len(tags) < 2:
        return {}
    model.set_languages(tags)
    found = {text: model.classify(text) for text in long_enough}
    return {text: tags[language] for text, (language, sure) in found.items() if sure >= MIN_SURE}
