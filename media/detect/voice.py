"""When somebody speaks, for all rows of a tick: bursts of voice and the pauses between them, above any line's noise.

The noise floor follows what is quiet at once, and what sounds like noise (steady, without a voice's pitch) soon; voice
lifts it slowly. A burst counts once it has lasted as long as a syllable and had a pitch: clicks and hiss have none.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from media.detect.spectrum import Sounds

__all__ = ["VOICE", "follow"]

_FLOOR: Final = np.float32(-50.0)
"""dBm0 of the noise that is expected before anything was heard: a line's, in a quiet room."""
_LOWEST_FLOOR: Final = np.float32(-58.0)
"""dBm0: below it noise does not matter; silence of all zeros must not make a murmur loud."""
_LEAST: Final = np.float32(-46.0)
"""dBm0 that a voice has at least: people 20 dB below the usual cannot be understood."""
_BEGINS: Final = np.float32(9.0)
_PITCH_BEGINS: Final = np.float32(5.0)
_GOES_ON: Final = np.float32(4.0)
"""dB above the floor at which voice begins, at which it does with a pitch, and to which it may sink."""
_WEAKEST: Final = np.float32(20.0)
_BACKGROUND: Final = np.float32(12.0)
"""dB by which the voice of one speaker falls from its loudest, and how near to that each of its bursts comes once: who
is fainter speaks in the background."""
_VOICED: Final = np.float32(0.5)
"""Of :attr:`Sounds.voicing`: the sound has a pitch."""
_DEEP: Final = np.float32(0.3)
_LOUD: Final = np.float32(12.0)
"""The same, of a sound so many dB above the floor: low voices repeat but twice in a window, and noise comes not so loud
at once."""
_SINKS: Final = np.float32(0.3)
_RISES: Final = np.float32(0.12)
_CREEPS: Final = np.float32(0.04)
_RISES_MOST: Final = np.float32(0.4)
_FIRST: Final = 12
"""How fast the floor follows: down, share of the distance per tick; up to noise, the same; up in voice, dB per tick;
up to noise at most, dB per tick, but for the first ticks, when the floor is a guess."""
_HANG: Final = 3
"""Ticks below the threshold within one burst: a stop consonant is 60 ms of silence."""
_SYLLABLE: Final = 5
"""Ticks of the shortest burst that counts."""
_PITCHED: Final = 3
"""Ticks with a pitch that it has."""
_NEXT_SYLLABLE: Final = 3
_NEXT_PITCHED: Final = 2
"""The same of later ones: it is known that somebody speaks, and at which level."""

_SUNG: Final = np.float32(0.6)
"""Share of the power that one frequency has in most of music's ticks, and in few of a voice's."""

VOICE: Final = np.dtype(
    [
        ("ticks", "i4"),  # heard so far
        ("floor", "f4"),  # dBm0 of the noise
        ("run", "i4"),  # ticks of the burst under way, from its first
        ("pitched", "i4"),  # of them with a pitch
        ("hum", "i4"),  # of them in which one frequency prevails
        ("peak", "f4"),  # dBm0 of its loudest tick
        ("low", "i4"),  # ticks since it was last above the threshold
        ("counts", "?"),  # it is long enough to be a syllable
        ("onset", "i4"),  # tick of the first voice that counts, 0: none yet
        ("last", "i4"),  # tick of the last
        ("voice", "i4"),  # ticks of voice
        ("bursts", "i4"),
        ("longest", "i4"),  # ticks of the longest pause between two bursts
        ("sung", "i4"),  # of them in which one frequency prevails
        ("loudest", "f4"),  # dBm0, smoothed, of the voice
    ]
)
"""What is known of a row; all zero at its start."""


def follow(s: NDArray[Any], sounds: Sounds, pure: NDArray[np.bool_], tone: NDArray[np.bool_]) -> None:
    """Take one frame of each row into ``s`` (n,) of :data:`VOICE`; where ``pure`` is set it has no pitch of a voice,
    and where ``tone`` is set it is none."""
    level = sounds.level
    fresh = s["ticks"] == 0
    s["ticks"] += 1
    floor = np.where(fresh, _FLOOR, s["floor"])
    voiced = sounds.voicing > _VOICED
    distance = level - floor
    rises = _RISES * distance
    rises = np.where(s["ticks"] <= _FIRST, rises, np.minimum(rises, _RISES_MOST))
    creeps = np.minimum(_CREEPS, distance)
    step = np.where(distance < 0, _SINKS * distance, np.where(voiced | tone, creeps, rises))
    s["floor"] = np.maximum(floor + step, _LOWEST_FLOOR)

    running = s["run"] > 0
    spoke = s["onset"] > 0
    needed = np.where(running, _GOES_ON, np.where(voiced, _PITCH_BEGINS, _BEGINS))
    above = ~tone & (distance > needed) & (level > np.where(spoke, s["loudest"] - _WEAKEST, _LEAST))
    low = np.where(above, 0, s["low"] + 1)
    goes_on = above | (running & (low <= _HANG))
    s["low"] = low
    run = np.where(goes_on, s["run"] + 1, 0)
    s["run"] = run
    deep = (sounds.voicing > _DEEP) & (distance > _LOUD)
    s["pitched"] = np.where(goes_on, s["pitched"] + ((voiced | deep) & above & ~pure), 0)
    hums = above & (sounds.pure > _SUNG)
    s["hum"] = np.where(goes_on, s["hum"] + hums, 0)
    s["peak"] = np.where(run > 1, np.maximum(s["peak"], level), level)
    counted = s["counts"] & goes_on
    begins = goes_on & ~counted & (run >= np.where(spoke, _NEXT_SYLLABLE, _SYLLABLE))
    begins &= s["pitched"] >= np.where(spoke, _NEXT_PITCHED, _PITCHED)
    begins &= ~spoke | (s["peak"] > s["loudest"] - _BACKGROUND)
    s["counts"] = counted | begins
    now = s["ticks"]
    if begins.any():
        start = now - run + 1
        first = begins & (s["onset"] == 0)
        again = begins & ~first
        s["longest"] = np.where(again, np.maximum(s["longest"], start - s["last"] - 1), s["longest"])
        s["onset"] = np.where(first, start, s["onset"])
        s["bursts"] += begins
        s["voice"] += np.where(begins, run - 1, 0)
    speaks = s["counts"] & above
    s["last"] = np.where(s["counts"], now - low, s["last"])
    s["voice"] += speaks
    s["sung"] += np.where(begins, s["hum"], speaks & hums)
    louder = s["counts"] & ((s["peak"] > s["loudest"]) | (s["loudest"] == 0))
    s["loudest"] = np.where(louder, s["peak"], s["loudest"])
