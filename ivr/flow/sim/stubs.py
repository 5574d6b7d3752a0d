"""How the world around a simulated call answers: HTTP, phones, mail, and those whom a flow calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Generic, Literal, TypeVar

from ivr.flow.ports import AiReason, ApplicationOutcome, FailureKind, RequestError
from ivr.settings import Sound, WaitingStrategy

__all__ = [
    "AgentAnswer",
    "AgentResult",
    "AiAnswer",
    "Answers",
    "ApplicationAnswer",
    "CalleeAnswer",
    "CalleeResult",
    "ForwardAnswer",
    "HttpAnswer",
    "MailAnswer",
    "Stubs",
]

ForwardResult = Literal["answered", "no_answer", "busy", "declined", "failed"]
Leaver = Literal["called", "caller"]
AgentResult = Literal["answered", "waits", "closed", "full", "no_agents", "error"]
"""`waits`: nobody answers, so that the caller's keys or the longest wait end it."""
CalleeResult = Literal["human", "machine", "unknown", "no_answer", "busy", "declined", "failed"]
"""Who answers, or why nobody does. `unknown` answers, and detection does not tell who it is."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What an HTTP request gets."""

    match: str = "*"
    """Element, or a pattern (`*`, `?`) of the URL or of `METHOD URL`."""
    status: int = 200
    """Status of the answer."""
    body: Any = field(default_factory=dict)
    """JSON value or text."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the answer, by lower-case name."""
    after: float = 0.2
    """Seconds until it is there; longer than the request may take: a timeout."""
    error: RequestError | None = None
    """No answer, but this."""
    times: int | None = None
    """Requests that get it; None: all."""


@dataclass(frozen=True, slots=True)
class ForwardAnswer:
    """What becomes of a forward."""

    match: str = "*"
    """Element, or a pattern (`*`, `?`) of a target."""
    result: ForwardResult = "answered"
    """What the called party does."""
    after: float | None = None
    """Seconds until that; None: 5 s for an answer, the time-out of the ringing for no answer, else 1 s."""
    talk: float = 30.0
    """Seconds the two talk."""
    leaves: Leaver = "called"
    """Who hangs up then."""
    accepts: bool = True
    """The called party presses the key where one is asked for."""
    sip_code: int | None = None
    """Final status of a refusal; None: the usual one."""
    times: int | None = None
    """Forwards (or targets) that get it; None: all."""


@dataclass(frozen=True, slots=True)
class CalleeAnswer:
    """What becomes of an attempt to call somebody."""

    match: str = "*"
    """Element, or a pattern (`*`, `?`) of the number."""
    result: CalleeResult = "human"
    """Who answers, or why nobody does."""
    after: float | None = None
    """Seconds until that; None: 5 s for an answer, the time-out of the ringing for no answer, else 1 s."""
    greeting: float = 6.0
    """Seconds that a machine speaks before its beep."""
    beep: bool = True
    """The machine has a beep."""
    accepts: bool = True
    """A person presses the key where one is asked for."""
    hangs_up: float | None = None
    """Seconds after the answer at which the one called hangs up; None: not by himself."""
    kind: FailureKind = "known"
    """Whether another attempt makes sense after `failed`."""
    sip_code: int | None = None
    """Final status of a refusal; None: the usual one."""
    status: str | None = None
    """What became of it in a word; None: the usual one."""
    line: str = ""
    """Line that the call goes by."""
    told: bool = True
    """Detection tells who it is as soon as it would; False: when somebody says so."""
    times: int | None = None
    """Attempts that get it; None: all."""


@dataclass(frozen=True, slots=True)
class MailAnswer:
    """What becomes of a mail."""

    match: str = "*"
    """Element, or a pattern (`*`, `?`) of an address."""
    error: str | None = None
    """Why it is not handed over; None: it is."""
    after: float = 0.2
    """Seconds until that is known."""
    times: int | None = None
    """Mails that get it; None: all."""


@dataclass(frozen=True, slots=True)
class AgentAnswer:
    """What becomes of a caller in the queue."""

    match: str = "*"
    """Element, or a pattern (`*`, `?`) of the queue."""
    result: AgentResult = "answered"
    """Whether an agent takes the call, or why the caller may not wait."""
    after: float = 5.0
    """Seconds until an agent takes it."""
    agent: str = "agent"
    """Who does."""
    talk: float = 30.0
    """Seconds the two talk."""
    leaves: Leaver | Literal["lost"] = "called"
    """Who hangs up then; `lost`: the agent's phone is gone."""
    position: int = 1
    """Place at the beginning."""
    estimate: float | None = None
    """Seconds of the likely wait; None: not known."""
    positions: tuple[tuple[float, int, float | None], ...] = ()
    """Seconds after the beginning at which place and likely wait change."""
    queue: str | None = None
    """Queue that the routes choose, where the flow names none; None: `default`."""
    strategy: WaitingStrategy | None = None
    """What the caller hears; None: as it is configured."""
    ends: tuple[float, str] | None = None
    """Seconds after the beginning at which the queue itself ends the visit, and its outcome."""
    message: Sound | None = None
    """What the caller is told where he may not wait; None: as it is configured."""
    callable: tuple[bool, ...] = ()
    """Whether the numbers can be called that he may be called back on, his own first, one after the other; the last for
    all the rest. Empty: all can."""
    times: int | None = None
    """Visits that get it; None: all."""


