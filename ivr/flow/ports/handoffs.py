"""What a flow says to hand its caller over (to an agent, an AI agent, a voice application), and what it hears back; and
what somebody outside may ask of a call that is under a flow.

Each hand-off begins with one command and ends with exactly one event of its `id`, unless the call ends first: then the
machine waits for nothing more, and the shell ends the hand-off by itself. The caller stays with the flow all the while:
what he hears while he waits is played by the element, and keys that nobody else takes come to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ivr.flow.model import Flow
    from ivr.flow.ports.call import PromptSpec

__all__ = [
    "AgentAnswered",
    "AgentCode",
    "AgentCodeDone",
    "AgentRinging",
    "AiAgentConnecting",
    "AiAgentDone",
    "AiAgentSpoke",
    "AiAgentStarted",
    "AiReason",
    "ApplicationAccepted",
    "ApplicationDone",
    "ApplicationOutcome",
    "ApplicationTerms",
    "DeliverVoicemail",
    "HandOffPacket",
    "Instruction",
    "InstructionDone",
    "JoinQueue",
    "KeepCallback",
    "LeaveQueue",
    "Moved",
    "OfferApplication",
    "QueueDone",
    "QueueJoined",
    "QueueOutcome",
    "QueuePosition",
    "StartAiAgent",
    "StopAiAgent",
    "StopApplication",
    "TellApplication",
]

HandOffPacket = Mapping[str, Any]
"""What the other side is told of the call, as JSON; see :mod:`ivr.flow.packet`. Secret values are masked in it."""

QueueOutcome = Literal[
    "forwarded", "closed", "full", "no_agents", "max_wait", "key_exit", "callback_scheduled", "cancelled", "error"
]
"""`forwarded`: an agent took the call, and it is over between the two. All others: nobody took it."""

AiReason = Literal[
    "completed",
    "transfer_requested",
    "caller_requested_human",
    "no_input_timeout",
    "max_duration",
    "not_started",
    "endpoint_error",
    "endpoint_closed",
]
ApplicationOutcome = Literal["accepted", "rejected", "timeout", "http_error", "bad_answer", "idle", "max_duration"]

LeaveReason = Literal["max_wait", "key_exit", "callback_scheduled", "cancelled"]


# Commands: the agent queue


@dataclass(frozen=True, slots=True)
class JoinQueue:
    """Let the caller wait for an agent. Answered at once with :class:`QueueJoined` or :class:`QueueDone`."""

    id: int
    """Names this wait."""
    queue: str | None
    """Which queue; None: the routes say."""
    facts: Mapping[str, Any]
    """What routes and skills look at: `from`, `to`, `line`, `flow`, `origin`, `tags`, `profile.*`, `collected.*`,
    `metadata.*`, `variables.*`."""
    packet: HandOffPacket
    """For the agent."""
    priority: int | None = None
    """1 to 10, higher first; None: as the route says, else 5."""
    sticky: str | None = None
    """How long ago an agent may have spoken to this caller to be asked first (`30d`, `60d`, `1y`, `ever`; `off`);
    None: as the queue says."""
    strategy: str | None = None
    """Name of a waiting strategy; None: that of the queue."""
    origin: str = ""
    """Text the agent sees."""
    whisper: PromptSpec | None = None
    """Heard by the agent before the two hear each other."""
    record_name: str | None = None
    """Record the two, both sides, stereo, under this name; None: do not."""
    max_duration: float | None = None
    """Seconds the two may talk."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further SIP headers of the call to the agent."""
    secret: bool = False
    """The facts hold a sensitive value: logs show none of them."""


@dataclass(frozen=True, slots=True)
class LeaveQueue:
    """The caller waits no more. Answered with :class:`QueueDone` of this outcome; without effect once an agent has
    answered (then :class:`AgentAnswered` was told before), except `cancelled`: somebody outside has taken the call
    away, and the agent is hung up."""

    id: int
    """Of the `JoinQueue`; one that is over is ignored."""
    reason: LeaveReason
    """Why, for figures and reports."""


