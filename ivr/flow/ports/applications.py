"""Voice applications: what a flow says to offer its call to one, and what it hears back.

A hand-off begins with :class:`OfferApplication`. One that speaks TwiML answers with :class:`ApplicationTerms` and has
the call until :class:`StopApplication`; any other ends it with exactly one :class:`ApplicationDone` of its `id`, unless
the call ends first: then the machine waits for nothing more, and the shell ends it by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ivr.flow.ports.call import HandOffPacket

__all__ = [
    "ApplicationAccepted",
    "ApplicationDone",
    "ApplicationOutcome",
    "ApplicationTerms",
    "OfferApplication",
    "StopApplication",
    "TellApplication",
]

ApplicationOutcome = Literal["accepted", "rejected", "timeout", "http_error", "bad_answer", "idle", "max_duration"]


# Commands


@dataclass(frozen=True, slots=True)
class OfferApplication:
    """Offer the call to a voice application. With the protocol `events`: answered with :class:`ApplicationAccepted`,
    then any number of :class:`Instruction`, or with :class:`ApplicationDone`. With `twiml`: answered at once with
    :class:`ApplicationTerms`, and the flow asks for documents itself."""

    id: int
    """Names this hand-off."""
    application: str
    """Of `applications` in the configuration; `ai_agents/NAME`: an AI agent that has left a document behind."""
    packet: HandOffPacket
    """What it is told."""
    custom_data: Mapping[str, Any] = field(default_factory=dict)
    """Key-values of the flow."""
    timeout: float | None = None
    """Seconds in which it must accept or reject; None: as configured."""
    secret: bool = False
    """The data hold a sensitive value that the flow wants to be sent: logs show none of them."""


@dataclass(frozen=True, slots=True)
class StopApplication:
    """The hand-off is over for the flow: what the application asks from now on is refused."""

    id: int
    """Of the `OfferApplication`."""
    reason: Literal["idle", "max_duration", "moved"] = "moved"
    """Why, as the application is told: it asked for nothing, it had the call for as long as it may; the call went on
    elsewhere."""


@dataclass(frozen=True, slots=True)
class TellApplication:
    """Tell a voice application that something happened, in order, at least once, without waiting for it.

    Of the type `last_word` it is told later, and only if the daemon dies with the call: with how long it lasted, unless
    something of the same `key` was told before. A newer one of the same `key` takes its place.
    """

    application: str
    """Of `applications` in the configuration."""
    type: str
    """Kind of the event: `callback`, `error`, `last_word`."""
    data: Mapping[str, Any]
    """What it tells, as JSON."""
    url: str | None = None
    """Where to; None: the application's own URL (`events`), its status callback (`twiml`)."""
    method: Literal["GET", "POST"] = "POST"
    """How; only with `twiml`."""
    secret: bool = False
    """The data hold a sensitive value that the application has asked for: logs and the feed show none of them."""
    key: str = ""
    """What this is the end of, for last words."""
    since: float | None = None
    """Of last words: when what they are about was answered, seconds since the epoch; None: it is not."""


# Events


@dataclass(frozen=True, slots=True)
class ApplicationAccepted:
    """The application has the call: it asks for what is to happen."""

    id: int
    idle: float = 60.0
    """Seconds in which it must ask for something."""
    max_duration: float | None = None
    """Seconds that it may have the call; None: as long as it lasts."""


@dataclass(frozen=True, slots=True)
class ApplicationTerms:
    """The application speaks TwiML: what the flow needs to know to ask it for documents."""

    id: int
    """Of the `OfferApplication`; the application has the call until :class:`StopApplication`."""
    name: str
    """`application` of the requests to it."""
    account: str
    """AccountSid."""
    url: str
    """Of the first document."""
    base_url: str
    """Where the HTTP interface is reached, without a slash at the end."""
    secret: str = field(default="", repr=False)
    """Of the account: RecordingSids are made with it."""
    method: Literal["GET", "POST"] = "POST"
    """How the first document is asked for."""
    fallback_url: str | None = None
    """Asked for a document where there is none to be had elsewhere."""
    status_callback: str | None = None
    """Hears how the call fares."""
    status_events: tuple[str, ...] = ("completed",)
    """What it hears of: initiated, ringing, answered, completed."""
    timeout: float = 10.0
    """Seconds for one document."""
    tries: int = 1
    """Further tries of one document."""
    retry_first: float = 0.5
    """Seconds before the second try."""
    caller_id: str | None = None
    """Caller id of calls that are placed, where the document names none."""
    max_duration: float | None = None
    """Seconds that it may have the call; None: as long as it lasts."""


@dataclass(frozen=True, slots=True)
class ApplicationDone:
    """The application does not take the call, or gives it back."""

    id: int
    """Of the `OfferApplication`."""
    outcome: ApplicationOutcome
    """`accepted`: it had the call and gives it back."""
    text: str = ""
    """Why, for trace and log."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """What it gives back, as JSON."""
