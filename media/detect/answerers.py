"""Who answered, decided for each row from how it sounds: greeting, pauses, tones."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from media.detect import beep, voice
from media.detect.spectrum import FRAME, look

__all__ = ["FRAME", "AnswererDetector", "Found", "Mode"]

Mode = Literal["fast", "beep"]
Who = Literal["human", "machine", "unknown"]

_TICKS: Final = 50
"""A second."""
NOBODY_SPEAKS: Final = 5 * _TICKS
"""Ticks after which it is not known who keeps silent: people speak within 3 s."""
UNDECIDED: Final = 8 * _TICKS
"""Ticks after which it stays unknown who speaks."""
NO_BEEP: Final = 3 * _TICKS
"""Ticks of silence after a machine's greeting after which no beep comes."""
LONGEST_GREETING: Final = 60 * _TICKS
"""Ticks after which a machine's greeting is not waited out."""
FAX: Final = 2100.0
"""Hz by which a fax machine answers (ITU-T T.30 section 4.3.3.2), for 2.6 to 4 s."""
FAX_TICKS: Final = 50


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
    """What decided."""


_STATE: Final = np.dtype(
    [("voice", voice.VOICE), ("beep", beep.BEEP), ("waits", "?"), ("machine", "?"), ("sure", "f4"), ("mute", "i4")]
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
        found = self._decide(s, tones.over, rows)
        self._state[rows] = s
        return found

    def _decide(self, s: NDArray[Any], heard: NDArray[np.bool_], rows: NDArray[np.intp]) -> list[Found]:
        v = s["voice"]
        ticks, spoken = v["ticks"], v["onset"] > 0
        span = np.where(spoken, v["last"] - v["onset"] + 1, 0)
        pause = np.where(spoken, ticks - v["last"], 0)
        undecided = ~s["machine"]
        needed = np.select([span < 40, span < 60, span < 80], [42, 48, 54], 60)
        tonal = (s["beep"]["run"] > 1) | (s["beep"]["pieces"] > 0)
        human = undecided & spoken & (pause >= needed) & ~tonal
        machine = undecided & (span >= 190)
        silent = undecided & ~spoken & (ticks >= NOBODY_SPEAKS)
        late = undecided & (ticks >= UNDECIDED)
        fax = undecided & (s["beep"]["run"] >= FAX_TICKS) & (np.abs(s["beep"]["hz"] - FAX) < 30)
        quiet = ~undecided & (ticks - np.maximum(v["last"], 1) >= NO_BEEP) & (s["beep"]["run"] + s["beep"]["pieces"] == 0)
        endless = ~undecided & (ticks >= LONGEST_GREETING)
        heard = heard & ((v["voice"] >= 30) | ~undecided | (~spoken & (ticks > 50)))
        any_ = human | machine | silent | late | fax | heard | quiet | endless
        found: list[Found] = []
        for at in np.flatnonzero(any_).tolist():
            row, waits = int(rows[at]), bool(s["waits"][at])
            if heard[at]:
                sure = 0.97 if undecided[at] else float(s["sure"][at])
                if undecided[at] and waits:
                    found.append(Found(row, "machine", sure, False, None, "beep"))
                end = beep.ended(int(s["beep"]["gap"][at])) if waits else None
                found.append(Found(row, "machine", sure, True, end, "beep"))
            elif human[at]:
                found.append(Found(row, "human", 0.9, True, None, "pause"))
            elif machine[at] or fax[at]:
                final = not waits or bool(fax[at])
                s["machine"][at] = True
                s["sure"][at] = 0.95
                found.append(Found(row, "machine", 0.95, final, None, "fax" if fax[at] else "greeting"))
            elif quiet[at] or endless[at]:
                reason = "quiet" if quiet[at] else "timeout"
                found.append(Found(row, "machine", float(s["sure"][at]), True, None, reason))
            else:
                found.append(Found(row, "unknown", 0.5, True, None, "silence" if silent[at] else "timeout"))
        return found
