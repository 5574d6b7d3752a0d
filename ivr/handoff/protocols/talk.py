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
    "KeptValues",
    "Keys",
    "Lost",
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
    epoch: float = 0.0
    """Seconds since 1970 when the monotonic time was 0."""


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
    place: int | None = None
    """Where its turns stand among those of this connection, which come in another order; None: after all others."""


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
class Lost:
    """The connection is of no use any more: as if it had broken off."""

    text: str
    """Why, for the log: no content."""
    reason: Literal["endpoint_closed", "endpoint_error"] = "endpoint_closed"
    """For the flow, where no connection is made anew."""


@dataclass(frozen=True, slots=True)
class Send:
    """An answer that the protocol asks for."""

    message: Message


@dataclass(frozen=True, slots=True)
class Odd:
    """Something that means nothing, and is left out of account."""

    text: str
    """What, without its content."""


Said = Accepted | Speech | MarkSet | Clear | Keys | Kept | Given | Lost | Send | Odd


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

    def marked(self, name: str, cleared: bool) -> list[Message]:
        """A mark was reached, or dropped by a clear."""

    def cleared(self, heard: Mapping[str, float]) -> list[Message]:
        """A clear has dropped sound: seconds heard of each tag of which some was dropped."""

    def end(self) -> list[Message]:
        """What is sent last: the call is over, or taken back."""


def bounded_text(value: object, limit: int = MAX_SUMMARY) -> str:
    """A text of somebody else, cut to a length; empty where it is none. Half of a character, which JSON can escape and
    nobody can send or store, becomes a question mark."""
    return value[:limit].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def bounded_values(value: object) -> dict[str, Any]:
    """Variables of somebody else: JSON values by name, as many as fit."""
    found: dict[str, Any] = {}
    room = MAX_VALUES_TEXT
    if not isinstance(value, dict):
        return found
    for name, one in value.items():
        if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= MAX_NAME:
            continue
        if len(found) >= MAX_VALUES:
            break
        try:
            text = json.dumps(one, allow_nan=False)
            if "\\ud" in text:
                one = json.loads(json.dumps(one, ensure_ascii=False).encode("utf-8", "replace"))
            room -= len(text) + len(name)
        except (ValueError, TypeError, RecursionError):
            continue
        if room < 0:
            break
        found[name] = one
    return found


class KeptValues:
    """Variables of somebody else that come one after another: together as many as come back."""

    __slots__ = ("_room", "_sizes", "values")

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._sizes: dict[str, int] = {}
        self._room = MAX_VALUES_TEXT

    def add(self, values: Mapping[str, Any]) -> None:
        """Keep values, in place of those of the same names, as far as they fit; they are bounded each by itself."""
        for name, value in values.items():
            size, had = len(name) + len(json.dumps(value)), self._sizes.get(name)
            if (had is None and len(self.values) >= MAX_VALUES) or size - (had or 0) > self._room:
                continue
            self._room -= size - (had or 0)
            self.values[name], self._sizes[name] = value, size


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
