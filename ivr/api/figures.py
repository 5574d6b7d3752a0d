"""Models of what the contact centre is and was, for the document of the interface."""

from __future__ import annotations

from typing import Literal

from ivr.api.endpoints import Model

__all__ = ["AgentFigures", "AgentNow", "Caller", "QueueFigures", "QueueNow", "Target"]

Phase = Literal["idle", "ringing", "in_call", "wrapping", "reserved", "on_other_call"]


class QueueFigures(Model):
    """Figures of a queue over a time: counts of callers, shares from 0 to 1, seconds; null where there is nothing to
    divide by. `offered` is the sum of how callers left, and of who still waits."""

    offered: int
    """Callers who began to wait."""
    answered: int
    answered_in_target: int
    """Within `answer_within`."""
    abandoned: int
    """Hung up while they waited."""
    max_wait: int
    key_exit: int
    callback_scheduled: int
    cancelled: int
    error: int
    interrupted: int
    """By a restart."""
    refused_closed: int
    refused_full: int
    refused_no_agents: int
    refused_error: int
    rings: int
    """Times that an agent was rung."""
    missed: int
    declined: int
    failed: int
    handled: int
    """Conversations that are over, wrapping up included."""
    lost: int
    """Of these, ended because the agent's phone was gone; the caller waits again then, and counts again."""
    callbacks_kept: int
    callbacks_due: int
    callbacks_made: int
    callbacks_expired: int
    callbacks_failed: int
    callbacks_cancelled: int
    wait_answered_seconds: float
    wait_left_seconds: float
    longest_wait_seconds: float
    talk_seconds: float
    wrap_seconds: float
    service_level: float | None
    """Answered in target, of those who were answered or hung up."""
    abandoned_share: float | None
    mean_wait_seconds: float | None
    """Of those who were answered."""
    mean_handle_seconds: float | None
    """Talk and wrapping up."""


class AgentFigures(Model):
    """Figures of an agent over a time, over all queues."""

    rings: int
    answered: int
    missed: int
    declined: int
    failed: int
    handled: int
    lost: int
    """Of these, ended because his phone was gone."""
    ready_seconds: float
    ringing_seconds: float
    talking_seconds: float
    wrapping_seconds: float
    other_seconds: float
    """On calls that no queue has brought."""
    busy_seconds: float
    away_seconds: float
    unreachable_seconds: float
    occupancy: float | None
    """Talking and wrapping, as a share of that and the time he was ready."""
    mean_handle_seconds: float | None


class Target(Model):
    """What is aimed at."""

    answer_within: float
    """Seconds."""
    percent: float


class QueueNow(Model):
    """A queue at this moment."""

    name: str
    open: bool
    leaving: bool
    """It is in the configuration no more, and stays until nobody is in it."""
    order: str
    waiting: int
    """Callers on the line; `ringing` of them, an agent is rung."""
    ringing: int
    talking: int
    callbacks: int
    """Places kept for people who are called back."""
    longest_wait: float
    """Seconds, of those who wait."""
    estimate: float | None
    """Seconds that who joins now is likely to wait."""
    target: Target
    agents: dict[str, int]
    """`all`, `logged_in`, `available`, `free`, and by what they do: `ringing`, `in_call`, `wrapping`, `reserved`,
    `on_other_call`."""
    today: QueueFigures
    total: QueueFigures


class AgentNow(Model):
    """An agent at this moment."""

    name: str
    title: str
    enabled: bool
    status: str
    group: Literal["available", "busy", "away", "unavailable"]
    phase: Phase
    """`reserved`: somebody is called back for him; `on_other_call`: one that no queue has brought."""
    reachable: bool
    """One of his phones can be rung."""
    console: bool
    free: bool
    """He would get the next call."""
    why_not: str | None
    """Why he would not, as a sentence."""
    queues: list[str]
    skills: dict[str, int]
    queue: str
    """Of the caller he is rung for, talks to or wraps up."""
    caller: str
    """Id of that call."""
    since_seconds: float
    """How long he has done that."""
    idle_seconds: float | None
    wrap_up_left: float | None
    missed_in_a_row: int
    calls_today: int | None
    """null: of a colleague, to an agent; as `today` and `total`."""
    workload: float
    full_capacity: bool
    today: AgentFigures | None
    total: AgentFigures | None


class Caller(Model):
    """Somebody in a queue."""

    caller: str
    """Id of the call; empty where nobody is on the line."""
    short_id: int | None = None
    """Of the call: as people say it."""
    queue: str
    position: int | None
    """1: next; null once an agent talks to him."""
    priority: int
    state: Literal["waiting", "ringing", "talking", "callback", "calling_back"]
    waited: float
    """Seconds."""
    agents: list[str]
    """Who rings, or talks to him."""
    route: str
    estimate: float | None
    callback: str
    """Id of the call back; empty: there is none."""
    attempts: int
    expires: float | None
    """Seconds since the epoch."""
