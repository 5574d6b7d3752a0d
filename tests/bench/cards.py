"""Lines on sound cards: what conversion, echo canceller and key finder cost, and how well they do.

Run as ``OMP_NUM_THREADS=1 python tests/bench/cards.py [--speech FOLDER] [--minutes 2]``. With ``--speech`` the prompts
are the 8 kHz WAV files of a folder (../shared/proving/dtmf/mk_talkoff.py makes 76 minutes in 14 languages), else vowels
that are made to be taken for keys.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import wave
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when NumPy is loaded
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import soxr  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from media.devices.ear import LineEar  # noqa: E402
from media.devices.echo import EchoCanceller  # noqa: E402
from media.devices.rates import HALF, Resampler  # noqa: E402
from media.dtmf.generator import digit_samples  # noqa: E402
from tests.kit.echoes import FRAME, RATE, at_level, echo_of, keys_at, listen, match, vowels  # noqa: E402

Sound = NDArray[np.float64]

LEVELS, DELAYS = (-6, -10, -14, -20), (0.01, 0.06, 0.11, 0.18, 0.25)
CALL = 6.0
"""Seconds of one call: each begins with a canceller that knows nothing."""


def microseconds(what: Callable[[], object], times: int = 400) -> float:
    """Median time of a call."""
    taken = []
    for _ in range(times):
        before = time.perf_counter()
        what()
        taken.append(time.perf_counter() - before)
    return float(np.median(taken) * 1e6)


def conversion() -> None:
    print("conversion of one frame                    us    delay ms")
    for first, last in ((48000, 8000), (8000, 48000), (44100, 8000), (8000, 44100), (48000, 16000), (16000, 48000)):
        frame = (8000 * np.sin(np.arange(first // 50) * 0.1)).astype(np.float32)
        ours = Resampler(first, last)
        fixed = soxr.ResampleStream(first, last, 1, "float32")
        varying = soxr.ResampleStream(first * 1.002, last, 1, "float32", vr=True)
        for name, convert in (
            ("this one", ours.push),
            ("soxr HQ", fixed.resample_chunk),
            ("soxr, variable rate", varying.resample_chunk),
        ):
            taken = microseconds(partial(convert, frame))
            delay = {"soxr HQ": fixed.delay(), "soxr, variable rate": varying.delay()}.get(name, 0) / last
            delay = delay or HALF / min(first, last)
            print(f"  {first:5d} -> {last:5d}  {name:20s}  {taken:6.0f} {1000 * delay:10.1f}")


def cost() -> None:
    chance = np.random.default_rng(1)
    out = np.rint(vowels(20, chance)).astype(np.int16)
    back = np.rint(echo_of(out.astype(np.float64), 0.06, -10, chance)).astype(np.int16)
    canceller, ear = EchoCanceller(RATE), LineEar(RATE)
    at = iter(range(0, len(out) - 2 * FRAME, FRAME))
    spent = microseconds(lambda: canceller.process(back[(a := next(at)) : a + FRAME], out[a : a + FRAME]), 900)
    at = iter(range(0, len(out) - 2 * FRAME, FRAME))
    whole = microseconds(lambda: ear.hear(back[(a := next(at)) : a + FRAME], out[a : a + FRAME]), 900)
    print(f"echo canceller: {spent:.0f} us a frame, {spent / 200:.2f} % of a core")
    print(f"  with keys, tones and levels: {whole:.0f} us")


def prompts(folder: Path | None, minutes: float) -> Iterator[tuple[str, Sound]]:
    chance = np.random.default_rng(2)
    if folder is None:
        yield "vowels", vowels(60 * minutes, chance)
        return
    for path in sorted(folder.glob("*.wav")):
        with wave.open(str(path)) as file:
            assert file.getframerate() == RATE
            sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)
        yield path.stem, at_level(sound, -13)[: round(60 * minutes * RATE)]


def keys(folder: Path | None, minutes: float) -> None:
    chance = np.random.default_rng(3)
    size = round(CALL * RATE)
    calls = bare = own = besides = pressed = found = 0
    for _, sound in prompts(folder, minutes):
        for at in range(0, len(sound) - size + 1, size):
            prompt = sound[at : at + size].copy()
            second = chance.uniform(0.5, CALL - 1)
            prompt[round(second * RATE) :][:800] = digit_samples("0123456789*#ABCD"[chance.integers(16)])
            echo = echo_of(prompt, float(chance.choice(DELAYS)), float(chance.choice(LEVELS)), chance)
            echo += 8 * chance.standard_normal(size)
            bare += len(listen(np.zeros(size), echo).keys)
            own += len(listen(prompt, echo).keys)
            extra, truth = keys_at(size, list(np.arange(0.3, CALL - 0.6, 1.3)), chance.uniform(-6, 2), chance)
            hit, wrong = match(listen(prompt, echo + extra).keys, truth)
            calls, pressed, found, besides = calls + 1, pressed + len(truth), found + hit, besides + len(wrong)
    print(f"{calls} calls of {CALL:g} s, a key within each prompt, echoes of {LEVELS} dB after {DELAYS} s")
    print(f"  our own sound taken for keys: {bare} times without canceller and guard, {own} with them")
    share = 100 * found / pressed
    print(f"  keys pressed during the prompt: {found} of {pressed} found ({share:.1f} %), {besides} besides")


def echoes(folder: Path | None) -> None:
    for name, sound in prompts(folder, 0.67):
        chance = np.random.default_rng(4)
        echo = echo_of(sound, 0.06, -10, chance) + 5 * chance.standard_normal(len(sound))
        rest = listen(sound, echo).rest
        parts = [slice(first * RATE, last * RATE) for first, last in ((0, 2), (2, 4), (4, 10), (10, 40))]
        less = [10 * np.log10((echo[: len(rest)][part] ** 2).sum() / (rest[part] ** 2).sum()) for part in parts]
        print(
            f"  echo of {name:14s} less by "
            + ", ".join(f"{value:.0f}" for value in less)
            + " dB (0-2, 2-4, 4-10, 10-40 s)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path)
    parser.add_argument("--minutes", type=float, default=2.0)
    wanted = parser.parse_args()
    conversion()
    cost()
    echoes(wanted.speech)
    keys(wanted.speech, wanted.minutes)


if __name__ == "__main__":
    main()
