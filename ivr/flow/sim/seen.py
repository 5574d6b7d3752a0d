"""What a simulated call leaves behind: what was said, sent, forwarded and kept, with virtual times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

__all__ = [
    "HIDDEN",
    "Change",
    "Dialled",
    "Forwarded",
    "HandedOver",
    "Happening",
    "HappeningKind",
    "LeftMessage",
    "LoggedEvent",
    "Queued",
    "Said",
    "SentMail",
    "SentRequest",
    "Silence",
    "StartedContact",
    "Waited",
    "Waiting",
    "WaitingKind",
]

HIDDEN = "(sensitive)"
"""Stands for what must be shown nowhere."""

HappeningKind = Literal[
    "step",
    "said",
    "request",
    "request_done",
    "mail",
    "mail_done",
    "forward",
    "forward_answered",
    "forward_done",
    "dial",
    "dial_answered",
    "dial_done",
    "queue",
    "queue_place",
    "agent_answered",
    "queue_done",
    "message",
    "hand_over",
    "hand_over_taken",
    "hand_over_done",
    "contact",
    "profile",
    "dnc",
    "wait",
    "key",
    "speaks",
    "hung_up",
    "ended",
    "event",
    "note",
]
WaitingKind = Literal[
    "prompt",
    "keys",
    "recording",
    "forward",
    "dial",
    "request",
    "mail",
    "event",
    "time",
    "agent",
    "ai_agent",
    "application",
]


@dataclass(slots=True)
class Said:
    """A prompt that the caller heard."""

    at: float
    """When it began."""
    until: float | None
    """When it was over; None: it still sounds."""
    element: str
    """Element that played it."""
    kind: str
    """`text`, `file`, `url`, `recording` or `tone`."""
    text: str
    """The text, file, URL or name of the tone; a sensitive one is hidden."""
    heard: float
    """Seconds that were heard, all rounds together."""
    language: str | None
    """Of a text."""
    words: str = field(default="", repr=False)
    """As `text`, and never hidden: to be compared, not to be shown."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a call waits for."""

    element: str
    """Element that runs."""
    type: str
    """Its type."""
    kind: WaitingKind
    """`prompt` that is heard to its end; `keys` of the caller; end of a `recording`; outcome of a `forward`; what
    becomes of somebody who is called (`dial`); answer to a `request` or `mail`; an `event`; that `time` passes; an
    `agent`, in the queue; an `ai_agent` or `application` that has the call, or is to have it."""
    since: float
    """When the element began."""
    until: float | None
    """When something happens by itself at the latest; None: never."""
    interruptible: bool
    """A key of the caller ends it or counts."""


@dataclass(slots=True)
class SentRequest:
    """An HTTP request of the flow."""

    at: float
    """When it was sent."""
    element: str
    """Element that sent it."""
    method: str
    """GET, POST, PUT, PATCH or DELETE."""
    url: str
    """As the flow gave it; with a connector a path."""
    headers: Mapping[str, str]
    """As the flow gave them."""
    body: bytes | None
    """As it is sent."""
    connector: str | None
    """Name of the connector."""
    secret: bool
    """URL, headers or body hold a sensitive value: show none of them to people."""
    status: int | None = None
    """Of the answer; None: there is none yet, or there was an error."""
    error: str | None = None
    """What went wrong instead of an answer."""

    @property
    def shown(self) -> str:
        """Method and URL, for people."""
        where = HIDDEN if self.secret else self.url
        return f"{self.method} {where}" if self.connector is None else f"{self.method} {self.connector}: {where}"


@dataclass(slots=True)
class SentMail:
    """A mail of the flow."""

    at: float
    """When it was sent."""
    element: str
    """Element that sent it."""
    to: tuple[str, ...]
    """Addresses."""
    subject: str
    """One line."""
    text: str
    """Plain text."""
    secret: bool
    """Subject or text hold a sensitive value: show none of them to people."""
    error: str | None = None
    """Why it was not handed over."""


@dataclass(slots=True)
class Forwarded:
    """A forward to somebody else."""

    at: float
    """When it began."""
    element: str
    """Element that forwards."""
    targets: tuple[str, ...]
    """Who is called; hidden where a target is sensitive."""
    mode: str
    """`bridge` or `refer`."""
    outcome: str | None = None
    """`forwarded`, `returned`, `no_answer`, `busy`, `declined`, `failed`, `abandoned` by the caller; None: it rings."""
    target: str = ""
    """Who took it, or the last one tried."""
    answered_at: float | None = None
    """When the two began to hear each other."""
    talk_time: float = 0.0
    """Seconds the two heard each other."""
    whisper: str | None = None
    """What the called party heard first."""


