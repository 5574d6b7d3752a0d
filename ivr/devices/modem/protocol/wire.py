"""What a modem says, cut into lines, codes and samples; and samples shielded for its ears.

In command state a modem sends lines. While it sends sound, every octet is a sample but those that DLE (0x10) shields:
DLE DLE is one sample of 0x10, DLE SUB is two of them, DLE ETX ends the sound, DLE and anything else is an event of the
line (ITU-T V.253; TIA IS-101). Codes come in command state too, once the modem is off hook.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

__all__ = ["DLE", "Code", "Item", "Line", "Mode", "Samples", "StreamEnd", "Wire", "shield"]

DLE: Final = 0x10
_ETX: Final = 0x03
_SUB: Final = 0x1A
_DLE: Final = bytes([DLE])

MAX_LINE: Final = 256
"""Longest line that is kept: results are shorter, and noise without a line end must not fill the memory."""

_LEFT: Final = (b"\r\nOK\r\n", b"\r\nVCON\r\n")
"""How a modem says that it has left the sound, when the DLE ETX before it was lost."""


class Mode(Enum):
    """What the modem does with octets."""

    COMMAND = "command"
    """Commands in, lines out."""
    TRANSMIT = "transmit"
    """Samples in (+VTX), codes out."""
    RECEIVE = "receive"
    """Samples out (+VRX)."""
    DUPLEX = "duplex"
    """Samples both ways (+VTR)."""

    @property
    def hears(self) -> bool:
        """Samples come from the modem."""
        return self in (Mode.RECEIVE, Mode.DUPLEX)

    @property
    def sounds(self) -> bool:
        """Samples go to the modem."""
        return self in (Mode.TRANSMIT, Mode.DUPLEX)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text."""

    text: str
    """Without its end; never empty."""


@dataclass(frozen=True, slots=True)
class Code:
    """A shielded code."""

    code: str
    """The character after DLE."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Sound."""

    data: bytes
    """Octets without shields, in the format of +VSM."""


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """The modem has ended the sound; the wire is in command state."""


Item = Line | Code | Samples | StreamEnd


def shield(samples: bytes) -> bytes:
    """Samples as they are sent: each 0x10 twice."""
    return samples.replace(_DLE, _DLE + _DLE)


class Wire:
    """Cuts up what comes. It may come in any pieces: what a piece leaves open is kept."""

    def __init__(self) -> None:
        self.mode = Mode.COMMAND
        """Where the octets that come next belong."""
        self.awaited = Mode.COMMAND
        """The state that the next CONNECT means; set with the command that asks for it."""
        self.leaving = False
        """The end of the sound was asked for: a modem whose DLE ETX is lost is known by its OK."""
        self._shielded = False
        self._text = bytearray()
        self._last = b""
        self._line_feed = False

    def enter(self, mode: Mode) -> None:
        """The modem is in another state from here on."""
        self.mode = mode
        self.awaited = Mode.COMMAND
        self.leaving = self._line_feed = False
        self._text.clear()
        self._last = b""

    def feed(self, data: bytes) -> list[Item]:
        """Octets of the modem, in order; items in order."""
        items: list[Item] = []
        if data and self._line_feed:  # of the CONNECT before the samples
            self._line_feed = False
            data = data.removeprefix(b"\n")
        while data:
            data = self._stream(data, items) if self.mode.hears else self._lines(data, items)
        return items

    def _lines(self, data: bytes, items: list[Item]) -> bytes:
        for at, octet in enumerate(data):
            if self._shielded:
                self._shielded = False
                items.append(Code(chr(octet)) if octet != _ETX else StreamEnd())
            elif octet == DLE:
                self._shielded = True
            elif octet in b"\r\n":
                text = self._text.decode("latin-1").strip()
                self._text.clear()
                if text:
                    items.append(Line(text))
                    if text.startswith("CONNECT") and self.awaited is not Mode.COMMAND:
                        self.enter(self.awaited)
                        rest = data[at + 1 :]
                        self._line_feed = not rest and octet == 0x0D
                        return rest.removeprefix(b"\n") if octet == 0x0D else rest
            elif octet and len(self._text) < MAX_LINE:
                self._text.append(octet)
        return b""

    def _stream(self, data: bytes, items: list[Item]) -> bytes:
        if self.leaving:
            joined = self._last + data
            for word in _LEFT:
                found = joined.find(word)
                if found < 0:
                    continue
                end = found + len(word) - len(self._last)
                rest = self._samples(data[: max(found - len(self._last), 0)], items)
                if self.mode.hears:
                    self.enter(Mode.COMMAND)
                    items.extend((StreamEnd(), Line(word.decode().strip())))
                    return data[end:]
                return rest + data[max(found - len(self._last), 0) :]
        rest = self._samples(data, items)
        self._last = (self._last + data)[-8:] if self.mode.hears else b""
        return rest

    def _samples(self, data: bytes, items: list[Item]) -> bytes:
        """Take samples; what follows the end of the sound is given back."""
        sound = bytearray()
        at = 0
        while at < len(data):
            if self._shielded:
                self._shielded = False
                octet = data[at]
                at += 1
                if octet == DLE:
                    sound.append(DLE)
                elif octet == _SUB:
                    sound += _DLE + _DLE
                else:
                    if sound:
                        items.append(Samples(bytes(sound)))
                        sound.clear()
                    if octet == _ETX:
                        items.append(StreamEnd())
                        self.enter(Mode.COMMAND)
                        return data[at:]
                    items.append(Code(chr(octet)))
                continue
            shield_at = data.find(_DLE, at)
            end = len(data) if shield_at < 0 else shield_at
            sound += data[at:end]
            at = end + 1
            self._shielded = shield_at >= 0
        if sound:
            items.append(Samples(bytes(sound)))
        return b""
