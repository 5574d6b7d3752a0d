"""Keys while a prompt is on: those of the caller are found, those that only our own prompt has are not."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from numpy.typing import NDArray

from media.devices.echo import EchoCanceller
from media.devices.keys import KeyFinder
from media.dtmf.generator import digit_samples, digits_samples
from tests.kit.echoes import RATE, at_level, echo_of, keys_at, listen, match, vowels
from tests.kit.needs import lacks

PATHS = [(0.01, -6), (0.06, -10), (0.18, -14), (0.25, -20)]
"""Seconds of delay and level of the echoes."""


def noisy(sound: NDArray[np.float64], chance: np.random.Generator) -> NDArray[np.float64]:
    return sound + 8 * chance.standard_normal(len(sound))


def alone(heard: NDArray[np.float64]) -> int:
    """How many keys the receiver finds where nothing is known of what was sounded."""
    return len(listen(np.zeros(len(heard)), heard).keys)


def test_a_number_dialled_within_a_prompt_is_no_key() -> None:
    chance = np.random.default_rng(1)
    prompt: NDArray[np.float64] = np.concatenate(
        (np.zeros(RATE // 4), digits_samples("0123456789*#ABCD", 100, 100), np.zeros(RATE // 2))
    ).astype(np.float64)
    found = 0
    for delay, level in PATHS:
        echo = noisy(echo_of(prompt, delay, level, chance), chance)
        assert listen(prompt, echo).keys == []
        found += alone(echo)
    assert found > 40  # or nothing was proved


def test_voices_that_sound_like_keys_are_none_and_keys_in_them_are_found() -> None:
    chance = np.random.default_rng(2)
    pressed = right = found = 0
    for delay, level in PATHS:
        prompt = vowels(10, chance)
        prompt[4 * RATE : 4 * RATE + 800] = digit_samples("5")
        echo = noisy(echo_of(prompt, delay, level, chance), chance)
        assert listen(prompt, echo).keys == []
        found += alone(echo)
        keys, truth = keys_at(len(prompt), list(np.arange(0.4, 9.5, 0.8)), chance.uniform(-6, 2), chance)
        hit, besides = match(listen(prompt, echo + keys).keys, truth)
        assert besides == []
        right += hit
        pressed += len(truth)
    assert found >= 3  # or nothing was proved
    assert right >= 0.95 * pressed  # these voices are as loud as keys; 98 % hold for speech, below


def test_a_key_is_found_once_however_long_it_is_held() -> None:
    chance = np.random.default_rng(3)
    prompt = vowels(3, chance)
    echo = echo_of(prompt, 0.06, -10, chance)
    echo[RATE : RATE + 12000] += digit_samples("7", 1500)
    assert [key for _, key in listen(prompt, echo).keys] == ["7"]


def test_the_same_key_as_in_the_prompt_counts_when_it_is_the_callers() -> None:
    """Once the echo is known, a key may even fall on the same key of the prompt."""
    chance = np.random.default_rng(4)
    prompt = vowels(12, chance)
    for second in (6, 8, 10):
        prompt[second * RATE : second * RATE + 800] = digit_samples("5", 100, -4)
    echo = echo_of(prompt, 0.06, -14, chance)
    echo[10 * RATE + 200 : 10 * RATE + 1000] += digit_samples("5")
    assert [(round(second), key) for second, key in listen(prompt, echo).keys] == [(10, "5")]


def test_sixteen_kilohertz() -> None:
    canceller, finder = EchoCanceller(16000), KeyFinder(16000)
    narrow = digits_samples("147", 100, 100).astype(np.float64)
    wide = np.interp(np.arange(2 * len(narrow)) / 2, np.arange(len(narrow)), narrow).astype(np.int16)
    silence, keys = np.zeros(320, np.int16), ""
    for at in range(0, len(wide) - 319, 320):
        rest = canceller.process(wide[at : at + 320], silence)
        keys += finder.hear(rest, canceller.echo, silence, canceller.left)
    assert keys == "147"


TEXTS = {
    "en": "Thank you for calling. For sales press one, for support press two. Who knew a cool blue moon?",
    "de": "Guten Tag. Meine Kundennummer lautet vier sieben eins eins, zwei neun sechs drei. Schöne Grüße aus Lübeck.",
    "fr": "Bonjour, je vous appelle au sujet de ma dernière facture, car le montant me paraît vraiment faux.",
    "es": "Buenos días, llamo por mi última factura, porque el importe no me parece correcto. Muchas gracias.",
}


@pytest.mark.heavy
@pytest.mark.skipif(lacks("espeak-ng"), reason="espeak-ng makes the speech and is not installed")
def test_spoken_prompts() -> None:
    """Each voice from a canceller that knows nothing yet: no key of the prompts, 98 % of the caller's."""
    chance = np.random.default_rng(5)
    pressed = right = 0
    for language, text in TEXTS.items():
        for voice in ("", "+f2", "+f5", "+m3", "+m7", "+croak", "+klatt2"):
            spoken = subprocess.run(
                ["espeak-ng", "-v", language + voice, "--stdout", f"{text} {text}"], capture_output=True, check=True
            ).stdout
            speech = np.frombuffer(spoken[44 : len(spoken) // 2 * 2], "<i2").astype(np.float64)
            every = np.arange(0, len(speech), 22050 / RATE)
            prompt = at_level(np.interp(every, np.arange(len(speech)), speech), -13)
            delay, level = PATHS[int(chance.integers(len(PATHS)))]
            echo = noisy(echo_of(prompt, delay, level, chance), chance)
            assert listen(prompt, echo).keys == []
            times = list(np.arange(0.4, len(prompt) / RATE - 1, 1.0))
            keys, truth = keys_at(len(prompt), times, chance.uniform(-6, 2), chance)
            hit, besides = match(listen(prompt, echo + keys).keys, truth)
            assert besides == []
            right += hit
            pressed += len(truth)
    assert right >= 0.98 * pressed
