"""Sound cards of this machine, by PortAudio (PyAudio): what there is, which one is meant, and its two streams.

PortAudio belongs to the process: it sees cards that were plugged in later only when it is started anew, which ends the
streams of everybody. So one :class:`PortAudio` is shared, and starts anew while no stream is open.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, Protocol

from media.errors import MediaError

__all__ = ["BLOCKS", "CardError", "CardHost", "CardInfo", "CardStream", "PortAudio", "choose", "list_cards"]

Direction = Literal["input", "output"]

BLOCKS: Final = (0.02, 0.04, 0.01)
"""Seconds of sound in one callback, tried in turn. With 10 ms a machine that does other things loses sound within the
sound system: PortAudio keeps two blocks there. And a sound system whose own pieces are longer than what is kept asks
for none at all, and says nothing."""

_RATES: Final = (48000, 44100, 16000, 8000, 32000)
"""Tried in turn: the first is what most cards have a crystal for, so that nobody else converts."""


class CardError(MediaError):
    """A sound card is not there, or cannot be opened; the text says what there is."""


@dataclass(frozen=True, slots=True)
class CardInfo:
    """One device of PortAudio."""

    index: int
    """Its number, which changes when devices come and go."""
    name: str
    """As PortAudio tells it."""
    inputs: int
    """Channels that hear; 0: none."""
    outputs: int
    """Channels that sound; 0: none."""
    rate: int
    """Samples a second that it likes best, as PortAudio tells it."""
    default_input: bool = False
    """Taken where no input is named."""
    default_output: bool = False
    """Taken where no output is named."""

    def channels(self, direction: Direction) -> int:
        """How many channels it has that way."""
        return self.inputs if direction == "input" else self.outputs


Heard = Callable[[bytes, bool], None]
"""Takes a block, int16, channels interleaved; true: the sound system has lost some before it."""
Wanted = Callable[[int, bool], bytes]
"""Gives so many samples of each channel, int16, channels interleaved; true: the sound system had none for a while."""


class CardStream(Protocol):
    """An open stream."""

    rate: int
    """Samples a second."""
    channels: int
    """Channels of its blocks."""

    def close(self) -> None:
        """End it; no callback comes any more. May take a moment."""


class CardHost(Protocol):
    """Where cards are; PortAudio, or that of a test."""

    def cards(self, *, again: bool = False) -> list[CardInfo]:
        """The devices; ``again``: look anew, where no stream is open."""

    def listen(self, card: CardInfo, channels: int, block: float, heard: Heard) -> CardStream:
        """Open the input, ``block`` seconds for each callback. CardError where that fails."""

    def sound(self, card: CardInfo, channels: int, block: float, wanted: Wanted) -> CardStream:
        """Open the output, likewise. CardError where that fails."""


def list_cards() -> list[CardInfo]:
    """The sound devices of this machine. CardError where PyAudio is not installed or PortAudio does not start."""
    return PortAudio.shared().cards(again=True)


def choose(wanted: str | int | None, direction: Direction, there: Sequence[CardInfo]) -> CardInfo:
    """The device that is meant: by its number, its name, or a part of its name, capitals or not; None: the default.

    CardError where there is none, or where a part of a name fits several: the text lists what there is.
    """
    able = [card for card in there if card.channels(direction) > 0]
    if wanted is None or wanted == "":
        found = [card for card in able if (card.default_input if direction == "input" else card.default_output)]
        found = found or able[:1]
    elif isinstance(wanted, int) or wanted.isdecimal():
        found = [card for card in able if card.index == int(wanted)]
    else:
        small = wanted.casefold()
        found = [card for card in able if card.name == wanted] or [c for c in able if c.name.casefold() == small]
        found = found[:1] or [card for card in able if small in card.name.casefold()]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{card.index} {card.name!r}" for card in able) or "none"
    if found:
        raise CardError(f"{wanted!r} is part of several {direction} devices; there are: {listed}")
    what = f"no {direction} device" if wanted is None or wanted == "" else f"no {direction} device {wanted!r}"
    raise CardError(f"{what}; there are: {listed}")


@cache
def _quiet() -> None:
    """Keep C libraries from writing to standard error: ALSA and JACK tell of each device that is not there, and a
    PortAudio whose device vanished may write a line 300,000 times a second. Python does not write by C's ``stderr``."""
    with contextlib.suppress(OSError, AttributeError, ValueError):  # where C keeps it elsewhere, all is as it was
        program = ctypes.CDLL(None)
        program.fopen.restype = ctypes.c_void_p
        nowhere = program.fopen(os.devnull.encode(), b"w")
        if nowhere:
            ctypes.c_void_p.in_dll(program, "stderr").value = nowhere


