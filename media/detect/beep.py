"""The beep after which a machine records: one tone or two with quiet before and behind, for all rows of a tick.

A vowel may be as pure as a tone for a moment, and a flute always is. But a beep comes out of quiet at once, neither
glides nor swells, and nothing follows it.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from media.detect.spectrum import FRAME, QUIETEST, Sounds

__all__ = ["BEEP", "Tones", "ended", "follow"]

_LEAST: Final = np.float32(-48.0)
"""dBm0 of the faintest beep."""
_ABOVE_NOISE: Final = np.float32(4.0)
"""dB by which it is above the noise."""
_PURE: Final = np.float32(0.85)
"""Of the power that is not noise: a tone has it all, a vowel spreads over its harmonics."""
_NOISE_MOST: Final = np.float32(0.6)
"""Share of the power that is taken for noise."""
_WEAKER: Final = np.float32(16.0)
"""How many times weaker one of two tones may be."""
_STEADY: Final = np.float32(6.0)
_SHARE: Final = np.float32(0.004)
"""Hz and share by which a tone's frequency may seem to move from one window to the next."""
_DRIFT: Final = np.float32(5.0)
_DRIFT_SHARE: Final = np.float32(0.01)
"""Hz and share by which it may move through the whole of a tone."""
_LOWEST: Final = np.float32(338.0)
"""Hz of the lowest beep: below is the fundamental of high voices."""
_VOICES: Final = np.float32(800.0)
"""Hz up to which a tone that slides into its place is a voice."""
_GLIDE: Final = np.float32(0.06)
_HARMONICS: Final = np.array([6 / 5, 5 / 4, 4 / 3, 3 / 2, 2, 3], np.float32)
_HARMONIC: Final = np.float32(0.015)
_CHORD: Final = 10
"""How the two strongest harmonics of a high voice, or of a flute, stand to each other, share by which they may be off,
and ticks that two such tones last at least in a beep."""
_KEYS: Final = np.array([[697, 770, 852, 941], [1209, 1336, 1477, 1633]], np.float32)
_KEY_WIDTH: Final = np.float32(0.02)
"""Hz of the two tones of a key, and share by which they may be off."""
_RINGS: Final = np.array([425, 455], np.float32)
_RINGS_WIDTH: Final = np.float32(8.0)
_RING: Final = np.array([49, 74, 99])
_RING_WIDTH: Final = 4
"""Hz of rings (ITU-T E.180; two tones 40 Hz apart are one here), ticks that a window fits into them, and how much these
may be off. Those of France are a usual beep, and those of Britain as short: they are not told from beeps."""
_GLIDES: Final = 2
_FADES: Final = np.float32(7.0)
"""Share by which it moves from a tick to the next, how often, and dB by which it falls, at most, where a voice lets a
vowel end; a beep stops where it is, and at once."""
_SWELL: Final = np.float32(6.0)
"""dB by which its level may."""
_LEAST_TICKS: Final = 3
"""Windows of 40 ms that a beep of 100 ms fills."""
_LOW: Final = np.float32(650.0)
_LEAST_TICKS_LOW: Final = 5
_SHORT: Final = 8
_FALL: Final = np.float32(14.0)
"""Hz below which a beep must be longer, how long, and by how many dB it must fall at once if it is shorter than so many
ticks: there voices have their strongest harmonic."""
_LONGEST: Final = 110
"""Ticks of the longest beep; what lasts longer is a fax or a network."""
_GAP: Final = 11
"""Ticks of quiet after which a beep is over: pips of one signal come sooner, and what is said behind it is not one."""
_RISE: Final = np.float32(7.0)
"""dB by which a beep stands out from what is before and behind it ..."""
_NEAR_NOISE: Final = np.float32(3.0)
"""... unless that is within so many dB of the noise."""
_BEFORE: Final = 4
"""Ticks before a beep in which it was quiet at least once: the window itself reaches over two."""
_EDGE: Final = 2
"""Ticks at the start of a gap, and of a tone, in which a window holds both."""
_SAME: Final = np.float32(12.0)
_SAME_SHARE: Final = np.float32(0.01)
_LOSS: Final = 5
"""Hz and share within which a tone is the same after lost packets, and ticks that these may last, with the windows that
they spoil."""
_PREVAILS: Final = np.float32(0.55)
_ROUGH: Final = 9
_ROUGH_LOW: Final = 16
"""Share of the power that a frequency has that prevails, and ticks in which it must, above and within the voices'
range."""
_PIECES: Final = 6
"""Tones of one beep, by pitch or by pips; more are a tune."""
_FORGETS: Final = np.float32(0.97)
_TUNE: Final = np.float32(3.0)
"""How fast notes are forgotten (half of them in half a second), and how many more than the pieces of a beep are a
tune."""
_HUSH_SINKS: Final = np.float32(0.5)
_HUSH_CREEPS: Final = np.float32(0.05)
"""How fast the noise beside tones is followed: down, share of the distance per tick; up, dB per tick."""
_HUSH_FIRST: Final = np.float32(-45.0)
_HUSH_LEAST: Final = np.float32(-60.0)
"""dBm0 of that noise before anything is known, and the least."""
_LATE: Final = FRAME + FRAME // 2
"""Samples between the end of a beep and the end of the last window in which it is found, on average."""

