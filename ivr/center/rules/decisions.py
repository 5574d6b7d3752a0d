"""What the contact centre decides, in the order in which it is to be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ivr.settings import Sound, StatusGroup, WaitingStrategy

if TYPE_CHECKING:
    from ivr.center.rules.events import OfferFault

__all__ = [
    "CallbackDropped",
    "CallbackDue",
    "CallbackOutcome",
    "CallbackOver",
    "Connect",
    "Decision",
    "Disposed",
    "IntervalOver",
    "Joined",
    "Left",
    "LeftOutcome",
    "Missed",
    "Notice",
    "Offer",
    "Phase",
    "Position",
    "Refusal",
    "Refused",
    "StatusChanged",
    "Withdraw",
    "WithdrawReason",
]

Phase = Literal["idle", "ringing", "in_call", "wrapping", "reserved", "on_other_call"]
"""What an agent does; `reserved`: somebody is called back for him; `on_other_call`: one that no queue has brought."""

Refusal = Literal["closed", "full", "no_agents", "error"]
"""Why a caller may not wait, as flows name it."""

LeftOutcome = Literal[
    "forwarded", "agent_lost", "abandoned", "max_wait", "key_exit", "callback_scheduled", "cancelled", "error"
]
"""`forwarded`: an agent talked to him; `agent_lost`: the agent's phone went without a word while they talked."""

WithdrawReason = Literal[
    "no_answer", "answered_elsewhere", "caller_left", "agent_status", "agent_busy", "unreachable", "disabled", "over"
]
"""Why a phone stops ringing. `no_answer`: the lease has ended; `over`: what was told of the offer came too late."""

CallbackOutcome = Literal["made", "answered", "expired", "failed", "cancelled", "refused"]
"""`made`: the person was called and waits or talks again; `answered`: an agent answered before he had left."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The caller waits."""

    caller: str
    queue: str
    position: int
    """1: next."""
    estimate: float | None
    """Seconds he is likely to wait; None: not known yet."""
    strategy: WaitingStrategy
    """What he hears and may press."""
    priority: int
    """1 to 10."""
    route: str
    """The rule that chose the queue; empty: the flow did, or no rule matched."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The caller may not wait; nothing more will be told of him."""

    caller: str
    queue: str
    """Empty where there is none."""
    outcome: Refusal
    text: str
    """Why: a sentence."""
    away: Sound | None = None
    """What he is to hear where the queue is closed."""


@dataclass(frozen=True, slots=True)
class Position:
    """The place in the queue, or the likely wait, has changed; told at intervals."""

    caller: str
    position: int
    """1: next."""
    estimate: float | None
    """Seconds; None: not known."""


@dataclass(frozen=True, slots=True)
class Left:
    """The caller is in the queue no more and talks to no agent of it: exactly one for each `Joined`."""

    caller: str
    queue: str
    outcome: LeftOutcome
    waited: float
    """Seconds until an agent answered, or he left."""
    agent: str = ""
    """Who talked to him."""
    talked: float = 0.0
    """Seconds."""
    offer: int = 0
    """Of the conversation; 0: there was none."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Ring an agent for a caller. Until `Withdraw`, `Connect` or `OfferFailed`, but never longer than the lease: when
    it ends, `Withdraw` follows."""

    offer: int
    """Names it, and the conversation that comes of it."""
    caller: str
    agent: str
    queue: str
    until: float
    """End of the lease, in the time that events are told in."""
    why: str
    """Why this agent: a few words."""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Stop ringing; where the agent has answered too late, hang up. May come again for what is withdrawn."""

    offer: int
    caller: str
    """Empty where the offer is long over."""
    agent: str
    reason: WithdrawReason


@dataclass(frozen=True, slots=True)
class Connect:
    """Let caller and agent hear each other. Other agents that ring for him have been withdrawn before."""

    offer: int
    caller: str
    agent: str
    queue: str
    waited: float
    """Seconds in the queue."""


@dataclass(frozen=True, slots=True)
class Missed:
    """An agent was offered a call and did not take it."""

    agent: str
    caller: str
    queue: str
    offer: int
    reason: OfferFault
    in_a_row: int
    """Calls he has not answered (`no_answer`) since he last did."""


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """What an agent is, or does, has changed."""

    agent: str
    status: str
    """As he, or the centre, has chosen it."""
    group: StatusGroup
    phase: Phase
    queue: str = ""
    """Of the caller he is rung for, talks to or wraps up."""
    caller: str = ""
    """He."""
    until: float | None = None
    """When wrapping up ends, in the time that events are told in."""
    reason: str = ""
    """Why the status has changed: `missed_calls`, `inactive`, `chosen`, `configured`; empty: it has not."""
    by: str = ""
    """Who has chosen it."""


@dataclass(frozen=True, slots=True)
class Disposed:
    """An agent has said how a conversation ended."""

    agent: str
    caller: str
    queue: str
    offer: int
    disposition: str
    by: str


@dataclass(frozen=True, slots=True)
class CallbackDue:
    """Call somebody back: it is his turn, and an agent is held for him. Answered with `CallbackAnswered` and
    `CallerJoined`, or `CallbackFailed`; with neither until `until` it counts as failed."""

    callback: str
    number: str
    queue: str
    agent: str
    """Held."""
    attempt: int
    """From 1."""
    until: float
    """In the time that events are told in."""
    sender: str | None
    """Number to show; None: as the line says."""


@dataclass(frozen=True, slots=True)
class CallbackDropped:
    """Nothing was heard of a call back until the time was over: nobody is held for it any more, and whoever is still
    being called is to be called no longer. It is tried again later, or given up (`CallbackOver`)."""

    callback: str


@dataclass(frozen=True, slots=True)
class CallbackOver:
    """A call back is done with."""

    callback: str
    queue: str
    outcome: CallbackOutcome
    attempts: int
    text: str = ""
    """Why, where that is not plain: a sentence."""


@dataclass(frozen=True, slots=True)
class IntervalOver:
    """A quarter of an hour is over: what happened in it, to be kept for reports. See `ivr.center.rules.figures`."""

    start: float
    """Seconds since the epoch."""
    seconds: float
    """How long it was."""
    queues: Mapping[str, Mapping[str, Any]]
    """Figures by queue; those in which nothing happened are left out."""
    agents: Mapping[str, Mapping[str, Any]]
    """Figures by agent."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that people should know: a sentence for the log, without numbers of callers."""

    text: str


Decision = (
    Joined
    | Refused
    | Position
    | Left
    | Offer
    | Withdraw
    | Connect
    | Missed
    | StatusChanged
    | Disposed
    | CallbackDue
    | CallbackDropped
    | CallbackOver
    | IntervalOver
    | Notice
)
