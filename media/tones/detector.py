"""Busy, congestion and dial tone in what peers send, for all rows of a tick that ask for it.

An analog line does not tell that the caller hung up: the exchange plays a tone. Two stages. Each tick, the last 40 ms
of every row are fitted with the tones of the countries looked for: a window in which one of them explains nearly all
the energy holds that tone, one far below it in level is a pause, all else is something else. From the lengths of tones
and pauses follows the cadence: only a tone that comes and goes several times, each time as long as a country's busy or
congestion tone, or that stays for seconds as a dial tone does, is reported. Speech and music neither keep a frequency
so pure nor such a rhythm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from media.tones.progress import COUNTRIES, Cadence, cadences

__all__ = ["FRAME", "ToneDetector", "ToneFound", "ToneKind"]

ToneKind = Literal["busy", "congestion", "dial"]

FRAME: Final = 160
"""Samples of one tick: 20 ms at 8 kHz."""

_RATE: Final = 8000
_WINDOW: Final = 2 * FRAME
_TICK: Final = 0.02
_KINDS: Final[tuple[ToneKind, ...]] = ("busy", "congestion", "dial")

_LEAST: Final = np.float32(_WINDOW * 90.0**2)  # -45 dBm0: lines attenuate, and noise is below
_PURE: Final = np.float32(0.93)  # of the energy of a window that holds a tone: 11 dB above all else
_PAUSE: Final = np.float32(0.03)  # of the tone's energy: 15 dB below it nothing else is said
_TURNS: Final = 3
"""Tones, and pauses between them, of one cadence after which it is certain. Two are a phone's double ring."""
_DIAL_SECONDS: Final = 4.0
"""A tone of so many seconds without a pause is no ringing (2 s at most) and no note that anybody holds so steadily."""
_SLACK: Final = 0.05
_SHARE: Final = 0.12
"""Seconds and share by which a length may miss its cadence: E.180 section 5 permits 10 %, and ticks have 20 ms."""
_STEADY: Final = 0.065
"""Seconds by which tones of one cadence may differ among themselves: exchanges are exact, a frame may be lost."""
_LONGEST_PAUSE: Final = 1.0
"""Seconds; no busy tone pauses so long, ringing does."""
_BREAK: Final = 2
"""Ticks in which a window is neither tone nor pause, at each edge of a tone."""


_GROUPS: Final[tuple[tuple[float, ...], ...]] = tuple(
    sorted({cadences(country)[kind].frequencies for country in COUNTRIES for kind in _KINDS})
)
"""Frequencies that sound together in one tone or another."""
_OF_TONE: Final = 4  # columns of the basis for each frequency: cosine and sine, steady and growing


def _basis() -> NDArray[np.float32]:
    """For each group the orthonormal basis of its tones, side by side: (320, columns). The growing parts let a tone
    be some hertz beside its place, or swell a little."""
    at = np.arange(_WINDOW) - (_WINDOW - 1) / 2
    parts = []
    for frequencies in _GROUPS:
        columns = []
        for frequency in frequencies:
            turn = 2 * np.pi * frequency / _RATE * at
            for shape in (np.ones(_WINDOW), at / _WINDOW):
                columns += [np.cos(turn) * shape, np.sin(turn) * shape]
        parts.append(np.linalg.qr(np.stack(columns, axis=1))[0])
    return np.concatenate(parts, axis=1).astype(np.float32)


_BASIS: Final = _basis()
_FIRST: Final = np.cumsum([0, *(len(group) * _OF_TONE for group in _GROUPS[:-1])])
"""First column of each group."""
_LEAST_PART: Final = np.float32(0.08)  # of the energy of two tones that the weaker has


class ToneFound(NamedTuple):
    """A tone is certain."""

    row: int
    kind: ToneKind


@dataclass(slots=True)
class _Listener:
    cadences: tuple[tuple[int, ToneKind, Cadence], ...]
    """Group of frequencies, kind and cadence of each tone looked for."""
    groups: NDArray[np.bool_]
    """Which groups of frequencies these are."""
    group: int = -1
    """What the windows hold: a group of frequencies; -1: a pause, or something else."""
    energy: float = 0.0
    """Of a window of the last tone."""
    ticks: int = 0
    """Since the tone or the pause began."""
    odd: int = 0
    """Ticks of something else in a row."""
    told: bool = False
    turns: list[float] = field(default_factory=list)
    """Seconds of the last tones and pauses in turn; the last is a pause while a tone sounds."""
    last_group: int = -1


