"""What the refusals of called parties mean for a flow, and which of several tells it most.

The tables are literal: what a flow hears of each SIP status (RFC 3261 §21 and the extensions that are named), of each
Q.850 cause where the network gives one (`Reason`, RFC 3326; RFC 6432; RFC 3398 §8.2.6.1), and of what goes wrong here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ivr.call.targets import NoLineError
from ivr.errors import (
    BusyError,
    CallForbiddenError,
    IvrError,
    MediaUnavailableError,
    NumberNotServedError,
    OverloadedError,
    ProtocolError,
    TooManyHopsError,
    UnreachableError,
)
from ivr.flow import ports
from ivr.sip import BuildError
from ivr.sip.headers import split_list

__all__ = [
    "INTERNAL",
    "Q850",
    "STATUSES",
    "UNREACHABLE",
    "Dialled",
    "Outcomes",
    "broken",
    "cause_of",
    "cause_of_error",
    "outcome_of",
    "q850_of",
]


@dataclass(frozen=True, slots=True)
class Dialled:
    """What an attempt that nobody took comes to."""

    outcome: ports.DialOutcome
    """The branch of the flow; `failed` is `call_ended`."""
    kind: ports.FailureKind
    """Whether another attempt makes sense."""
    word: str
    """For results, records and reports."""
    where: str
    """Where the status is defined, for people."""


def _known(word: str, where: str, outcome: ports.DialOutcome = "failed") -> Dialled:
    return Dialled(outcome, "known", word, where)


def _final(word: str, where: str) -> Dialled:
    return Dialled("failed", "final", word, where)


def _own(word: str, where: str) -> Dialled:
    return Dialled("failed", "unexplained", word, where)


STATUSES: Final[Mapping[int, Dialled]] = {
    300: _final("moved", "RFC 3261 21.3.1"),
    301: _final("moved", "RFC 3261 21.3.2"),
    302: _final("moved", "RFC 3261 21.3.3"),
    305: _final("moved", "RFC 3261 21.3.4"),
    380: _final("moved", "RFC 3261 21.3.5"),
    400: _own("refused_request", "RFC 3261 21.4.1"),
    401: _own("not_authenticated", "RFC 3261 21.4.2"),
    402: _final("payment_required", "RFC 3261 21.4.3"),
    403: _final("forbidden", "RFC 3261 21.4.4"),
    404: _final("unknown_number", "RFC 3261 21.4.5"),
    405: _own("refused_request", "RFC 3261 21.4.6"),
    406: _own("refused_request", "RFC 3261 21.4.7"),
    407: _own("not_authenticated", "RFC 3261 21.4.8"),
    408: _known("no_answer", "RFC 3261 21.4.9", "no_answer"),
    410: _final("unknown_number", "RFC 3261 21.4.10"),
    413: _own("refused_request", "RFC 3261 21.4.11"),
    414: _own("refused_request", "RFC 3261 21.4.12"),
    415: _own("no_media_in_common", "RFC 3261 21.4.13"),
    416: _own("refused_request", "RFC 3261 21.4.14"),
    420: _own("refused_request", "RFC 3261 21.4.15"),
    421: _own("refused_request", "RFC 3261 21.4.16"),
    422: _own("refused_request", "RFC 4028 6"),
    423: _own("refused_request", "RFC 3261 21.4.17"),
    424: _own("refused_request", "RFC 6442 4.3"),
    428: _final("identity_refused", "RFC 8224 6.2.2"),
    429: _own("refused_request", "RFC 3892 5"),
    430: _known("unreachable", "RFC 5626 11.5"),
    433: _final("anonymous_refused", "RFC 5079 4"),
    436: _final("identity_refused", "RFC 8224 6.2.2"),
    437: _final("identity_refused", "RFC 8224 6.2.2"),
    438: _final("identity_refused", "RFC 8224 6.2.2"),
    439: _known("unreachable", "RFC 5626 11.6"),
    440: _known("unreachable", "RFC 5393 5.3"),
    469: _own("refused_request", "RFC 6086 4.2.2"),
    470: _final("forbidden", "RFC 5360 5.9.2"),
    480: _known("unavailable", "RFC 3261 21.4.18", "no_answer"),
    481: _own("refused_request", "RFC 3261 21.4.19"),
    482: _known("unreachable", "RFC 3261 21.4.20"),
    483: _known("unreachable", "RFC 3261 21.4.21"),
    484: _final("incomplete_number", "RFC 3261 21.4.22"),
    485: _final("ambiguous_number", "RFC 3261 21.4.23"),
    486: _known("busy", "RFC 3261 21.4.24", "busy"),
    487: _known("no_answer", "RFC 3261 21.4.25", "no_answer"),
    488: _own("no_media_in_common", "RFC 3261 21.4.26"),
    489: _own("refused_request", "RFC 6665 8.3.2"),
    491: _own("refused_request", "RFC 3261 21.4.27"),
    493: _own("refused_request", "RFC 3261 21.4.28"),
    494: _own("no_media_in_common", "RFC 3329 2.2"),
    500: _known("network_error", "RFC 3261 21.5.1"),
    501: _known("network_error", "RFC 3261 21.5.2"),
    502: _known("network_error", "RFC 3261 21.5.3"),
    503: _known("congestion", "RFC 3261 21.5.4"),
    504: _known("unreachable", "RFC 3261 21.5.5"),
    505: _own("refused_request", "RFC 3261 21.5.6"),
    513: _own("refused_request", "RFC 3261 21.5.7"),
    555: _known("network_error", "RFC 8599 8.2.1"),
    580: _known("congestion", "RFC 3312 8"),
    600: _known("busy", "RFC 3261 21.6.1", "busy"),
    603: _known("declined", "RFC 3261 21.6.2", "declined"),
    604: _final("unknown_number", "RFC 3261 21.6.3"),
    606: _own("no_media_in_common", "RFC 3261 21.6.4"),
    607: Dialled("declined", "final", "unwanted", "RFC 8197 3"),
    608: Dialled("declined", "final", "rejected_by_network", "RFC 8688 3"),
}
"""Final statuses of an INVITE."""

_CLASSES: Final[Mapping[int, Dialled]] = {
    3: _final("moved", "RFC 3261 8.1.3.4"),
    4: _own("refused_request", "RFC 3261 8.1.3.2: as 400"),
    5: _known("network_error", "RFC 3261 8.1.3.2: as 500"),
    6: _known("declined", "RFC 3261 8.1.3.2: as 600, whose kind is not known", "declined"),
}
"""By first digit, for those that are not listed."""

Q850: Final[Mapping[int, Dialled]] = {
    1: _final("unknown_number", "Q.850 1: unallocated number"),
    2: _known("unreachable", "Q.850 2: no route to transit network"),
    3: _known("unreachable", "Q.850 3: no route to destination"),
    4: _final("unknown_number", "Q.850 4: send special information tone"),
    5: _final("incomplete_number", "Q.850 5: misdialled trunk prefix"),
    17: _known("busy", "Q.850 17: user busy", "busy"),
    18: _known("no_answer", "Q.850 18: no user responding", "no_answer"),
    19: _known("no_answer", "Q.850 19: user alerting, no answer", "no_answer"),
    20: _known("unavailable", "Q.850 20: subscriber absent", "no_answer"),
    21: _known("declined", "Q.850 21: call rejected", "declined"),
    22: _final("unknown_number", "Q.850 22: number changed"),
    23: _final("moved", "Q.850 23: redirection to new destination"),
    25: _known("unreachable", "Q.850 25: exchange routing error"),
    26: _final("unknown_number", "Q.850 26: non-selected user clearing"),
    27: _known("unreachable", "Q.850 27: destination out of order"),
    28: _final("incomplete_number", "Q.850 28: invalid number format"),
    29: _final("forbidden", "Q.850 29: facility rejected"),
    31: _known("unavailable", "Q.850 31: normal, unspecified", "no_answer"),
    34: _known("congestion", "Q.850 34: no circuit available"),
    38: _known("network_error", "Q.850 38: network out of order"),
    41: _known("network_error", "Q.850 41: temporary failure"),
    42: _known("congestion", "Q.850 42: switching equipment congestion"),
    44: _known("congestion", "Q.850 44: requested circuit not available"),
    46: _known("congestion", "Q.850 46: precedence call blocked"),
    47: _known("congestion", "Q.850 47: resource unavailable"),
    50: _final("forbidden", "Q.850 50: requested facility not subscribed"),
    52: _final("forbidden", "Q.850 52: outgoing calls barred"),
    53: _final("forbidden", "Q.850 53: outgoing calls barred within the group"),
    54: _final("forbidden", "Q.850 54: incoming calls barred"),
    55: _final("forbidden", "Q.850 55: incoming calls barred within the group"),
    57: _final("forbidden", "Q.850 57: bearer capability not authorised"),
    58: _known("congestion", "Q.850 58: bearer capability not available now"),
    65: _own("no_media_in_common", "Q.850 65: bearer capability not implemented"),
    79: _own("refused_request", "Q.850 79: service not implemented"),
    87: _final("forbidden", "Q.850 87: user not a member of the group"),
    88: _own("no_media_in_common", "Q.850 88: incompatible destination"),
    102: _known("unreachable", "Q.850 102: recovery on timer expiry"),
    111: _known("network_error", "Q.850 111: protocol error"),
    127: _known("network_error", "Q.850 127: interworking"),
}
"""Causes of the telephone network."""

_PRECISE: Final = frozenset({486, 600, 603, 607, 608})
"""Statuses that say what the called party did: no cause of the network behind it says more."""

INTERNAL: Final[Mapping[str, Dialled]] = {
    "do_not_contact": _final("do_not_contact", "the number is on the do-not-contact list"),
    "interrupted": _final("interrupted", "the daemon ended while this call was placed: how far it came is not known"),
    "not_permitted": _final("not_permitted", "outbound_policy forbids the number"),
    "no_number": _final("no_number", "the target is no number, phone, agent or address"),
    "no_line": _own("no_line", "there is no such line, or none for calls out"),
    "not_registered": _known("not_registered", "the phone is not registered", "no_answer"),
    "limit": _own("limit", "limits.calls, outbound_policy, the line's max_calls or calls_per_second is reached"),
    "no_media": _own("no_media", "every media port is taken, or the media worker is gone"),
    "unreachable": _known("unreachable", "the host has no address, or no way leads there"),
    "no_response": _known("no_response", "nobody answered the INVITE at all (RFC 3261 17.1.1.2, timer B)"),
    "no_answer": _known("no_answer", "ring_timeout: it rang, and nobody answered", "no_answer"),
    "busy_tone": _known("busy_tone", "a busy tone in early media", "busy"),
    "congestion_tone": _known("congestion_tone", "the tone of a network without a free way"),
    "dial_tone": _known("dial_tone", "a dial tone: the line let go of the call"),
    "hung_up": _known("hung_up", "the answer was taken back before it counted"),
    "cancelled": _known("cancelled", "the call was given up here before it was answered"),
    "too_many_hops": _final("too_many_hops", "the call was passed on too often: a flow that calls itself"),
    "not_sendable": _final("not_sendable", "a header or a caller id that no SIP message can hold: a line break in it"),
    "error": _own("error", "a fault of our own; the daemon's log says which"),
}
"""What is no final status of the called side."""

UNREACHABLE: Final = INTERNAL["no_response"]

OURS: Final = frozenset(
    {
        "do_not_contact", "error", "limit", "no_line", "no_media", "no_number", "not_permitted", "not_sendable",
        "too_many_hops",
    }
)  # fmt: skip
"""Words of calls that came to nothing on this side: the network, and who is called, had no part in it."""

_FAULTS: Final = frozenset({27, 38, 41})
"""Q.850: destination out of order (the hardware of a line has vanished), network out of order, temporary failure."""

_REASON = re.compile(r"^\s*Q\.850\s*(?:;|$)", re.IGNORECASE)
_CAUSE = re.compile(r";\s*cause\s*=\s*\"?([0-9]{1,3})\b", re.IGNORECASE)


def q850_of(headers: Iterable[tuple[str, str]]) -> int | None:
    """The Q.850 cause that a response gives (RFC 3326 §2); None where there is none."""
    for name, value in headers:
        if name.lower() == "reason":
            try:
                parts = split_list(value)
            except ProtocolError:
                continue
            for part in parts:
                if _REASON.match(part) and (found := _CAUSE.search(part)) is not None:
                    return int(found[1])
    return None


def broken(reason: str | None) -> bool:
    """Whether the Reason of a BYE says that no person hung up, but that the network or a line's hardware failed."""
    return reason is not None and q850_of([("Reason", reason)]) in _FAULTS


