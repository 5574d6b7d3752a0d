"""A caller of our own: places calls, presses keys, speaks, listens, and keeps the sound of both sides.

    async with Caller(CallerOptions()) as caller:
        await caller.call("sip:100@127.0.0.1:5060")
        caller.record(path)
        await caller.quiet(1.0, longest=20.0)      # until the other side pauses
        await caller.press("1")
        await caller.hang_up()

It is a user agent beside the daemon, with a stack, a socket and a media worker of its own.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import logging
import os
import random
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from ivr import __version__
from ivr.call.leg import Leg, MediaPolicy
from ivr.errors import CallRefusedError, IvrError
from ivr.net import SipShell
from ivr.sip import (
    Account,
    Answer,
    Answered,
    Capabilities,
    Ended,
    IncomingCall,
    InviteRequest,
    NameAddr,
    Offer,
    Rejected,
    Ringing,
    Stack,
    StackConfig,
    Uri,
)
from ivr.sip.bodies import key_body
from media import MediaConfig, MediaEvent, MediaPool, PlayDone, RecordDone, RecordOptions, Sound, Stats

__all__ = ["CallFailedError", "Caller", "CallerOptions"]

log = logging.getLogger("ivr.caller")

DEFAULT_SIP_PORT = 5060
KEY_MS, KEY_GAP_MS = 100, 100
"""A key as a finger presses it."""
_MODES = {"agreed": "agreed", "rfc4733": "events", "inband": "tones"}
LISTEN_EVERY = 0.1
"""Seconds between looks at what was heard; the recording follows within half a second."""
LOUD = 300
"""Sample value above which something is heard: -41 dB below full scale, above the noise of G.711 and of pauses."""
STATS_WAIT = 2.0
"""Seconds for the last figures and for the recording to be closed."""
WAV_HEADER, WAV_FRAME = 44, 4
"""Octets before the sound of a stereo recording, and of a pair of samples in it."""
RATE = 8000


class CallFailedError(CallRefusedError):
    """The call was not answered."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"the call was not answered: {status} {reason}")
        self.status = status
        """SIP status of the final response; 408 where none came."""


@dataclass(frozen=True, slots=True)
class CallerOptions:
    """Who calls, and from where."""

    host: str = "127.0.0.1"
    """Address of our sockets."""
    port: int = 0
    """UDP port of our signalling; 0 takes a free one."""
    media_ports: tuple[int, int] = (30_002, 30_101)
    """Ports for sound, apart from those of a daemon on this machine."""
    user: str = "caller"
    """User part of our address."""
    display: str = ""
    """Name shown to who is called."""
    password: str | None = None
    """Answers a challenge to our calls."""
    codecs: tuple[str, ...] = ("pcmu", "pcma")
    """In the order preferred."""


