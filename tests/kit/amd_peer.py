"""The rules of Asterisk's AMD application with its published defaults (amd.conf.sample), written anew to compare with.

Sound is cut into 20 ms frames. A frame whose mean absolute sample is below the threshold is silence. From the lengths
of voice and silence the call is a machine's when nobody speaks for too long at first, when the greeting is too long, or
has too many words; it is a person's when enough silence follows a greeting; and nothing is sure when the time is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Defaults", "Verdict", "decide"]

FRAME = 160
FRAME_MS = 20


@dataclass(frozen=True)
class Defaults:
    """Milliseconds, unless said; from configs/samples/amd.conf.sample of Asterisk 20 to 22."""

    initial_silence: int = 2500
    greeting: int = 1500
    after_greeting_silence: int = 800
    total_analysis_time: int = 5000
    min_word_length: int = 100
    maximum_word_length: int = 5000
    between_words_silence: int = 50
    maximum_number_of_words: int = 2
    """So many words may be a person's, one more is a machine's (older files say 3, where the third was one)."""
    silence_threshold: int = 256
    """Mean absolute value of 16-bit samples."""


class Verdict(NamedTuple):
    """What the rules say, and when."""

    answerer: Literal["human", "machine", "unknown"]
    seconds: float
    cause: str


def decide(sound: NDArray[np.int16], rules: Defaults | None = None) -> Verdict | None:
    """The verdict over one call from its answer on; None: the call ended before."""
    rules = rules or Defaults()
    frames = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME)
    loud = np.abs(frames.astype(np.float64)).mean(axis=1) >= rules.silence_threshold
    silent_for = voice = word = words = 0
    in_word, greeted = True, False
    for number, voiced in enumerate(loud.tolist(), 1):
        now = number * FRAME_MS
        if now >= rules.total_analysis_time:
            return Verdict("unknown", now / 1000, "TOOLONG")
        if not voiced:
            silent_for += FRAME_MS
            if silent_for >= rules.between_words_silence:
                in_word, word = False, 0
            if not greeted and silent_for >= rules.initial_silence:
                return Verdict("machine", now / 1000, "INITIALSILENCE")
            if greeted and silent_for >= rules.after_greeting_silence:
                return Verdict("human", now / 1000, "HUMAN")
            continue
        silent_for = 0
        word += FRAME_MS
        voice += FRAME_MS
        if word >= rules.min_word_length and not in_word:
            words += 1
            in_word = True
        if word >= rules.maximum_word_length:
            return Verdict("machine", now / 1000, "MAXWORDLENGTH")
        if words > rules.maximum_number_of_words:
            return Verdict("machine", now / 1000, "MAXWORDS")
        if greeted and voice >= rules.greeting:
            return Verdict("machine", now / 1000, "LONGGREETING")
        if word >= rules.min_word_length:
            greeted = True
    return None
