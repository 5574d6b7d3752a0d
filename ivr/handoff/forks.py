"""Copies of calls' sound that go to servers of media streams while the call goes on
(:class:`ivr.call.desks.ForkDesk`): what the caller says (inbound), what he hears (outbound), or both.

A port has one sound stream. While an AI agent has it, copies of what the caller says are made of what the agent hears;
else it is opened for them. What he hears is told of the port beside that. What the servers send is left out of account,
as in a one-way stream at Twilio.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from yarl import URL

from ivr import __version__
from ivr.flow import ports
from ivr.flow.twiml import call_sid
from ivr.handoff.ai_links import Link, Network
from ivr.handoff.protocols import Facts, MediaStreams, Message, WebSocketClient
from ivr.handoff.protocols.laws import ulaw_of_samples
from ivr.outside.signatures import TWILIO_HEADER, twilio_signature
from ivr.settings import Settings
from ivr.tasks import TaskSet
from media import AddressError, AddressPolicy, MediaEvent, SentFrames, StreamFrames, allow_listed

if TYPE_CHECKING:
    from ivr.call.flowcall import FlowCall

__all__ = ["Forks"]

log = logging.getLogger("ivr.handoff")

MAX_FORKS: Final = 4
"""Streams of one call, as at Twilio."""
CONNECT: Final = 10.0
"""Seconds until a server must have taken the connection, and have said so."""
LOOK: Final = 0.2
"""Seconds between looks whether the sound still comes, and the connections stand."""
GAP: Final = 0.1
"""Seconds without sound after which the stream of the port is somebody else's no more."""
FRAME: Final = 160
"""Octets of a frame of µ-law; twice as many are samples."""


class _Fork:
    """One copy (LinkHost)."""

    def __init__(self, forks: _CallForks, command: ports.StartStream) -> None:
        self.command = command
        self._forks = forks
        call = forks.call
        info = call.machine.call
        facts = Facts(
            call.report.id,
            call_sid(call.report.id),
            command.account,
            command.sid,
            info.from_,
            info.to,
            dict(command.parameters),
        )
        self._dialect = MediaStreams(facts, tracks=command.tracks)
        self._link: Link | None = None
        self._decided = asyncio.Event()
        """It is up, or over."""
        self.up = False
        self.over = False

    async def connect(self, network: Network) -> None:
        """Connect, and say so."""
        url = URL(self.command.url)

        def make() -> Link:
            link = Link(self, self._wire(url))
            if self.over:  # it was ended while the name was looked up: nobody would close it later
                link.close()
            else:
                self._link = link
            return link

        try:
            async with asyncio.timeout(CONNECT):
                await network.connect(url, make)
                await self._decided.wait()
        except TimeoutError:
            self.end("no answer in time")
        except AddressError as error:
            self.end(str(error))
        except (OSError, ValueError) as error:
            self.end(type(error).__name__)

    def _wire(self, url: URL) -> WebSocketClient:
        headers = [("user-agent", f"ivr/{__version__}")]
        if self.command.secret:
            headers.append((TWILIO_HEADER.lower(), twilio_signature(self.command.secret, str(url))))
        usual = url.port is None or url.is_default_port()
        host = url.host_subcomponent or ""
        return WebSocketClient(host if usual else f"{host}:{url.port}", url.raw_path_qs, headers)

    # LinkHost

    def opened(self, link: Link) -> None:
        if self.over:
            return
        self.up = True
        self._decided.set()
        for message in self._dialect.begin():
            link.send(message)
        self._forks.tell(self, "stream-started")

    def received(self, link: Link, message: Message) -> None:
        """It has nothing to say here."""

    def closed(self, link: Link, code: int, text: str) -> None:
        self._link = None
        self.end("" if self.up and code == 1000 else text or f"closed with {code}")

    # The call

    def hear(self, track: str, sound: bytes, at: float) -> None:
        """20 ms of a track in µ-law."""
        if self.up and self._link is not None and track in self.command.tracks:
            self._link.send_sound(self._dialect.of_track(track, sound, at))

    def look(self) -> None:
        """Give up who shows no sign of life."""
        if self._link is not None:
            self._link.look()

    def end(self, fault: str = "") -> None:
        """It is over; `fault` says what went wrong."""
        if self.over:
            return
        self.over = True
        self._decided.set()
        link, self._link = self._link, None
        if link is not None:
            if self.up:
                for message in self._dialect.end():
                    link.send(message)
            link.close()
        self._forks.left(self, fault)


