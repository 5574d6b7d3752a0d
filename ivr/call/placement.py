"""One call placed: over the hops of a line, and over the lines that stand in for it, until one of them takes it.

A forward sees a single attempt. Another hop is tried only before anything rang, and only where this one cannot take any
call: 503, a time-out, no connection (RFC 3261 §21.5.4, RFC 3263 §4.3). What a called party says counts.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ivr.call.leg import Leg
from ivr.call.targets import Destination
from ivr.errors import IvrError, UnreachableError
from ivr.guard import Dialler
from ivr.lines import Showing, identity_of, routes_of
from ivr.net import Hop, is_address
from ivr.net.hops import DEFAULT_PORTS
from ivr.sip import Answered, InviteRequest, NameAddr, OutboundSession, Rejected, Replaces, Ringing
from ivr.sip.headers import parse_number

if TYPE_CHECKING:
    from ivr.call.parties import Placed
    from ivr.call.services import PlacedResult, Services
    from media import Port

log = logging.getLogger("ivr.call")

HOP_WAIT = 4.0
"""Seconds for any sign of life of a hop while there is another one: three datagrams have been sent by then."""
MAX_TRIES = 8
"""Hops of all lines that one call is sent to; the caller's patience ends before."""
RETRIED = frozenset({408, 503})
"""Refusals that say that this hop cannot take the call now, whoever it is for."""
DISLIKED = frozenset({415, 488, 606})
"""Refusals of our description. Phones that want nothing but encrypted sound refuse RTP/AVP with keys like that."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be placed."""

    showing: Showing
    """Who calls."""
    headers: Mapping[str, str]
    """Further headers that the flow wants."""
    max_forwards: int
    """Hops that the call may still take."""
    dialler: Dialler
    """At whose wish."""
    replaces: Replaces | None = None
    """Dialog there that the call is to take the place of."""


@dataclass(frozen=True, slots=True)
class Unplaced:
    """No hop could be called at all: an event of the attempt."""

    status: int
    reason: str
    error: IvrError
    """Why."""


