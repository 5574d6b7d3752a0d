"""Dialogues with a modem as generators: each step says what to send and what to wait for; none waits for ever.

A dialogue yields steps and is sent back what came of each. Whoever runs it (:class:`~.line.ModemLine`) has the clock,
may stop it at any step, and begins another.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from ivr.devices.modem.protocol.wire import Mode

__all__ = [
    "DONE",
    "Ask",
    "Do",
    "Listen",
    "Pause",
    "Reply",
    "Script",
    "UnusableError",
    "Why",
    "command",
    "result_of",
]

T = TypeVar("T")

DONE: Final = frozenset({"OK", "ERROR", "VCON", "CONNECT"})
"""Results that end a command that changes a setting or the state."""

_RESULTS: Final = {
    "OK": "OK",
    "ERROR": "ERROR",
    "VCON": "VCON",
    "CONNECT": "CONNECT",
    "BUSY": "BUSY",
    "NO CARRIER": "NO CARRIER",
    "NO ANSWER": "NO ANSWER",
    "NO DIALTONE": "NO DIALTONE",
    "NO DIAL TONE": "NO DIALTONE",
    "BLACKLISTED": "REFUSED",
    "DELAYED": "REFUSED",
    "DIGITAL LINE DETECTED": "REFUSED",
}


def result_of(line: str) -> str | None:
    """The result code of a line, in one spelling; None: it is text."""
    word = line.upper()
    if word in _RESULTS:
        return _RESULTS[word]
    if word.startswith("CONNECT "):
        return "CONNECT"
    return "ERROR" if word.startswith(("+CME ERROR", "ERROR ")) else None


@dataclass(frozen=True, slots=True)
class Ask:
    """Send something and wait for a result."""

    data: bytes
    """What is sent."""
    ends: frozenset[str]
    """Results that answer it; others are news."""
    seconds: float
    """How long each try waits."""
    tries: int = 1
    """How often it is sent."""
    mode: Mode = Mode.COMMAND
    """The state that CONNECT means."""
    leaving: bool = False
    """It ends the sound: the modem's DLE ETX answers it as well as a result does."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of an :class:`Ask`."""

    result: str
    """The result; empty: none came in time, or only the end of the sound."""
    lines: tuple[str, ...] = ()
    """Text before it."""
    ended: bool = False
    """The end of the sound was seen."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait; what comes meanwhile answers nothing."""

    seconds: float
    """How long."""


@dataclass(frozen=True, slots=True)
class Do:
    """Something that only the port can do."""

    what: Literal["break", "drop_dtr"]
    """Send a break, or let DTR go for a moment: modems set to &D2 hang up."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Let sound flow until there is a reason to stop: the answer is a :data:`Why`."""


Why = Literal["switch", "keys", "ended", "stalled"]
"""Sound goes the other way from here; keys are to be sounded; the modem has stopped; the modem sends no samples."""

Step = Ask | Pause | Do | Listen
Script = Generator[Step, Any, T]
"""A dialogue that returns T."""


class UnusableError(Exception):
    """The modem cannot be used: it does not answer, or cannot do what a telephone line needs."""


def command(text: str, seconds: float = 2.0, tries: int = 2, ends: frozenset[str] = DONE) -> Ask:
    """A command line."""
    return Ask(text.encode("ascii") + b"\r", ends, seconds, tries)
