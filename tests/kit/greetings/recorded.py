"""Answered calls made of recordings of real speakers: the prompts that Debian packages for Asterisk bring along.

Five professional speakers in five languages. Their voice mail prompts, and those of networks, are machines; single
words and short phrases with silence behind them stand for people: who hears no words cannot tell them apart.
"""

from __future__ import annotations

import subprocess
from functools import lru_cache
from pathlib import Path

import numpy as np

from tests.kit import greetings
from tests.kit.greetings import Part, Sample, line, silence, sounds

__all__ = ["FOLDER", "MUSIC", "recorded", "speakers"]

FOLDER = Path("/usr/share/asterisk/sounds")
MUSIC = Path("/usr/share/asterisk/moh")
RATE = 8000

HELLO = ("hello", "sorry", "im-sorry", "digits/1", "digits/7", "digits/11", "digits/40", "phonetic/j_p", "goodbye")
PHRASE = (
    "one-moment-please",
    "vm-goodbye",
    "hello-world",
    "transfer",
    "please-try-again",
    "auth-thankyou",
    "vm-sorry",
    "agent-pass",
    "vm-extension",
    "pls-hold-while-try",
    "vm-youhave",
    "digits/day-1",
    "digits/mon-10",
)
LONG = (
    "vm-theperson",
    "number-not-answering",
    "vm-nobodyavail",
    "vm-intro",
    "privacy-unident",
    "check-number-dial-again",
    "cannot-complete-as-dialed",
    "all-circuits-busy-now",
    "ss-noservice",
    "im-sorry",
    "feature-not-avail-line",
    "vm-leavemsg",
    "dir-intro",
    "demo-congrats",
    "basic-pbx-ivr-main",
    "queue-thankyou",
    "vm-mailboxfull",
)

TEXTS: dict[str, list[tuple[str, ...]]] = {
    "voice mail": [
        ("vm-theperson", "digits/2", "digits/0", "digits/4", "vm-isunavail", "vm-intro"),
        ("vm-nobodyavail", "vm-leavemsg"),
        ("im-sorry", "vm-theperson", "digits/9", "vm-isonphone", "vm-intro"),
        ("vm-intro",),
    ],
    "network": [
        ("number-not-answering", "please-try-call-later"),
        ("cannot-complete-as-dialed", "check-number-dial-again"),
        ("all-circuits-busy-now", "pls-try-call-later"),
        ("ss-noservice",),
        ("feature-not-avail-line",),
    ],
    "menu": [
        ("basic-pbx-ivr-main",),
        ("demo-congrats",),
        ("dir-intro",),
        ("queue-thankyou", "queue-periodic-announce"),
    ],
}


@lru_cache(maxsize=4096)
def _read(path: Path) -> sounds.Sound:
    raw = subprocess.run(
        ["sox", "-D", str(path), "-t", "raw", "-r", "8000", "-e", "signed", "-b", "16", "-c", "1", "-"],
        check=True,
        capture_output=True,
    ).stdout
    return np.frombuffer(raw, np.int16).astype(np.float64)


@lru_cache(maxsize=4096)
def _spoken(path: Path) -> sounds.Sound:
    """A prompt without the silence around it."""
    sound = _read(path)
    loud = np.flatnonzero(np.abs(sound) > 0.02 * np.abs(sound).max())
    return sound[loud[0] : loud[-1] + 1]


def speakers() -> list[Path]:
    """Folders of the speakers that are installed."""
    return sorted(path for path in FOLDER.glob("*_*_*") if (path / "vm-intro.gsm").exists())


def _of(speaker: Path, names: tuple[str, ...]) -> list[sounds.Sound]:
    return [_spoken(speaker / f"{name}.gsm") for name in names if (speaker / f"{name}.gsm").exists()]


@lru_cache(maxsize=1)
def _music() -> list[sounds.Sound]:
    return [_read(path)[: 60 * RATE] for path in sorted(MUSIC.glob("*.gsm"))]


def recorded(number: int, seed: int = 1) -> Sample:
    """Sample ``number``: always the same on a machine with the same packages."""
    rng = np.random.default_rng([seed, 77, number])
    folders = speakers()
    speaker = folders[int(rng.integers(len(folders)))]
    human = rng.random() < 0.5
    drawn = line.draw(rng, recorded=not human)
    babblers = _of(folders[(folders.index(speaker) + 1) % len(folders)], LONG)

    def one(names: tuple[str, ...]) -> sounds.Sound:
        known = _of(speaker, names)
        return known[int(rng.integers(len(known)))]

    onset = float(np.clip(rng.lognormal(np.log(0.6), 0.55), 0.05, 3.0))
    if human:
        kind = str(rng.choice(["word", "two words", "phrase"], p=(0.5, 0.2, 0.3)))
        said = [Part(speech=one(PHRASE if kind == "phrase" else HELLO))]
        if kind == "two words":
            said += [silence(float(np.clip(rng.lognormal(np.log(0.3), 0.45), 0.1, 1.0))), Part(speech=one(HELLO))]
        said[-1] = Part(speech=said[-1].speech, ends="greeting")
        parts = [silence(onset), *said, silence(float(rng.uniform(1.5, 3.5))), Part(speech=one(HELLO)), silence(2)]
        return greetings.finish(number, kind, "human", parts, drawn, rng, babblers)
    kind = str(rng.choice(["voice mail", "network", "menu", "music"], p=(0.5, 0.25, 0.15, 0.1)))
    if kind == "music":
        music = _music()[int(rng.integers(len(_music())))] if _music() else sounds.melody(rng, 60 * RATE)
        at = int(rng.integers(len(music) // 2))
        part = sounds.scaled(music[at : at + 10 * RATE], drawn.level)
        return greetings.finish(number, kind, "machine", [silence(0.3), Part(other=part)], drawn, rng, babblers)
    texts = TEXTS[kind]
    parts = [silence(onset)]
    spoken = _of(speaker, texts[int(rng.integers(len(texts)))]) or [one(LONG)]
    for index, each in enumerate(spoken):
        ends = "greeting" if index == len(spoken) - 1 else ""
        parts += [silence(float(rng.uniform(0.02, 0.2)) if index else 0.0), Part(speech=each, ends=ends)]
    name = ""
    if kind == "voice mail":
        scale = np.sqrt(2) * sounds.FULL * 10 ** (float(np.clip(drawn.level + rng.uniform(-6, 6), -35, -5)) / 20)
        name, sound = "theirs", _spoken(speaker / "beep.gsm")
        sound = sound / np.abs(sound).max()
        if rng.random() < 0.6:
            name, sound = sounds.beep(rng)
        parts += [silence(float(rng.uniform(0.1, 1.2))), Part(other=sound * scale, ends="beep")]
    return greetings.finish(number, kind, "machine", [*parts, silence(5)], drawn, rng, babblers, name)
