"""Answered calls with labels: people, machines and neither, made by chance from a seed.

A sample is what is heard from the answer on. Those of the development set and of the held-out set have no voice, no
text and no seed in common. A third set is made of recordings of real speakers, see ``recorded.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tests.kit.greetings import line as lines
from tests.kit.greetings import sounds, texts, voices
from tests.kit.greetings.texts import Texts
from tests.kit.greetings.voices import Voice

__all__ = ["Label", "Part", "Sample", "Speaker", "finish", "sample", "samples"]

RATE = 8000
Label = Literal["human", "machine", "neither"]
Which = Literal["development", "held-out"]


@dataclass(frozen=True)
class Sample:
    """One answered call."""

    number: int
    kind: str
    """What it is an example of."""
    label: Label
    sound: NDArray[np.int16]
    greeting_end: float | None
    """Seconds at which the first thing that is said is over."""
    beep_end: float | None
    """Seconds at which the beep is over; None: there is none."""
    said: tuple[tuple[float, float], ...] = ()
    """Seconds from and to which each sentence lasts."""
    traits: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """A stretch of sound: speech, silence (no speech), or a sound with a level of its own."""

    speech: sounds.Sound | None = None
    other: sounds.Sound | None = None
    seconds: float = 0.0
    ends: str = ""
    """What ends with it: ``greeting`` or ``beep``."""


def silence(seconds: float) -> Part:
    return Part(seconds=max(0.0, seconds))


@dataclass(frozen=True)
class Manner:
    """How sentences follow each other."""

    speeds: tuple[float, float, float, float]
    """How often 85, 100, 115 and 130 percent of the synthesiser's pace are drawn."""
    pause: float
    """Seconds between sentences, half of them are shorter ..."""
    spread: float
    """... and the standard deviation of their logarithm."""


LIVE = Manner((0.0, 0.35, 0.4, 0.25), 0.3, 0.4)
"""What is said all day is said quickly."""
AT_HOME = Manner((0.25, 0.45, 0.25, 0.05), 0.42, 0.45)
"""Who speaks into a machine takes his time, and thinks between sentences."""
STUDIO = Manner((0.25, 0.5, 0.25, 0.0), 0.36, 0.35)
"""Prompts read by a speaker and joined by a machine."""


class Speaker:
    """Says texts with one voice, at a pace and with pauses of its own."""

    def __init__(self, voice: Voice, known: Texts, rng: np.random.Generator, manner: Manner) -> None:
        self._voice, self.known, self._rng, self._manner = voice, known, rng, manner
        self._speed = int(rng.choice([85, 100, 115, 130], p=manner.speeds))
        self._bend = float(rng.uniform(0.94, 1.06))
        self._name = str(rng.choice(known.names))

    def sentence(self, text: str, speed: int | None = None) -> sounds.Sound:
        digits = " ".join(str(digit) for digit in (0, 5, 5, 7, 3, 1, 9))
        said = voices.speak(self._voice, text.format(name=self._name, number=digits), speed or self._speed)
        places = np.arange(0, len(said) - 1, self._bend)
        sound = np.interp(places, np.arange(len(said)), said).astype(np.float64)
        swing = np.interp(np.arange(len(sound)), np.linspace(0, len(sound), 5), self._rng.normal(0, 1.5, 5))
        spoken: sounds.Sound = sound * 10 ** (swing / 20)
        return spoken

    def choose(self, which: tuple[tuple[str, ...], ...]) -> list[Part]:
        """A text, its pauses drawn."""
        parts: list[Part] = []
        for index, text in enumerate(which[int(self._rng.integers(len(which)))]):
            if index:
                parts.append(
                    silence(
                        float(np.clip(self._rng.lognormal(np.log(self._manner.pause), self._manner.spread), 0.1, 1.6))
                    )
                )
            parts.append(Part(speech=self.sentence(text)))
        return parts


def _pieces(parts: list[Part]) -> tuple[sounds.Sound, sounds.Sound, dict[str, float], tuple[tuple[float, float], ...]]:
    speech, other, ends, length = [], [], {}, 0
    sentences: list[tuple[float, float]] = []
    loudest = max((sounds.level(part.speech) for part in parts if part.speech is not None), default=0.0)
    for part in parts:
        size = round(part.seconds * RATE)
        for given in (part.speech, part.other):
            size = max(size, 0 if given is None else len(given))
        said = np.zeros(size)
        if part.speech is not None:
            said[: len(part.speech)] = sounds.scaled(part.speech, loudest)
        speech.append(said)
        beside = np.zeros(size)
        if part.other is not None:
            beside[: len(part.other)] = part.other
        other.append(beside)
        if part.speech is not None:
            sentences.append((length / RATE, (length + len(part.speech)) / RATE))
        length += size
        if part.ends:
            ends[part.ends] = length / RATE
    return np.concatenate(speech), np.concatenate(other), ends, tuple(sentences)


