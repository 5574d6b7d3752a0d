"""The registration of one line: carries out what :class:`ivr.sip.registering.Registering` wants."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from ivr.errors import IvrError
from ivr.lines.ground import Ground, line_hops, routes_of
from ivr.net import Hop
from ivr.settings import Register, SipLine
from ivr.sip import Account, Flow, Response, Uri
from ivr.sip.outgoing import OutgoingRequest
from ivr.sip.registering import FindPlaces, Place, Registering, RegisteringConfig, SendRegister
from ivr.sip.transactions import ClientTransaction
from ivr.sip.uri import escape

__all__ = ["LineRegistration"]

log = logging.getLogger("ivr.lines")

KEEP_ALIVE: Final = 25.0
"""Seconds between two signs of life by UDP (RFC 5626 §4.4.2: 24 to 29): routers forget a path that is silent for 30,
and calls to the account would be lost until the next refresh. Streams have pings of their own."""


class LineRegistration:
    """A line that registers. `changed` is called whenever its state may have changed."""

    def __init__(
        self,
        name: str,
        line: SipLine,
        register: Register,
        account: Account,
        ground: Ground,
        changed: Callable[[], None],
    ) -> None:
        self._name = name
        self._line = line
        self._register = register
        self._ground = ground
        self._changed = changed
        domain = register.domain or line.host
        port = None if register.domain is not None else line.port
        config = RegisteringConfig(
            aor=Uri("sip", register.user, domain),
            registrar=Uri("sip", "", domain, port),
            account=account,
            expires=round(register.expires),
            instance=ground.instance(name),
            headers=ground.stack.ability_lines,
            routes=routes_of(line),
        )
        self.core = Registering(config, ground.stack.layer.tokens, ground.fraction)
        self.addresses: tuple[str, ...] = ()
        """Of all registrars."""
        self._flows: dict[str, tuple[Hop, Flow]] = {}
        self._open: tuple[OutgoingRequest, int] | None = None
        self._way: tuple[Hop, Flow] | None = None
        self._timer: Any = None
        self._pulse: Any = None
        self.when_stopped: Callable[[], None] | None = None

    def start(self) -> None:
        """Begin; nothing is waited for."""
        self._keep_alive()
        self.core.start(self._ground.loop.time())
        self._drain()

    def stop(self) -> None:
        """Take the registration back."""
        if self._pulse is not None:
            self._pulse.cancel()
        self.core.stop(self._ground.loop.time())
        self._drain()

    def hurry(self) -> None:
        """The peer gave a sign of life."""
        self.core.hurry(self._ground.loop.time())
        self._arm()

    def connection_lost(self, flow: Flow) -> None:
        """A connection is gone: perhaps the one that calls come by."""
        if self._way is None:
            return
        own = self._way[1]
        if own.reliable and (own.transport, own.remote) == (flow.transport, flow.remote):
            self.core.lost(self._ground.loop.time())
            self._arm()

    @property
    def hop(self) -> Hop | None:
        """Where the account is registered: calls go there too, since others there may not know it. None while it is
        nowhere."""
        return self._way[0] if self._way is not None and self.core.registered(self._ground.loop.time()) else None

    def _keep_alive(self) -> None:
        """Send a sign of life where the account is registered by UDP, now and again and again."""
        ground = self._ground
        if self.hop is not None and self._way is not None and not self._way[1].reliable:
            ground.sockets.keep_alive(self._way[1])
        when = ground.loop.time() + KEEP_ALIVE * (0.96 + 0.08 * ground.fraction())
        self._pulse = ground.loop.call_at(when, self._keep_alive)

    # What the core wants

    def _drain(self) -> None:
        outputs = self.core.outputs
        while outputs:
            output = outputs.popleft()
            if isinstance(output, FindPlaces):
                self._ground.spawn(self._find())
            else:
                self._send(output)
        self._arm()
        self._ground.sockets.flush()
        self._changed()

    async def _find(self) -> None:
        hops = await line_hops(self._ground.names, self._line, self._register.registrars)
        self.addresses = tuple(dict.fromkeys(hop.address for hop in hops))
        self._flows.clear()
        places = []
        for hop in hops:
            try:
                flow = self._ground.sockets.flow_to(hop.address, hop.port, hop.transport, hop.name)
            except IvrError as error:
                log.info("line %s: %s cannot be used: %s", self._name, hop.address, error)
                continue
            name = f"{hop.transport}:{hop.address}:{hop.port}"
            own = self._ground.stack.layer.names(flow).uri
            self._flows[name] = hop, flow
            places.append(Place(name, own.replace("sip:", f"sip:{escape(self._register.user)}@", 1)))
        self.core.found(places, self._ground.loop.time())
        self._drain()

    def _send(self, output: SendRegister) -> None:
        self._way = self._flows[output.place.name]
        self._open = output.request, output.number
        self._ground.stack.layer.request(output.request, self._way[1], self, self._ground.loop.time())

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        when = self.core.next_timer()
        if when is not None:
            self._timer = self._ground.loop.call_at(when, self._on_timer)
        elif self.when_stopped is not None:
            then, self.when_stopped = self.when_stopped, None
            then()

    def _on_timer(self) -> None:
        self._timer = None
        self.core.timer(self._ground.loop.time())
        self._drain()

    # TransactionUser

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """A response to a REGISTER; only the last one counts."""
        if self._open is not None and transaction.request is self._open[0]:
            self.core.response(self._open[1], response, now)
            self._drain()

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        """A REGISTER got no response."""
        if self._open is not None and transaction.request is self._open[0]:
            self.core.failed(self._open[1], status, now)
            self._drain()