class _CallForks:
    """Those of one call."""

    def __init__(self, call: FlowCall, has_agent: Callable[[], bool], empty: Callable[[], None]) -> None:
        self.call = call
        self._has_agent = has_agent
        self._empty = empty
        self.forks: dict[str, _Fork] = {}
        self._stream: int | None = None
        self._heard_at = float("-inf")
        self._tells = False
        """The port tells what the caller hears."""
        self._timer: asyncio.TimerHandle | None = call.services.call_later(LOOK, self._look)
        self._closed = False

    def add(self, fork: _Fork) -> None:
        """One more."""
        self.forks[fork.command.name] = fork
        self._arrange()

    def _arrange(self) -> None:
        """Have what is wanted told of the port."""
        now, port = self.call.services.clock(), self.call.leg.port
        tracks = {track for fork in self.forks.values() for track in fork.command.tracks}
        if "inbound" in tracks and now - self._heard_at > GAP and not self._has_agent():
            self._stream, self._heard_at = port.open_stream("ulaw", LOOK), now
        if self._tells is not ("outbound" in tracks):
            self._tells = not self._tells
            port.tell_sent(self._tells)

    def _look(self) -> None:
        self._arrange()
        for fork in list(self.forks.values()):
            fork.look()
        if self._closed:  # the last one was given up just now
            return
        self._timer = self.call.services.call_later(LOOK, self._look)

    def hear(self, event: StreamFrames | SentFrames) -> None:
        """20 ms of what the caller says, or hears."""
        sound, track = event.payload, "outbound"
        if isinstance(event, StreamFrames):
            self._heard_at = self.call.services.clock()
            sound, track = sound if len(sound) <= FRAME else ulaw_of_samples(sound), "inbound"
        for fork in self.forks.values():
            fork.hear(track, sound, event.at)

    def tell(self, fork: _Fork, event: str, fault: str = "") -> None:
        """The application hears of it, and the feed."""
        command = fork.command
        told = {"name": command.name, "event": event, "error": fault}
        self.call.report.tell("call.stream", told)
        if command.told is not None:
            more = {"StreamEvent": event, **({"StreamError": fault} if fault else {})}
            self.call.tell_application(replace(command.told, data={**command.told.data, **more}))

    def left(self, fork: _Fork, fault: str) -> None:
        """One is over."""
        if self.forks.get(fork.command.name) is fork:
            del self.forks[fork.command.name]
        if fault:
            log.info("a stream beside a call failed: %s", fault)
            self.tell(fork, "stream-error", fault)
        if fork.up:
            self.tell(fork, "stream-stopped")
        if not self.forks:
            self.close()

    def close(self) -> None:
        """None is left."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._stream is not None and not self._has_agent():
            self.call.leg.port.close_stream(self._stream)
        if self._tells:
            self.call.leg.port.tell_sent(False)
        self._empty()


class Forks:
    """All of them."""

    def __init__(self, settings: Settings, has_agent: Callable[[FlowCall], bool], policy: AddressPolicy | None = None):
        """`has_agent` says whether an AI agent has the sound of a call; `policy` is instead of what `http.allow`
        says."""
        self._network = Network(policy or allow_listed(settings.http.allow))
        self._has_agent = has_agent
        self._calls: dict[FlowCall, _CallForks] = {}
        self._tasks = TaskSet()

    def __len__(self) -> int:
        return len(self._calls)

    async def close(self) -> None:
        """The daemon ends."""
        await self._tasks.close()
        self._network.close()

    # What calls ask (ForkDesk)

    def start(self, call: FlowCall, command: ports.StartStream) -> None:
        found = self._calls.get(call)
        if found is not None and (had := found.forks.get(command.name)) is not None:
            had.end()
            found = self._calls.get(call)
        if found is None:
            found = _CallForks(call, lambda: self._has_agent(call), lambda: self._forget(call))
            self._calls[call] = found
        fork = _Fork(found, command)
        if len(found.forks) >= MAX_FORKS:
            found.tell(fork, "stream-error", f"a call has at most {MAX_FORKS} streams")
            return
        found.add(fork)
        self._tasks.spawn(fork.connect(self._network))

    def _forget(self, call: FlowCall) -> None:
        self._calls.pop(call, None)

    def stop(self, call: FlowCall, command: ports.StopStream) -> None:
        found = self._calls.get(call)
        fork = None if found is None else found.forks.get(command.name)
        if fork is not None:
            fork.end()

    def on_media(self, call: FlowCall, event: MediaEvent) -> None:
        found = self._calls.get(call)
        if found is not None and isinstance(event, StreamFrames | SentFrames):
            found.hear(event)

    def gone(self, call: FlowCall) -> None:
        found = self._calls.get(call)
        if found is not None:
            for fork in list(found.forks.values()):
                fork.end()
