"""What a flow asks of the world outside its call (HTTP, mail, profiles, events), and what comes back.

Secrets of connectors and of the mail server are the shell's: a flow names a connector, never its address or its key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

__all__ = [
    "DoNotContact",
    "EventArrived",
    "MailAttachment",
    "MailDone",
    "Request",
    "RequestDone",
    "RequestError",
    "SendMail",
    "StopWaiting",
    "UpdateProfile",
    "WaitForEvent",
]

RequestError = Literal["refused", "timeout", "network", "too_large", "bad_answer"]


# Commands


@dataclass(frozen=True, slots=True)
class Request:
    """Send one HTTP request. Ends with exactly one :class:`RequestDone`; the end of the call does not cancel it."""

    id: int
    """Names this request in `RequestDone`."""
    method: str
    """GET, POST, PUT, PATCH or DELETE."""
    url: str
    """Absolute; with a connector a path and query that are joined to its base URL."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers; those of the connector are added by the shell."""
    body: bytes | None = None
    """As it is sent; its type stands in the header content-type."""
    timeout: float = 10.0
    """Seconds for the whole exchange, redirects included."""
    connector: str | None = None
    """A connector of the configuration: base URL, credentials, further headers."""
    secret: bool = False
    """URL, headers or body hold a sensitive value: traces and logs show none of them."""
    application: str | None = None
    """Who the request is signed for: an application of the configuration that speaks TwiML, or `ai_agents/NAME`. The
    body is a form, or there is none."""


@dataclass(frozen=True, slots=True)
class MailAttachment:
    """A file that goes with a mail."""

    path: str
    """Where it is."""
    name: str
    """What it is called in the mail."""
    type: str = "application/octet-stream"
    """Content type."""


@dataclass(frozen=True, slots=True)
class SendMail:
    """Send a mail through the configured SMTP server. Ends with :class:`MailDone`."""

    id: int
    """Names this mail in `MailDone`."""
    to: tuple[str, ...]
    """Addresses."""
    subject: str
    """One line."""
    text: str
    """Plain text."""
    secret: bool = False
    """Holds a sensitive value: traces and logs show neither subject nor text."""
    attachments: tuple[MailAttachment, ...] = ()
    """Files that go with it."""


@dataclass(frozen=True, slots=True)
class UpdateProfile:
    """Keep changes to a person's profile. What the flow sees as `profile` has them already. No event follows."""

    number: str
    """Whose: the normalised number or SIP user."""
    changes: Mapping[str, Any]
    """Field to JSON value; None removes the field."""
    sensitive: frozenset[str] = frozenset()
    """Fields whose new value stands in no log or trace."""


@dataclass(frozen=True, slots=True)
class DoNotContact:
    """Put a number on the do-not-contact list, or take it off. No event follows."""

    action: Literal["add", "remove"]
    """What to do."""
    number: str
    """Normalised number."""
    reason: str = ""
    """For people who read the list."""


@dataclass(frozen=True, slots=True)
class WaitForEvent:
    """Tell the flow of events from outside until :class:`StopWaiting`; each comes as :class:`EventArrived`."""

    id: int
    """Names this wait."""
    event: str
    """Name of the event, as it is posted, or `call.ended`, `profile.changed`."""
    since: datetime | None = None
    """Events kept from then on count too, the oldest first; None: only what comes from now on."""


@dataclass(frozen=True, slots=True)
class StopWaiting:
    """The wait is over; one that is over is ignored."""

    id: int
    """Of the `WaitForEvent`."""


# Events


@dataclass(frozen=True, slots=True)
class RequestDone:
    """An HTTP request is over."""

    id: int
    """Of the `Request`."""
    status: int | None = None
    """Status of the last answer; None where none came."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the answer, by lower-case name."""
    body: Any = None
    """JSON value where the answer is JSON, else text, else None."""
    error: RequestError | None = None
    """`refused`: the address is not allowed or the connector unknown. `too_large`: the answer passed
    `http.answer_bytes`. `bad_answer`: the answer says JSON and is none, or is no HTTP."""
    text: str = ""
    """What went wrong, for trace and log: no secrets, no values."""
    elapsed: float = 0.0
    """Seconds."""


@dataclass(frozen=True, slots=True)
class MailDone:
    """A mail was handed over to the SMTP server, or not."""

    id: int
    """Of the `SendMail`."""
    error: str | None = None
    """Why not; None: it was."""


@dataclass(frozen=True, slots=True)
class EventArrived:
    """An event from outside that a wait asked for."""

    id: int
    """Of the `WaitForEvent`."""
    name: str
    """Of the event."""
    properties: Mapping[str, Any]
    """JSON values that came with it."""
    at: datetime
    """When it came in, with a time zone."""
