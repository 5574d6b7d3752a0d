"""Reliable provisional responses (RFC 3262): each is repeated until its PRACK, the next waits for that.

The side that answers keeps a `ReliableSender`; the side that calls remembers for each early dialog which response came
last (`in_order`), so that one which comes again, or too early, is passed over.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Final

from ivr.sip.headers import parse_number
from ivr.sip.message import Message, Request, Response
from ivr.sip.repeating import Repeating
from ivr.sip.timers import Timers

__all__ = ["ReliableSender", "in_order", "names_option", "rack_of", "rseq_of"]

MAX_RSEQ: Final = 0x7FFFFFFF
"""RFC 3262 §3: the first number is below this, so that it never wraps within a call."""

_RACK: Final = re.compile(r"[ \t]*([0-9]{1,10})[ \t]+([0-9]{1,10})[ \t]+(\S{1,64})[ \t]*")


def names_option(message: Message, header: str, option: str = "100rel") -> bool:
    """Whether a header of option tags (Supported, Require) names this one."""
    text = message.get(header)
    return text is not None and any(tag.lower() == option for tag in message.get_list(header))


def rseq_of(response: Response) -> int | None:
    """RSeq of a response that requires a PRACK; None where it requires none."""
    text = response.get("RSeq")
    if text is None or not names_option(response, "Require"):
        return None
    return parse_number(text.strip()) or None


def in_order(rseq: int, last: int | None) -> bool:
    """Whether this is the reliable response that follows (§4): the first of its dialog, or the next number."""
    return last is None or rseq == last + 1


def rack_of(request: Request) -> tuple[int, int, str] | None:
    """(RSeq, CSeq, method) of a PRACK; None where it names none."""
    match = _RACK.fullmatch(request.get("RAck") or "")
    return (int(match[1]), int(match[2]), match[3]) if match is not None else None


class ReliableSender:
    """Provisional responses of one INVITE, one after the other."""

    __slots__ = (
        "_lost",
        "_repeating",
        "_resend",
        "_rseq",
        "_t1",
        "_timers",
        "_transmit",
        "_waiting",
        "sending",
    )

    def __init__(
        self,
        timers: Timers,
        t1: float,
        first: int,
        transmit: Callable[[int, int, bytes, float], bytes],
        resend: Callable[[bytes], None],
        lost: Callable[[float], None],
    ) -> None:
        """`transmit(status, rseq, sdp, now)` sends a response and gives its octets, `resend` sends these again; `lost`
        is called when no PRACK came within 64*T1."""
        self._timers = timers
        self._t1 = t1
        self._rseq = first - 1
        self._transmit = transmit
        self._resend = resend
        self._lost = lost
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._repeating: Repeating | None = None
        self.sending: bytes | None = None
        """Description in the response that waits for its PRACK; None where none waits."""

    def push(self, status: int, sdp: bytes, now: float) -> None:
        """Send a response, once those before are acknowledged."""
        self._waiting.append((status, sdp))
        if self.sending is None:
            self._next(now)

    def _next(self, now: float) -> None:
        if not self._waiting:
            return
        status, self.sending = self._waiting.popleft()
        self._rseq += 1
        data = self._transmit(status, self._rseq, self.sending, now)
        self._repeating = Repeating(self._timers, self._t1, now, lambda: self._resend(data), self._lost)

    def acknowledges(self, rseq: int) -> bool:
        """Whether a PRACK with this number is for the response that waits."""
        return self.sending is not None and rseq == self._rseq

    def acknowledged(self, now: float) -> None:
        """The PRACK came: the next response may go."""
        self._stop()
        self._next(now)

    def stop(self) -> None:
        """The final response is sent: nothing is repeated any more."""
        self._waiting.clear()
        self._stop()

    def _stop(self) -> None:
        if self._repeating is not None:
            self._repeating.stop()
            self._repeating = None
        self.sending = None
