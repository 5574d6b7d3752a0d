"""Sounds in the form in which they are sent: frames of 160 octets of one law, all in one array, so that the next frame
of every row is one gather.

A sound is companded when it is first played in a law, a second ahead at once and the rest in slices, and stays until
the room is needed. Frame 0 is silence of µ-law, frame 1 of A-law: their numbers are the laws'.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.codecs.g711 import ALAW_ENCODE, ULAW_ENCODE
from media.plane.laws import SILENCE
from media.plane.limits import FRAME

__all__ = ["Arena", "ArenaFull", "Samples", "Stored"]

CAPACITY: Final = 800_000
"""Frames: 128 MB of address space, four and a half hours of sound; only what is loaded costs memory."""
FIRST_FRAMES: Final = 100
"""Frames companded at once: two seconds, which a few ticks of slices stay ahead of."""
SLICE_FRAMES: Final = 250
"""Frames companded in one go after that: 5 s of sound in 0.05 ms of work."""
SLICES: Final = 4
"""Such goes in one half tick: two hundred sounds may be new at once before one of them is played faster than made."""

_ENCODE: Final = (ULAW_ENCODE, ALAW_ENCODE)

Samples = NDArray[np.int16]
"""Linear samples of a sound, usually a memory map."""


class ArenaFull(Exception):  # noqa: N818
    """What plays now leaves no room for this sound."""


@dataclass(slots=True, eq=False)
class Stored:
    """A sound of one law in the arena."""

    name: str
    """What it is called: its path."""
    first: int
    """Its first frame."""
    frames: int
    """How many frames it takes; the last is filled up with silence."""
    samples: int
    """Its true length."""
    law: int
    source: Samples | None
    """Where the frames that are not yet companded come from."""
    ready: int = 0
    """Frames that are companded."""
    users: int = 0
    """Plays that hold it."""


class Arena:
    """The array and what is where in it."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.frames: NDArray[np.uint8] = np.zeros((capacity, FRAME), np.uint8)
        self.frames[: len(SILENCE)] = SILENCE[:, None]
        self._stored: OrderedDict[tuple[str, int], Stored] = OrderedDict()
        self._free: list[tuple[int, int]] = [(len(SILENCE), capacity - len(SILENCE))]
        self._loading: list[Stored] = []

    def find(self, name: str, law: int) -> Stored | None:
        """The sound called ``name``, held for one more user, if it is here."""
        stored = self._stored.get((name, law))
        if stored is not None:
            self._stored.move_to_end((name, law))
            stored.users += 1
        return stored

    def store(self, name: str, law: int, samples: Samples) -> Stored:
        """Take a sound in, held for its first user. Raises :class:`ArenaFull`."""
        frames = -(-len(samples) // FRAME)
        stored = Stored(name, self._room(frames), frames, len(samples), law, samples, users=1)
        self._stored[name, law] = stored
        self._compand(stored, FIRST_FRAMES)
        if stored.source is not None:
            self._loading.append(stored)
        return stored

    def drop(self, stored: Stored) -> None:
        """One user less."""
        stored.users -= 1

    def work(self) -> None:
        """Compand some more of the sounds that are not yet complete, in turn."""
        for _ in range(min(SLICES, len(self._loading))):
            stored = self._loading.pop(0)
            self._compand(stored, SLICE_FRAMES)
            if stored.source is not None:
                self._loading.append(stored)

    def ensure(self, stored: Stored, frame: int) -> None:
        """Compand at once up to some way after ``frame`` of the sound."""
        while stored.source is not None and stored.ready < frame + FIRST_FRAMES:
            self._compand(stored, SLICE_FRAMES)
        if stored.source is None and stored in self._loading:
            self._loading.remove(stored)

    def _compand(self, stored: Stored, frames: int) -> None:
        source = stored.source
        if source is None:
            return
        end = min(stored.ready + frames, stored.frames)
        octets = _ENCODE[stored.law][np.ascontiguousarray(source[stored.ready * FRAME : end * FRAME]).view(np.uint16)]
        place = self.frames[stored.first + stored.ready : stored.first + end].reshape(-1)
        place[: len(octets)] = octets
        place[len(octets) :] = SILENCE[stored.law]
        stored.ready = end
        if end == stored.frames:
            stored.source = None

    def _room(self, frames: int) -> int:
        """First frame of a free stretch; sounds that nobody plays leave for it, the longest unused first."""
        idle = [key for key, stored in self._stored.items() if not stored.users]
        while True:
            for index, (first, length) in enumerate(self._free):
                if length >= frames:
                    if length == frames:
                        del self._free[index]
                    else:
                        self._free[index] = (first + frames, length - frames)
                    return first
            if not idle:
                raise ArenaFull
            self._evict(idle.pop(0))

    def _evict(self, key: tuple[str, int]) -> None:
        stored = self._stored.pop(key)
        if stored.source is not None:
            self._loading.remove(stored)
            stored.source = None
        merged: list[tuple[int, int]] = []
        for first, length in sorted([*self._free, (stored.first, stored.frames)]):
            if merged and sum(merged[-1]) == first:
                merged[-1] = (merged[-1][0], merged[-1][1] + length)
            else:
                merged.append((first, length))
        self._free = merged
