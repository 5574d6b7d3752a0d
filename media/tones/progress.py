"""Call progress tones by country (ITU-T E.180 and its supplement 2), as loops that repeat without a seam."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from media.tones.synthesis import RATE, amplitude, quantised, ramped, sine

__all__ = ["COUNTRIES", "TONES", "Cadence", "ToneName", "cadences", "tone"]

ToneName = Literal["ringback", "busy", "congestion", "dial", "beep", "music"]

TONES: Final[tuple[ToneName, ...]] = ("ringback", "busy", "congestion", "dial", "beep", "music")
"""Names that :func:`tone` knows."""

_RAMP_MS: Final = 5.0
_LEVEL: Final = -13.0  # dBm0 of the whole tone, within the -10 +/- 5 of E.180 section 5
_BEEP_HZ: Final = 1000.0  # no DTMF frequency, and no call progress tone of the countries below
_BEEP_SECONDS: Final = 0.4


@dataclass(frozen=True, slots=True)
class Cadence:
    """How a tone sounds."""

    frequencies: tuple[float, ...]
    """Hz, all together."""
    seconds: tuple[float, ...] = ()
    """Seconds of sound and silence in turn; none: without a break."""


_EUROPE: Final = {
    "ringback": Cadence((425,), (1, 4)),
    "busy": Cadence((425,), (0.5, 0.5)),
    "congestion": Cadence((425,), (0.25, 0.25)),
    "dial": Cadence((425,)),
}
_TABLE: Final[dict[str, dict[str, Cadence]]] = {
    "eu": _EUROPE,
    "de": {**_EUROPE, "busy": Cadence((425,), (0.48, 0.48)), "congestion": Cadence((425,), (0.24, 0.24))},
    "fr": {
        "ringback": Cadence((440,), (1.5, 3.5)),
        "busy": Cadence((440,), (0.5, 0.5)),
        "congestion": Cadence((440,), (0.25, 0.25)),
        "dial": Cadence((440,)),
    },
    "uk": {
        "ringback": Cadence((400, 450), (0.4, 0.2, 0.4, 2)),
        "busy": Cadence((400,), (0.375, 0.375)),
        "congestion": Cadence((400,), (0.4, 0.35, 0.225, 0.525)),
        "dial": Cadence((350, 440)),
    },
    "us": {
        "ringback": Cadence((440, 480), (2, 4)),
        "busy": Cadence((480, 620), (0.5, 0.5)),
        "congestion": Cadence((480, 620), (0.25, 0.25)),
        "dial": Cadence((350, 440)),
    },
    "br": {
        **_EUROPE,
        "busy": Cadence((425,), (0.25, 0.25)),
        "congestion": Cadence((425,), (0.25, 0.25, 0.75, 0.25)),
    },
    "cn": {
        "ringback": Cadence((450,), (1, 4)),
        "busy": Cadence((450,), (0.35, 0.35)),
        "congestion": Cadence((450,), (0.7, 0.7)),
        "dial": Cadence((450,)),
    },
    "es": {
        **_EUROPE,
        "ringback": Cadence((425,), (1.5, 3)),
        "busy": Cadence((425,), (0.2, 0.2)),
        "congestion": Cadence((425,), (0.2, 0.2, 0.2, 0.2, 0.2, 0.6)),
    },
    "it": {**_EUROPE, "congestion": Cadence((425,), (0.2, 0.2))},
    "tr": {
        "ringback": Cadence((450,), (2, 4)),
        "busy": Cadence((450,), (0.5, 0.5)),
        "congestion": Cadence((450,), (0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.6, 0.2)),
        "dial": Cadence((450,)),
    },
}

COUNTRIES: Final = tuple(_TABLE)
"""Country codes with tones of their own; any other has those of ``eu``."""


def cadences(country: str) -> dict[str, Cadence]:
    """The tones of ``country`` by name; those of ``eu`` where it has none of its own."""
    return _TABLE.get(country.lower(), _EUROPE)


@cache
def tone(name: ToneName, country: str = "eu") -> NDArray[np.int16]:
    """One turn of the tone, to be repeated (``beep``: once). ValueError for a name that is not in :data:`TONES`."""
    if name == "beep":
        return _constant(ramped(sine(_BEEP_HZ, round(_BEEP_SECONDS * RATE)) * amplitude(_LEVEL), _RAMP_MS))
    if name == "music":
        return _constant(_music())
    known = cadences(country)
    if name not in known:
        raise ValueError(f"no such tone: {name!r}; known are {', '.join(TONES)}")
    return _constant(_sound(known[name]))


def _constant(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    samples.flags.writeable = False
    return samples


def _sound(cadence: Cadence) -> NDArray[np.int16]:
    level = amplitude(_LEVEL - 10 * np.log10(len(cadence.frequencies)))

    def mix(length: int) -> NDArray[np.float64]:
        mixed: NDArray[np.float64] = np.sum([sine(f, length) for f in cadence.frequencies], axis=0) * level
        return mixed

    if not cadence.seconds:
        return quantised(mix(RATE))  # whole hertz: each frequency ends a cycle with the second
    parts = []
    for index, seconds in enumerate(cadence.seconds):
        length = round(seconds * RATE)
        parts.append(np.zeros(length, np.int16) if index % 2 else ramped(mix(length), _RAMP_MS))
    return np.concatenate(parts)


# Music on hold: four bars of broken chords, C, A minor, F, G; note numbers as in MIDI.
_CHORDS: Final = ((60, 64, 67, 72), (57, 60, 64, 69), (53, 57, 60, 65), (55, 59, 62, 67))
_FIGURE: Final = (0, 1, 2, 3, 2, 1, 2, 3)
_NOTE_SECONDS: Final = 0.3
_DECAY_SECONDS: Final = 0.45
_PARTIALS: Final = (1.0, 0.35, 0.12, 0.05)
_MUSIC_LEVEL: Final = -19.0  # dBm0, mean: behind an announcement, and no louder than speech


def _music() -> NDArray[np.int16]:
    notes = [chord[step] for chord in _CHORDS for step in _FIGURE]
    spacing = round(_NOTE_SECONDS * RATE)
    length = len(notes) * spacing
    sound = np.zeros(length)
    ring = round(4 * _DECAY_SECONDS * RATE)
    envelope = np.exp(-np.arange(ring) / (_DECAY_SECONDS * RATE))
    rise = round(0.008 * RATE)
    envelope[:rise] *= np.arange(rise) / rise
    envelope[-rise:] *= np.arange(rise, 0, -1) / rise
    for index, note in enumerate(notes):
        pitch = 440.0 * 2 ** ((note - 69) / 12)
        tone_of_note = np.sum([part * sine(pitch * (n + 1), ring) for n, part in enumerate(_PARTIALS)], axis=0)
        at = (
            index * spacing + np.arange(ring)
        ) % length  # what rings past the end is heard at the start of the next turn
        np.add.at(sound, at, tone_of_note * envelope)
    return quantised(sound * amplitude(_MUSIC_LEVEL) / np.sqrt(2) / np.sqrt(np.mean(sound**2)))