class ToneDetector:
    """Detectors of the rows that ask for one."""

    def __init__(self, rows: int) -> None:
        self._before: NDArray[np.float32] = np.zeros((rows, FRAME), np.float32)
        self._listeners: dict[int, _Listener] = {}

    def listen(self, row: int, country: str) -> None:
        """Look for the tones of ``country`` (empty: of all) on ``row`` from now on."""
        known = _looked_for(country)
        listener = self._listeners.get(row)
        if listener is None or listener.cadences is not known:
            self._before[row] = 0
            groups = np.zeros(len(_GROUPS), np.bool_)
            groups[[group for group, _, _ in known]] = True
            self._listeners[row] = _Listener(known, groups)

    def forget(self, row: int) -> None:
        """Stop looking."""
        self._listeners.pop(row, None)

    def process(self, samples: NDArray[np.float32], rows: NDArray[np.intp]) -> list[ToneFound]:
        """Hear one frame of each of ``rows``, (n, 160) at 16-bit scale, all of which were named to :meth:`listen`."""
        windows = np.concatenate((self._before[rows], samples), axis=1)
        self._before[rows] = samples
        energy = np.einsum("ij,ij->i", windows, windows)
        loud = np.flatnonzero(energy > _LEAST)
        group = np.full(len(rows), -1)
        if loud.size:
            explained = _explained(windows[loud])
            explained *= np.stack([self._listeners[row].groups for row in rows[loud].tolist()])
            best = explained.argmax(axis=1)
            pure = explained[np.arange(loud.size), best] > _PURE * energy[loud]
            group[loud[pure]] = best[pure]
        found = []
        for row, at, power in zip(rows.tolist(), group.tolist(), energy.tolist(), strict=True):
            kind = _step(self._listeners[row], at, power)
            if kind is not None:
                found.append(ToneFound(row, kind))
        return found


def _explained(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Energy of each window (n, 320) that each group of frequencies explains, (n, groups); 0 where a tone of two is
    missing."""
    parts = windows @ _BASIS
    parts *= parts
    explained = np.empty((len(windows), len(_GROUPS)), np.float32)
    for group, (first, frequencies) in enumerate(zip(_FIRST.tolist(), _GROUPS, strict=True)):
        tones = parts[:, first : first + len(frequencies) * _OF_TONE].reshape(len(windows), len(frequencies), _OF_TONE)
        each = tones.sum(axis=2)
        whole = each.sum(axis=1)
        explained[:, group] = np.where(each.min(axis=1) >= _LEAST_PART * whole, whole, 0)
    return explained


@cache
def _looked_for(country: str) -> tuple[tuple[int, ToneKind, Cadence], ...]:
    """The tones of ``country``, or of all; busy before congestion where one cadence means both."""
    countries = (country,) if country else COUNTRIES
    found = {(kind, cadences(c)[kind]) for kind in _KINDS for c in countries}
    ordered = sorted(found, key=lambda tone: (_KINDS.index(tone[0]), tone[1].frequencies, tone[1].seconds))
    return tuple((_GROUPS.index(cadence.frequencies), kind, cadence) for kind, cadence in ordered)


def _step(listener: _Listener, group: int, energy: float) -> ToneKind | None:
    """Take one window: what became certain by it."""
    if group >= 0:
        listener.energy = energy
        return _tone(listener, group)
    if listener.last_group < 0:
        return None
    if energy < _PAUSE * listener.energy or energy <= float(_LEAST):
        _pause(listener)
    else:
        listener.odd += 1
        listener.ticks += 1
        if listener.odd > _BREAK:
            _reset(listener)
    return None


def _tone(listener: _Listener, group: int) -> ToneKind | None:
    listener.odd = 0
    if group != listener.last_group:
        _reset(listener)
        listener.last_group = listener.group = group
        listener.ticks = 1
        return None
    if listener.group < 0:  # the pause is over
        listener.turns.append(listener.ticks * _TICK)
        del listener.turns[: -2 * _TURNS]
        listener.group, listener.ticks = group, 1
        return _judge(listener)
    listener.ticks += 1
    if not listener.told and not listener.turns and listener.ticks * _TICK >= _DIAL_SECONDS:
        return _tell(listener, _continuous(listener))
    return None


def _pause(listener: _Listener) -> None:
    listener.odd = 0
    if listener.group >= 0:
        listener.turns.append(listener.ticks * _TICK)
        listener.group, listener.ticks = -1, 0
    listener.ticks += 1
    if listener.ticks * _TICK > _LONGEST_PAUSE:
        _reset(listener)


def _reset(listener: _Listener) -> None:
    listener.group = listener.last_group = -1
    listener.ticks = listener.odd = 0
    listener.turns.clear()
    listener.told = False


def _judge(listener: _Listener) -> ToneKind | None:
    """Tones and pauses of the last turns against the cadences, whenever a pause is over."""
    turns = listener.turns
    if listener.told or len(turns) < 2 * _TURNS:
        return None
    for group, kind, cadence in listener.cadences:
        if group == listener.last_group and cadence.seconds and _fits(turns, cadence.seconds):
            return _tell(listener, kind)
    return None


def _fits(turns: list[float], seconds: tuple[float, ...]) -> bool:
    """Whether ``turns`` are the cadence ``seconds``, begun anywhere in it at a tone."""
    if len(seconds) == 2 and any(max(turns[at::2]) - min(turns[at::2]) > _STEADY for at in (0, 1)):
        return False
    return any(
        all(_near(turn, seconds[(start + at) % len(seconds)]) for at, turn in enumerate(turns))
        for start in range(0, len(seconds), 2)
    )


def _near(turn: float, wanted: float) -> bool:
    return abs(turn - wanted) <= _SLACK + _SHARE * wanted


def _continuous(listener: _Listener) -> ToneKind | None:
    return next(
        (k for group, k, cadence in listener.cadences if group == listener.last_group and not cadence.seconds), None
    )


def _tell(listener: _Listener, kind: ToneKind | None) -> ToneKind | None:
    listener.told = kind is not None
    return kind
