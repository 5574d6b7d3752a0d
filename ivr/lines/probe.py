"""OPTIONS: whether a peer is there, and how far away; that of one line is asked again and again (RFC 3261 §11)."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from ivr.errors import IvrError
from ivr.lines.ground import Ground, routes_of
from ivr.lines.health import Pulse, Shunned
from ivr.net import Hop
from ivr.settings import Probe, SipLine
from ivr.sip import Flow, Response, Uri
from ivr.sip.outgoing import OutgoingRequest
from ivr.sip.transactions import ClientTransaction

__all__ = ["ANSWER_WAIT", "NOBODY_THERE", "LineProbe", "options"]

log = logging.getLogger("ivr.lines")

ANSWER_WAIT: Final = 4.0
"""Seconds for the answer of one hop: three datagrams have been sent by then."""

NOBODY_THERE: Final = frozenset({408, 502, 503, 504})
"""Answers that say that the peer, or what is behind it, cannot take calls. Any other one is a sign of life: many peers
answer OPTIONS from outside 401, 403 or 404."""


def options(ground: Ground, target: Uri, flow: Flow, routes: Sequence[str] = ()) -> OutgoingRequest:
    """An OPTIONS that is to go by a flow."""
    layer = ground.stack.layer
    return OutgoingRequest(
        "OPTIONS",
        str(target),
        f"<sip:ivr@{layer.names(flow).host}>;tag={layer.tokens.take()}",
        f"<{target}>",
        layer.tokens.take(32),
        1,
        tuple(routes),
        f"{layer.names(flow).contact}Accept: application/sdp\r\n{ground.stack.ability_lines}",
    )


class LineProbe:
    """A line that is asked. `changed` is called when the pulse changes."""

    def __init__(
        self,
        name: str,
        line: SipLine,
        probe: Probe,
        ground: Ground,
        shunned: Shunned,
        hops: Callable[[str], Awaitable[list[Hop]]],
        changed: Callable[[], None],
    ) -> None:
        self._name = name
        self._line = line
        self._probe = probe
        self._ground = ground
        self._shunned = shunned
        self._hops = hops
        self._changed = changed
        self.pulse = Pulse(probe.down_after, probe.up_after)
        self._left: deque[Hop] = deque()
        self._hop: Hop | None = None
        self._open: OutgoingRequest | None = None
        self._sent_at = 0.0
        self._timer: Any = None
        self._stopped = False

    def start(self) -> None:
        """Ask for the first time."""
        self._ground.spawn(self._begin())

    def stop(self) -> None:
        """Ask no more."""
        self._stopped = True
        self._open = None
        self._disarm()

    def anew(self) -> None:
        """The peer has begun anew: what was seen of it counts no more, and it is asked at once."""
        self.pulse = Pulse(self._probe.down_after, self._probe.up_after)
        self._open = None
        self._disarm()
        self.start()

    async def _begin(self) -> None:
        hops = await self._hops(self._name)
        if self._stopped:
            return
        self._left = deque(hops)
        self._next_hop()

    def _next_hop(self) -> None:
        while self._left:
            hop = self._left.popleft()
            if self._ask(hop):
                return
        self._done(self.pulse.missed())

    def _ask(self, hop: Hop) -> bool:
        ground, line = self._ground, self._line
        try:
            flow = ground.sockets.flow_to(hop.address, hop.port, hop.transport, hop.name)
        except IvrError:
            return False
        request = options(ground, Uri("sip", "", line.host, line.port), flow, routes_of(line))
        now = ground.loop.time()
        self._hop, self._open, self._sent_at = hop, request, now
        ground.stack.layer.request(request, flow, self, now)
        self._arm(now + ANSWER_WAIT, self._silent)
        ground.sockets.flush()
        return True

    def _silent(self) -> None:
        self._timer = None
        self._failed()

    def _failed(self) -> None:
        self._open = None
        self._disarm()
        if self._hop is not None:
            self._shunned.shun(self._hop, self._ground.loop.time())
        self._next_hop()

    def _done(self, changed: bool) -> None:
        self._open = None
        self._disarm()
        pause = self._probe.every if self.pulse.sure else max(self._probe.every / 4, 1.0)
        again = pause * (0.9 + 0.2 * self._ground.fraction())
        self._arm(self._ground.loop.time() + again, self._again)
        if changed:
            self._changed()

    def _again(self) -> None:
        self._timer = None
        self._ground.spawn(self._begin())

    def _arm(self, when: float, then: Callable[[], None]) -> None:
        self._disarm()
        self._timer = self._ground.loop.call_at(when, then)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # TransactionUser

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """An answer; only one to what was asked last counts."""
        if transaction.request is not self._open or response.status < 200:
            return
        if response.status in NOBODY_THERE:
            self._failed()
            return
        if self._hop is not None:
            self._shunned.welcome(self._hop)
        self._done(self.pulse.answered(now - self._sent_at))

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        """It could not be sent."""
        if transaction.request is self._open:
            self._failed()
