"""The hand-over packet as a model: its JSON Schema for those who read packets, and what the HTTP interface says of it.

Packets are made by :mod:`ivr.flow.packet`, without this; every one of them holds here.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ivr.flow.packet import MAX_WAITS

__all__ = ["HandOver"]


class _Part(BaseModel):
    """A part of a packet: readers take no notice of keys that they do not know, for some may be added."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, populate_by_name=True)


class CallPart(_Part):
    """The call."""

    id: str
    """Unique among all calls of all nodes."""
    short_id: int
    """Grows by one per call, and can be spoken."""
    from_: str = Field(alias="from")
    """Number or SIP user of the caller; empty when withheld."""
    to: str
    """The number or SIP user called."""
    direction: Literal["inbound", "outbound"]
    line: str
    """Line of the call; `phones` for a registered phone, `guest` for an unknown source."""
    channel: Literal["voice"]
    started_at: str
    """ISO 8601, with its time zone."""
    contact: str
    """Number of the person whom it is all about: the caller, or who was called."""


class FlowPart(_Part):
    """The flow that hands the call over."""

    name: str
    version: str
    """Hash of the file."""
    number: int | None
    """Of the version in the store; null: it is not from there."""
    element: str
    """Its element that does."""


class StepPart(_Part):
    """An element that the call went through."""

    flow: str
    element: str
    type: str
    branch: str | None
    """By which it was left; null: it runs."""
    at: float
    """Seconds since the call began."""


class InputPart(_Part):
    """What the caller keyed in."""

    flow: str
    element: str
    status: str | None
    """`collected`, `no_input`, `no_match`; null: it was broken off."""
    digits: str | None
    """As `reporting` of the collect says: masked, or null."""


class WaitPart(_Part):
    """A time that the caller has waited for an agent."""

    queue: str
    """Empty: no queue took him."""
    seconds: float
    outcome: str
    """`forwarded`, `agent_lost`, `closed`, `full`, `no_agents`, `max_wait`, `key_exit`, `callback_scheduled`,
    `cancelled`, `error`, `abandoned`."""
    agent: str
    """Who took the call; empty: nobody."""


class AiPart(_Part):
    """The last AI agent that had the call."""

    agent: str
    reason: str
    """Why it gave the call back; `caller_left`, `call_ended`, `moved`."""
    target: str
    """Whom it wanted the caller transferred to; empty: nobody."""
    summary: str
    transcript: list[dict[str, Any]]
    """Who said what, the last of it: `role` and `text`."""


class HandOver(_Part):
    """What an agent, an AI agent, an application or a chat is told of a call that it gets. At most 64 KiB of JSON; no
    sensitive value stands in it."""

    version: Literal[1]
    """Of this format. A key that is added leaves it, any other change raises it."""
    call: CallPart
    flow: FlowPart
    origin: str
    """Text for people: what it is about."""
    path: list[StepPart]
    """The elements walked, the last ones."""
    inputs: list[InputPart]
    """What the caller keyed in, the last of it."""
    tags: list[str]
    variables: dict[str, Any]
    """Those that the flow lists under `shareable`."""
    profile: dict[str, Any]
    """What is known of the caller; secret fields are `xxxx`."""
    waits: list[WaitPart] = Field(max_length=MAX_WAITS)
    """In queues so far."""
    ai: AiPart | None
    """null: no AI agent had the call."""
    metadata: dict[str, Any]
    """What the element adds."""
    cut: list[str]
    """Names of the parts that were too long: of lists the last entries stay, of texts the beginning."""