class PortAudio:
    """PortAudio of this process."""

    _one: PortAudio | None = None
    _making = threading.Lock()

    @classmethod
    def shared(cls) -> PortAudio:
        """The one of this process. CardError where PyAudio is not installed."""
        with cls._making:
            if cls._one is None:
                cls._one = cls()
            return cls._one

    def __init__(self) -> None:
        try:
            import pyaudio
        except ImportError:
            raise CardError(
                "sound cards need PyAudio: pip install 'ivr[phone]' (Debian: portaudio19-dev, gcc)"
            ) from None
        self._pyaudio = pyaudio
        self._lock = threading.Lock()
        self._running: Any = None
        self._streams = 0

    def cards(self, *, again: bool = False) -> list[CardInfo]:
        """The devices; ``again``: PortAudio starts anew, where no stream is open."""
        with self._lock:
            running = self._start(again)
            inputs = self._default(running.get_default_input_device_info)
            outputs = self._default(running.get_default_output_device_info)
            found = [running.get_device_info_by_index(index) for index in range(running.get_device_count())]
        return [
            CardInfo(
                index=int(info["index"]),
                name=str(info["name"]),
                inputs=int(info["maxInputChannels"]),
                outputs=int(info["maxOutputChannels"]),
                rate=int(info["defaultSampleRate"]),
                default_input=info["index"] == inputs,
                default_output=info["index"] == outputs,
            )
            for info in found
        ]

    def listen(self, card: CardInfo, channels: int, block: float, heard: Heard) -> CardStream:
        """Open an input; CardError where PortAudio refuses every rate."""
        more = self._pyaudio.paContinue

        def callback(data: bytes, count: int, times: object, status: int) -> tuple[None, int]:
            with contextlib.suppress(Exception):  # PyAudio ends the stream on an exception, and nobody is told
                heard(data, bool(status))
            return None, more

        return self._open(card, channels, "input", block, callback)

    def sound(self, card: CardInfo, channels: int, block: float, wanted: Wanted) -> CardStream:
        """Open an output; CardError where PortAudio refuses every rate."""
        more = self._pyaudio.paContinue
        size = 2 * channels

        def callback(data: None, count: int, times: object, status: int) -> tuple[bytes, int]:
            try:
                return wanted(count, bool(status)), more
            except Exception:
                return bytes(count * size), more

        return self._open(card, channels, "output", block, callback)

    def _open(
        self, card: CardInfo, channels: int, direction: Direction, block: float, callback: Callable[..., Any]
    ) -> CardStream:
        why = ""
        with self._lock:
            running = self._start(False)
            for rate in _RATES:
                try:
                    stream = running.open(
                        rate=rate,
                        channels=channels,
                        format=self._pyaudio.paInt16,
                        frames_per_buffer=round(rate * block),
                        stream_callback=callback,
                        **{direction: True, f"{direction}_device_index": card.index},
                    )
                except (OSError, ValueError) as error:
                    why = str(error)
                    continue
                self._streams += 1
                return _Stream(self, stream, rate, channels)
        raise CardError(f"{card.name!r} cannot be opened as an {direction}: {why}")

    def _start(self, again: bool) -> Any:
        if again and self._running is not None and not self._streams:
            self._running.terminate()
            self._running = None
        if self._running is None:
            _quiet()
            self._running = self._pyaudio.PyAudio()
        return self._running

    def _default(self, ask: Callable[[], Any]) -> int:
        try:
            return int(ask()["index"])
        except OSError:
            return -1

    def _closed(self) -> None:
        with self._lock:
            self._streams -= 1


class _Stream:
    """A stream of PyAudio."""

    def __init__(self, host: PortAudio, stream: Any, rate: int, channels: int) -> None:
        self._host = host
        self._stream = stream
        self.rate = rate
        self.channels = channels

    def close(self) -> None:
        """End it. The stream of a device that is gone is not stopped but closed: stopping waits for it to play."""
        try:
            self._stream.close()
        except OSError:
            pass
        finally:
            self._host._closed()
