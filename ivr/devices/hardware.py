"""A telephone line as hardware gives it: what it does, and what it tells. One call at a time.

Implemented by the modem (made of its settings, :class:`ivr.settings.Modem`) and by the sound card
(:class:`ivr.settings.SoundCard`); joined with a SIP call by the line's process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from media.devices import Device

__all__ = ["Alerting", "Answered", "Back", "Failed", "Gone", "Hardware", "HardwareEvent", "HungUp", "Key", "Ringing"]


@dataclass(frozen=True, slots=True)
class Ringing:
    """Somebody calls; told once, when the caller id is known or will not come."""

    caller: str
    """Number; empty: not told."""
    name: str = ""
    """Name, where the network tells it."""


@dataclass(frozen=True, slots=True)
class Alerting:
    """The one dialled is rung, as far as the hardware hears; it may never be told."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The one dialled has answered, as far as the hardware can tell; or a caller who was to be answered is connected:
    from now on the line hears what the device is given."""

    certain: bool
    """False: the hardware only knows that dialling is over. Of a caller: always true."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A call out came to nothing."""

    reason: Literal["busy", "no_answer", "no_dial_tone", "refused", "error"]
    """Why; `refused`: the hardware or its exchange will not dial this number; `error`: it could not be done."""


@dataclass(frozen=True, slots=True)
class HungUp:
    """The other side has hung up, or a caller stopped ringing."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the other side: the hardware finds them, nobody looks for them in its sound."""

    digit: str
    """One of ``0123456789*#ABCD``."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The hardware has vanished or does not react; a call in progress is over."""

    reason: str
    """A sentence for the log."""


@dataclass(frozen=True, slots=True)
class Back:
    """The hardware is there and works."""

    what: str
    """What it is: maker and model, as far as it tells."""


HardwareEvent = Ringing | Alerting | Answered | Failed | HungUp | Key | Gone | Back


class Hardware(Protocol):
    """One line. Methods are called in the event loop and do not block; what becomes of them is told by events.

    After :meth:`hang_up` no further event of that call comes; a call that begins while the hardware still ends the one
    before waits for that.
    """

    early_media: bool
    """The line is heard while a call out is dialled and rings: ring-back, busy tones, announcements."""
    on_event: Callable[[HardwareEvent], None]
    """Set before :meth:`start`; called in the event loop."""

    @property
    def full_duplex(self) -> bool:
        """It hears while it sounds."""

    @property
    def device(self) -> Device:
        """Its sound; silence while there is no call."""

    async def start(self) -> None:
        """Look for the hardware; :class:`Back` tells that it is there. Goes on looking until :meth:`close`."""

    async def close(self) -> None:
        """End the call and let go."""

    def answer(self) -> None:
        """Take the call that rings: :class:`Answered` follows when its sound goes through, :class:`HungUp` where the
        caller is gone meanwhile."""

    def dial(self, number: str) -> None:
        """Call somebody: :class:`Answered` or :class:`Failed` follows.

        Of a number only digits, ``*#ABCD+`` count, and a comma, which is a pause of two seconds.
        """

    def hang_up(self) -> None:
        """End the call in whatever state; one that rings is left ringing, unheard."""

    def send_key(self, digit: str) -> None:
        """Sound a key to the other side."""
