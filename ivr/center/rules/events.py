"""What the contact centre is told. Names of callers, offers and call backs are the teller's and the centre's own:

- a caller is named by who lets him wait (`caller`): any text that no other caller has at that time;
- an offer by the centre (`offer`): a number that grows; it names the ringing phone and then the conversation;
- a call back by who keeps it (`callback`): any text that no other call back has.

What concerns a caller, offer or call back that is over is harmless: it is answered with nothing, or with a
:class:`~ivr.center.rules.decisions.Withdraw` that may be repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ivr.center.rules.config import CenterConfig

__all__ = [
    "AgentBusy",
    "AgentFree",
    "AgentOccupied",
    "AgentStatus",
    "AskingOver",
    "CallOver",
    "CallbackAnswered",
    "CallbackCancelled",
    "CallbackFailed",
    "CallbackKept",
    "CallerJoined",
    "CallerLeft",
    "ClockSet",
    "Configured",
    "ConsoleState",
    "Disposition",
    "Event",
    "LeaveReason",
    "OfferAnswered",
    "OfferFailed",
    "OfferFault",
    "OfferPickedUp",
    "PhoneState",
    "Tick",
    "WrapUpDone",
]

LeaveReason = Literal["abandoned", "max_wait", "key_exit", "callback_scheduled", "cancelled", "error"]
"""`abandoned`: the caller hung up; `error`: something of ours failed; the others as flows name them."""

OfferFault = Literal["no_answer", "declined", "busy", "unreachable", "error"]
"""`no_answer` is a missed call. After `busy`, `unreachable` and `error` the agent gets no offers for some seconds."""


# Callers


@dataclass(frozen=True, slots=True)
class CallerJoined:
    """A caller begins to wait. Answered at once with `Joined` (then, some time, one `Left`) or `Refused`."""

    caller: str
    """Names him."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What routes look at: `from`, `tags`, `profile` …; a name with dots is looked up as it stands, then part by part.
    `skills` (a mapping to levels, or a list) and tags like `skill:german` or `skill:german:5` are skills needed."""
    queue: str | None = None
    """Which queue; None: the routes say."""
    priority: int | None = None
    """1 to 10, higher first; None: as the route says, else 5."""
    sticky: str | None = None
    """`off`, `30d`, `60d`, `1y`, `ever`; None: as the queue says."""
    strategy: str | None = None
    """Name of a waiting strategy; None: that of the queue."""
    person: str = ""
    """Who it is, for sticky agents: a normalised number, or the id of a profile; empty: nobody knows."""
    callback: str | None = None
    """The call back that he was called for: he takes the place that it kept, in its queue, whatever else stands here;
    where it is over, he joins as anybody."""
    secret: bool = False
    """The facts hold something sensitive: explanations show no value of them."""
    lost_agent: str | None = None
    """The agent to whom he talked until the connection broke off (`CallOver.lost`): he comes first of all who wait, is
    not refused, and gets that agent only where nobody else can take him."""


@dataclass(frozen=True, slots=True)
class CallerLeft:
    """A caller is no longer there for the centre, in whatever state: who rings for him is withdrawn, a conversation is
    over. Answered with `Left`, unless he has left before."""

    caller: str
    reason: LeaveReason = "abandoned"
    """Counts while he waits."""
    asked: bool = False
    """As :class:`CallOver` has it, where he talked to an agent."""


# Call backs


@dataclass(frozen=True, slots=True)
class CallbackKept:
    """A waiting caller wants to be called back: his place is kept from now on, and counts once he has left. Should an
    agent answer before, it is over. Refused (`CallbackOver`, `refused`) where he does not wait, or too many do."""

    caller: str
    callback: str
    """Names it."""
    number: str
    """Whom to call."""


@dataclass(frozen=True, slots=True)
class CallbackAnswered:
    """The person called back has answered: the agent is held for him some more seconds. Then `CallerJoined` with
    `callback`, or `CallbackFailed`."""

    callback: str


@dataclass(frozen=True, slots=True)
class CallbackFailed:
    """Calling back after `CallbackDue` came to nothing: tried again later, or given up (`CallbackOver`)."""

    callback: str
    reason: str = ""
    """For reports: `no_answer`, `busy` …"""
    counted: bool = True
    """It is one of the attempts of the queue. False: nobody was called at all, for want of a line or a channel: it is
    only put off."""


@dataclass(frozen=True, slots=True)
class CallbackCancelled:
    """Nobody is to be called back."""

    callback: str
    by: str = ""
    """Who says so."""


# Offers and conversations


@dataclass(frozen=True, slots=True)
class OfferAnswered:
    """The agent took the call. Answered with `Connect`, or with `Withdraw` where the offer is over."""

    offer: int


@dataclass(frozen=True, slots=True)
class OfferPickedUp:
    """The agent has picked up, and hears what is said to him (a whisper) before `OfferAnswered` or `OfferFailed`: the
    lease is prolonged by half a minute, so that nobody who has answered in time counts as not answering. Other
    agents go on ringing."""

    offer: int


@dataclass(frozen=True, slots=True)
class OfferFailed:
    """The agent did not take the call. That he lets it ring too long need not be told: leases end by themselves."""

    offer: int
    reason: OfferFault


@dataclass(frozen=True, slots=True)
class CallOver:
    """Caller and agent talk no more: hung up, transferred. Answered with `Left`; the agent wraps up."""

    offer: int
    asked: bool = False
    """The agent is still on his phone, and asked for a disposition: he gets no call before `AskingOver`, and wraps up
    at least as long; a lease of a minute ends that by itself."""
    lost: bool = False
    """The agent's phone has gone without a word: he does not wrap up, gets no offers for some seconds, and the caller
    leaves as `agent_lost`."""


@dataclass(frozen=True, slots=True)
class AskingOver:
    """An agent's phone is free again after he was asked for the disposition of a conversation."""

    agent: str
    offer: int
    """That the conversation came of."""


