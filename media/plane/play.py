"""Plays: lists of sounds, with loops and pauses, as stretches of arena frames that a row walks through.

While a row walks nothing here runs; it is asked again only where a stretch ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from media.plane.arena import Arena, ArenaFull, Samples, Stored
from media.plane.limits import FRAME, TICK
from media.plane.rows import Rows

__all__ = ["MAX_SOUNDS", "Player"]

MAX_SOUNDS: Final = 256
"""Sounds of one play: a spoken number of many parts is a dozen; the list must fit one packet of the protocol."""


@dataclass(slots=True, eq=False)
class _Play:
    number: int
    stretches: list[Stored]
    times_left: int | None
    index: int = 0
    pausing: bool = False
    """In the pause before the first round."""
    held: tuple[int, int] | None = None
    """Frame and frames left, where the play was paused."""
    heard: int = 0
    """Samples of stretches that are over."""
    wide: list[Samples | None] | None = None
    """The stretches at 16 kHz, None for those of which there is no such sound; of a wide row."""
    goes_on: list[tuple[str, int]] | None = None
    """Its sounds, where the next play of the same goes on where this one is cut off."""
    start: tuple[int, int] | None = None
    """Stretch and frame of it where it begins, if not at the beginning."""
    passed: int = 0
    """Samples of the stretch before that frame."""
    done: bool = False
    began: float = 0.0
    """When its first packet is sent; 0: nothing was to be heard yet."""


@dataclass(slots=True, frozen=True)
class Finished:
    """A play is over."""

    row: int
    number: int
    samples: int
    """How much of it was sent."""
    reason: int
    """Index into ``PLAY_REASONS``."""
    began: float = 0.0
    """When its first packet was sent (monotonic seconds); 0: none was."""


_WIDE_FRAME: Final = 2 * FRAME
_WIDE_SILENCE: Final = np.zeros(_WIDE_FRAME, np.int16)

_COMPLETED: Final = 0
_STOPPED: Final = 1
_FAILED: Final = 2


@dataclass(slots=True)
class Player:
    """Plays of all rows. ``open_sound`` gives the samples of a path; it raises OSError."""

    rows: Rows
    arena: Arena
    open_sound: Callable[[str, int], Samples]
    open_wide: Callable[[str, int], Samples | None]
    """The same sound at 16 kHz, twice as many samples, or None where there is none."""
    next_send: float = 0.0
    """When the packets that are built now are sent (monotonic seconds)."""
    _plays: dict[int, _Play] = field(default_factory=dict)
    _cut: dict[int, tuple[list[tuple[str, int]], int, int]] = field(default_factory=dict)
    """Of rows: the sounds of the last play that may be gone on with, and the stretch and frame where it was cut off."""
    _over: list[Finished] = field(default_factory=list)
    """Plays whose last frame is built; they are over once it is sent."""

    def play(
        self,
        row: int,
        number: int,
        sounds: Sequence[tuple[str, int]],
        times: int,
        pause: int,
        *,
        go_on: bool = False,
    ) -> list[Finished]:
        """Play ``sounds`` (path, samples) ``times`` times (0: for ever) after ``pause`` frames of silence; with
        ``go_on`` from where they were cut off last.

        Returns the end of what played before, and this play's own if a sound cannot be had.
        """
        ended = self.stop(row)
        law = int(self.rows.law[row])
        try:
            stretches = self._stretches(sounds, law)
        except (OSError, ValueError, ArenaFull):
            return [*ended, Finished(row, number, 0, _FAILED)]
        if row in self._plays:
            self._forget(row, self._plays[row])  # its last frame is built; its end is told after that is sent
        play = self._plays[row] = _Play(number, stretches, times or None, index=-1)
        if not sum(stored.frames for stored in stretches):
            play.times_left = 1  # nothing to hear, not even for ever
        if go_on:
            play.goes_on = list(sounds)
            known, stretch, frame = self._cut.pop(row, (None, 0, 0))
            if known == play.goes_on:
                play.start = stretch, frame
        self.rows.playing[row] = True
        if pause > 0:
            play.pausing = True
            self.rows.frame[row], self.rows.step[row], self.rows.left[row] = law, 0, pause
        else:
            self._next(row, play, self.next_send)
        return ended

    def stop(self, row: int, number: int = 0) -> list[Finished]:
        """Cut off play ``number``, or whatever plays."""
        play = self._plays.get(row)
        if play is None or (number and play.number != number) or play.done:
            return []
        heard = self._heard(row, play)
        finished = Finished(row, play.number, heard, _STOPPED, play.began if heard else 0.0)
        if play.goes_on is not None:
            self._cut[row] = (play.goes_on, *(play.start or self._place(row, play)))
        self._forget(row, play)
        return [finished]

    def pause(self, row: int, number: int = 0) -> None:
        """Silence until :meth:`resume`; the place is kept."""
        play = self._plays.get(row)
        if play is not None and play.held is None and not play.done and number in (0, play.number):
            play.held = (int(self.rows.frame[row]), int(self.rows.left[row]))
            self._silence(row)

    def resume(self, row: int, number: int = 0) -> None:
        """Go on where the play was paused."""
        play = self._plays.get(row)
        if play is not None and play.held is not None and number in (0, play.number):
            self.rows.frame[row], self.rows.left[row] = play.held
            self.rows.step[row] = not play.pausing
            self.rows.playing[row] = True
            play.held = None

    def ended(self, row: int) -> None:
        """The row has sent, or built, the last frame of its stretch."""
        play = self._plays.get(row)
        if play is not None:
            self._next(row, play, self.next_send + TICK)

    def over(self) -> list[Finished]:
        """Plays whose last frame was sent since the last call: ask after each send."""
        over, self._over = self._over, []
        for finished in over:
            play = self._plays.get(finished.row)
            if play is not None and play.number == finished.number:
                self._forget(finished.row, play)
        return over

    def forget(self, row: int) -> None:
        """The row is released."""
        play = self._plays.get(row)
        if play is not None:
            self._forget(row, play)
        self._over = [finished for finished in self._over if finished.row != row]
        self._cut.pop(row, None)

    def relaw(self, row: int) -> list[Finished]:
        """The row's law changed: what it plays goes on in the new one, or ends if that cannot be had."""
        play = self._plays.get(row)
        if play is None or play.done:
            self._silence(row)
            return []
        old, law = play.stretches, int(self.rows.law[row])
        try:
            play.stretches = self._stretches([(stored.name, stored.samples) for stored in old], law)
        except (OSError, ValueError, ArenaFull):
            finished = Finished(row, play.number, self._heard(row, play), _FAILED, play.began)
            self._forget(row, play)
            return [finished]
        for stored in old:
            self.arena.drop(stored)
        if play.held is not None:
            if not play.pausing:
                play.held = (self._move(play, old, play.held[0]), play.held[1])
            self._silence(row)
        else:
            self.rows.frame[row] = law if play.pausing else self._move(play, old, int(self.rows.frame[row]))
        return []

    def _move(self, play: _Play, old: list[Stored], frame: int) -> int:
        """Where in the play's new stretches the arena frame ``frame`` of its old ones is."""
        offset = frame - old[play.index].first
        stored = play.stretches[play.index]
        self.arena.ensure(stored, offset)
        return stored.first + offset

    def _stretches(self, sounds: Sequence[tuple[str, int]], law: int) -> list[Stored]:
        """All of ``sounds`` in the arena, each held; none if one cannot be had."""
        stretches: list[Stored] = []
        try:
            for path, samples in sounds:
                stored = self.arena.find(path, law)
                stretches.append(stored or self.arena.store(path, law, self.open_sound(path, samples)))
        except BaseException:
            for stored in stretches:
                self.arena.drop(stored)
            raise
        return stretches

    def wide_frame(self, row: int) -> Samples | None:
        """What wide row ``row`` plays in the next frame, (320,) at 16 kHz; None: nothing, or a narrow sound."""
        play = self._plays.get(row)
        if play is None or play.held is not None or play.pausing or play.done or play.index < 0:
            return None
        if play.wide is None:
            play.wide = [self.open_wide(stored.name, stored.samples) for stored in play.stretches]
        source = play.wide[play.index]
        if source is None:
            return None
        at = (int(self.rows.frame[row]) - play.stretches[play.index].first) * _WIDE_FRAME
        samples = source[at : at + _WIDE_FRAME]
        return samples if len(samples) == _WIDE_FRAME else np.concatenate((samples, _WIDE_SILENCE[len(samples) :]))

    def _next(self, row: int, play: _Play, send: float) -> None:
        """Walk on to the stretch after the pause or the one that ended, the next round, or the end. `send`: when the
        first packet of that stretch is sent."""
        rows = self.rows
        while True:
            if play.pausing:
                play.pausing = False
            elif play.index >= 0:
                play.heard += play.stretches[play.index].samples - play.passed
                play.passed = 0
            play.index += 1
            if play.start is not None:
                play.index, frame = play.start
                play.start = None
                stored = play.stretches[play.index]
                self.arena.ensure(stored, frame)
                play.passed = frame * FRAME
                play.began = play.began or send
                rows.frame[row], rows.step[row], rows.left[row] = stored.first + frame, 1, stored.frames - frame
                return
            if play.index == len(play.stretches):
                if play.times_left is not None:
                    play.times_left -= 1
                    if play.times_left == 0:
                        play.done = True
                        self._over.append(Finished(row, play.number, play.heard, _COMPLETED, play.began))
                        self._silence(row)
                        return
                play.index = -1
                continue
            stored = play.stretches[play.index]
            if stored.frames:
                play.began = play.began or send
                rows.frame[row], rows.step[row], rows.left[row] = stored.first, 1, stored.frames
                return

    def _heard(self, row: int, play: _Play) -> int:
        if play.pausing or play.index < 0:
            return play.heard
        stored = play.stretches[play.index]
        left = play.held[1] if play.held is not None else int(self.rows.left[row])
        return play.heard + min((stored.frames - left) * FRAME, stored.samples) - play.passed

    def _place(self, row: int, play: _Play) -> tuple[int, int]:
        """Stretch and frame that come next."""
        if play.pausing or play.index < 0:
            return 0, 0
        frame = play.held[0] if play.held is not None else int(self.rows.frame[row])
        return play.index, frame - play.stretches[play.index].first

    def _forget(self, row: int, play: _Play) -> None:
        for stored in play.stretches:
            self.arena.drop(stored)
        del self._plays[row]
        self._silence(row)

    def _silence(self, row: int) -> None:
        rows = self.rows
        rows.frame[row], rows.step[row], rows.left[row] = rows.law[row], 0, -1
        rows.playing[row] = False
