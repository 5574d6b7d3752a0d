"""Agents over HTTP: what they are and do, what they choose, whom they talk to; agents besides those of ivr.yaml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field

from ivr.api.caching import expect
from ivr.api.endpoints import Answer, Ask, Endpoint, Model
from ivr.api.figures import AgentNow
from ivr.api.gradual import gradually
from ivr.api.problems import ProblemError
from ivr.center.office import Office
from ivr.flow.packet_model import HandOver
from ivr.settings import STATUS_GROUPS, Agent

__all__ = ["AgentRoutes", "agent_shown"]

MAX_NAME = 64


class StatusChoice(Model):
    """What an agent is to be."""

    status: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    """`available`, `busy`, `away`, `unavailable`, or a status of the configuration."""


class LogIn(Model):
    """Where an agent begins to work."""

    phone: Annotated[str, Field(min_length=1, max_length=MAX_NAME)] | None = None
    """User of a registered phone that is his alone until he logs out; null: the phones of his settings."""


class DispositionChoice(Model):
    """How a conversation ended."""

    disposition: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    """Name in the configuration."""


class MissedCall(Model):
    """A call that an agent was offered and did not take."""

    at: float
    """Seconds since the epoch."""
    call: str
    short_id: int | None
    queue: str
    reason: Literal["no_answer", "declined", "busy", "unreachable", "error"]
    """`no_answer` alone counts as missed in figures."""


class AgentShown(Model):
    """An agent."""

    id: str
    """By which flows and commands name him."""
    name: str
    """Shown to people."""
    title: str
    source: Literal["config", "store"]
    """`store`: made over HTTP, and changed there; `config`: of ivr.yaml."""
    settings: dict[str, Any]
    """As in ivr.yaml; whether he has a `code` is told, not which. Of a colleague a part of it."""
    desk: str | None
    """Phone that he has taken by log-in."""
    now: AgentNow
    """What he is and does."""
    missed: list[MissedCall] = Field(default_factory=list)
    """Calls that he did not take, the newest first, at most 20: of one agent, not in lists, and of no colleague."""


class Agents(Model):
    """All agents, and what they may choose."""

    agents: list[AgentShown]
    statuses: list[dict[str, str]]
    """`{"name", "group"}`: the four groups, then those of the configuration."""
    dispositions: list[dict[str, Any]]
    """`{"id", "name", "queues"}`; no queues: for the calls of all."""


class AgentCall(Model):
    """The call that an agent has, or that rings for him (screen pop)."""

    call: str
    """Id of the caller's call."""
    queue: str
    """Empty: the call was forwarded or transferred to himself."""
    state: str
    """`ringing` or `talking`."""
    waited: float
    """Seconds the caller waited, in the queue or for him."""
    packet: HandOver
    """The hand-over packet: who calls, the way walked, collected inputs, tags, shareable variables, profile."""


READ, OWN = "agents:read", "agents:self"
NOT_SELF = "this token may do that to its own agent alone"
REFUSED = "The rules of the centre refuse it; `detail` says why."
NO_AGENT = "There is no such agent."
OTHERS = "Neither a token with the scope `agents`, nor the agent's own."


