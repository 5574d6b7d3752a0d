"""How a connection to the endpoint of an AI agent is made: its protocol, its URL, what it is told first."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from yarl import URL

from ivr import __version__
from ivr.flow.elements.transfer_to_ai_agent import shown_name
from ivr.flow.twiml import call_sid
from ivr.handoff.ai_links import Link, Network
from ivr.handoff.ai_listener import Lobby
from ivr.handoff.protocols import (
    AudioSocket,
    AudioSocketWire,
    Dialect,
    Facts,
    OpenAiRealtime,
    WebSocketClient,
    Wire,
    media_streams,
)
from ivr.handoff.protocols.openai_session import BETA_HEADER
from ivr.outside.signatures import TWILIO_HEADER, twilio_signature
from ivr.settings import AiAgent

if TYPE_CHECKING:
    from ivr.call.flowcall import FlowCall
    from ivr.flow import ports
    from ivr.handoff.ai_call import AiCall

__all__ = ["Making"]

MAX_PACKET: Final = 32_000
"""Characters of the hand-over packet as a parameter: servers take messages of 64 KiB."""


class Making:
    """Makes the connections of one hand-off."""

    def __init__(
        self,
        call: FlowCall,
        command: ports.StartAiAgent,
        agent: AiAgent,
        network: Network,
        lobby: Lobby | None,
    ) -> None:
        """`lobby` is where connections to an agent that we listen for come."""
        self.name = shown_name(command.agent)
        """Of the agent, for records and the feed."""
        self.agent = agent
        self._network = network
        self._lobby = lobby
        info = call.machine.call
        self._facts = Facts(
            call.report.id,
            call_sid(call.report.id),
            agent.account_sid(command.agent),
            _stream_sid(),
            info.from_,
            info.to,
            {**agent.parameters, **command.parameters},
            call.services.wall() - call.services.clock(),
        )
        self._key = info.key
        self._packet = command.packet
        self._awaited: tuple[uuid.UUID, AiCall] | None = None

    @property
    def stream_sid(self) -> str:
        """What the endpoint is told that the stream is called."""
        return self._facts.stream_sid

    def again(self) -> None:
        """The next connection is another one of the same call."""
        parameters = {**self._facts.parameters, "reconnected": "true"}
        self._facts = replace(self._facts, stream_sid=_stream_sid(), parameters=parameters)

    def dialect(self) -> Dialect:
        """The protocol of the next connection."""
        match self.agent.protocol:
            case "audiosocket":
                server = self.agent.listen is not None
                named = self._facts.parameters.get("uuid")
                own = self._key if server else self._facts.call_id
                return AudioSocket(named if isinstance(named, str) and named else own, server=server)
            case "openai-realtime":
                return OpenAiRealtime(self.agent, self._facts)
        return media_streams(self.agent.dialect, self._facts, self._sent_packet())

    def _sent_packet(self) -> Mapping[str, Any] | None:
        return self._packet if self._packet and len(json.dumps(self._packet)) <= MAX_PACKET else None

    async def connect(self, host: AiCall, dialect: Dialect) -> None:
        """Make the connection, or wait for it; `host` is given it. OSError, AddressError."""
        if self._lobby is not None:
            assert isinstance(dialect, AudioSocket)
            self._awaited = dialect.uuid, host
            self._lobby.wait(dialect.uuid, host)
            return
        url = URL(self.agent.url)
        if self.agent.protocol == "openai-realtime" and "model" not in url.query:
            url = url.update_query(model=self.agent.model)

        def make() -> Link:
            link = Link(host, self._wire(url))
            host.attached(link)
            return link

        await self._network.connect(url, make)

    def close(self) -> None:
        """Nothing is waited for any more."""
        if self._lobby is not None and self._awaited is not None:
            self._lobby.leave(*self._awaited)

    def _wire(self, url: URL) -> Wire:
        if self.agent.protocol == "audiosocket":
            return AudioSocketWire()
        headers = {"user-agent": f"ivr/{__version__}"}
        headers |= {name.lower(): value.get_secret_value() for name, value in self.agent.headers.items()}
        if self.agent.protocol == "media-streams" and self.agent.auth_token is not None:
            token = self.agent.auth_token.get_secret_value()
            headers.setdefault(TWILIO_HEADER.lower(), twilio_signature(token, str(url)))
        if self.agent.protocol == "openai-realtime" and self.agent.interface == "beta":
            headers.setdefault(*BETA_HEADER)
        usual = url.port is None or url.is_default_port()
        host = url.host_subcomponent or ""
        return WebSocketClient(host if usual else f"{host}:{url.port}", url.raw_path_qs, list(headers.items()))


def _stream_sid() -> str:
    return f"MZ{uuid.uuid4().hex}"
