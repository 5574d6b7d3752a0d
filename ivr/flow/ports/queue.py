"""The agent queue: what a flow says to let its caller wait for an agent, and what it hears back.

A visit begins with :class:`JoinQueue` and ends with exactly one :class:`QueueDone` of its `id`, unless the call ends
first: then the machine waits for nothing more, and the shell ends the visit by itself. The caller stays with the flow
all the while: what he hears while he waits is played by the element, and his keys come to it until an agent answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ivr.flow.ports.call import HandOffPacket, PromptSpec

__all__ = [
    "AgentAnswered",
    "AgentCode",
    "AgentCodeDone",
    "AgentRinging",
    "DeliverVoicemail",
    "JoinQueue",
    "JudgeNumber",
    "KeepCallback",
    "LeaveQueue",
    "LeaveReason",
    "LookAtQueue",
    "NumberJudged",
    "QueueDone",
    "QueueJoined",
    "QueueOutcome",
    "QueuePosition",
    "QueueSeen",
]

QueueOutcome = Literal[
    "forwarded",
    "agent_lost",
    "closed",
    "full",
    "no_agents",
    "max_wait",
    "key_exit",
    "callback_scheduled",
    "cancelled",
    "error",
]
"""`forwarded`: an agent took the call, and it is over between the two. `agent_lost`: one did, but his phone was gone
then; the caller may join again (`lost_agent`). All others: nobody took it."""

LeaveReason = Literal["max_wait", "key_exit", "callback_scheduled", "cancelled"]


# Commands


@dataclass(frozen=True, slots=True)
class JoinQueue:
    """Let the caller wait for an agent. Answered at once with :class:`QueueJoined` or :class:`QueueDone`."""

    id: int
    """Names this wait."""
    queue: str | None
    """Which queue; None: the routes say."""
    facts: Mapping[str, Any]
    """What routes look at (:func:`ivr.flow.packet.facts`), and of the tags the skills that are needed."""
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
    lost_agent: str | None = None
    """He waits again because his talk with this agent has ended as `agent_lost`: he comes first."""


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


# Events


@dataclass(frozen=True, slots=True)
class JudgeNumber:
    """Whether a caller can be called back on a number at all: policy, do-not-contact list and lines are asked as when
    he is called. Answered soon with :class:`NumberJudged`."""

    id: int
    """Names the question."""
    number: str
    """Normalised."""


@dataclass(frozen=True, slots=True)
class LookAtQueue:
    """How many wait in a queue. Answered at once with :class:`QueueSeen`."""

    id: int
    """Names the question."""
    queue: str
    """Its name."""


@dataclass(frozen=True, slots=True)
class NumberJudged:
    """What is to be said of a number."""

    id: int
    """Of the `JudgeNumber`."""
    callable: bool
    """It may be called, and there is a way to it, though perhaps none that is free now."""


@dataclass(frozen=True, slots=True)
class QueueSeen:
    """How a queue is."""

    id: int
    """Of the `LookAtQueue`."""
    waiting: int = 0
    """Callers in it to whom nobody talks."""
    mean_wait: float = 0.0
    """Seconds that those waited whom an agent took; 0: nobody yet."""


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
    """The two hear each other; ended by :class:`QueueDone` with `forwarded` or `agent_lost`."""

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
