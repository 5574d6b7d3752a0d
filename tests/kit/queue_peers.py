"""Callers and agents on real sockets, in one event loop: each says a value of its own in every octet of its sound, so
that whoever hears somebody knows whom, and since when.

async with Peers(sip_port) as peers:
    anna = await peers.agent(0xA1)                 # reached at anna.uri, answers after a moment
    caller = await peers.caller(0x31).call("100")
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import struct
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from ivr.net import SipShell
from ivr.sip import (
    Answered,
    Ended,
    IncomingCall,
    InviteRequest,
    NameAddr,
    Rejected,
    Ringing,
    Sdp,
    Stack,
    StackConfig,
    Uri,
)
from tests.conftest import free_port
from tests.kit.sip import sdp

__all__ = ["AgentPeer", "CallerPeer", "Peer", "Peers", "agent_uri"]

HOST = "127.0.0.1"
FRAME = 0.02
SILENCES = (0xFF, 0x7F)


class Peer(asyncio.DatagramProtocol):
    """Somebody with a SIP stack and a sound of one value."""

    def __init__(self, peers: Peers, value: int, port: int = 0, host: str = HOST) -> None:
        self.peers = peers
        self.value = value
        self.port, self.rtp_port = port or free_port(), free_port()
        self.stack = Stack(StackConfig(), os.urandom)
        self.shell = SipShell(self.stack, [("udp", host, self.port)], self.on_event)
        self.heard_first: dict[int, float] = {}
        """When each value was first heard in this call."""
        self.heard: Counter[int] = Counter()
        """Frames of each value in this call; where a bridge begins or ends there are some that nobody has sent so."""
        self.frames = 0
        """Of any sound, in all calls."""
        self.on_hear: Callable[[int], None] = lambda value: None
        """A value that was not heard in this call before."""
        self._rtp: asyncio.DatagramTransport | None = None
        self._to: tuple[str, int] | None = None
        self._sequence = 0

    async def open(self) -> None:
        await self.shell.start()
        loop = asyncio.get_running_loop()
        self._rtp, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(HOST, self.rtp_port))

    async def close(self) -> None:
        if self._rtp is not None:
            self._rtp.close()
        await self.shell.close()

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def on_event(self, event: Any) -> None:
        raise NotImplementedError

    def speak_to(self, description: Sdp | None) -> None:
        """The sound goes there from the next frame on."""
        text = "" if description is None else description.encode().decode()
        found = re.search(r"m=audio (\d+)", text)
        self._to = None if found is None else (HOST, int(found[1]))
        self.heard_first, self.heard = {}, Counter()

    def stop_speaking(self) -> None:
        self._to = None

    def frame(self) -> None:
        """20 ms of sound."""
        if self._to is not None and self._rtp is not None:
            self._sequence += 1
            head = struct.pack("!BBHII", 0x80, 0, self._sequence & 0xFFFF, self._sequence * 160, self.value)
            self._rtp.sendto(head + bytes([self.value]) * 160, self._to)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if len(data) < 172 or data[1] & 0x7F != 0:
            return
        self.frames += 1
        value, at = data[92], time.monotonic()
        if data[12:172].count(value) != 160 or value in SILENCES:
            return
        self.heard[value] += 1
        if value not in self.heard_first:
            self.heard_first[value] = at
            self.on_hear(value)


def agent_uri(port: int) -> str:
    """The address of an agent at a port."""
    return f"sip:agent@{HOST}:{port}"


class AgentPeer(Peer):
    """Takes calls as its plan says."""

    def __init__(self, peers: Peers, value: int, port: int = 0, host: str = HOST) -> None:
        super().__init__(peers, value, port, host)
        self.plan: Callable[[], tuple[str, float, float]] = lambda: ("answer", 0.2, 1.0)
        """What becomes of the next call (`answer`, `decline`, `busy`, `ignore`), after how many seconds, and for how
        many seconds this agent talks; 0: until the caller hangs up."""
        self.talks: list[dict[str, Any]] = []
        """What was answered: `short_id`, `answered`, `ended`, `heard` (value), `sound` (seconds from the answer to the
        first sound of the caller)."""
        self.refused: list[str] = []
        """Calls that were not taken, and how: also `cancelled`."""
        self.at_once = 0
        """Calls that ring or talk at the same time; never more than one."""
        self.most_at_once = 0
        self._current: dict[Any, dict[str, Any]] = {}

    @property
    def uri(self) -> str:
        return agent_uri(self.port)

    def on_event(self, event: Any) -> None:
        if isinstance(event, IncomingCall):
            self._rings(event.session)
        elif isinstance(event, Ended):
            self._over(event.session)

    def _rings(self, session: Any) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        what, after, talk = self.plan()
        name = re.match(r'"#(\d+)', str(session.request.from_))
        self._current[session] = {"short_id": int(name[1]) if name else 0}
        session.ring(self.now)
        if what == "ignore":
            return

        def act() -> None:
            if session.ended:
                return
            if what == "answer":
                session.answer(sdp(HOST, self.rtp_port), self.now)
                self.speak_to(session.remote_sdp)
                self.frame()
                self._current[session]["answered"] = time.monotonic()
                if talk:
                    asyncio.get_running_loop().call_later(talk, self._hang_up, session)
            else:
                self.refused.append(what)
                session.reject({"decline": 603, "busy": 486}[what], self.now)
                self._current.pop(session, None)
                self.at_once -= 1
            self.shell.flush()

        asyncio.get_running_loop().call_later(after, act)

    def press(self, key: str) -> None:
        """Press a key in the call that is up."""
        for session in self._current:
            session.info("application/dtmf-relay", f"Signal={key}\r\nDuration=160\r\n".encode(), self.now)
        self.shell.flush()

    def _hang_up(self, session: Any) -> None:
        if not session.ended:
            session.hangup(self.now)
            self.shell.flush()
            self._over(session)

    def _over(self, session: Any) -> None:
        talk = self._current.pop(session, None)
        if talk is None:
            return
        self.at_once -= 1
        if "answered" not in talk:
            self.refused.append("cancelled")
            return
        talk["ended"] = time.monotonic()
        if self.heard_first:
            talk["heard"] = self.heard.most_common(1)[0][0]
            talk["sound"] = min(self.heard_first.values()) - talk["answered"]
        self.talks.append(talk)
        self.stop_speaking()


class CallerPeer(Peer):
    """Calls once."""

    def __init__(self, peers: Peers, value: int, user: str = "") -> None:
        super().__init__(peers, value)
        self.user = user or f"c{self.port}"
        """Number that is shown."""
        self.answered = asyncio.Event()
        self.over = asyncio.Event()
        self.heard_agent = asyncio.Event()
        self.status = 0
        """Final response; 0: none."""
        self.hung_up = False
        """This one hung up first."""
        self.agent: int | None = None
        """Value of the agent that was heard."""
        self.agent_at = 0.0
        self.session: Any = None
        self.on_hear = self._hears

    def _hears(self, value: int) -> None:
        if value in self.peers.agents and self.agent is None:
            self.agent, self.agent_at = value, time.monotonic()
            self.heard_agent.set()

    def call(self, number: str) -> CallerPeer:
        """Call the daemon."""
        flow = self.shell.flow_to(HOST, self.peers.sip_port)
        invite = InviteRequest(
            uri=Uri("sip", number, HOST, self.peers.sip_port),
            from_=NameAddr(Uri("sip", self.user, HOST)),
            to=NameAddr(Uri("sip", number, HOST)),
            flow=flow,
            sdp=sdp(HOST, self.rtp_port),
        )
        self.session = self.stack.invite(invite, self.now)
        self.shell.flush()
        return self

    def on_event(self, event: Any) -> None:
        if isinstance(event, Answered):
            self.status = 200
            self.speak_to(event.sdp)
            self.answered.set()
        elif isinstance(event, Rejected):
            self.status = event.status
            self._done()
        elif isinstance(event, Ended):
            self._done()
        elif isinstance(event, Ringing):
            pass

    def press(self, key: str) -> None:
        """Press a key."""
        self.session.info("application/dtmf-relay", f"Signal={key}\r\nDuration=160\r\n".encode(), self.now)
        self.shell.flush()

    def hang_up(self) -> None:
        """Leave, in whatever state."""
        if not self.over.is_set() and self.session is not None:
            self.hung_up = True
            self.session.hangup(self.now)
            self.shell.flush()
            self._done()

    def _done(self) -> None:
        self.stop_speaking()
        self.over.set()


class Peers:
    """All of them, and the clock of their sound."""

    def __init__(self, sip_port: int = 0) -> None:
        self.sip_port = sip_port
        self.agents: dict[int, AgentPeer] = {}
        self.callers: list[CallerPeer] = []
        self._ticking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Peers:
        self._ticking = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticking
        for peer in [*self.agents.values(), *self.callers]:
            await peer.close()

    async def agent(self, value: int, port: int = 0, host: str = HOST) -> AgentPeer:
        """An agent, at a port of his own."""
        peer = self.agents[value] = AgentPeer(self, value, port, host)
        await peer.open()
        return peer

    async def caller(self, value: int, user: str = "") -> CallerPeer:
        """Somebody who will call, with this number."""
        peer = CallerPeer(self, value, user)
        self.callers.append(peer)
        await peer.open()
        return peer

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        next_at = loop.time()
        while True:
            for peer in [*self.agents.values(), *self.callers]:
                peer.frame()
            next_at += FRAME
            await asyncio.sleep(max(next_at - loop.time(), 0.0))
