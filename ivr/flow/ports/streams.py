"""A copy of a call's sound that goes to somebody outside while the call goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ivr.flow.ports.applications import TellApplication

__all__ = ["StartStream", "StopStream"]


@dataclass(frozen=True, slots=True)
class StartStream:
    """Send what the caller says, or hears, to a server of media streams from now on. No event follows: `told` hears of
    it."""

    name: str
    """Names it among the streams of the call; one of this name is stopped before."""
    sid: str
    """`MZ` and 32 hexadecimal digits."""
    url: str
    """`wss://` or `ws://`."""
    account: str
    """AccountSid."""
    secret: str = field(default="", repr=False)
    """Of the account: the connection is signed with it."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Custom parameters."""
    told: TellApplication | None = None
    """The application hears that it has started, stopped, or failed: `StreamEvent` and `StreamError` are added to the
    data."""
    tracks: tuple[Literal["inbound", "outbound"], ...] = ("inbound",)
    """What the caller says, what he hears, or both."""


@dataclass(frozen=True, slots=True)
class StopStream:
    """Stop a stream."""

    name: str
    """As it was started; one that is over is ignored."""
