"""What a detector says of answered calls, and how right it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from media.detect import FRAME, AnswererDetector, Mode
from tests.kit.greetings import Sample

__all__ = ["Heard", "Score", "beeps", "hear", "score"]

RATE = 8000
TICK = FRAME / RATE
SOON = 0.3
"""Seconds within which the end of a beep is to be told."""
_RIGHT = {"human": "human", "machine": "machine", "neither": "unknown"}


@dataclass
class Heard:
    """What was told of one call."""

    answerer: str = ""
    """Empty: the call ended before anything was."""
    confidence: float = 0.0
    at: float = 0.0
    """Seconds after the answer of the first decision."""
    reason: str = ""
    last: str = ""
    """Reason of the final one."""
    final_at: float = 0.0
    beep_end: float | None = None


def hear(samples: Sequence[Sample], mode: Mode, together: int = 300) -> list[Heard]:
    """Every call through one detector, many at a time, as the plane does it."""
    found: list[Heard] = []
    for first in range(0, len(samples), together):
        found += _hear(samples[first : first + together], mode)
    return found


def _hear(samples: Sequence[Sample], mode: Mode) -> list[Heard]:
    detector = AnswererDetector(len(samples))
    heard = [Heard() for _ in samples]
    lengths = np.array([len(sample.sound) // FRAME for sample in samples])
    frames = np.zeros((len(samples), int(lengths.max(initial=0)), FRAME), np.float32)
    for row, sample in enumerate(samples):
        detector.listen(row, mode)
        frames[row, : lengths[row]] = sample.sound[: lengths[row] * FRAME].reshape(-1, FRAME)
    listens = np.ones(len(samples), np.bool_)
    for tick in range(frames.shape[1]):
        rows = np.flatnonzero(listens & (lengths > tick))
        if not rows.size:
            break
        for said in detector.process(frames[rows, tick], rows):
            each, now = heard[said.row], (tick + 1) * TICK
            if not each.answerer:
                each.answerer, each.confidence, each.at, each.reason = said.answerer, said.confidence, now, said.reason
            if said.final:
                listens[said.row] = False
                each.final_at, each.last = now, said.reason
                if said.beep_end is not None:
                    each.beep_end = tick * TICK + said.beep_end / RATE
    return heard


@dataclass
class Score:
    """How right the decisions over a set are."""

    count: int = 0
    right: int = 0
    humans: int = 0
    humans_called_machines: int = 0
    humans_unknown: int = 0
    machines: int = 0
    machines_called_humans: int = 0
    machines_unknown: int = 0
    human_seconds: tuple[float, ...] = ()
    """To the decision that a person answered."""
    machine_seconds: tuple[float, ...] = ()

    def share(self, part: int, of: int) -> float:
        """Percent."""
        return 100 * part / max(of, 1)


def score(samples: Sequence[Sample], decided: Sequence[tuple[str, float]]) -> Score:
    """Of each call what was decided (empty: it ended before) and after how many seconds.

    A caller who hung up before a decision is nobody's fault: right, as unknown is.
    """
    s = Score()
    human, machine = [], []
    for sample, (who, at) in zip(samples, decided, strict=True):
        s.count += 1
        ended = not who
        s.right += ended or who == _RIGHT[sample.label] or (sample.kind == "hung up" and who == "unknown")
        if sample.label == "human":
            s.humans += 1
            s.humans_called_machines += who == "machine"
            s.humans_unknown += who == "unknown"
            if who == "human":
                human.append(at)
        elif sample.label == "machine":
            s.machines += 1
            s.machines_called_humans += who == "human"
            s.machines_unknown += who == "unknown" or ended
            if who == "machine":
                machine.append(at)
    s.human_seconds, s.machine_seconds = tuple(human), tuple(machine)
    return s


def beeps(samples: Sequence[Sample], heard: Sequence[Heard]) -> list[tuple[Sample, Heard, bool]]:
    """Calls with a beep that were not decided to be a person's, and whether its end was told in time and place."""
    return [
        (sample, each, each.beep_end is not None and _soon(sample, each))
        for sample, each in zip(samples, heard, strict=True)
        if sample.beep_end is not None and each.answerer == "machine"
    ]


def _soon(sample: Sample, each: Heard) -> bool:
    assert sample.beep_end is not None and each.beep_end is not None
    return abs(each.beep_end - sample.beep_end) <= SOON and -0.1 <= each.final_at - sample.beep_end <= SOON
