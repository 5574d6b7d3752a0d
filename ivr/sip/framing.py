"""Messages cut out of a stream of octets (RFC 3261 §18.3), with the keep-alives between them (RFC 5626 §3.5.1).

Pure. The octets after Content-Length begin the next message, so a length that is missing or cannot be read leaves
nothing that could be trusted: the stream ends there.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from ivr.sip.parser import MAX_HEAD, MAX_MESSAGE

__all__ = ["Framer", "FramingError", "Sign"]

_EMPTY_LINES: Final = re.compile(rb"(?:\r\n)+")
_LENGTHS: Final = re.compile(rb"\r\n(?:content-length|l)[ \t]*:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)", re.IGNORECASE)
_LENGTH: Final = re.compile(rb"[0-9]{1,10}")
_START: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")
"""Octets that a method or `SIP/2.0` begins with: anything else is another protocol (a TLS hello begins with 22)."""
_END: Final = b"\r\n\r\n"


class Sign(Enum):
    """What stands between messages."""

    PING = "ping"
    """Two line breaks: the peer wants one in return."""
    PONG = "pong"
    """One line break: the answer to a ping of ours."""


class FramingError(Exception):
    """The stream cannot be read on; `head` is the message at fault as far as its headers came, empty where that is no
    SIP, `status` what its sender is told."""

    def __init__(self, text: str, status: int = 400, head: bytes = b"") -> None:
        super().__init__(text)
        self.status = status
        self.head = head


class Framer:
    """One direction of one stream. Feed octets, take messages until there is none; work is linear in the octets, and no
    more is kept than one message and what was fed last."""

    __slots__ = ("_buffer", "_looked", "_need", "awaits_pong")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._looked = 0
        """Octets that were searched for the end of the headers already."""
        self._need = 0
        """Octets of the message in progress; 0 before its headers are complete."""
        self.awaits_pong = False
        """Set when a ping was sent: the next single line break answers it."""

    @property
    def partial(self) -> bool:
        """Whether a message has begun that is not complete. Line breaks begin none."""
        return self._need > 0 or len(self._buffer) > 3 or (bool(self._buffer) and self._buffer[0] != 13)

    def feed(self, data: bytes) -> None:
        """Octets as they came."""
        self._buffer += data

    def next(self) -> bytes | Sign | None:
        """The next message or sign; None until more comes. Raises FramingError, after which the stream is over."""
        buffer = self._buffer
        if self._need == 0:
            if buffer[:1] == b"\r" and (sign := self._skip_empty_lines()) is not None:
                return sign
            if not buffer or (buffer[0] == 13 and len(buffer) < 4):
                return None
            self._read_head()
        if self._need == 0 or len(buffer) < self._need:
            return None
        message = bytes(buffer[: self._need])
        del buffer[: self._need]
        self._need = self._looked = 0
        return message

    def _skip_empty_lines(self) -> Sign | None:
        match = _EMPTY_LINES.match(self._buffer)
        if match is None:
            return None
        count = match.end() // 2
        if self.awaits_pong:
            self.awaits_pong = False
            del self._buffer[:2]
            return Sign.PONG
        if count == 1:
            # Half a ping, or an empty line before a message (§7.5).
            if len(self._buffer) > 3 or (len(self._buffer) == 3 and self._buffer[2] != 13):
                del self._buffer[:2]
            return None
        # However many pings came at once, one answer tells that we are there.
        del self._buffer[: count // 2 * 4]
        return Sign.PING

    def _read_head(self) -> None:
        buffer = self._buffer
        if buffer[0] not in _START:
            raise FramingError("not SIP")
        end = buffer.find(_END, max(0, self._looked - 3))
        if end < 0:
            self._looked = len(buffer)
            if self._looked > MAX_HEAD:
                raise FramingError("headers too large", 513, bytes(buffer[:MAX_HEAD]))
            return
        head = bytes(buffer[: end + 4])
        if end > MAX_HEAD:
            raise FramingError("headers too large", 513, head[:MAX_HEAD])
        first = head[: head.index(b"\r\n")]
        if b"SIP/" not in first.upper():
            raise FramingError("not SIP")
        found = _LENGTHS.findall(head)
        if not found:
            raise FramingError("no Content-Length", head=head)
        text = found[0].strip(b" \t\r\n")
        if len(found) > 1 or _LENGTH.fullmatch(text) is None:
            raise FramingError("malformed Content-Length", head=head)
        size = int(text)
        if len(head) + size > MAX_MESSAGE:
            raise FramingError("message too large", 513, head)
        self._need = len(head) + size