@dataclass(frozen=True, slots=True)
class KeepCallback:
    """Call the caller back when it is his turn: his place in the queue is kept from now on, whether he stays on the
    line or not. The flow then leaves the queue with `callback_scheduled`."""

    id: int
    """Of the `JoinQueue`."""
    number: str
    """Whom to call, normalised; the caller has confirmed it."""
    say: PromptSpec
    """Said to him when he answers, before an agent is connected."""
    language: str
    """In which he is told his place then."""


@dataclass(frozen=True, slots=True)
class DeliverVoicemail:
    """Bring a message that the caller has left to the mailbox of a queue or an agent, where one is configured. No
    event follows."""

    recording: str
    """As `RecordDone.path`."""
    seconds: float
    """How long it is."""
    queue: str = ""
    """Whose message it is; empty: of an agent."""
    agent: str = ""
    """Name of the agent in the configuration; empty: of the queue alone."""
    caller: str = ""
    """Who speaks; empty where that is not to be told."""


@dataclass(frozen=True, slots=True)
class AgentCode:
    """An agent asks for something by telephone (built-in flows alone). Ends with :class:`AgentCodeDone`, at once."""

    id: int
    """Names it."""
    action: str
    """`log_in`, `log_out`, `pause`, `resume`, `status`, `disposition`."""
    digits: str = ""
    """What was dialled after the code, or when it was asked for."""


# Commands: AI agents


@dataclass(frozen=True, slots=True)
class StartAiAgent:
    """Give the caller's sound to an AI agent and play what it says. Ends with :class:`AiAgentDone`."""

    id: int
    """Names this hand-off."""
    agent: str
    """Of `ai_agents` in the configuration."""
    packet: HandOffPacket
    """What it is told, where its protocol has room for that."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Custom parameters, added to those of the configuration."""
    connect_timeout: float | None = None
    """Seconds until it must be connected; None: as configured."""
    max_duration: float | None = None
    """Seconds; then :class:`AiAgentDone` with `max_duration`; None: as configured."""
    record_name: str | None = None
    """Record caller and AI agent, stereo, under this name; None: do not."""
    secret: bool = False
    """Packet or parameters hold a sensitive value that the flow wants to be sent: logs show none of them."""


@dataclass(frozen=True, slots=True)
class StopAiAgent:
    """Take the caller back. Ends with :class:`AiAgentDone` (`completed`) unless it is over already."""

    id: int
    """Of the `StartAiAgent`."""


# Commands: voice applications


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


@dataclass(frozen=True, slots=True)
class TellApplication:
    """Tell a voice application that something happened, in order, at least once, without waiting for it."""

    application: str
    """Of `applications` in the configuration."""
    type: str
    """Kind of the event."""
    data: Mapping[str, Any]
    """What it tells, as JSON."""
    url: str | None = None
    """Where to; None: the application's own URL (`events`), its status callback (`twiml`)."""
    method: Literal["GET", "POST"] = "POST"
    """How; only with `twiml`."""
    secret: bool = False
    """The data hold a sensitive value that the application has asked for: logs and the feed show none of them."""


@dataclass(frozen=True, slots=True)
class InstructionDone:
    """An :class:`Instruction` was carried out, or cannot be."""

    id: int
    """Of the `Instruction`."""
    result: Mapping[str, Any] = field(default_factory=dict)
    """As JSON: what was heard, collected, recorded; digits as the instruction's `reporting` lets them be seen."""
    error: str | None = None
    """Why not, as a sentence; None: it was."""


# Events: the agent queue


@dataclass(frozen=True, slots=True)
class QueueJoined:
    """The caller waits."""

    id: int
    """Of the `JoinQueue`."""
    queue: str
    """Where."""
    position: int
    """1: next."""
    strategy: Any
    """What he hears meanwhile, and which keys he has: `ivr.settings.WaitingStrategy`."""
    estimate: float | None = None
    """Seconds he is likely to wait; None: not known yet."""
    queue_number: str | None = None
    """Number that a call back shows as caller id; None: as the line says."""


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """The place in the queue, or the likely wait, has changed."""

    id: int
    position: int
    estimate: float | None = None


