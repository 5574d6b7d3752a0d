"""The user agent without its sockets: calls over one stack, on the ground that lines stand on.

Time, sockets, names and ports are given, so that two agents can be joined in virtual time.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ivr.call.leg import Leg, MediaPolicy
from ivr.endpoint.call import EndpointCall
from ivr.endpoint.config import EndpointConfig, read_target
from ivr.endpoint.errors import EndpointError
from ivr.endpoint.events import Moved
from ivr.errors import IvrError
from ivr.lines.ground import Ground
from ivr.net import Hop
from ivr.sip import (
    Event,
    IncomingCall,
    IncomingRequest,
    InviteRequest,
    NameAddr,
    ReferTarget,
    Rejected,
    Replaces,
    Session,
    Uri,
    make_response,
)
from ivr.sip.message import Header
from media import MediaEvent, Port
from media.devices import Device

__all__ = ["Agent", "OpenPort"]

log = logging.getLogger("ivr.endpoint")


class OpenPort(Protocol):
    """Opens the sound of a call."""

    def __call__(self, host: str, device: Device, on_event: Callable[[MediaEvent], None]) -> Port:
        """A port on an address of ours towards `host`, the peer; events are handed over in the loop."""


class Agent:
    """Places calls, takes calls, and gives events of the stack to those they are about."""

    def __init__(
        self,
        config: EndpointConfig,
        ground: Ground,
        open_port: OpenPort,
        sound: Callable[[], Device],
        media_address: Callable[[str], str],
    ) -> None:
        self.config = config
        self._ground = ground
        self._open_port = open_port
        self._sound = sound
        self._media_address = media_address
        self.calls: list[EndpointCall] = []
        """Those that are not over."""
        self.leaving: list[EndpointCall] = []
        """Those that are over, but their sound is not yet."""
        self._parting: list[Session] = []
        """Sessions whose calls have moved, and that are hung up a little later."""
        self.on_incoming: Callable[[EndpointCall], None] | None = None
        """Somebody calls; without anybody who hears of it calls are refused with 480."""
        self.home_hop: Callable[[], Hop | None] = lambda: None
        """Where the account is registered."""
        self.home_addresses: Callable[[], Sequence[str]] = lambda: ()
        """Addresses of the registrar."""

    # What calls need

    @property
    def now(self) -> float:
        """Time of the loop."""
        return self._ground.loop.time()

    def later(self, seconds: float, then: Callable[[], None]) -> Any:
        """Call later; what is returned has `cancel`."""
        return self._ground.loop.call_at(self.now + seconds, then)

    def flush(self) -> None:
        """Send what is queued."""
        self._ground.sockets.flush()

    def target(self, text: str) -> Uri:
        """The URI of what a person typed; EndpointError."""
        return read_target(text, self.config.home)

    def sound(self, call: EndpointCall, peer: str) -> None:
        """Open port and device of a call towards a peer, where that was not done."""
        if call.leg is not None:
            return
        config = self.config
        device = self._sound()
        policy = MediaPolicy(config.capabilities, config.inband, self._media_address, keys=config.keys)
        port = self._open_port(peer, device, call.on_media)
        call.device = device
        call.leg = Leg(call.session, port, policy, peer, random.getrandbits(31))
        call._hush()

    def ended(self, call: EndpointCall) -> None:
        """A call is over."""
        if call in self.calls:
            self.calls.remove(call)
            if not call.finished.is_set():
                self.leaving.append(call)

    def left(self, call: EndpointCall) -> None:
        """Its sound is over too."""
        if call in self.leaving:
            self.leaving.remove(call)

    def part(self, session: Session, when: float) -> None:
        """Hang up a session whose call has moved, unless the other side does so before."""
        self._parting = [*(one for one in self._parting if not one.ended), session]
        self._ground.loop.call_at(when, lambda: self._hang_up(session))

    def close(self) -> None:
        """Hang up everything."""
        for call in list(self.calls):
            call.hang_up()
        for session in self._parting:
            self._hang_up(session)

    def _hang_up(self, session: Session) -> None:
        session.hangup(self.now)
        self.flush()

    # Calls of ours

    def invite(
        self,
        uri: str | Uri,
        *,
        from_: NameAddr | None = None,
        headers: tuple[Header, ...] = (),
        replaces: Replaces | None = None,
    ) -> EndpointCall:
        """Call somebody: set `on_event` of what is returned at once. EndpointError for what cannot be called."""
        target = self.target(uri) if isinstance(uri, str) else uri
        if not target.is_sip:
            raise EndpointError(f"{target} is no SIP address")
        if len(self.calls) >= self.config.max_calls:
            raise EndpointError(f"there are {self.config.max_calls} calls already")
        call = EndpointCall(self, "out", NameAddr(target.without_headers()))
        self.calls.append(call)
        self._ground.spawn(self._find(call, from_, headers, replaces))
        return call

    async def _find(
        self,
        call: EndpointCall,
        from_: NameAddr | None,
        headers: tuple[Header, ...],
        replaces: Replaces | None,
    ) -> None:
        uri, home = call.remote.uri, self.config.home
        hop = self.home_hop() if home is not None and (uri.host, uri.port) == (home.host, home.port) else None
        if hop is not None:
            call.hops = [hop]
        else:
            transport = uri.params.get("transport")
            call.hops = list(await self._ground.names.hops(uri.host, uri.port, transport, uri.scheme == "sips"))
        call.retry = lambda: self._place(call, from_, headers, replaces)
        call.retry()

    def _place(
        self,
        call: EndpointCall,
        from_: NameAddr | None,
        headers: tuple[Header, ...],
        replaces: Replaces | None,
    ) -> None:
        """Send the INVITE to the next place."""
        if call.state == "ended":
            return
        config, ground = self.config, self._ground
        if not call.hops:
            call.over("refused", 503, f"nobody knows where {call.remote.uri.host} is")
            return
        hop = call.hops.pop(0)
        try:
            flow = ground.sockets.flow_to(hop.address, hop.port, hop.transport, hop.name)
            self.sound(call, hop.address)
            assert call.leg is not None
            uri, home = call.remote.uri.without_headers(), config.home
            domain = home.host if home is not None else ground.sockets.host_for(flow)
            call.session = call.leg.session = ground.stack.invite(
                InviteRequest(
                    uri=uri,
                    from_=from_ or NameAddr(Uri("sip", config.user, domain), config.name),
                    to=NameAddr(uri),
                    flow=flow,
                    sdp=call.leg.offer(),
                    headers=headers,
                    account=config.account,
                    replaces=replaces,
                ),
                self.now,
            )
        except Exception as error:
            if not isinstance(error, IvrError):
                log.warning("a call cannot be placed: %s", error)
            call.over("refused", 503, str(error))
            return
        call.session.owner = call
        call.session.takes_refers = config.takes_transfers
        self.flush()

    # What the stack tells

    def on_event(self, event: Event) -> None:
        """An event of the stack."""
        if isinstance(event, IncomingCall):
            self._incoming(event)
        elif isinstance(event, IncomingRequest):
            stack = self._ground.stack
            stack.respond(event.transaction, make_response(event.request, 405), self.now)
        else:
            call = event.session.owner
            if not isinstance(call, EndpointCall) or call.session is not event.session:
                return
            if isinstance(event, Rejected) and call.hops and event.status in (408, 503) and not event.headers:
                # Nobody there has answered: the next place.
                call.retry()
                return
            call.on_sip(event)

    def _incoming(self, event: IncomingCall) -> None:
        session, request = event.session, event.request
        refused = self._refuses(event)
        if refused is not None:
            session.reject(refused, self.now)
            return
        call = EndpointCall(self, "in", NameAddr.parse(session.remote_uri))
        call.called = request.to
        call.headers = tuple(request.headers)
        call.session = session
        session.owner = call
        session.takes_refers = self.config.takes_transfers
        self.calls.append(call)
        if event.replaces is not None:
            self._take_place(call, event.replaces)
        elif self.on_incoming is not None:
            self.on_incoming(call)

    def _refuses(self, event: IncomingCall) -> int | None:
        config = self.config
        if not config.strangers and event.flow.remote[0] not in (*config.peers, *self.home_addresses()):
            return 403
        if event.replaces is not None:
            mine = isinstance(event.replaces.owner, EndpointCall)
            return None if config.takes_transfers and mine else 603
        if self.on_incoming is None:
            return 480
        return 486 if len(self.calls) >= config.max_calls else None

    def _take_place(self, call: EndpointCall, session: Session) -> None:
        """A call that takes the place of one of ours is answered at once (RFC 3891 §3)."""
        old: EndpointCall = session.owner
        call.replaces = old
        call.muted = old.muted
        old.tell(Moved(call))
        try:
            call.answer()
        except EndpointError as error:
            log.info("a call could not take the place of another one: %s", error)

    def referred(self, call: EndpointCall, target: ReferTarget) -> None:
        """The other side of a call asks us to call somebody else."""
        session = call.session
        assert session is not None
        try:
            new = self.invite(
                target.uri,
                headers=(*target.headers, *((("Referred-By", target.referred_by),) if target.referred_by else ())),
                replaces=target.replaces,
            )
        except IvrError as error:
            log.info("a transfer is refused: %s", error)
            session.reject_refer(603, self.now)
            return
        session.accept_refer(self.now)

        def told(status: int, reason: str) -> None:
            if not session.ended and status >= 180:
                session.notify_refer(status, self.now, reason or None)
                self.flush()

        new.told = told
        new.replaces = call
        call.tell(Moved(new))
