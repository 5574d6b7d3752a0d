"""A caller and a called party on a scripted link in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ivr.sip import Flow, IncomingCall, Offer, OutboundSession, Session
from tests.kit.link import Impairment, Link
from tests.kit.sip import A, B, invite, make_stack, sdp

FLOW = Flow("udp", A, B)
NOTHING = (0, 0, 0, 0)


class Pair:
    """A caller and a called party; the called one answers at once unless told otherwise."""

    def __init__(
        self,
        impairment: Impairment | None = None,
        seed: int = 1,
        answers: bool = True,
        a: Mapping[str, object] | None = None,
        b: Mapping[str, object] | None = None,
    ) -> None:
        """`a` and `b` are what the stacks of the caller and of the called party are told."""
        self.link = Link(impairment, seed)
        self.a, self.b = make_stack(seed, **(a or {})), make_stack(seed + 1000, **(b or {}))
        self.answers = answers
        self.on_offer: Callable[[Offer], None] | None = self.accept
        self.outgoing: Session
        self.incoming: Session
        self.end_a = self.link.join(self.a, A, self._on_a)
        self.end_b = self.link.join(self.b, B, self._on_b)

    @property
    def now(self) -> float:
        return self.link.now

    def _on_a(self, event: object) -> None:
        if isinstance(event, Offer) and self.on_offer is not None:
            self.on_offer(event)

    def _on_b(self, event: object) -> None:
        if isinstance(event, IncomingCall):
            self.incoming = event.session
            if self.answers:
                event.session.answer(sdp(B[0]), self.now)
        elif isinstance(event, Offer) and self.on_offer is not None:
            self.on_offer(event)

    def accept(self, event: Offer) -> None:
        event.session.answer_offer(sdp("192.0.2.9", version=7), self.now)

    def call(self, **more: object) -> OutboundSession:
        """Place a call and let a second pass."""
        session = self.a.invite(invite(FLOW, **more), self.now)
        self.outgoing = session
        self.link.run(1.0)
        return session

    def bytes_of(self, start: bytes) -> list[bytes]:
        """What was sent that begins so."""
        return [data for *_, data in self.link.sent if data.startswith(start)]

    def said(self, kind: type) -> list[object]:
        return [event for end in (self.end_a, self.end_b) for event in end.events if isinstance(event, kind)]

    def clean(self) -> bool:
        """Let everything run out; whether nothing is left."""
        self.link.run()
        return self.a.counts == self.b.counts == NOTHING