def finish(
    number: int,
    kind: str,
    label: Label,
    parts: list[Part],
    line: lines.Line,
    rng: np.random.Generator,
    babblers: list[sounds.Sound],
    beep: str = "",
) -> Sample:
    """Put together and send over the line."""
    speech, other, ends, sentences = _pieces(parts)
    sound = lines.carry(line, speech, other, rng, babblers)
    traits = {"noise": line.noise, "codec": line.codec, "level": f"{line.level:.0f}", "ratio": f"{line.ratio:.0f}"}
    if beep:
        traits["beep"] = beep
    return Sample(number, kind, label, sound, ends.get("greeting"), ends.get("beep"), sentences, traits)


PEOPLE = {"hello": 0.46, "named": 0.22, "asking": 0.12, "company": 0.12, "late": 0.04, "hung up": 0.04}
MACHINES = {
    "personal": 0.34,
    "brief": 0.06,
    "operator": 0.26,
    "office": 0.14,
    "music first": 0.05,
    "music behind": 0.04,
    "beep only": 0.02,
    "fax": 0.03,
    "no such number": 0.03,
    "hold music": 0.03,
}
NEITHER = {"silence": 0.6, "ringback": 0.2, "hung up at once": 0.2}
SHARES = (0.52, 0.42, 0.06)
"""People, machines, neither."""
RING_LEFT = 0.08
"""Share of calls in which the end of a ring is still heard after the answer."""


@lru_cache(maxsize=2)
def _babblers(which: Which) -> list[sounds.Sound]:
    """Who talk in the background: voices and texts of the same set."""
    speakers, known = _of(which)
    found = []
    for voice in speakers[::2]:
        for text in known[voice.language].personal[:2]:
            found += [voices.speak(voice, s.format(name="Max", number="1 2"), 100).astype(np.float64) for s in text]
    return found


def _of(which: Which) -> tuple[tuple[Voice, ...], dict[str, Texts]]:
    if which == "development":
        return voices.there(voices.DEVELOPMENT), texts.DEVELOPMENT
    return voices.there(voices.HELD_OUT), texts.HELD_OUT


def sample(which: Which, number: int, seed: int = 1) -> Sample:
    """Sample ``number`` of a set: always the same."""
    rng = np.random.default_rng([seed, which == "held-out", number])
    speakers, known = _of(which)
    voice = speakers[int(rng.integers(len(speakers)))]
    label: Label = str(rng.choice(["human", "machine", "neither"], p=SHARES))  # type: ignore[assignment]
    kinds = {"human": PEOPLE, "machine": MACHINES, "neither": NEITHER}[label]
    kind = str(rng.choice(list(kinds), p=np.array(list(kinds.values())) / sum(kinds.values())))
    make = {"human": _person, "machine": _machine, "neither": _neither}[label]
    line = lines.draw(rng, recorded=kind in ("operator", "office", "no such number", "hold music", "music first"))
    manner = LIVE if label == "human" else AT_HOME if kind in ("personal", "brief", "music behind") else STUDIO
    speaker = Speaker(voice, known[voice.language], rng, manner)
    parts, beep = make(kind, speaker, line, rng)
    if kind not in ("ringback", "hung up at once", "fax") and rng.random() < RING_LEFT:
        rest = sounds.ringback(rng, float(rng.uniform(0.05, 0.4)))
        parts.insert(0, Part(other=rest * sounds.FULL * 10 ** (float(rng.uniform(-24, -12)) / 20)))
    return finish(number, kind, label, parts, line, rng, _babblers(which), beep)


def samples(which: Which, count: int, seed: int = 1, first: int = 0) -> list[Sample]:
    """``count`` samples of a set from number ``first`` on."""
    return [sample(which, number, seed) for number in range(first, first + count)]


