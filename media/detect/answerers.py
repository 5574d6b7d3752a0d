"""Who answered, decided for each row from how it sounds: how long somebody speaks, how long he then waits, tones.

People who answer say little and wait; machines speak on, and beep. So a person is found by the pause after a greeting,
which must be the longer the more was said before, for machines pause between their sentences too; a machine by a
greeting that nobody says by himself, or by its beep. What is said is not understood.

The lengths below, and how sure each decision is, were chosen on the development set of ``tests/kit/greetings``;
``tests/bench/answerers.py`` measures them on the held-out set.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from media.detect import beep, voice
from media.detect.spectrum import FRAME, look

__all__ = ["FRAME", "LONGEST_GREETING", "NOBODY_SPEAKS", "NO_BEEP", "UNDECIDED", "AnswererDetector", "Found", "Mode"]

Mode = Literal["fast", "beep"]
Who = Literal["human", "machine", "unknown"]

_TICKS: Final = 50
"""A second."""
NOBODY_SPEAKS: Final = 5 * _TICKS
"""Ticks after which it stays unknown who keeps silent: people speak within 3 s."""
UNDECIDED: Final = 8 * _TICKS
"""Ticks after which it stays unknown who speaks."""
NO_BEEP: Final = 3 * _TICKS
"""Ticks of silence after a machine's greeting after which no beep comes any more."""
LONGEST_GREETING: Final = 60 * _TICKS
"""Ticks after which a machine's greeting is not waited out."""

_SPANS: Final = np.array([35, 50, 70, 100])
_PAUSES: Final = np.array([44, 50, 58, 65, 70])
"""Ticks of silence that a person waits, by how many ticks his greeting lasted."""
_SYLLABLE: Final = 9
_LONG_PAUSE: Final = 75
"""Ticks of voice below which it may be the end of a ring or somebody in the background, and of the pause asked then."""
_MONOLOGUE: Final = 240
"""Ticks of a greeting that no person says without waiting for an answer."""
_SENTENCES: Final = 215
_BETWEEN: Final = 25
"""Ticks of a greeting that no person says in several sentences, and of the pause between two of these."""
_SPEECH: Final = 60
"""Ticks of voice that it has at least: a person who asks again, or somebody in the background, says less."""
_TUNEFUL: Final = np.float32(0.65)
_NO_VOICE: Final = np.float32(0.85)
_TUNE: Final = 3 * _TICKS
"""Shares of the ticks of a greeting in which one frequency prevails: above the first it may be music or a ring, above
the second, from the answer on, it is a ring. Ticks after which it is music, which people do not play."""
_SAID: Final = 30
"""Ticks of voice before a beep that ends it: somebody who says less was no greeting."""
_ALONE: Final = _TICKS
_AT_ONCE: Final = 5
_RING: Final = 60
"""Ticks after the answer in which the end of a ring already sounds, and of voice that it may seem to be."""
_RINGING: Final = (380.0, 500.0)
"""Ticks before a beep before which nothing was said, and Hz between which it may be a ring, if little was said."""
_FAX: Final = 2100.0
_FAX_WIDTH: Final = 30.0
_FAX_TICKS: Final = 50
"""Hz by which a fax machine answers (CED, ITU-T T.30 section 4.3.3.2), how far it is off, and ticks after which it is
sure; no beep of a machine is so long at this very place."""
_INFORMATION: Final = (950.0, 1400.0, 1800.0)
_INFORMATION_WIDTH: Final = 45.0
_INFORMATION_TICKS: Final = 10
"""Hz of the three tones one after the other that say that a number cannot be reached (ITU-T E.180 section 8), how far
they are off, and ticks after which each is sure; they last 330 ms."""

_SURE_HUMAN: Final = (0.96, 0.95, 0.92, 0.93, 0.7)
"""Share of right decisions for a person, by the same lengths as the pauses."""
_SURE: Final = {
    "greeting": 0.98,
    "words": 0.98,
    "music": 0.99,
    "beep": 0.98,
    "fax": 0.99,
    "tone": 0.99,
    "silence": 0.5,
    "timeout": 0.5,
}
"""Share of right decisions by their reason; where nothing is known, half."""


class Found(NamedTuple):
    """Something is certain of a row."""

    row: int
    answerer: Who
    confidence: float
    """0 to 1."""
    final: bool
    """Nothing more comes."""
    beep_end: int | None
    """End of the machine's beep, in samples from the first of the frame just given, below 0; None: there was none."""
    reason: str
    """What decided: ``greeting`` (too long), ``words`` (too many sentences), ``music``, ``pause``, ``beep``, ``fax``,
    ``tone`` (that tells that the number cannot be reached), ``silence`` (nobody speaks), ``quiet`` (no beep comes),
    ``timeout``."""


_STATE: Final = np.dtype(
    [
        ("voice", voice.VOICE),
        ("beep", beep.BEEP),
        ("waits", "?"),  # for a beep
        ("machine", "?"),  # it is one, its beep is waited for
        ("sure", "f4"),  # how sure that is
        ("tone", "i1"),  # tones of an information tone that were heard
    ]
)


