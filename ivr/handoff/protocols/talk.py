"""What an AI agent and the one who holds the call say to each other, whatever the protocol between them.

A :class:`Dialect` turns the caller's sound and keys into messages, and messages into what is in this module. It knows
no sockets and no clock. A new one is made for each connection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

__all__ = [
    "MAX_SUMMARY",
    "MAX_TRANSCRIPT",
    "Accepted",
    "Clear",
    "Dialect",
    "Encoding",
    "Facts",
    "Given",
    "Kept",
    "Keys",
    "MarkSet",
    "Message",
    "Odd",
    "Said",
    "Send",
    "Speech",
    "bounded_text",
    "bounded_turns",
    "bounded_values",
    "parameter_text",
]

Encoding = Literal["ulaw", "slin16"]
"""8 kHz mono: octets of µ-law, or signed 16-bit little-endian samples."""
Message = str | bytes

MAX_SUMMARY: Final = 4_000
"""Characters of a summary, of a target, and of one turn of a transcript."""
MAX_TRANSCRIPT: Final = 500
"""Turns of a transcript that are kept, the newest."""
MAX_VALUES: Final = 100
"""Variables that come back."""
MAX_VALUES_TEXT: Final = 64_000
"""Characters of them together, as JSON."""
MAX_NAME: Final = 64
"""Characters of a variable's name."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The call, as a bot is told of it."""

    call_id: str
    """Ours: a UUID."""
    call_sid: str
    """`CA` and 32 hexadecimal digits."""
    account_sid: str
    """`AC` and 32 hexadecimal digits."""
    stream_sid: str
    """`MZ` and 32 hexadecimal digits; of this connection."""
    caller: str = ""
    """Number of the caller."""
    called: str = ""
    """Number that was called."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Custom parameters."""


# What the endpoint says


@dataclass(frozen=True, slots=True)
class Accepted:
    """It has taken the call: the caller's sound may come."""


@dataclass(frozen=True, slots=True)
class Speech:
    """Sound for the caller, of any length."""

    payload: bytes
    """In the encoding of the dialect."""
    tag: str = ""
    """What it belongs to; see :meth:`Dialect.cleared`."""


@dataclass(frozen=True, slots=True)
class MarkSet:
    """Say so when everything before this has been heard, or was dropped."""

    name: str
    """To be given back."""


@dataclass(frozen=True, slots=True)
class Clear:
    """Drop what has not been heard yet."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Send DTMF to the caller."""

    digits: str


@dataclass(frozen=True, slots=True)
class Kept:
    """Something for the flow, which it reads when it has the call again."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""
    turns: tuple[Mapping[str, Any], ...] = ()
    """Of the transcript: `{"role", "text"}`."""


@dataclass(frozen=True, slots=True)
class Given:
    """It gives the call back, once what it said before has been heard."""

    reason: str
    """A reason of :data:`ivr.flow.ports.AiReason`."""
    target: str = ""
    text: str = ""
    """What went wrong."""
    end_call: bool = False
    """It wants the call to end."""


@dataclass(frozen=True, slots=True)
class Send:
    """An answer that the protocol asks for."""

    message: Message


@dataclass(frozen=True, slots=True)
class Odd:
    """Something that means nothing, and is left out of account."""

    text: str
    """What, without its content."""


Said = Accepted | Speech | MarkSet | Clear | Keys | Kept | Given | Send | Odd


class Dialect(Protocol):
    """One connection's protocol."""

    encoding: Encoding
    """Of the sound, both ways."""
    accepts_at_once: bool
    """Who takes the connection has taken the call; False: it says :class:`Accepted`."""
    keys_interrupt: bool
    """What is still to be heard when a key is pressed is dropped; False: the endpoint says so itself."""

    def begin(self) -> list[Message]:
        """What is sent first, once connected."""

    def heard(self, payload: bytes, at: float) -> Message:
        """20 ms of the caller, heard at a monotonic time."""

    def pressed(self, digit: str) -> list[Message]:
        """A key of the caller."""

    def received(self, message: Message) -> Iterable[Said]:
        """What a message says; a byte stream comes in pieces of any length. Never raises."""

    def marked(self, name: str) -> list[Message]:
        """A mark was reached."""

    def cleared(self, heard: Mapping[str, float]) -> list[Message]:
        """A clear has dropped sound: seconds heard of each tag of which some was dropped."""

    def end(self) -> list[Message]:
        """What is sent last: the call is over, or taken back."""


def bounded_text(value: object, limit: int = MAX_SUMMARY) -> str:
    """A text of somebody else, cut to a length; empty where it is none."""
    return value[:limit] if isinstance(value, str) else ""


def bounded_values(value: object) -> dict[str, Any]:
    """Variables of somebody else: JSON values by name, as many as fit."""
    found: dict[str, Any] = {}
    room = MAX_VALUES_TEXT
    if not isinstance(value, dict):
        return found
    for name, one in value.items():
        if not isinstance(name, str) or not name or len(name) > MAX_NAME or len(found) >= MAX_VALUES:
            continue
        try:
            room -= len(json.dumps(one)) + len(name)
        except (ValueError, TypeError, RecursionError):
            continue
        if room < 0:
            break
        found[name] = one
    return found


def bounded_turns(value: object) -> tuple[dict[str, str], ...]:
    """A transcript of somebody else."""
    if not isinstance(value, list):
        return ()
    return tuple(
        {"role": bounded_text(one.get("role"), MAX_NAME), "text": bounded_text(one.get("text"))}
        for one in value[-MAX_TRANSCRIPT:]
        if isinstance(one, dict) and one.get("text")
    )


def parameter_text(value: object) -> str:
    """A custom parameter as text: these are texts in all protocols that have them."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return ""
