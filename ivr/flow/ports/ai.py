"""AI agents: what a flow says to give its caller's sound to one, and what it hears back.

A talk begins with :class:`StartAiAgent` and ends with exactly one :class:`AiAgentDone` of its `id`, unless the call
ends first: then the machine waits for nothing more, and the shell ends the talk by itself. What the caller hears until
the AI agent speaks is played by the element.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ivr.flow.ports.call import HandOffPacket

__all__ = [
    "AiAgentConnecting",
    "AiAgentDone",
    "AiAgentSpoke",
    "AiAgentStarted",
    "AiAgentTold",
    "AiReason",
    "StartAiAgent",
    "StopAiAgent",
]

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


# Commands


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


# Events


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
    stream: str = ""
    """What the endpoint was told that the stream is called (StreamSid); empty: nobody knows."""


@dataclass(frozen=True, slots=True)
class AiAgentSpoke:
    """The first sound of the AI agent is about to be heard: what fills the time until then ends."""

    id: int


@dataclass(frozen=True, slots=True)
class AiAgentTold:
    """What is known of the conversation so far, for one that is cut off: told now and again, when there is more."""

    id: int
    summary: str = ""
    """As in :class:`AiAgentDone`."""
    transcript: tuple[Mapping[str, Any], ...] = ()
    """As in :class:`AiAgentDone`."""


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