@dataclass(frozen=True, slots=True)
class AiAnswer:
    """What an AI agent does."""

    match: str = "*"
    """Element, or a pattern (`*`, `?`) of the agent's name."""
    reason: AiReason = "completed"
    """Why it gives the call back."""
    connects: float = 0.5
    """Seconds until it is connected."""
    speaks: float = 1.0
    """Seconds from then to its first sound."""
    talk: float = 20.0
    """Seconds that it has the call."""
    target: str = ""
    """Whom the caller is to be transferred to."""
    summary: str = ""
    """What was talked about."""
    transcript: tuple[Mapping[str, Any], ...] = ()
    """Who said what."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """What it found out."""
    hangs_up: bool = False
    """It ends the call."""
    caller_leaves: bool = False
    """The caller hangs up after the talk."""
    twiml: str | None = None
    """A document that it leaves behind, or the URL of one."""
    times: int | None = None
    """Talks that get it; None: all."""


@dataclass(frozen=True, slots=True)
class ApplicationAnswer:
    """What a voice application does that drives calls over HTTP."""

    match: str = "*"
    """Element, or a pattern (`*`, `?`) of the application's name."""
    result: ApplicationOutcome = "accepted"
    """Whether it takes the call."""
    after: float = 0.5
    """Seconds until it says so."""
    talk: float = 30.0
    """Seconds that it has the call; then it gives it back."""
    caller_leaves: bool = False
    """The caller hangs up then."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """What it gives back."""
    ends: ApplicationOutcome = "accepted"
    """How that ends which it had: `accepted` (it gives the call back), `idle`, `max_duration`."""
    url: str | None = None
    """It speaks TwiML: URL of its first document, which an HTTP request asks for."""
    times: int | None = None
    """Offers that get it; None: all."""


@dataclass(frozen=True, slots=True)
class Stubs:
    """Answers of the world, by element or pattern; the first one that fits and is not used up counts."""

    http: tuple[HttpAnswer, ...] = ()
    """Of HTTP requests; without one that fits: status 200 and `{}` after 0.2 s."""
    forwards: tuple[ForwardAnswer, ...] = ()
    """Of forwards; without one that fits: answered after 5 s, and the called party leaves after 30 s."""
    mails: tuple[MailAnswer, ...] = ()
    """Of mails; without one that fits: handed over."""
    callees: tuple[CalleeAnswer, ...] = ()
    """Of those whom the flow calls; without one that fits: a person answers after 5 s."""
    agents: tuple[AgentAnswer, ...] = ()
    """Of visits in queues; without one that fits: an agent answers after 5 s, and leaves after 30 s."""
    ai_agents: tuple[AiAnswer, ...] = ()
    """Of AI agents; without one that fits: it talks for 20 s, `completed`."""
    applications: tuple[ApplicationAnswer, ...] = ()
    """Of voice applications; without one that fits: it takes the call and gives it back after 30 s."""
    failing_recordings: frozenset[str] = frozenset()
    """Elements whose recordings cannot be written."""
    failing_contacts: Mapping[str, str] = field(default_factory=dict)
    """Elements whose flows for others cannot begin, with the word that says why."""
    dial_times: tuple[float, ...] = ()
    """When the pace lets the attempts go at the earliest, in seconds since the flow began, one after the other."""
    manual: bool = False
    """Forwards, hand-offs, HTTP requests and calls that no stub fits are answered by somebody, with the methods of the
    call."""


T = TypeVar("T", HttpAnswer, ForwardAnswer, MailAnswer, CalleeAnswer, AgentAnswer, AiAnswer, ApplicationAnswer)


class Answers(Generic[T]):
    """Answers of one kind, used up in their order by one call."""

    __slots__ = ("_left",)

    def __init__(self, answers: tuple[T, ...]) -> None:
        self._left: list[list[Any]] = [[answer, answer.times] for answer in answers]

    def first(self, answers: Iterable[T]) -> None:
        """Give these before those that are there."""
        self._left[:0] = [[answer, answer.times] for answer in answers]

    def take(self, *names: str) -> T | None:
        """The answer for something that has these names: the element's, and what is matched by pattern."""
        for entry in self._left:
            answer, times = entry
            if times != 0 and any(name == answer.match or fnmatchcase(name, answer.match) for name in names):
                if times is not None:
                    entry[1] = times - 1
                found: T = answer
                return found
        return None
