"""AI agents and voice applications of a simulated call: whether they take it, and how they give it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from ivr.flow.ports import (
    AiAgentConnecting,
    AiAgentDone,
    AiAgentSpoke,
    AiAgentStarted,
    AiReason,
    ApplicationAccepted,
    ApplicationDone,
    ApplicationOutcome,
    ApplicationTerms,
    Event,
    OfferApplication,
    StartAiAgent,
)
from ivr.flow.sim.others import Others, Scene
from ivr.flow.sim.seen import HIDDEN, HandedOver
from ivr.flow.sim.stubs import AiAnswer, Answers, ApplicationAnswer
from ivr.settings import AiAgent, Application

__all__ = ["Takers"]

AI_DEFAULT = AiAnswer()
APPLICATION_DEFAULT = ApplicationAnswer()
ACCOUNT = "AC" + 32 * "0"
AI_AGENTS = "ai_agents/"
"""Begins the names of AI agents that have left a document behind."""
UNTAKEN = ("not_started",)
IDLE = 60.0
"""Seconds in which an application must ask for something, where nothing is configured."""

Command = StartAiAgent | OfferApplication


class Takers(Others):
    """Who takes the one call, one at a time."""

    __slots__ = (
        "_ai_agents",
        "_ai_answers",
        "_answer",
        "_applications",
        "_offers",
        "command",
        "made",
        "taken",
    )

    def __init__(
        self,
        scene: Scene,
        ai_answers: Answers[AiAnswer],
        offers: Answers[ApplicationAnswer],
        ai_agents: Mapping[str, AiAgent],
        applications: Mapping[str, Application],
    ) -> None:
        super().__init__(scene)
        self._ai_answers = ai_answers
        self._offers = offers
        self._ai_agents = ai_agents
        self._applications = applications
        self._answer: AiAnswer | ApplicationAnswer = AI_DEFAULT
        self.command: Command | None = None
        """The hand-off under way."""
        self.taken = False
        """Somebody has the call: what the caller hears and presses is not the flow's."""
        self.made: list[HandedOver] = []
        """All hand-offs, the one under way last."""

    @property
    def waits_for(self) -> Literal["ai_agent", "application"] | None:
        """What kind of hand-off is under way."""
        if self.command is None:
            return None
        return "ai_agent" if isinstance(self.command, StartAiAgent) else "application"

    # AI agents

    def start(self, command: StartAiAgent, element: str) -> HandedOver:
        """Give the call to an AI agent."""
        parameters = HIDDEN if command.secret else dict(command.parameters)
        made = HandedOver(self._now, element, "ai_agent", command.agent, command.packet, parameters)
        self._begin(command, made)
        found = self._ai_answers.take(element, command.agent)
        answer = self._answer = found or AI_DEFAULT
        self._later(0.0, self._connecting)
        known = not self._ai_agents or command.agent in self._ai_agents or found is not None
        if not known:
            text = f"there is no AI agent {command.agent}"
            self._later(0.0, self._missing, text)
        elif found is not None or not self._scene.manual:
            longest = command.max_duration
            over = longest is not None and longest < answer.talk
            self._plan(answer, answer.talk if not over or longest is None else longest, over)
        return made

    def _plan(self, answer: AiAnswer, talk: float, over: bool) -> None:
        if answer.reason in UNTAKEN:
            self._later(answer.connects, self._gives_back, answer)
            return
        self._later(answer.connects, self._started)
        self._later(answer.connects + min(answer.speaks, talk), self._spoke)
        then = self._too_long if over else self._hung_up if answer.caller_leaves else self._gives_back
        self._later(answer.connects + talk, then, answer)

    def _connecting(self, _: object) -> None:
        if isinstance(self.command, StartAiAgent):
            agent = self._ai_agents.get(self.command.agent)
            self._scene.feed(AiAgentConnecting(self.command.id, "music" if agent is None else agent.filler))

    def _missing(self, text: str) -> None:
        self.ai_result("not_started", text=text)

    def _started(self, _: object = None) -> None:
        command = self.command
        if isinstance(command, StartAiAgent) and not self.taken:
            self._take()
            self._scene.feed(AiAgentStarted(command.id))

    def _spoke(self, _: object = None) -> None:
        if isinstance(self.command, StartAiAgent):
            self._scene.feed(AiAgentSpoke(self.command.id))

    def _too_long(self, answer: AiAnswer) -> None:
        self._scene.delivered(answer)
        self.ai_result("max_duration", summary=answer.summary, transcript=answer.transcript, variables=answer.variables)

    def _gives_back(self, answer: AiAnswer) -> None:
        self._scene.delivered(answer)
        document = answer.twiml or ""
        self.ai_result(
            answer.reason,
            target=answer.target,
            summary=answer.summary,
            transcript=answer.transcript,
            variables=answer.variables,
            end_call=answer.hangs_up,
            twiml=answer.twiml if "<" in document else None,
            twiml_url=answer.twiml if "<" not in document else None,
        )

    def _hung_up(self, answer: AiAnswer | ApplicationAnswer) -> None:
        self._scene.delivered(answer)
        self._caller_leaves()

    def ai_result(self, reason: AiReason | Literal["started"], **told: Any) -> bool:
        """The AI agent gives the call back now, or (`started`) has it; False: there is none."""
        command = self.command
        if not isinstance(command, StartAiAgent):
            return False
        if reason == "started":
            self._started()
            self._spoke()
            return True
        if reason not in UNTAKEN and not self.taken:
            self._started()
        talked = self._close(reason)
        self._scene.feed(AiAgentDone(command.id, reason, talk_time=talked, **told))
        return True

    def pressed(self, key: str) -> None:
        """A key of the caller that the AI agent has: it may be the one that asks for a person."""
        command = self.command
        agent = self._ai_agents.get(command.agent) if isinstance(command, StartAiAgent) else None
        if self.taken and agent is not None and agent.human_key == key:
            self.ai_result("caller_requested_human")

    # Voice applications

    def offer(self, command: OfferApplication, element: str) -> HandedOver | None:
        """Offer the call to an application; None: it speaks TwiML, and its documents are asked for by requests."""
        # A document that an AI agent has left behind is nothing that the element asks for.
        left_behind = command.application.startswith(AI_AGENTS)
        found = self._offers.take(*(() if left_behind else (element,)), command.application)
        answer = found or APPLICATION_DEFAULT
        url = self._url(command.application) if found is None else found.url
        if url is not None:
            longest = answer.talk if found is not None and answer.ends == "max_duration" else None
            terms = ApplicationTerms(
                command.id, command.application, ACCOUNT, url, "http://127.0.0.1:8080", max_duration=longest
            )
            self._soon(terms)
            if found is not None:
                self._scene.delivered(found)
            return None
        data = HIDDEN if command.secret else dict(command.custom_data)
        made = HandedOver(self._now, element, "application", command.application, command.packet, data)
        self._begin(command, made)
        self._answer = answer
        if self._applications and command.application not in self._applications and found is None:
            text = f"there is no application {command.application}"
            self._later(0.0, self._unknown, text)
        elif found is not None or not self._scene.manual:
            deadline = self._deadline(command)
            if deadline is not None and (answer.result == "timeout" or answer.after >= deadline):
                self._later(deadline, self._answered, replace(answer, result="timeout"))
            else:
                self._later(answer.after, self._answered, answer)
        return made

    def _deadline(self, command: OfferApplication) -> float | None:
        """Seconds in which it must answer: those of the flow, else as configured; None: nobody says so."""
        known = self._applications.get(command.application)
        return command.timeout or (None if known is None else known.timeout)

    def _url(self, name: str) -> str | None:
        if name.startswith(AI_AGENTS):
            return ""
        known = self._applications.get(name)
        return known.url if known is not None and known.protocol == "twiml" else None

    def _idle(self, name: str) -> float:
        """As configured; who is said to have the call for longer asks for something meanwhile."""
        known = self._applications.get(name)
        return max(IDLE if known is None else known.idle, self._answer.talk + 1.0)

    def _unknown(self, text: str) -> None:
        self.application_result("http_error", text=text)

    def _answered(self, answer: ApplicationAnswer) -> None:
        if answer.result != "accepted":
            self._scene.delivered(answer)
            self.application_result(answer.result)
            return
        if self.application_result("taken"):
            then = self._hung_up if answer.caller_leaves else self._released
            self._later(answer.talk, then, answer)

    def _released(self, answer: ApplicationAnswer) -> None:
        self._scene.delivered(answer)
        self.application_result(answer.ends, variables=answer.variables)

    def application_result(self, outcome: ApplicationOutcome | Literal["taken"], **told: Any) -> bool:
        """The application takes the call now (`taken`), or is done with it; False: there is none."""
        command = self.command
        if not isinstance(command, OfferApplication):
            return False
        if outcome == "taken":
            if not self.taken:
                self._take()
                self._scene.feed(ApplicationAccepted(command.id, self._idle(command.application)))
            return self.command is command
        self._close("released" if outcome == "accepted" else outcome)
        self._scene.feed(ApplicationDone(command.id, outcome, **told))
        return True

    # Both

    def _begin(self, command: Command, made: HandedOver) -> None:
        self.made.append(made)
        self.command, self.taken = command, False
        self._drop()

    def _take(self) -> None:
        made = self.made[-1]
        self.taken, made.taken_at = True, self._now
        self._scene.happens("hand_over_taken", made)

    def _close(self, reason: str) -> float:
        made = self.made[-1]
        made.reason = reason
        made.talk_time = 0.0 if made.taken_at is None else self._now - made.taken_at
        self.command, self.taken = None, False
        self._drop()
        self._scene.happens("hand_over_done", made)
        return made.talk_time

    def stop(self, number: int) -> None:
        """The flow takes the call back."""
        command = self.command
        if command is None or command.id != number:
            return
        talked = self._close("stopped")
        done: Event = ApplicationDone(number, "accepted")
        if isinstance(command, StartAiAgent):
            done = AiAgentDone(number, "completed", talk_time=talked)
        self._soon(done)

    def abandon(self) -> None:
        """The caller is gone."""
        if self.command is not None:
            self._close("caller_left")
