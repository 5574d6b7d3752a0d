"""What a softphone is to its screen and its scripts, whatever stack carries its calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from ivr.errors import IvrError

__all__ = ["IDLE", "CallView", "Engine", "PhoneError", "PhoneEvent", "PhoneView", "Quality"]

CallPhase = Literal["idle", "calling", "ringing", "incoming", "answered", "ended"]


class PhoneError(IvrError):
    """The phone cannot do what was asked; the text is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class PhoneEvent:
    """Something happened."""

    kind: str
    """Word for programs: calling, ringing, early_media, incoming, answered, key, held, transfer, moved, ended, ..."""
    text: str
    """A sentence for a person."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Details for programs; what JSON can say."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How a call sounds."""

    codec: str
    """As SDP names it; empty: not agreed yet."""
    encrypted: bool
    """SRTP."""
    loss: float
    """Share of packets that never came or came too late, 0 to 1."""
    jitter_ms: float
    """Of what comes."""
    rtt_ms: float | None
    """Round trip; None: not known."""
    mos: float
    """1.0 to 4.5."""


@dataclass(frozen=True, slots=True)
class CallView:
    """The call in front of the user, now."""

    phase: CallPhase
    """`ringing`: at the other side; `incoming`: here."""
    remote: str = ""
    """Number or address of the other side."""
    name: str = ""
    """Its name, where it was told."""
    seconds: float = 0.0
    """Since the answer."""
    held_by_us: bool = False
    """We do not listen."""
    held_by_peer: bool = False
    """The other side does not."""
    muted: bool = False
    """Our microphone is off."""
    heard: float = -90.0
    """Level of the other side, dBFS."""
    said: float = -90.0
    """Level of ours, dBFS."""
    heard_seconds: float = 0.0
    """Sound of the other side so far, pauses left out."""
    quiet_seconds: float = 0.0
    """Since the other side was heard last."""
    quality: Quality | None = None
    """None: not known."""
    cause: str = ""
    """How it ended."""


IDLE = CallView("idle")


@dataclass(frozen=True, slots=True)
class PhoneView:
    """All that a screen shows of the phone itself."""

    account: str
    """Who we are, and where."""
    registered: bool | None
    """None: nothing is registered."""
    problem: str = ""
    """Why it is not registered."""
    waiting: tuple[str, ...] = ()
    """Other sides of further calls."""
    rings: bool = False
    """One of these rings here."""


class Engine(Protocol):
    """Carries the calls. Methods are for the event loop and return at once; PhoneError says what cannot be done."""

    on_event: Callable[[PhoneEvent], None]

    async def start(self) -> None:
        """Open what is needed, and register where that is asked for. PhoneError."""

    async def close(self) -> None:
        """Hang up and let go of everything."""

    def phone(self) -> PhoneView:
        """The phone now."""

    def call(self) -> CallView:
        """The call in front of the user now; after it ended, how it did."""

    def dial(self, target: str) -> None:
        """Call somebody."""

    def answer(self) -> None:
        """Take the call that comes in."""

    def reject(self, status: int = 486) -> None:
        """Refuse the call that comes in."""

    def hang_up(self) -> None:
        """End the call in front."""

    def keys(self, keys: str, way: str | None = None) -> None:
        """Press keys: by `events`, `info` or `tones`; None: as configured."""

    def hold(self) -> None:
        """Hold the other side."""

    def resume(self) -> None:
        """Take it back."""

    def mute(self, muted: bool) -> None:
        """Switch the microphone."""

    def transfer(self, target: str) -> None:
        """Have the other side call somebody else."""

    def connect(self) -> None:
        """Connect the other sides of our two calls with each other."""

    def swap(self) -> None:
        """Bring another call to the front."""

    def play(self, path: Path) -> None:
        """Play a file to the other side in place of the microphone."""

    def record(self, path: Path) -> None:
        """Record both sides of the call in front, stereo: left what is heard."""
