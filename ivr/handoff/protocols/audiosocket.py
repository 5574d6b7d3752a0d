"""AudioSocket, as Asterisk's `res_audiosocket` speaks it: `kind:u8 | length:u16 big-endian | payload` over TCP.

As *client* we are what Asterisk is to a server written for it: the UUID first, then sound and keys. As *server*
Asterisk has connected to us and said its UUID; we send sound, and 0x00 to hang up. Asterisk takes any other kind for
an error, so keys cannot be sent there.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterable, Mapping
from typing import Final

from ivr.handoff.protocols.talk import Encoding, Given, Keys, Message, Odd, Said, Speech
from ivr.handoff.protocols.wire import ABNORMAL, EVENTS, NORMAL, Closed, Happened, Opened, Received

__all__ = ["AUDIO", "DTMF", "ERROR", "HANGUP", "UUID", "AudioSocket", "AudioSocketWire", "frame"]

HANGUP: Final = 0x00
UUID: Final = 0x01
DTMF: Final = 0x03
AUDIO: Final = 0x10
ERROR: Final = 0xFF
_OTHER_RATES: Final = range(0x11, 0x19)
_KEYS: Final = frozenset("0123456789*#ABCD")
_HEAD: Final = struct.Struct("!BH")
_AUDIO: Final = bytes((AUDIO,))


def frame(kind: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return _HEAD.pack(kind, len(payload)) + payload


class AudioSocketWire:
    """Cuts a byte stream into frames. A message is a frame without its length: kind and payload."""

    def __init__(self) -> None:
        self._rest = bytearray()
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
            end = _HEAD.size + length
            if end > len(rest):
                break
            found.append(Received(bytes((kind,)) + rest[_HEAD.size : end]))
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

    def marked(self, name: str) -> list[Message]:
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
        if kind == AUDIO:
            whole = payload[: len(payload) & ~1]
            return (Speech(whole),) if whole else (Odd("a frame of sound without sound"),)
        if kind == HANGUP:
            return (Given("completed"),)
        if kind == DTMF and self._server:
            keys = "".join(key for key in payload.decode("ascii", "ignore").upper() if key in _KEYS)
            return (Keys(keys),) if keys else (Odd("a key that is none"),)
        if kind == ERROR:
            return (Odd("an error frame"),)
        if kind in _OTHER_RATES:
            return (Odd("sound of another rate than 8000 Hz"),)
        if kind == UUID and self._server:
            return ()
        return (Odd("a frame of a kind that is not known"),)