class Caller:
    """One user agent that makes one call after the other."""

    def __init__(self, options: CallerOptions) -> None:
        self._options = options
        self._stack = Stack(StackConfig(user_agent=f"ivr/{__version__}"), os.urandom)
        self._exits = contextlib.AsyncExitStack()
        self._leg: Leg | None = None
        self._final: asyncio.Future[None] | None = None
        self._plays: dict[int, asyncio.Event] = {}
        self._record: int | None = None
        self._recording: Path | None = None
        self._recorded = asyncio.Event()
        self._counted = asyncio.Event()
        self.ended = asyncio.Event()
        """Set when the call is over, whoever ended it."""
        self.end_cause: str | None = None
        """``bye``: the other side hung up; ``hung_up``: we did; else what went wrong."""
        self.stats: Stats | None = None
        """Figures of the sound, after the call."""
        self._shell: SipShell
        self._pool: MediaPool

    async def __aenter__(self) -> Caller:
        options = self._options
        self._loop = asyncio.get_running_loop()
        async with contextlib.AsyncExitStack() as exits:
            self._pool = await MediaPool.start(
                MediaConfig(host=options.host, ports=options.media_ports, workers=1, spare=False, realtime=False)
            )
            exits.push_async_callback(self._pool.close)
            self._shell = SipShell(self._stack, [("udp", options.host, options.port)], self._on_event)
            await self._shell.start()
            exits.push_async_callback(self._shell.close)
            self._exits = exits.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._leg is not None:
                await self.hang_up()
        finally:
            await self._exits.aclose()

    # The call

    @property
    def call_id(self) -> str | None:
        """SIP Call-ID of the call, by which the other side's record can be found."""
        return None if self._leg is None or self._leg.session is None else self._leg.session.call_id

    async def call(self, target: str, ring_timeout: float = 60.0) -> None:
        """Place a call and wait for its answer. CallFailedError where it is not answered."""
        if self._leg is not None:
            raise IvrError("one call at a time: hang up first")
        uri = Uri.parse(target)
        options = self._options
        found = await self._loop.getaddrinfo(uri.host, uri.port or DEFAULT_SIP_PORT, type=2)
        address = str(found[0][4][0])
        policy = MediaPolicy(
            Capabilities(codecs=options.codecs, srtp="optional"), "negotiated", lambda _peer: options.host
        )
        leg = Leg(None, self._pool.allocate(self._on_media), policy, address, random.getrandbits(31))
        self._leg = leg
        self.ended.clear()
        self._recorded.clear()
        self._counted.clear()
        self.end_cause = self.stats = self._record = None
        self._final = self._loop.create_future()
        flow = self._shell.flow_to(address, uri.port or DEFAULT_SIP_PORT)
        leg.session = self._stack.invite(
            InviteRequest(
                uri=uri,
                from_=NameAddr(Uri("sip", options.user, self._shell.host_for(flow)), options.display),
                to=NameAddr(uri),
                flow=flow,
                sdp=leg.offer(),
                account=Account(options.user, options.password) if options.password is not None else None,
            ),
            self._loop.time(),
        )
        leg.session.owner = self
        self._shell.flush()
        try:
            async with asyncio.timeout(ring_timeout):
                await self._final
        except TimeoutError:
            self._end("hung_up")
            raise CallFailedError(408, "no answer") from None

    async def hang_up(self) -> None:
        """End the call, where it is not over yet, and wait until recording and figures are complete."""
        if self._leg is None:
            return
        self._end("hung_up")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STATS_WAIT):
                await self._counted.wait()
                if self._record is not None:
                    await self._recorded.wait()
        self._leg = None

    def _end(self, cause: str) -> None:
        leg = self._leg
        if leg is None or self.ended.is_set():
            return
        self.end_cause = cause
        self.ended.set()
        if cause == "hung_up" and leg.session is not None:
            leg.session.hangup(self._loop.time())
            self._shell.flush()
        for done in self._plays.values():
            done.set()
        leg.port.release()

    def _on_event(self, event: Any) -> None:
        """An event of the stack."""
        if isinstance(event, IncomingCall):
            event.session.reject(486, self._loop.time())
            return
        leg = self._leg
        if leg is None or getattr(event, "session", None) is not leg.session:
            return
        match event:
            case Ringing(sdp=sdp) if sdp is not None:
                with contextlib.suppress(IvrError):
                    leg.answered(sdp)
            case Answered(sdp=sdp):
                self._answered(leg, sdp)
            case Rejected(status=status, reason=reason):
                self._settle(CallFailedError(status, reason))
                self._end("rejected")
            case Offer(sdp=sdp):
                leg.peer_offers(sdp, self._loop.time())
            case Answer(sdp=sdp):
                leg.answered(sdp)
            case Ended(cause=cause):
                self._settle(CallFailedError(480, cause))
                self._end(cause)

    def _answered(self, leg: Leg, sdp: Any) -> None:
        try:
            if sdp is None:
                raise IvrError("the answer holds no media description")
            leg.answered(sdp)
        except IvrError as error:
            self._settle(CallFailedError(488, str(error)))
            self._end("hung_up")
        else:
            self._settle(None)

    def _settle(self, error: CallFailedError | None) -> None:
        if self._final is not None and not self._final.done():
            if error is None:
                self._final.set_result(None)
            else:
                self._final.set_exception(error)

    # Sound

    def _on_media(self, event: MediaEvent) -> None:
        match event:
            case PlayDone(play_id=number) if number in self._plays:
                self._plays[number].set()
            case RecordDone(record_id=number, error=error) if number == self._record:
                if error is not None:
                    log.warning("the recording: %s", error)
                self._recorded.set()
            case Stats():
                self.stats = event
                if self.ended.is_set():
                    self._counted.set()

    @property
    def _port(self) -> Any:
        if self._leg is None:
            raise IvrError("there is no call")
        return self._leg.port

    def record(self, path: Path) -> None:
        """Keep the sound of both sides from now on, as stereo WAV: left what we hear, right what we say."""
        self._recording = path
        self._record = self._port.record(path, RecordOptions(sides="both"))

    async def press(self, keys: str, way: Literal["agreed", "rfc4733", "info", "inband"] = "agreed") -> None:
        """Press keys, one after the other; returns when the last one is let go. `agreed` takes telephone-events where
        the other side takes them, else tones; the other ways are taken whatever was agreed."""
        if way == "info":
            await self._press_by_info(keys)
            return
        self._port.send_digits(keys, ms=KEY_MS, gap_ms=KEY_GAP_MS, mode=_MODES[way])
        await self.wait(len(keys) * (KEY_MS + KEY_GAP_MS) / 1000)

    async def _press_by_info(self, keys: str) -> None:
        for key in keys:
            session = self._leg.session if self._leg is not None else None
            if session is None or self.ended.is_set():
                return
            session.info(*key_body(key, KEY_MS), self._loop.time())
            self._shell.flush()
            await self.wait((KEY_MS + KEY_GAP_MS) / 1000)

    async def say(self, sound: Sound) -> None:
        """Play a sound to the other side, to its end."""
        done = asyncio.Event()
        number = self._port.play([sound])
        self._plays[number] = done
        try:
            await done.wait()
        finally:
            del self._plays[number]

    async def wait(self, seconds: float) -> bool:
        """Let time pass; True as soon as the call is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.ended.wait()
        return self.ended.is_set()

    async def quiet(self, seconds: float, longest: float = 60.0) -> bool:
        """Wait until something was heard and then nothing for `seconds`; False after `longest`, or when the call ends.

        Listens to the recording, so :meth:`record` must run; what came before this call does not count.
        """
        at = self._frames()
        heard: int | None = None
        deadline = self._loop.time() + longest
        while self._loop.time() < deadline:
            if await self.wait(LISTEN_EVERY):
                return False
            sound = self._sound(at)
            if any(sample > LOUD or sample < -LOUD for sample in sound):
                heard = at + len(sound)
            at += len(sound)
            if heard is not None and at - heard >= seconds * RATE:
                return True
        return False

    def _frames(self) -> int:
        """Length of the recording in pairs of samples."""
        if self._recording is None or not self._recording.exists():
            return 0
        return max(0, self._recording.stat().st_size - WAV_HEADER) // WAV_FRAME

    def _sound(self, at: int) -> array.array[int]:
        """What we heard from a place in the recording on."""
        if self._recording is None or self._frames() <= at:
            return array.array("h")
        with self._recording.open("rb") as file:
            file.seek(WAV_HEADER + at * WAV_FRAME)
            data = file.read()
        return array.array("h", data[: len(data) // WAV_FRAME * WAV_FRAME])[::2]
