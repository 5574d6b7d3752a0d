"""Hand-offs of a simulated call: to agents, AI agents and voice applications."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.flow import ports
from ivr.flow.sim.acting import ActingCall
from ivr.flow.sim.others import Scene
from ivr.flow.sim.queues import Queues
from ivr.flow.sim.stubs import Answers, Stubs
from ivr.flow.sim.surroundings import Surroundings
from ivr.flow.sim.takers import Takers
from ivr.settings import Calendar

__all__ = ["HandingCall"]


class HandingCall(ActingCall):
    """A call that can be handed over."""

    __slots__ = ("_agent_answers", "_ai_answers", "_offer_answers", "_queues", "_takers")

    def _hand_overs(self, scene: Scene, stubs: Stubs, around: Surroundings, calendars: Mapping[str, Calendar]) -> None:
        """Have those ready who take calls."""
        self._agent_answers = Answers(stubs.agents)
        self._ai_answers = Answers(stubs.ai_agents)
        self._offer_answers = Answers(stubs.applications)
        self._queues = Queues(scene, self._agent_answers, around.queues, calendars)
        self._takers = Takers(scene, self._ai_answers, self._offer_answers, around.ai_agents, around.applications)

    def _running(self) -> str:
        """Name of the element that runs."""
        raise NotImplementedError

    def _hand_over(self, command: ports.Command) -> bool:
        """Carry out a command of a hand-off; False: it is none."""
        match command:
            case ports.JoinQueue():
                self._happens("queue", self._queues.join(command, self._running()))
            case ports.LeaveQueue():
                self._queues.leave(command)
            case ports.KeepCallback():
                self._queues.keep_callback(command)
            case ports.JudgeNumber():
                self._queues.judge(command)
            case ports.LookAtQueue():
                self._queues.look(command)
            case ports.DeliverVoicemail():
                self._happens("message", self._queues.message(command, self._running()))
            case ports.StartAiAgent():
                self._happens("hand_over", self._takers.start(command, self._running()))
            case ports.OfferApplication():
                offered = self._takers.offer(command, self._running())
                if offered is not None:
                    self._happens("hand_over", offered)
            case ports.StopAiAgent(id=number) | ports.StopApplication(id=number):
                self._takers.stop(number)
            case _:
                return False
        return True
