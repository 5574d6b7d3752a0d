"""Steps of a script about hand-offs: what agents, AI agents and voice applications do with the call."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ivr.flow.ports import AiReason
from ivr.flow.sim.step import Step
from ivr.flow.sim.stubs import AgentAnswer, AgentResult, AiAnswer, ApplicationAnswer
from ivr.flow.values import Duration

__all__ = ["AgentStep", "AiAgentStep", "ApplicationStep", "PlaceStep"]


def _place(value: object) -> object:
    """A place alone, or with the likely wait."""
    return {"position": value} if isinstance(value, int) else value


class Place(BaseModel):
    """A place in a queue."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    position: Annotated[int, Field(ge=1)]
    """1: next."""
    estimate: Duration | None = None
    """Likely wait."""
    after: Duration = 0.0
    """Seconds after the beginning of the wait."""


def _listed(value: object) -> object:
    return [value] if isinstance(value, bool) else value


class AgentStep(Step):
    """What becomes of the caller in a queue."""

    KIND = "agent"

    agent: str
    """Element, or a pattern of the queue."""
    result: AgentResult = "answered"
    """`answered`; `waits`: nobody answers, so that keys or the longest wait end it; `closed`, `full`, `no_agents`,
    `error`: he may not wait."""
    after: Duration = 5.0
    """Seconds until an agent answers."""
    by: str = "agent"
    """Name of the agent."""
    talk: Duration = 30.0
    """Seconds the two talk."""
    then: Literal["returned", "hang_up"] = "returned"
    """`returned`: the agent leaves then. `hang_up`: the caller does."""
    position: Annotated[int, Field(ge=1)] = 1
    """Place at the beginning."""
    estimate: Duration | None = None
    """Likely wait at the beginning."""
    positions: tuple[Annotated[Place, BeforeValidator(_place)], ...] = ()
    """How the place changes: `[{after: 20s, position: 2, estimate: 1m}]`."""
    queue: str | None = None
    """Queue that the routes choose, where the flow names none."""
    callable: Annotated[tuple[bool, ...], BeforeValidator(_listed, json_schema_input_type=bool | list[bool])] = ()
    """Whether he can be called back on the numbers that he names, his own first: `false`, or one after the other, the
    last for all the rest: `[false, true]`."""

    @property
    def answer(self) -> AgentAnswer:
        """For the stubs."""
        leaves: Literal["called", "caller"] = "called" if self.then == "returned" else "caller"
        return AgentAnswer(
            self.agent,
            self.result,
            self.after,
            self.by,
            self.talk,
            leaves,
            self.position,
            self.estimate,
            tuple((place.after, place.position, place.estimate) for place in self.positions),
            self.queue,
            callable=self.callable,
            times=1,
        )


class PlaceStep(Step):
    """The caller's place in the queue changes now."""

    KIND = "position"

    position: Annotated[int, Field(ge=1)]
    """1: next."""
    estimate: Duration | None = None
    """Likely wait."""
    after: Duration = 0.0
    """So long after the step before, once he waits."""


class AiAgentStep(Step):
    """What an AI agent does with the call."""

    KIND = "ai_agent"

    ai_agent: str
    """Element, or a pattern of the AI agent's name."""
    reason: AiReason = "completed"
    """Why it gives the call back."""
    connects: Duration = 0.5
    """Seconds until it is connected."""
    speaks: Duration = 1.0
    """Seconds from then to its first sound."""
    talk: Duration = 20.0
    """Seconds that it has the call."""
    then: Literal["returned", "hang_up", "end_call"] = "returned"
    """`returned`: it gives the call back. `hang_up`: the caller hangs up. `end_call`: it hangs up."""
    target: str = ""
    """Whom the caller is to be transferred to."""
    summary: str = ""
    """What was talked about."""
    transcript: tuple[dict[str, Any], ...] = ()
    """Who said what: `[{role: user, text: …}]`."""
    variables: dict[str, Any] = Field(default_factory=dict)
    """What it found out."""
    twiml: str | None = None
    """A document that it leaves behind, or the URL of one."""

    @property
    def answer(self) -> AiAnswer:
        """For the stubs."""
        return AiAnswer(
            self.ai_agent,
            self.reason,
            self.connects,
            self.speaks,
            self.talk,
            self.target,
            self.summary,
            self.transcript,
            self.variables,
            self.then == "end_call",
            self.then == "hang_up",
            self.twiml,
            times=1,
        )


class ApplicationStep(Step):
    """What a voice application does with the call."""

    KIND = "application"

    application: str
    """Element, or a pattern of the application's name."""
    result: Literal["accepted", "rejected", "timeout", "http_error", "bad_answer", "idle", "max_duration"] = "accepted"
    """Whether it takes the call. `idle` and `max_duration`: it does, and has it until it has asked for nothing for too
    long, or for as long as it may."""
    after: Duration = 0.5
    """Seconds until it says so."""
    talk: Duration = 30.0
    """Seconds that it has the call."""
    then: Literal["returned", "hang_up"] = "returned"
    """`returned`: it gives the call back then. `hang_up`: the caller hangs up."""
    variables: dict[str, Any] = Field(default_factory=dict)
    """What it gives back."""
    url: str | None = None
    """It speaks TwiML: URL of its first document; what that says is for `http`."""

    @property
    def answer(self) -> ApplicationAnswer:
        """For the stubs."""
        taken = self.result in ("idle", "max_duration")
        return ApplicationAnswer(
            self.application,
            "accepted" if taken else self.result,
            self.after,
            self.talk,
            self.then == "hang_up",
            self.variables,
            self.result if taken else "accepted",
            self.url,
            times=1,
        )
