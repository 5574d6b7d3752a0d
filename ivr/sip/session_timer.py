"""Session timers (RFC 4028): a call whose other side has vanished without a word ends by itself.

One side refreshes the session, by UPDATE or re-INVITE, at half of the interval agreed; the other one hangs up when that
does not come. Pure rules; what sends and waits is the session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from ivr.sip.headers import parse_number
from ivr.sip.message import Message, Request, Response
from ivr.sip.timers import Timer

__all__ = [
    "MIN_INTERVAL",
    "SessionExpires",
    "SessionTimer",
    "SessionTimerPolicy",
    "Terms",
    "answer_terms",
    "response_terms",
    "session_expires",
    "too_brief",
]

Mode = Literal["accept", "request", "refuse"]
Refresher = Literal["uac", "uas"]

MIN_INTERVAL: Final = 90
"""Seconds below which no interval may be asked for (RFC 4028 §4)."""

FLOOR: Final = 2
"""Seconds of an interval that a peer may set in a response: its word holds, but we refresh once a second at most."""

MAX_INTERVAL: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class SessionTimerPolicy:
    """What is asked for and taken."""

    expires: int = 1800
    """Seconds that we ask for."""
    minimum: int = MIN_INTERVAL
    """Seconds; less is refused with 422."""
    mode: Mode = "accept"
    """`accept`: where the peer asks; `request`: ask for it; `refuse`: no timers."""

    @property
    def on(self) -> bool:
        """Whether timers are known at all."""
        return self.mode != "refuse"

    def request_lines(self, expires: int | None = None, minimum: int = 0) -> str:
        """Headers of an INVITE outside a dialog; `expires` and `minimum` are what a 422 has asked for."""
        if self.mode != "request" and expires is None:
            return ""
        low = max(self.minimum, minimum)
        return f"Session-Expires: {max(expires or self.expires, low)}\r\nMin-SE: {low}\r\n"


class SessionExpires(NamedTuple):
    """A Session-Expires header."""

    seconds: int
    refresher: Refresher | None


class Terms(NamedTuple):
    """What both sides agreed on."""

    interval: int
    """Seconds."""
    ours: bool
    """Whether we refresh."""


def session_expires(message: Message) -> SessionExpires | None:
    """What Session-Expires says; None where there is none, or nothing that can be read."""
    text = message.get("Session-Expires")
    if text is None:
        return None
    number, _, rest = text.partition(";")
    seconds = parse_number(number.strip(), MAX_INTERVAL)
    if not seconds:
        return None
    for part in rest.split(";"):
        name, _, value = part.partition("=")
        if name.strip().lower() == "refresher":
            who = value.strip().lower()
            return SessionExpires(seconds, "uac" if who == "uac" else "uas" if who == "uas" else None)
    return SessionExpires(seconds, None)


def min_se(message: Message) -> int:
    """Seconds of Min-SE; 0 where there is none."""
    text = message.get("Min-SE")
    return (parse_number(text.partition(";")[0].strip(), MAX_INTERVAL) or 0) if text is not None else 0


def _knows_timer(message: Message) -> bool:
    return any(tag.lower() == "timer" for name in ("Supported", "Require") for tag in message.get_list(name))


def too_brief(request: Request, policy: SessionTimerPolicy) -> bool:
    """Whether an INVITE or UPDATE is to be refused with 422 (§9): an interval below ours, of a peer that knows why."""
    asked = session_expires(request)
    return asked is not None and policy.on and asked.seconds < policy.minimum and _knows_timer(request)


def answer_terms(
    request: Request, policy: SessionTimerPolicy, current: Terms | None = None
) -> tuple[Terms | None, str]:
    """What our 2xx to an INVITE or UPDATE says (§9, Table 2): the terms from now on, and its header lines.

    `current` are those in force: a request that names none keeps them, so that no hold takes the timer away.
    """
    if not policy.on:
        return None, ""
    asked, knows = session_expires(request), _knows_timer(request)
    if asked is None and current is None and policy.mode != "request":
        return None, ""
    low = max(min_se(request), policy.minimum)
    if asked is not None:
        # Ours is never above what was asked for; a peer that knows no 422 is served with what it wants.
        interval = asked.seconds if asked.seconds <= low else max(min(asked.seconds, policy.expires), low)
    else:
        interval = max(current.interval if current is not None else policy.expires, low)
    if not knows:
        ours = True
    elif asked is not None and asked.refresher is not None:
        ours = asked.refresher == "uas"
    else:
        # Who calls refreshes; who has refreshed goes on with it.
        ours = current.ours if current is not None else False
    require = "Require: timer\r\n" if knows else ""
    return Terms(interval, ours), f"{require}Session-Expires: {interval};refresher={'uas' if ours else 'uac'}\r\n"


def response_terms(response: Response, policy: SessionTimerPolicy, wanted: int, current: Terms | None) -> Terms | None:
    """What a 2xx to our INVITE or UPDATE agrees to (§7.2). `wanted` is what we asked for, 0 for nothing: a peer that
    says nothing knows no timers, and we refresh alone."""
    if not policy.on:
        return None
    agreed = session_expires(response)
    if agreed is not None:
        return Terms(max(agreed.seconds, FLOOR), agreed.refresher != "uas")
    if current is not None and current.ours:
        return current
    return Terms(wanted, True) if wanted else None


class SessionTimer:
    """The terms of one session and when they run out."""

    __slots__ = ("by_invite", "deadline", "failures", "terms", "timer")

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.deadline = 0.0
        """When the session is held to be dead."""
        self.timer: Timer | None = None
        self.by_invite = False
        """The peer knows no UPDATE, or refused one."""
        self.failures = 0
        """Refreshes refused one after the other, for reasons that leave the session alive."""

    def refreshed(self, now: float) -> float:
        """The session was refreshed; when there is next something to do."""
        interval = self.terms.interval
        self.failures = 0
        # §10: a third of the interval before its end, at most 32 s, so that the BYE is still understood.
        self.deadline = now + interval - min(32.0, interval / 3)
        return now + interval / 2 if self.terms.ours else self.deadline

    def header(self) -> str:
        """Header line of our request within the dialog (§7.4): we are its `uac`."""
        return f"Session-Expires: {self.terms.interval};refresher={'uac' if self.terms.ours else 'uas'}\r\n"