# Agents


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """An agent chooses a status, or somebody chooses one for him."""

    agent: str
    status: str
    """A group (`available` …) or a custom status."""
    by: str = ""
    """Who: the agent's name, a token, `telephone` …; for reports."""


@dataclass(frozen=True, slots=True)
class PhoneState:
    """Whether any phone of an agent can be rung; none can until told."""

    agent: str
    reachable: bool


@dataclass(frozen=True, slots=True)
class ConsoleState:
    """Whether the agent has a console open; none is until told."""

    agent: str
    open: bool


@dataclass(frozen=True, slots=True)
class AgentBusy:
    """The agent is on a call that is not the centre's: one that was forwarded or transferred to him, or his own."""

    agent: str
    call: str
    """Names it, with the agent."""


@dataclass(frozen=True, slots=True)
class AgentFree:
    """Such a call is over."""

    agent: str
    call: str
    talked: float = 0.0
    """Seconds of a talk with somebody who was transferred to the agent by name: it counts as one of his calls, and he
    wraps up; 0: there was none, or the call was his own."""
    caller: str = ""
    """Id of the call that was transferred to him, for a disposition."""


@dataclass(frozen=True, slots=True)
class AgentOccupied:
    """How much an agent has to do on another channel, for the order `weighted`."""

    agent: str
    channel: str
    """One of his `channels`."""
    occupancy: int
    """Conversations there."""


@dataclass(frozen=True, slots=True)
class WrapUpDone:
    """The agent has finished wrapping up; harmless when he is not at it."""

    agent: str


@dataclass(frozen=True, slots=True)
class Disposition:
    """How the agent's conversation ended: the one he has, or had last. Ends his wrapping up."""

    agent: str
    disposition: str
    """Name of a disposition in the configuration; one that is not there, or is for other queues, is ignored (see
    `Center.objection`)."""
    by: str = ""


# The centre as a whole


@dataclass(frozen=True, slots=True)
class Configured:
    """Another configuration holds from now on. Nobody is lost: a queue that is gone stays until nobody is in it, a
    conversation goes on whatever becomes of its agent."""

    config: CenterConfig


@dataclass(frozen=True, slots=True)
class ClockSet:
    """What the clock on the wall says now; told now and then, and whenever it was set."""

    wall: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing happened but time."""


Event = (
    CallerJoined
    | CallerLeft
    | CallbackKept
    | CallbackAnswered
    | CallbackFailed
    | CallbackCancelled
    | OfferPickedUp
    | OfferAnswered
    | OfferFailed
    | CallOver
    | AskingOver
    | AgentStatus
    | PhoneState
    | ConsoleState
    | AgentBusy
    | AgentFree
    | AgentOccupied
    | WrapUpDone
    | Disposition
    | Configured
    | ClockSet
    | Tick
)
