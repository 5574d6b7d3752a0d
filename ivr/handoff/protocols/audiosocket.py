"""AudioSocket, as Asterisk's `res_audiosocket` speaks it: `kind:u8 | length:u16 big-endian | payload` over TCP.

As *client* we are what Asterisk is to a server written for it: the UUID first, then sound and keys. As *server*
Asterisk has connected to us and said its UUID; we send sound, and 0x00 to hang up. Asterisk takes any other kind for
an error, so keys cannot be sent there; and what it ends a session for ends it here, too: whoever sends kinds that
there are not speaks something else, and what follows would be noise to the caller.

Sound of the other rates (0x11 to 0x18) is taken, and brought to the 8 kHz of the line, which is what is sent. Asterisk
gives up after two seconds without activity: sound is sent every 20 ms, silence too.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterable, Mapping
from typing import Final

from ivr.handoff.protocols.rates import RATES, ToLine
from ivr.handoff.protocols.talk import Encoding, Given, Keys, Lost, Message, Odd, Said, Speech
from ivr.handoff.protocols.wire import ABNORMAL, EVENTS, NORMAL, Closed, Happened, Opened, Received

__all__ = ["AUDIO", "DTMF", "ERROR", "HANGUP", "UUID", "AudioSocket", "AudioSocketWire", "frame"]

HANGUP: Final = 0x00
UUID: Final = 0x01
DTMF: Final = 0x03
AUDIO: Final = 0x10
ERROR: Final = 0xFF
_RATES: Final = dict(enumerate(RATES, AUDIO))
"""Samples a second of each kind of sound: slin to slin192."""
_UUID_OCTETS: Final = 16
_KEYS: Final = frozenset("0123456789*#ABCD")
_HEAD: Final = struct.Struct("!BH")
_AUDIO: Final = bytes((AUDIO,))


def frame(kind: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return _HEAD.pack(kind, len(payload)) + payload


class AudioSocketWire:
    """Cuts a byte stream into frames. A message is a frame without its length: kind and payload."""

    def __init__(self, *, named: bool = False) -> None:
        """`named`: it must begin with a UUID; one that does not is not read any further."""
        self._rest = bytearray()
        self._named = named
        self._opened = False
        self._ended = False
        self.frames = 0

    def outgoing(self) -> bytes:
        return b""

    def feed(self, data: bytes) -> None:
        self._rest += data
        self._ended = self._ended or not data

    def take(self) -> tuple[list[Happened], bool]:
        found: list[Happened] = []
        if not self._opened:
            self._opened = True
            found.append(Opened())
        self.frames = 0
        rest = self._rest
        while self.frames < EVENTS and len(rest) >= _HEAD.size:
            kind, length = _HEAD.unpack_from(rest)
            if self._named and (kind, length) != (UUID, _UUID_OCTETS):
                rest.clear()
                found.append(Closed(ABNORMAL, "its first frame is no UUID"))
                return found, False
            end = _HEAD.size + length
            if end > len(rest):
                break
            found.append(Received(bytes((kind,)) + rest[_HEAD.size : end]))
            self._named = False
            del rest[:end]
            self.frames += 1
        more = self.frames == EVENTS
        if self._ended and not more:
            # Its closing is how a call ends here; half a frame is what a process leaves that died.
            found.append(Closed(ABNORMAL, "half a frame") if rest else Closed(NORMAL))
        return found, more

    def message(self, message: Message) -> bytes:
        content = message.encode() if isinstance(message, str) else message
        return frame(content[0], content[1:])

    def ping(self) -> bytes:
        return b""

    def close(self, code: int = NORMAL) -> bytes:
        return b""


class AudioSocket:
    """One connection, as client or server."""

    encoding: Encoding = "slin16"
    accepts_at_once = True
    keys_interrupt = False

    def __init__(self, call_id: str, *, server: bool = False) -> None:
        """`call_id` is what the other side is told as client: a UUID; another text is made one."""
        self._server = server
        self._lines: dict[int, ToLine] = {}
        """By the kind of sound that has come."""
        try:
            self.uuid = uuid.UUID(call_id)
        except ValueError:
            self.uuid = uuid.uuid5(uuid.NAMESPACE_OID, call_id)

    def begin(self) -> list[Message]:
        return [] if self._server else [bytes((UUID,)) + self.uuid.bytes]

    def heard(self, payload: bytes, at: float) -> Message:
        return _AUDIO + payload

    def pressed(self, digit: str) -> list[Message]:
        return [] if self._server else [bytes((DTMF,)) + digit.encode("ascii", "ignore")[:1]]

    def marked(self, name: str, cleared: bool) -> list[Message]:
        return []

    def cleared(self, heard: Mapping[str, float]) -> list[Message]:
        return []

    def end(self) -> list[Message]:
        # A client says it by closing: 0x00 is the server's word (Asterisk sends none).
        return [bytes((HANGUP,))] if self._server else []

    def received(self, message: Message) -> Iterable[Said]:
        if isinstance(message, str) or not message:
            return (Odd("text"),)
        kind, payload = message[0], message[1:]
        if kind in _RATES:
            return self._speech(kind, payload)
        if kind == HANGUP:
            return (Given("completed"),)
        if kind == DTMF and self._server:
            keys = "".join(key for key in payload.decode("ascii", "ignore").upper() if key in _KEYS)
            return (Keys(keys),) if keys else (Odd("a key that is none"),)
        if kind == ERROR and self._server:
            return (Odd("an error frame"),)
        if kind == UUID and self._server:
            return ()
        return (Lost(f"a frame of the kind 0x{kind:02x}, which nobody sends here", "endpoint_error"),)

    def _speech(self, kind: int, payload: bytes) -> Iterable[Said]:
        if len(payload) < 2:
            return (Odd("a frame of sound without sound"),)
        line = self._lines.get(kind)
        if line is None:
            line = self._lines[kind] = ToLine(_RATES[kind])
        sound = line.push(payload)
        return (Speech(sound),) if sound else ()