BEEP: Final = np.dtype(
    [
        ("known", "?"),  # something was heard
        ("hush", "f4"),  # dBm0 of the noise
        ("past", "f4", (_BEFORE,)),  # dBm0 of the last ticks, the newest first
        ("run", "i4"),  # ticks of the tone under way
        ("hz", "f4"),
        ("origin", "f4"),  # Hz of its second tick: the first window is filled in part only
        ("hz2", "f4"),  # of two that sound together; 0: one
        ("power", "f4"),  # dBm0 of the tone
        ("abrupt", "?"),  # it began out of quiet
        ("gap", "i4"),  # ticks since it stopped
        ("total", "i4"),  # ticks of all its pieces
        ("pieces", "i4"),
        ("piece", "f4"),  # Hz of the last of them
        ("piece2", "f4"),
        ("noisy", "i4"),  # ticks of the gap in which there was sound
        ("near", "i4"),  # ticks of a rough tone: one frequency prevails, through gaps
        ("rough", "f4"),  # Hz of it
        ("missed", "i4"),  # ticks since it was last heard
        ("clear", "?"),  # it began out of quiet
        ("loud", "f4"),  # dBm0 of it
        ("busy", "i4"),  # ticks since then in which there was sound
        ("notes", "f4"),  # tones lately, of whatever kind
        ("glides", "i4"),  # ticks in which it fell or rose at its end and lingered, as voices do
    ]
)
"""What is known of a row; all zero at its start."""


class Tones(NamedTuple):
    """What was found in one frame of each row."""

    pure: NDArray[np.bool_]
    """This frame is a tone, as the one before was."""
    sounds: NDArray[np.bool_]
    """A tone sounds, for some ticks already: it is no voice."""
    over: NDArray[np.bool_]
    """A beep was heard and is over, see :func:`ended`."""