class Placement:
    """Owner of the sessions of one attempt, one after the other; all of them sound by one leg."""

    def __init__(
        self,
        services: Services,
        destination: Destination,
        attempt: Placed,
        order: Order,
        near: Leg | None,
        port: Port | None = None,
    ) -> None:
        """`near` is the leg whose call it is, None where a flow calls for itself; `port` one that is taken over, else
        the call gets its own."""
        self._services = services
        self._attempt = attempt
        self._order = order
        self._near = near
        self._ways = deque(self._in_order((destination, *destination.instead)))
        self._way = destination
        self._hops: deque[Hop] = deque()
        self._hop: Hop | None = None
        self._encrypted = False
        """The hop gets RTP/SAVP, since it did not like RTP/AVP with keys."""
        self._tries = 0
        self._taken: str | None = None
        self._settled = False
        self._over = False
        self._starting = False
        self._session: OutboundSession | None = None
        self._refused: Rejected | None = None
        self._error: IvrError | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._own_port = port is None
        if port is None:
            self.leg = services.new_leg(None, "", attempt.on_media, destination.line, near)
        else:
            self.leg = services.leg_on(port, None, "", destination.line)

    def _in_order(self, ways: tuple[Destination, ...]) -> list[Destination]:
        """Those whose line can be used first; the others all the same, as a last resort."""
        trunks = self._services.trunks
        return sorted(ways, key=lambda way: way.line is not None and not trunks.usable(way.line))

    def start(self) -> Leg:
        """Send the first INVITE, or have its host looked up; raises IvrError where it is clear that nobody can be
        called. The leg has no session before the first INVITE."""
        self._attempt.on_close = self.close
        self._starting = True
        try:
            if self._way.number:
                self._services.outbound.begin(self._attempt, self._way, self._order.dialler)
            self._services.occupied.begin(self._attempt, self._way.phone, self._way.agent)
            self._next_line()
            if self._error is not None and self._over:
                raise self._error
        except BaseException:
            self.close()
            if self._own_port:
                self.leg.port.release()
            raise
        finally:
            self._starting = False
        return self.leg

    def close(self) -> None:
        """The attempt is over: give back what it took of its line."""
        self._over = True
        self._disarm()
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._free()
        self._services.outbound.over(self._attempt)
        self._services.occupied.end(self._attempt)

    # From line to line, from hop to hop

    def _next_line(self) -> None:
        services = self._services
        while self._ways and self._tries < MAX_TRIES:
            way = self._way = self._ways.popleft()
            self._free()
            try:
                self._take(way.line)
            except IvrError as error:
                self._error = error
                continue
            if way.flow is None and (way.line is not None or not is_address(way.host)):
                self._task = services.create_task(self._find(way))
                return
            transport = way.transport or "udp"
            self._hops = deque([Hop(transport, way.host, way.port or DEFAULT_PORTS[transport], way.host)])
            if self._next_hop():
                return
        self._give_up()

    def _take(self, line: str | None) -> None:
        """Have a line carry the call; an emergency call has another one end where there is no room."""
        if line is None:
            return
        services, outbound = self._services, self._services.outbound
        urgent = outbound.is_urgent(self._attempt)
        if urgent and services.load.is_full(line):
            outbound.make_room(line)
        services.load.take(line, True, services.clock(), always=urgent)
        try:
            outbound.take_line(self._attempt, line)
        except IvrError:
            services.free_line(line)
            raise
        self._taken = line

    async def _find(self, way: Destination) -> None:
        services = self._services
        try:
            if way.line is not None:
                hops = await services.trunks.hops(way.line)
            else:
                hops = await services.names.hops(way.host, way.port, way.transport)
            self._task = None
            if self._over:
                return
            if not hops:
                self._count("failed")
                self._error = _no_address(way.host)
            self._hops = deque(hops)
            if not self._next_hop():
                self._next_line()
        except Exception:
            log.exception("a call could not be placed")
            self._attempt.fail()
        services.flush()

    def _next_hop(self) -> bool:
        """Send the INVITE to the next hop that there is a way to; whether there was one."""
        while self._hops and self._tries < MAX_TRIES:
            hop = self._hop = self._hops.popleft()
            self._encrypted = False
            self._tries += 1
            try:
                self._services.outbound.check_host(self._way, hop, self._order.dialler)
                self._invite(hop)
            except IvrError as error:
                self._error = error
                continue
            if self._hops or self._ways:
                self._timer = self._services.call_later(HOP_WAIT, self._silent)
            return True
        return False

    def _invite(self, hop: Hop) -> None:
        services, way, order, leg = self._services, self._way, self._order, self.leg
        line = services.lines.lines[way.line] if way.line is not None else None
        flow = way.flow or services.shell.flow_to(hop.address, hop.port, hop.transport, hop.name)
        showing = services.outbound.showing(self._attempt, order.showing)
        identity = identity_of(line, showing, services.shell.host_for(flow), way.uri)
        named = {name.lower() for name in order.headers}
        policy = services.policies(way.line)
        if self._encrypted:
            policy = replace(policy, capabilities=replace(policy.capabilities, srtp="required"))
        leg.retarget(policy, hop.address)
        if self._own_port:
            services.refit(leg, self._attempt.on_media, self._near)
        elif (":" in leg.host) != (":" in leg.port.local[0]):
            raise IvrError("the port of the call before has no address of the kind that this peer has")
        session = services.stack.invite(
            InviteRequest(
                uri=way.uri,
                from_=identity.from_,
                to=NameAddr(way.uri),
                flow=flow,
                sdp=leg.offer(leg.policy.preferring(self._near.agreed if self._near is not None else None)),
                # What the flow says goes before what the line would say.
                headers=(*(one for one in identity.headers if one[0].lower() not in named), *order.headers.items()),
                account=way.account,
                max_forwards=order.max_forwards,
                routes=routes_of(line) if line is not None else (),
                stream_ok=line.stream_ok if line is not None else False,
                replaces=order.replaces,
            ),
            services.clock(),
        )
        session.owner = self
        leg.session = self._session = session
        if self._near is None:
            self._attempt.placed(leg, session, way.line)
        elif self._near.session is not None:
            services.captures.placed(self._near.session.call_id, services.seen(leg, session))

    def _silent(self) -> None:
        """Not a word of this hop: the next one. Should it answer after all, its call is cancelled."""
        self._timer = None
        session = self._session
        if self._over or self._settled or session is None or session.heard:
            return
        self._count("failed")
        self._leave(None)
        session.hangup(self._services.clock())
        self._go_on()
        self._services.flush()

    def _go_on(self) -> None:
        self._disarm()
        self.leg.session = self._session = None
        if not self._next_hop():
            self._next_line()

    def _leave(self, retry_after: float | None) -> None:
        if self._hop is not None:
            log.info(
                "%s cannot take a call now (%s)",
                f"line {self._way.line}" if self._way.line is not None else "a host",
                self._hop.address,
            )
            self._services.trunks.shun(self._hop, retry_after)

    def _give_up(self) -> None:
        self._over = True
        if self._error is None:
            self._error = _no_address(self._way.host)
        if self._starting:
            return
        if self._refused is not None:
            self._attempt.on_session(self._refused)
        else:
            self._attempt.on_session(Unplaced(self._error.sip_status, str(self._error), self._error))

    def _count(self, result: PlacedResult) -> None:
        self._services.placed[self._way.line, result] += 1

    def _free(self) -> None:
        if self._taken is not None:
            self._services.free_line(self._taken)
            self._services.outbound.leave_line(self._attempt, self._taken, over=self._over)
            self._taken = None

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Owner of the sessions

    def on_session(self, event: Any) -> None:
        """An event of the session in hand; those that were left say nothing more."""
        if event.session is not self._session:
            return
        if isinstance(event, Rejected) and not self._settled and event.status in RETRIED:
            self._cannot(event)
            return
        if isinstance(event, Rejected) and not self._settled and event.status in DISLIKED and self._encrypt():
            return
        if not self._settled and isinstance(event, (Ringing, Answered, Rejected)):
            self._settled = True
            self._count("refused" if isinstance(event, Rejected) else "reached")
            self._disarm()
            # From here on it is the attempt's alone, whoever it may be passed on to.
            event.session.owner = self._attempt
            if self._hop is not None:
                self._services.trunks.welcome(self._hop)
        self._attempt.on_session(event)

    def fail(self) -> None:
        """An event of a session could not be handled."""
        self._attempt.fail()

    def _encrypt(self) -> bool:
        """Offer the same hop encrypted sound and nothing else, where both were left to it; whether that was sent."""
        if self._over or self._hop is None or self.leg.policy.capabilities.srtp != "optional":
            return False
        self._encrypted = True
        try:
            self._invite(self._hop)
        except IvrError as error:
            self._error = error
            return False
        return True

    def _cannot(self, event: Rejected) -> None:
        self._count("failed")
        # A response has headers; without any there was none: nobody answered, or nothing could be sent.
        retry_after = _retry_after(event)
        if not event.headers or retry_after is not None:
            self._leave(retry_after)
        self._refused = event
        if self._over:
            return
        if self._hops or self._ways:
            self._go_on()
        else:
            self._disarm()
            self._attempt.on_session(event)


def _no_address(host: str) -> IvrError:
    return UnreachableError(f"{host} has no address")


def _retry_after(event: Rejected) -> float | None:
    for name, value in event.headers:
        if name == "Retry-After":
            seconds = parse_number(value.partition(";")[0].partition("(")[0].strip())
            return None if seconds is None else float(seconds)
    return None