class AgentRoutes:
    """Handlers. Who has the scope `agents` may do everything to everybody; an agent's own token, himself alone."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        one = "/v1/agents/{name}"
        told = {403: OTHERS, 404: NO_AGENT, 409: REFUSED}
        made = {200: AgentShown, 201: AgentShown}

        def doing(word: str, handler: Any, body: type[Model] | None = None, *, optional: bool = False) -> Endpoint:
            answers = {200: AgentShown}
            return Endpoint(
                "POST", f"{one}/{word}", OWN, handler, body=body, optional=optional, answers=answers, problems=told,
                own=True,
            )  # fmt: skip

        return [
            Endpoint("GET", "/v1/agents", READ, self.all, answers={200: Agents}, local=True, own=True),
            Endpoint(
                "GET", one, READ, self.show, answers={200: AgentShown}, problems={404: NO_AGENT}, local=True, own=True
            ),
            Endpoint(
                "PUT", one, "agents", self.put, body=Agent, answers=made, problems={409: "It is of ivr.yaml."},
                conditional=True,
            ),
            Endpoint(
                "DELETE", one, "agents", self.delete, problems={404: NO_AGENT, 409: "Of ivr.yaml, or busy."},
                conditional=True,
            ),
            Endpoint(
                "GET", f"{one}/call", OWN, self.call, answers={200: AgentCall}, problems={404: "He has no call."},
                own=True,
            ),
            doing("status", self.status, StatusChoice),
            doing("log-in", self.log_in, LogIn, optional=True),
            doing("log-out", self.log_out),
            doing("pause", self.pause),
            doing("resume", self.resume),
            doing("wrapped", self.wrapped),
            doing("disposition", self.disposition, DispositionChoice),
        ]  # fmt: skip

    async def all(self, ask: Ask[None, None]) -> dict[str, Any]:
        """List agents with what they are and do.

        A token of an agent gets himself, and of his colleagues what they are and do now: not how to reach them, nor
        their figures or calls.
        """
        office = self._office
        settings = office.settings
        statuses = [{"name": group, "group": group} for group in STATUS_GROUPS]
        statuses += [{"name": name, "group": status.group} for name, status in settings.statuses.items()]
        dispositions = [
            {"id": name, "name": each.name or name, "queues": list(each.queues)}
            for name, each in settings.dispositions.items()
        ]
        agents = await gradually(settings.agents, lambda name: agent_shown(office, name, ask.own))
        return {"agents": agents, "statuses": statuses, "dispositions": dispositions}

    async def show(self, ask: Ask[None, None]) -> Answer:
        """Show an agent."""
        return Answer(self._shown(ask.path["name"], ask.own), version=self._version(ask) or "")

    def _version(self, ask: Ask[Any, None]) -> str | None:
        return self._office.roster.version("agents", ask.path["name"])

    def _shown(self, name: str, own: str | None = None) -> dict[str, Any]:
        found = agent_shown(self._office, name, own)
        if found is None:
            raise ProblemError(404, f"there is no agent {name[:MAX_NAME]}")
        return {**found, "missed": self._office.missed.of(name) if own in (None, name) else []}

    async def put(self, ask: Ask[Agent, None]) -> Answer:
        """Make or change an agent.

        The body is what stands under an agent's name in ivr.yaml, all of it: what is left out has its default.
        """
        name = ask.path["name"]
        new = await self._office.put_agent(name, ask.body, lambda: expect(ask.request, self._version(ask)))
        return Answer(self._shown(name), 201 if new else 200, version=self._version(ask) or "")

    async def delete(self, ask: Ask[None, None]) -> None:
        """Delete an agent that was made over HTTP."""
        expect(ask.request, self._version(ask))
        self._office.drop_agent(ask.path["name"])

    async def call(self, ask: Ask[None, None]) -> dict[str, Any]:
        """Show the call that an agent has, with the hand-over packet (screen pop)."""
        name = self._may(ask)
        found = self._office.call_of(name)
        if found is None:
            raise ProblemError(404, f"{name} has no call")
        return {
            "call": found["caller"],
            "queue": found["queue"],
            "state": found["state"],
            "waited": found["waited"],
            "packet": found["packet"],
        }

    async def status(self, ask: Ask[StatusChoice, None]) -> dict[str, Any]:
        """Choose a status."""
        return self._done(ask, lambda name: self._office.set_status(name, ask.body.status, ask.by))

    async def log_in(self, ask: Ask[LogIn, None]) -> dict[str, Any]:
        """Log in: get calls from now on, at the phones of the settings or at one that is named."""
        return self._done(ask, lambda name: self._office.log_in(name, ask.by, ask.body.phone))

    async def log_out(self, ask: Ask[None, None]) -> dict[str, Any]:
        """Log out; a call that goes on is not ended."""
        return self._done(ask, lambda name: self._office.log_out(name, ask.by))

    async def pause(self, ask: Ask[None, None]) -> dict[str, Any]:
        """Get no new calls for a while."""
        return self._done(ask, lambda name: self._office.pause(name, ask.by))

    async def resume(self, ask: Ask[None, None]) -> dict[str, Any]:
        """Get calls again; wrapping up is over, too."""
        return self._done(ask, lambda name: self._office.resume(name, ask.by))

    async def wrapped(self, ask: Ask[None, None]) -> dict[str, Any]:
        """End wrapping up."""
        return self._done(ask, self._office.wrapped)

    async def disposition(self, ask: Ask[DispositionChoice, None]) -> dict[str, Any]:
        """Say how the last conversation ended; ends wrapping up."""
        return self._done(ask, lambda name: self._office.dispose(name, ask.body.disposition, ask.by))

    def _done(self, ask: Ask[Any, None], do: Callable[[str], None]) -> dict[str, Any]:
        name = self._may(ask)
        do(name)
        return self._shown(name)

    def _may(self, ask: Ask[Any, None]) -> str:
        """The agent that is asked about, by somebody who may."""
        name = ask.path["name"]
        if ask.own is not None and ask.own != name:
            raise ProblemError(403, NOT_SELF)
        return name


COLLEAGUE = {"title", "queues", "skills", "enabled"}
"""What agents see of the settings of others."""
HIDDEN_NOW = {"caller": "", "calls_today": None, "today": None, "total": None}


def agent_shown(office: Office, name: str, own: str | None = None) -> dict[str, Any] | None:
    """An agent as JSON; `own`: as this agent sees him. None: he is not there."""
    agent, now = office.settings.agents.get(name), office.center.agent(name)
    if agent is None or now is None:
        return None
    found = {
        "id": name,
        "name": agent.name or name,
        "title": agent.title,
        "source": office.roster.source("agents", name),
    }
    if own is not None and own != name:
        settings = agent.model_dump(mode="json", by_alias=True, include=COLLEAGUE)
        return {**found, "settings": settings, "desk": None, "now": {**now, **HIDDEN_NOW}}
    settings = agent.model_dump(mode="json", by_alias=True, exclude={"code"})
    return {
        **found,
        "settings": {**settings, "code": agent.code is not None},
        "desk": office.roster.desk(name),
        "now": now,
    }