def follow(s: NDArray[Any], sounds: Sounds) -> Tones:
    """Take one frame of each row into ``s`` (n,) of :data:`BEEP`."""
    power = sounds.power
    hush = np.where(s["known"], s["hush"], _HUSH_FIRST)
    s["past"][~s["known"]] = QUIETEST
    s["known"] = True
    below = np.minimum(power - hush, 0)
    hush = np.maximum(hush + np.where(below < 0, _HUSH_SINKS * below, _HUSH_CREEPS), _HUSH_LEAST)
    s["hush"] = hush
    noise = np.minimum(10 ** ((hush - power) * np.float32(0.1)), _NOISE_MOST)
    wanted = _PURE * (1 - noise)
    one = sounds.pure > wanted
    two = ~one & (sounds.pair > wanted) & (sounds.pure < _WEAKER * (sounds.pair - sounds.pure))
    tone = (one | two) & (power > hush + _ABOVE_NOISE) & (power > _LEAST)
    low = np.where(two, np.minimum(sounds.first, sounds.second), sounds.first)
    high = np.where(two, np.maximum(sounds.first, sounds.second), np.float32(0))
    tone &= low > _LOWEST

    begins = s["run"] <= _EDGE
    slack = np.where(begins, np.float32(3), np.float32(1))
    moved = np.abs(low - s["hz"])
    near = moved < slack * (_STEADY + _SHARE * low)
    near &= np.abs(high - s["hz2"]) < slack * (_STEADY + _SHARE * high)
    near &= begins | (np.abs(low - s["origin"]) < _DRIFT + _DRIFT_SHARE * low)
    near &= (np.abs(power - s["past"][:, 0]) < _SWELL) | begins
    held = tone & near & (s["run"] > 0)
    starts = tone & ~held
    least = np.where(s["hz"] < _LOW, _LEAST_TICKS_LOW, _LEAST_TICKS)
    closes = (s["run"] >= least) & ~held & s["abrupt"]
    glides = starts & (moved > _STEADY + _SHARE * low) & (moved < _GLIDE * low) & (power > s["power"] - _FADES)
    known = s["pieces"] > 0
    lingers = (s["glides"] > 0) & (s["gap"] == 1) & (power > s["power"] - _FALL)
    s["glides"] = np.where(closes, glides, known * (s["glides"] + lingers))
    s["pieces"] += closes
    known |= closes
    s["notes"] = s["notes"] * _FORGETS + ((s["run"] >= _LEAST_TICKS) & ~held)
    s["total"] += np.where(closes, s["run"], 0)
    s["gap"] = np.where(closes, 0, s["gap"])
    s["piece"] = np.where(closes, s["hz"], s["piece"])
    s["piece2"] = np.where(closes, s["hz2"], s["piece2"])
    s["noisy"] = np.where(closes, 0, s["noisy"])
    # A second piece may follow the first without quiet between them.
    before = s["past"].min(axis=1)
    quiet = np.maximum(power - _RISE, hush + _NEAR_NOISE)
    again = np.abs(low - s["piece"]) < _SAME + _SAME_SHARE * low
    follows = (s["pieces"] > 0) & ((s["gap"] <= _EDGE) | (again & (s["gap"] <= _LOSS)))
    slides = (s["run"] >= _EDGE) & (moved < _GLIDE * low) & (low < _VOICES) & ~closes
    s["abrupt"] = np.where(starts, ((before < quiet) | follows) & ~slides, s["abrupt"] & held)
    s["run"] = np.where(held, s["run"] + 1, starts)
    s["hz"] = np.where(held, s["hz"] + np.float32(0.4) * (low - s["hz"]), np.where(starts, low, s["hz"]))
    s["origin"] = np.where(s["run"] == _EDGE, low, s["origin"])
    s["hz2"] = np.where(held, s["hz2"] + np.float32(0.4) * (high - s["hz2"]), np.where(starts, high, s["hz2"]))
    long_enough = s["run"] >= least
    s["power"] = np.where(held & (long_enough | ~known), power, s["power"])
    waits = known & ~long_enough
    s["gap"] += waits
    falls = np.where((s["hz"] < _LOW) & (s["total"] < _SHORT), _FALL, _RISE)
    loud = power > np.maximum(s["power"] - falls, hush + _NEAR_NOISE)
    s["noisy"] += waits & loud & (s["gap"] > _EDGE)
    done = waits & (s["gap"] >= _GAP)
    over = done & (s["noisy"] <= 1) & (s["pieces"] <= _PIECES) & (s["total"] <= _LONGEST) & (s["glides"] < _GLIDES)
    over &= s["notes"] < s["pieces"] + _TUNE
    if over.any():
        over &= ~(_one_voice(s) | _ring(s["piece"], s["total"]))
    s["glides"] *= ~done
    s["pieces"] = np.where(done, 0, s["pieces"])
    s["total"] = np.where(done, 0, s["total"])
    over |= _rough(s, sounds, hush, before)
    if over.any():
        over &= ~_key(s)
    s["past"][:, 1:] = s["past"][:, :-1].copy()
    s["past"][:, 0] = power
    return Tones(held, tone & s["abrupt"] & (long_enough | (s["pieces"] > 0)), over)