def cause_of(status: int, headers: Iterable[tuple[str, str]] = ()) -> Dialled:
    """What a final status means; the network's own cause counts where the status says less."""
    if status not in _PRECISE:
        cause = q850_of(headers)
        if cause is not None and cause in Q850:
            return Q850[cause]
    return STATUSES.get(status) or _CLASSES.get(status // 100) or INTERNAL["error"]


def cause_of_error(error: IvrError) -> Dialled:
    """What it means that a call could not even be placed."""
    for kind, word in _ERRORS:
        if isinstance(error, kind):
            return INTERNAL[word]
    return INTERNAL["error"]


_ERRORS: Final[tuple[tuple[type[IvrError], str], ...]] = (
    (CallForbiddenError, "not_permitted"),
    (BusyError, "limit"),
    (MediaUnavailableError, "no_media"),
    (OverloadedError, "limit"),
    (TooManyHopsError, "too_many_hops"),
    (UnreachableError, "unreachable"),
    (NoLineError, "no_line"),
    (NumberNotServedError, "no_number"),
    (BuildError, "not_sendable"),
)


def outcome_of(status: int) -> ports.DialOutcome:
    """What a final status of a called party means for a flow that forwards to it."""
    return cause_of(status).outcome


_PREFERRED: tuple[ports.ForwardOutcome, ...] = ("busy", "declined", "no_answer", "failed")


class Outcomes:
    """Those of one forward."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[ports.ForwardOutcome, tuple[str, int | None, str]] = {}

    def note(self, outcome: ports.ForwardOutcome, target: str, status: int | None, reason: str) -> None:
        """A target did not take the call."""
        self._seen[outcome] = (target, status, reason)

    def done(self, number: int) -> ports.ForwardDone:
        """The event for the flow: of targets that did not take the call, the one that tells most."""
        for outcome in _PREFERRED:
            if outcome in self._seen:
                target, status, reason = self._seen[outcome]
                return ports.ForwardDone(number, outcome, target, status, reason)
        return ports.ForwardDone(number, "failed", "", 404, "no target")
