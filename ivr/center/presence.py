"""What agents' phones do, told to the centre: whether any can be rung, and whether they are in a call of their own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ivr.call.flowcall import FlowCall
from ivr.call.occupied import Use
from ivr.call.parties import Attempt
from ivr.center.reach import Reach
from ivr.center.rules.events import AgentBusy, AgentFree, PhoneState

if TYPE_CHECKING:
    from ivr.call.forward import Forwarding
    from ivr.call.services import Services
    from ivr.center.rules.events import Event
    from ivr.lines import Ground
    from ivr.settings import Agent
    from ivr.sip import Registrar

__all__ = ["Presence"]


def _talk(use: Use) -> tuple[float, str]:
    """Seconds that an agent who was called by name has talked, and with whose call; none of other uses."""
    attempt = use.owner
    if use.agent is None or not isinstance(attempt, Attempt) or attempt.forwarding.bridged is not attempt:
        return 0.0, ""
    call = attempt.forwarding.host
    return attempt.forwarding.talked(), call.report.id if isinstance(call, FlowCall) else ""


class Presence:
    """Phones and calls of agents."""

    def __init__(
        self, services: Services, ground: Ground, registrar: Registrar, receive: Callable[[Event], None]
    ) -> None:
        """`receive` takes what the centre is to be told."""
        self._services = services
        self._receive = receive
        self.reach = Reach(ground, registrar, self._phone_changed, services.settings.limits.agent_probe)
        self._phones = services.settings.phones
        self._agents: Mapping[str, Agent] = {}
        self._agent_of: dict[str, str] = {}
        """By user of the phone; a phone has one agent at the most."""
        self.reachable: dict[str, bool] = {}
        self._own: set[Forwarding] = set()
        """The centre's own: calls that are not told of as others."""
        self._elsewhere: dict[object, tuple[str, str]] = {}
        """Calls that are told of: agent and name, by who has them."""
        self._named: dict[Attempt, tuple[str, float]] = {}
        """Those of them that agents are called by name for: whom, and since when."""
        self._numbers = itertools.count(1)
        services.occupied.on_change = self._use_changed
        services.directory.answers = self.reach.answers
        registrar.on_change = self.reach.registered

    def configure(self, agents: Mapping[str, Agent]) -> None:
        """These are the agents from now on."""
        self._agents = agents
        self._agent_of = {
            phone: name for name, agent in agents.items() for phone in agent.phones if phone in self._phones
        }
        self.reachable = {name: self.reachable.get(name, False) for name in agents}
        self.reach.watch(self._agent_of)
        for name in agents:
            self._look(name)

    def stop(self) -> None:
        """Ask phones no more."""
        self.reach.stop()

    def doubt(self, agent: str) -> None:
        """No phone of an agent has answered a call: ask them at once whether they are there."""
        for phone in self._agents[agent].phones if agent in self._agents else ():
            self.reach.doubt(phone)

    # Phones

    def _phone_changed(self, user: str) -> None:
        if (agent := self._agent_of.get(user)) is not None:
            self._look(agent)

    def _look(self, name: str) -> None:
        # What is called through a line or by an address is there as far as anybody knows.
        phones = self._agents[name].phones
        reachable = any(phone not in self._phones or self.reach.reachable(phone) for phone in phones)
        if reachable is not self.reachable[name]:
            self.reachable[name] = reachable
            self._receive(PhoneState(name, reachable))

    # Calls

    def begin_own(self, forwarding: Forwarding) -> None:
        """The centre calls an agent."""
        self._own.add(forwarding)

    def end_own(self, forwarding: Forwarding) -> None:
        """The agent has nothing to do with that call any more."""
        self._own.discard(forwarding)

    def named_call(self, agent: str) -> dict[str, Any] | None:
        """The call that was forwarded or transferred to an agent by name, and that rings for him or that he has:
        `caller`, `short_id`, `state`, `waited` (for him) and `packet` as of callers of queues, `queue` empty. None:
        there is none."""
        for name, attempt, call in self._calls_by_name():
            if name == agent:
                talks, seconds = attempt.forwarding.bridged is attempt, self._services.clock() - self._named[attempt][1]
                return {
                    "caller": call.report.id,
                    "short_id": call.report.short_id,
                    "queue": "",
                    "state": "talking" if talks else "ringing",
                    "waited": round(max(0.0, seconds - attempt.forwarding.talked() if talks else seconds), 1),
                    "packet": call.machine.packet(),
                }
        return None

    def named_agents(self, call: str) -> set[str]:
        """Agents who were called by name for a call, by its id, for whom it rings or who have it."""
        return {name for name, _, found in self._calls_by_name() if found.report.id == call}

    def _calls_by_name(self) -> Iterator[tuple[str, Attempt, FlowCall]]:
        for attempt, (agent, _) in self._named.items():
            call = attempt.forwarding.host
            if isinstance(call, FlowCall) and not call.ended:
                yield agent, attempt, call

    def _use_changed(self, use: Use, begins: bool) -> None:
        if not begins:
            self._named.pop(use.owner, None)  # type: ignore[call-overload]
            known = self._elsewhere.pop(use.owner, None)
            if known is not None:
                self._receive(AgentFree(*known, *_talk(use)))
            return
        if isinstance(use.owner, Attempt) and use.owner.forwarding in self._own:
            return
        agent = use.agent or self._agent_of.get(use.phone or "")
        if agent is not None:
            self._elsewhere[use.owner] = known = (agent, str(next(self._numbers)))
            if use.agent is not None and isinstance(use.owner, Attempt):
                self._named[use.owner] = (agent, self._services.clock())
            self._receive(AgentBusy(*known))