def _one_voice(s: NDArray[Any]) -> NDArray[np.bool_]:
    """Where the two tones of a short beep are harmonics of one pitch."""
    ratio = s["piece2"] / np.maximum(s["piece"], np.float32(1))
    near = (np.abs(ratio[:, None] - _HARMONICS) < _HARMONIC * _HARMONICS).any(axis=1)
    one: NDArray[np.bool_] = near & (s["total"] < _CHORD)
    return one


def _key(s: NDArray[Any]) -> NDArray[np.bool_]:
    """Where the two tones are those of a telephone's key (ITU-T Q.23)."""
    low = (np.abs(s["piece"][:, None] - _KEYS[0]) < _KEY_WIDTH * _KEYS[0]).any(axis=1)
    high = (np.abs(s["piece2"][:, None] - _KEYS[1]) < _KEY_WIDTH * _KEYS[1]).any(axis=1)
    both: NDArray[np.bool_] = low & high
    return both


def _ring(hertz: NDArray[Any], ticks: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a tone is as low and as long as a ring: the call is put through to somebody else."""
    place = (np.abs(hertz[:, None] - _RINGS) < _RINGS_WIDTH).any(axis=1)
    ring: NDArray[np.bool_] = place & (np.abs(ticks[:, None] - _RING) <= _RING_WIDTH).any(axis=1)
    return ring


def _rough(s: NDArray[Any], sounds: Sounds, hush: NDArray[Any], before: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a long beep is over that a mobile network's codec, lost packets or noise broke to pieces."""
    power, hertz = sounds.power, sounds.first
    prevails = (sounds.pure > _PREVAILS) & (power > hush + _RISE) & (power > _LEAST) & (hertz > _LOWEST)
    same = prevails & (np.abs(hertz - s["rough"]) < _SAME + _SAME_SHARE * hertz) & (s["near"] > 0)
    least = np.where(s["rough"] < _VOICES, _ROUGH_LOW, _ROUGH)
    done = (s["near"] > 0) & ~same & (s["missed"] >= _GAP)
    other = (s["near"] > 0) & ~same & (s["near"] < least) & (s["missed"] >= _EDGE)
    fresh = prevails & ~same & ((s["near"] == 0) | other)
    over: NDArray[np.bool_] = done & (s["near"] >= least) & s["clear"] & (s["busy"] <= _EDGE) & (s["near"] <= _LONGEST)
    over &= ~_ring(s["rough"], s["near"])
    if over.any():
        s["gap"] = np.where(over, s["missed"], s["gap"])
    s["clear"] = np.where(fresh, before < np.maximum(power - _RISE, hush + _NEAR_NOISE), s["clear"])
    s["rough"] = np.where(fresh, hertz, s["rough"])
    s["loud"] = np.where(fresh | same, power, s["loud"])
    noise = power > np.maximum(s["loud"] - _RISE, hush + _NEAR_NOISE)
    s["busy"] = np.where(same | fresh, 0, s["busy"] + (noise & (s["missed"] > 0)))
    s["missed"] = np.where(same | fresh, 0, s["missed"] + 1)
    s["near"] = np.where(fresh, 1, np.where(done | (other & ~prevails), 0, s["near"] + same))
    return over


def ended(gap: int) -> int:
    """Samples from the first of this frame to the end of a beep that is over since ``gap`` ticks: below 0."""
    return FRAME - gap * FRAME - _LATE