@dataclass(frozen=True, slots=True)
class AgentRinging:
    """An agent's phone rings for this caller; the wait goes on as before."""

    id: int
    agent: str


@dataclass(frozen=True, slots=True)
class AgentAnswered:
    """The two hear each other; ended by :class:`QueueDone` with `forwarded`."""

    id: int
    agent: str
    """Name of the agent in the configuration."""
    waited: float = 0.0
    """Seconds in the queue."""


@dataclass(frozen=True, slots=True)
class QueueDone:
    """The caller is in the queue no more, and talks to no agent."""

    id: int
    """Of the `JoinQueue`."""
    outcome: QueueOutcome
    """How it went."""
    queue: str = ""
    """Which queue it was; empty: none."""
    agent: str = ""
    """Who took the call."""
    talk_time: float = 0.0
    """Seconds the two were connected."""
    waited: float = 0.0
    """Seconds in the queue until then."""
    text: str = ""
    """Why, for trace and log."""
    callback: str = ""
    """Id of the call back that keeps the place."""
    message: Any = None
    """What the caller is told first, where the queue has words for it (`away`, when it is closed):
    `ivr.settings.Sound`."""


@dataclass(frozen=True, slots=True)
class AgentCodeDone:
    """What became of what an agent asked for by telephone."""

    id: int
    """Of the `AgentCode`."""
    outcome: Literal["done", "digits_needed", "refused"]
    """`digits_needed`: it is asked again with what `say` asks for."""
    say: str
    """Heard by the agent."""


# Events: AI agents


@dataclass(frozen=True, slots=True)
class AiAgentConnecting:
    """The endpoint is being called: told at once after :class:`StartAiAgent`, where the configuration says what is
    heard meanwhile, and again when a connection that was lost is made anew."""

    id: int
    filler: str = "music"
    """Of the configuration, for a flow that says nothing: `music`, `none`, or a text."""


@dataclass(frozen=True, slots=True)
class AiAgentStarted:
    """The endpoint is connected; the caller's sound goes there."""

    id: int


@dataclass(frozen=True, slots=True)
class AiAgentSpoke:
    """The first sound of the AI agent is about to be heard: what fills the time until then ends."""

    id: int


@dataclass(frozen=True, slots=True)
class AiAgentDone:
    """The AI agent gives the call back, or never had it."""

    id: int
    """Of the `StartAiAgent`."""
    reason: AiReason
    """Why."""
    text: str = ""
    """What went wrong, for trace and log."""
    target: str = ""
    """Whom the AI agent wants the caller transferred to, where it said so."""
    summary: str = ""
    """What was talked about, as the AI agent puts it."""
    transcript: tuple[Mapping[str, Any], ...] = ()
    """Who said what, where it is known: `{"role", "text"}`."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """What it found out, as JSON."""
    talk_time: float = 0.0
    """Seconds it had the call."""
    end_call: bool = False
    """It has hung up: the flow ends the call (`ended_by_api`)."""
    twiml: str | None = None
    """A document that the call goes on with (the calls resource: `Twiml`), or
    None."""
    twiml_url: str | None = None
    """Where such a document is to be had (`Url`)."""


# Events: voice applications, and whoever controls a call from outside


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


@dataclass(frozen=True, slots=True)
class Instruction:
    """Somebody outside who has the call (a voice application, a client of the HTTP interface) asks for something:
    `play`, `say`, `collect`, `record`, `send_digits`, `answer`, `stop`, `hang_up`. Ends with
    :class:`InstructionDone`; where the call is under a flow that lets nobody ask, at once with an error."""

    id: int
    """Given by who asks; grows."""
    verb: str
    """What is to be done."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """As the fields of the element of that name."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Somebody outside has moved the call: the element that runs is left at once, with all subroutines, and the call
    goes on in another flow."""

    flow: Flow
    """Where to; a flow of the folder, or one made for this."""
    entry: str
    """Its element to begin with."""
    by: str
    """Who did it, for trace and log: `api`, `console`, name of a token, of an application."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """Values of variables there."""