@dataclass(slots=True)
class Dialled:
    """An attempt to call somebody."""

    at: float
    """When it began."""
    element: str
    """Element that calls."""
    to: str
    """Whom; hidden where that is sensitive."""
    attempt: int
    """From 1, for each time that the element is entered."""
    from_: str | None = None
    """Caller id that is shown."""
    line: str | None = None
    """Line that the flow asks for."""
    outcome: str | None = None
    """`answered`, `no_answer`, `busy`, `declined`, `failed`, `cancelled`; None: it is under way."""
    answered_at: float | None = None
    """When it was answered."""
    answerer: str | None = None
    """Who was told to have answered: `human`, `machine`, `unknown`; None: nobody asked, or it was not told."""


@dataclass(slots=True)
class Queued:
    """A visit of the queue."""

    at: float
    """When it began."""
    element: str
    """Element that lets the caller wait."""
    queue: str
    """Where."""
    packet: Mapping[str, Any]
    """What the agent is told."""
    facts: Any
    """What routes look at; hidden where there is something sensitive."""
    priority: int | None
    """As the flow says; None: it does not."""
    origin: str
    """Text that the agent sees."""
    whisper: str | None = None
    """What the agent hears first."""
    positions: list[int] = field(default_factory=list)
    """Places, one after the other."""
    outcome: str | None = None
    """As in `QueueOutcome`, or `abandoned` by the caller; None: it goes on."""
    agent: str = ""
    """Who took the call."""
    answered_at: float | None = None
    """When."""
    waited: float = 0.0
    """Seconds in the queue."""
    talk_time: float = 0.0
    """Seconds the two heard each other."""
    callback: str = ""
    """Number that is to be called back."""


@dataclass(frozen=True, slots=True)
class LeftMessage:
    """A message for the mailbox of a queue or an agent."""

    at: float
    """When it was left."""
    element: str
    """Element that took it."""
    recording: str
    """The recording."""
    seconds: float
    """How long it is."""
    queue: str
    """Whose it is."""
    agent: str
    """Whose it is, where not of the queue alone."""


@dataclass(slots=True)
class HandedOver:
    """A talk with an AI agent, or a call under a voice application."""

    at: float
    """When it was asked for."""
    element: str
    """Element that hands the call over."""
    kind: Literal["ai_agent", "application"]
    """To which of the two."""
    to: str
    """Name of the AI agent or application."""
    packet: Mapping[str, Any]
    """What it is told."""
    parameters: Any
    """Parameters or custom data; hidden where there is something sensitive."""
    reason: str | None = None
    """Why the call came back, or `caller_left`; None: it has not."""
    taken_at: float | None = None
    """When it took the call."""
    talk_time: float = 0.0
    """Seconds that it had the call."""


@dataclass(frozen=True, slots=True)
class StartedContact:
    """A flow that is begun for somebody else."""

    at: float
    """When."""
    element: str
    """Element that begins it."""
    flow: str
    """Which flow."""
    number: str
    """For whom; hidden where that is sensitive."""
    properties: Mapping[str, Any]
    """What it gets."""
    error: str | None = None
    """Why it does not begin; None: it does."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change to a profile (`update`), or to the do-not-contact list (`add`, `remove`)."""

    at: float
    """When."""
    element: str
    """Element that made it."""
    action: Literal["update", "add", "remove"]
    """What was done."""
    number: str
    """Whose."""
    changes: Mapping[str, Any]
    """Fields of a profile with their values (None: removed, sensitive ones hidden); `reason` for the list."""


@dataclass(slots=True)
class Waited:
    """A wait for an event."""

    at: float
    """When it began."""
    element: str
    """Element that waits."""
    event: str
    """Name of the event."""
    until: float | None = None
    """When it was over."""


@dataclass(slots=True)
class LoggedEvent:
    """An event from outside."""

    at: datetime
    """When it came."""
    name: str
    """Of the event."""
    properties: Mapping[str, Any]
    """JSON values that came with it."""
    taken: bool = False
    """A wait of the flow got it."""


@dataclass(frozen=True, slots=True)
class Silence:
    """A time in which the caller was there, heard nothing, and nothing was asked of him."""

    at: float
    """When it began."""
    until: float
    """When it was over."""
    element: str
    """Element in which it began."""

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.until - self.at


@dataclass(slots=True)
class Happening:
    """Something that happened: told in order, they are the call."""

    at: float
    """When."""
    kind: HappeningKind
    """What it was."""
    what: Any
    """A `step` of the trace; something `said`, a `request`, `mail`, `forward`, `dial`, `queue` visit, `message`,
    `hand_over`, `contact`, `profile` change, change of the `dnc` list, `wait` or `event`, as above; a `key`; the
    seconds that the caller `speaks`; the cause for which he, or something else, `hung_up`, or the flow `ended` the
    call; the text of a `note`."""