def _person(kind: str, who: Speaker, line: lines.Line, rng: np.random.Generator) -> tuple[list[Part], str]:
    """The telephone is lifted to the ear, something is said, and then they wait, ask again, or hang up."""
    onset = float(rng.lognormal(np.log(0.6), 0.55))
    onset = float(np.clip(onset + (rng.uniform(1.5, 2.5) if kind == "late" else 0), 0.05, 4.0))
    parts = [silence(onset)]
    if rng.random() < 0.12:  # it rustles before
        rustle = rng.standard_normal(int(rng.uniform(0.05, 0.25) * RATE)) * np.hanning(1)[0]
        rustle = np.convolve(rng.standard_normal(len(rustle)), np.ones(6) / 6, "same") * np.hanning(len(rustle))
        parts = [
            silence(onset / 2),
            Part(other=rustle * sounds.FULL * 10 ** ((line.level - 8) / 20)),
            silence(onset / 2),
        ]
    known = who.known
    texts_ = {"named": known.named, "asking": known.asking, "company": known.company}.get(kind, known.hello)
    said = who.choose(texts_)
    if rng.random() < 0.06 and said[0].speech is not None:  # the sound path opens late
        said[0] = Part(speech=said[0].speech[int(rng.uniform(0.03, 0.15) * RATE) :])
        parts = parts[:0]
    said[-1] = Part(speech=said[-1].speech, ends="greeting")
    parts += said
    if kind == "hung up":
        return [*parts, silence(float(rng.uniform(0.1, 0.5)))], ""
    rest = 6.0
    if rng.random() < 0.5:  # nobody answers: hello?
        wait = float(rng.uniform(1.2, 3.5))
        parts += [silence(wait), *who.choose(known.hello)]
        rest -= wait
    return [*parts, silence(rest)], ""


def _machine(kind: str, who: Speaker, line: lines.Line, rng: np.random.Generator) -> tuple[list[Part], str]:
    """A greeting after the pick-up, a pause, in most cases a beep, and the silence of a recorder."""
    onset = float(np.clip(rng.lognormal(np.log(0.7), 0.5), 0.1, 3.0))
    scale = sounds.FULL * 10 ** (line.level / 20)
    if kind == "fax":
        return [silence(onset), Part(other=sounds.fax() / np.sqrt(2) * scale, ends="greeting"), silence(3)], ""
    if kind == "hold music":
        return [silence(onset / 3), Part(other=sounds.melody(rng, int(rng.uniform(9, 15) * RATE)) * scale)], ""
    parts = [silence(onset)]
    if kind == "no such number":
        parts += [Part(other=sounds.information() / np.sqrt(2) * scale), silence(0.3)]
    if kind == "music first":
        parts = [Part(other=sounds.melody(rng, int(rng.uniform(1.5, 6) * RATE)) * scale), silence(0.2)]
    if kind != "beep only":
        known = who.known
        texts_ = {"brief": known.brief, "personal": known.personal, "office": known.office}.get(kind, known.operator)
        said = who.choose(texts_)
        said[-1] = Part(speech=said[-1].speech, ends="greeting")
        if kind == "music behind":
            size = sum(round(part.seconds * RATE) if part.speech is None else len(part.speech) for part in said)
            behind = sounds.melody(rng, size + RATE) * scale * 10 ** (-rng.uniform(10, 18) / 20)
            said = _beside(said, behind)
        parts += said
    if kind == "no such number" or (kind != "beep only" and rng.random() < 0.08):
        return [*parts, silence(8)], ""
    gap = float(np.clip(rng.lognormal(np.log(0.55), 0.6), 0.05, 2.5))
    name, sound = sounds.beep(rng)
    loud = line.level + float(rng.uniform(-8, 8))
    loud = float(np.clip(loud, -35, -5))
    beep = Part(other=sound * np.sqrt(2) * sounds.FULL * 10 ** (loud / 20), ends="beep")
    return [*parts, silence(gap), beep, silence(5)], name


def _beside(parts: list[Part], behind: sounds.Sound) -> list[Part]:
    at, found = 0, []
    for part in parts:
        size = round(part.seconds * RATE) if part.speech is None else len(part.speech)
        found.append(Part(part.speech, behind[at : at + size], part.seconds, part.ends))
        at += size
    return found


def _neither(kind: str, _who: Speaker, _line: lines.Line, rng: np.random.Generator) -> tuple[list[Part], str]:
    """Nobody says anything."""
    if kind == "hung up at once":
        return [silence(float(rng.uniform(0.1, 0.8)))], ""
    parts = [silence(12)]
    if kind == "ringback":
        ring = (
            sounds.ringback(rng, float(rng.uniform(0.3, 1.0))) * sounds.FULL * 10 ** (float(rng.uniform(-24, -12)) / 20)
        )
        parts.insert(0, Part(other=ring))
    return parts, ""