class AnswererDetector:
    """Detectors of the rows that ask for one."""

    def __init__(self, rows: int) -> None:
        self._before: NDArray[np.float32] = np.zeros((rows, FRAME), np.float32)
        self._state: NDArray[Any] = np.zeros(rows, _STATE)

    def listen(self, row: int, mode: Mode) -> None:
        """Begin anew on ``row``."""
        self._before[row] = 0
        self._state[row] = np.zeros((), _STATE)
        self._state[row]["waits"] = mode == "beep"

    def process(self, samples: NDArray[np.float32], rows: NDArray[np.intp]) -> list[Found]:
        """Hear one frame of each of ``rows``, (n, 160) at 16-bit scale, none twice: what became certain."""
        sounds = look(np.concatenate((self._before[rows], samples), axis=1))
        self._before[rows] = samples
        s = self._state[rows]
        tones = beep.follow(s["beep"], sounds)
        voice.follow(s["voice"], sounds, tones.pure, tones.sounds)
        found = _decide(s, tones.over, rows)
        self._state[rows] = s
        return found


def _decide(s: NDArray[Any], beeped: NDArray[np.bool_], rows: NDArray[np.intp]) -> list[Found]:
    v, b = s["voice"], s["beep"]
    ticks, spoken, open_ = v["ticks"], v["onset"] > 0, ~s["machine"]
    span = np.where(spoken, v["last"] - v["onset"] + 1, 0)
    pause = np.where(spoken, ticks - v["last"], 0)
    tonal = (b["run"] > 1) | (b["pieces"] > 0)
    length = np.searchsorted(_SPANS, span, side="right")
    music = v["sung"] > _TUNEFUL * v["voice"]
    faint = (v["voice"] < _SYLLABLE) | music
    wanted = np.where(faint, _LONG_PAUSE, _PAUSES[length])
    ring = (v["sung"] > _NO_VOICE * v["voice"]) & (v["onset"] <= _AT_ONCE) & (v["voice"] < _RING)
    human = open_ & spoken & (pause >= wanted) & ~tonal & ~ring
    flows = open_ & (v["voice"] >= _SPEECH)
    long = flows & (span >= _MONOLOGUE)
    many = flows & (span >= _SENTENCES) & (v["longest"] >= _BETWEEN)
    fax = (b["run"] >= _FAX_TICKS) & (np.abs(b["hz"] - _FAX) < _FAX_WIDTH)
    fax |= (b["near"] >= _FAX_TICKS) & (np.abs(b["rough"] - _FAX) < _FAX_WIDTH)
    cannot = _cannot_be_reached(s)
    rings = (b["piece"] > _RINGING[0]) & (b["piece"] < _RINGING[1])
    rings |= (b["rough"] > _RINGING[0]) & (b["rough"] < _RINGING[1])
    greeted = (v["voice"] >= _SAID) & (~rings | (v["voice"] >= 2 * _SAID))
    greeted &= ~music
    beeped = beeped & (~open_ | greeted | (~spoken & (ticks > _ALONE) & ~rings))
    tune = open_ & music & (v["voice"] >= _TUNE)
    silent = open_ & ~spoken & (ticks >= NOBODY_SPEAKS) & ~tonal
    late = open_ & (ticks >= UNDECIDED)
    quiet = ~open_ & (ticks - v["last"] >= NO_BEEP) & ~tonal
    endless = ~open_ & (ticks >= LONGEST_GREETING)
    told = human | long | many | tune | fax | cannot | beeped | silent | late | quiet | endless
    found: list[Found] = []
    for at in np.flatnonzero(told).tolist():
        row, waits, was = int(rows[at]), bool(s["waits"][at]), not open_[at]
        if beeped[at]:
            sure = float(s["sure"][at]) if was else _SURE["beep"]
            if waits and not was:
                found.append(Found(row, "machine", sure, False, None, "beep"))
            end = beep.ended(int(b["gap"][at])) if waits else None
            found.append(Found(row, "machine", sure, True, end, "beep"))
        elif fax[at] or cannot[at]:
            reason = "fax" if fax[at] else "tone"
            found.append(Found(row, "machine", _SURE[reason], True, None, reason))
        elif human[at]:
            found.append(Found(row, "human", _SURE_HUMAN[length[at]], True, None, "pause"))
        elif long[at] or many[at] or tune[at]:
            reason = "greeting" if long[at] else "words" if many[at] else "music"
            s["machine"][at], s["sure"][at] = True, _SURE[reason]
            found.append(Found(row, "machine", _SURE[reason], not waits, None, reason))
        elif was:
            reason = "quiet" if quiet[at] else "timeout"
            found.append(Found(row, "machine", float(s["sure"][at]), True, None, reason))
        else:
            reason = "silence" if silent[at] else "timeout"
            found.append(Found(row, "unknown", _SURE[reason], True, None, reason))
    return found


def _cannot_be_reached(s: NDArray[Any]) -> NDArray[np.bool_]:
    """Where the third of the three tones was heard in this frame."""
    b, stage = s["beep"], s["tone"]
    sure = (b["run"] == _INFORMATION_TICKS, b["near"] == _INFORMATION_TICKS)
    for heard, frequency in enumerate(_INFORMATION):
        sounds = sure[0] & (np.abs(b["hz"] - frequency) < _INFORMATION_WIDTH)
        sounds |= sure[1] & (np.abs(b["rough"] - frequency) < _INFORMATION_WIDTH)
        stage[:] = np.where((stage == heard) & sounds, heard + 1, stage)
    reached: NDArray[np.bool_] = (stage == len(_INFORMATION)) & (sure[0] | sure[1])
    return reached
