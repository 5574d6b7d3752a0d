"""Sound cards of a test: what PortAudio would tell, with callbacks that come when the test says so."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from media.devices.cards import CardError, CardInfo, CardStream, Heard, Wanted

__all__ = ["FakeHost", "FakeStream", "card"]


def card(index: int, name: str, inputs: int = 1, outputs: int = 1, default: bool = False) -> CardInfo:
    """A device as PortAudio lists it."""
    return CardInfo(index, name, inputs, outputs, 48000, default and inputs > 0, default and outputs > 0)


class FakeStream:
    """An open stream of a fake card."""

    def __init__(self, host: FakeHost, name: str, rate: int, channels: int) -> None:
        self._host = host
        self.name = name
        self.rate = rate
        self.channels = channels
        self.open = True

    def close(self) -> None:
        self.open = False
        self._host.closed += 1
        if self._host.hang.is_set():
            self._host.hung.wait(10)


class FakeHost:
    """Cards that come and go; `block` is the card's clock."""

    def __init__(self, there: Iterable[CardInfo], rate: int = 48000) -> None:
        self.there = list(there)
        self.rate = rate
        self.listed = self.closed = 0
        self.blocks: list[float] = []
        """Seconds of a callback, of each opening."""
        self.broken = False
        """Opening fails."""
        self.hang, self.hung = threading.Event(), threading.Event()
        """Closing does not come back while `hang` is set, until `hung` is."""
        self.sounded: list[NDArray[np.int16]] = []
        self._heard: tuple[FakeStream, Heard] | None = None
        self._wanted: tuple[FakeStream, Wanted] | None = None

    def cards(self, *, again: bool = False) -> list[CardInfo]:
        self.listed += 1
        return list(self.there)

    def listen(self, card: CardInfo, channels: int, block: float, heard: Heard) -> CardStream:
        self.blocks.append(block)
        stream = self._open(card, channels)
        self._heard = stream, heard
        return stream

    def sound(self, card: CardInfo, channels: int, block: float, wanted: Wanted) -> CardStream:
        stream = self._open(card, channels)
        self._wanted = stream, wanted
        return stream

    @property
    def open(self) -> list[FakeStream]:
        """Streams that are open."""
        if self._heard is None or self._wanted is None:
            return []
        return [stream for stream in (self._heard[0], self._wanted[0]) if stream.open]

    def block(self, samples: NDArray[np.int16] | int = 0, count: int = 480, lost: bool = False) -> None:
        """One callback each way: the card hears ``samples`` (or a level) on all channels, and what it sounds is kept
        as (count, channels)."""
        if self._heard is None or self._wanted is None:
            return
        (hearing, heard), (sounding, wanted) = self._heard, self._wanted
        if hearing.open:
            mono = np.full(count, samples, np.int16) if isinstance(samples, int) else samples
            heard(np.repeat(mono[:, None], hearing.channels, axis=1).tobytes(), lost)
        if sounding.open:
            self.sounded.append(np.frombuffer(wanted(count, lost), np.int16).reshape(count, sounding.channels))

    def _open(self, card: CardInfo, channels: int) -> FakeStream:
        if self.broken:
            raise CardError(f"{card.name!r} cannot be opened as an input: it is busy")
        return FakeStream(self, card.name, self.rate, channels)
