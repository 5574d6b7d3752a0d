"""AI agents: calls are handed to them, and come back with a reason (:class:`ivr.call.desks.AiDesk`)."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ivr.flow import ports
from ivr.flow.elements.transfer_to_ai_agent import shown_name
from ivr.handoff.ai_call import AiCall
from ivr.handoff.ai_links import Network
from ivr.handoff.ai_listener import LOOPBACK, Lobby
from ivr.handoff.ai_making import Making
from ivr.settings import AiAgent, HostPort, Settings
from media import AddressPolicy, MediaEvent, allow_listed

if TYPE_CHECKING:
    from ivr.call.flowcall import FlowCall

__all__ = ["AiDesk"]


class AiDesk:
    """All calls that AI agents have."""

    def __init__(self, settings: Settings, policy: AddressPolicy | None = None) -> None:
        """`policy`: instead of what `http.allow` says."""
        self._agents = settings.ai_agents
        self._network = Network(policy or allow_listed(settings.http.allow))
        self._calls: dict[FlowCall, AiCall] = {}
        self.lobbies: dict[HostPort, Lobby] = {}
        """Listeners for Asterisk, by address."""
        self.knows_key: Callable[[str], bool] = lambda key: False
        """Whether a call that is here has this `call.key`; the daemon says."""
        peers: dict[HostPort, list[IPv4Network | IPv6Network]] = {}
        for agent in self._agents.values():
            if agent.listen is not None:
                peers.setdefault(agent.listen, []).extend(agent.peers or LOOPBACK)
        for address, allowed in peers.items():
            self.lobbies[address] = Lobby(address, lambda name: self.knows_key(str(name)), allowed)

    def __len__(self) -> int:
        return len(self._calls)

    async def open(self) -> None:
        """Listen for those that connect to us; UnreachableError where that cannot be."""
        for lobby in self.lobbies.values():
            await lobby.open()

    def close(self) -> None:
        """No call is left: let go of listeners and threads."""
        for lobby in self.lobbies.values():
            lobby.close()
        self._network.close()

    # What flows ask (AiDesk)

    def start(self, call: FlowCall, command: ports.StartAiAgent) -> None:
        agent = self._agents.get(command.agent) or _stream(call, command.agent)
        if agent is None:
            call.feed(ports.AiAgentDone(command.id, "not_started", f"there is no AI agent {shown_name(command.agent)}"))
            return
        had = self._calls.get(call)
        if had is not None:
            had.stop()
        lobby = None if agent.listen is None else self.lobbies[agent.listen]
        making = Making(call, command, agent, self._network, lobby)
        found = AiCall(call, command, making, lambda: self._over(call, found))
        self._calls[call] = found
        found.start()

    def _over(self, call: FlowCall, found: AiCall) -> None:
        if self._calls.get(call) is found:
            del self._calls[call]

    def stop(self, call: FlowCall, command: ports.StopAiAgent) -> None:
        found = self._calls.get(call)
        if found is not None and found.command.id == command.id:
            found.stop()

    # What happens to calls

    def on_media(self, call: FlowCall, event: MediaEvent) -> None:
        found = self._calls.get(call)
        if found is not None:
            found.on_media(event)

    def pressed(self, call: FlowCall, digit: str) -> bool:
        found = self._calls.get(call)
        return found is not None and found.pressed(digit)

    def agent_of(self, call: FlowCall) -> str | None:
        found = self._calls.get(call)
        return None if found is None else found.command.agent

    def end_call(self, call: FlowCall, *, twiml: str | None = None, url: str | None = None) -> bool:
        found = self._calls.get(call)
        return found is not None and found.end_call(twiml, url)

    def gone(self, call: FlowCall) -> None:
        found = self._calls.get(call)
        if found is not None:
            found.gone()


def _stream(call: FlowCall, url: str) -> AiAgent | None:
    """A media stream that a document of a voice application names: the bot has the application's account."""
    if not url.startswith(("wss://", "ws://")):
        return None
    fields: dict[str, Any] = {"url": url, "filler": "none"}
    if (account := call.services.desks.applications.credentials(call)) is not None:
        fields["account"], fields["auth_token"] = account
    try:
        return AiAgent.model_validate(fields)
    except ValidationError:
        return None
