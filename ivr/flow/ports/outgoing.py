"""What a flow asks when it calls somebody, and what it hears of that.

ReserveDial -> DialReserved            when the pace lets the next call go: the flow waits until then, if need be
                                       in the store, as flows without a caller do
Dial -> DialProgress*                  it rings
     -> DialAnswered                   the session is up from here on: CallEnded ends it like any other
          -> AnswererFound             where machine detection was asked for; the session may end before
     -> DialDone                       nobody took the call; there is no session
StartContact -> ContactStarted         another flow runs for another person, on its own
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

__all__ = [
    "Answerer",
    "AnswererFound",
    "CancelDial",
    "ContactStarted",
    "Dial",
    "DialAnswered",
    "DialDone",
    "DialOutcome",
    "DialProgress",
    "DialReserved",
    "FailureKind",
    "MachineDetection",
    "ReserveDial",
    "Speed",
    "StartContact",
]

MachineDetection = Literal["off", "fast", "beep"]
Answerer = Literal["human", "machine", "unknown"]
DialOutcome = Literal["no_answer", "busy", "declined", "failed"]
FailureKind = Literal["known", "unexplained", "final"]
"""`known`: network, unreachable, no answer, busy, declined: `retry` is for these. `unexplained`: a fault or a limit of
our own: `validity` is for these. `final`: it must not be tried again (not permitted, on the do-not-contact list, no
such number, or a call of an earlier run of which nobody knows how far it came)."""


@dataclass(frozen=True, slots=True)
class Speed:
    """At most so many calls in a window of fixed length, which opens with its first call."""

    calls: int
    """Calls of one window."""
    per: Literal["minute", "hour", "day"]
    """Length of the window."""


# Commands


@dataclass(frozen=True, slots=True)
class ReserveDial:
    """Ask when the next call of a pace may go. Ends with :class:`DialReserved`, at once."""

    id: int
    """Names this reservation."""
    pace: str
    """Calls of one name share a window: flow and element."""
    speed: Speed | None
    """None: no pace; then the answer is `earliest`."""
    earliest: datetime
    """Not before."""


@dataclass(frozen=True, slots=True)
class Dial:
    """Call somebody. Only outside a session. Ends with :class:`DialAnswered` or :class:`DialDone`."""

    id: int
    """Names this call in its events."""
    attempt: int
    """1 for the first of this element; what was dialled before a crash is known by it."""
    to: str
    """As targets of :class:`~ivr.flow.ports.Forward`."""
    chosen: bool = False
    """The flow does not name the target itself, but puts it together of what came with the contact."""
    secret: bool = False
    """The target holds a sensitive value: records do not name it."""
    from_: str | None = None
    """Caller id shown; None: that of the line."""
    line: str | None = None
    """Line that numbers go out through; None: as the outbound policy says."""
    ring_timeout: float = 45.0
    """Seconds from the INVITE to the answer."""
    early_media: Literal["heard", "ignored"] = "heard"
    """`heard`: tones before the answer count (a busy tone is `busy`), and a recording has what is said there."""
    machine_detection: MachineDetection = "off"
    """Whether :class:`AnswererFound` is to come."""
    record_name: str | None = None
    """Record the whole call, both sides, stereo, under this name; None: do not."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further SIP headers of the INVITE."""
    payload: Mapping[str, Any] = field(default_factory=dict)
    """Data for the record of the call; never sent."""


@dataclass(frozen=True, slots=True)
class CancelDial:
    """Give up a call that is not answered; no event follows."""

    id: int
    """Of the `Dial`."""


@dataclass(frozen=True, slots=True)
class StartContact:
    """Let a flow run for somebody, as a contact of its own: with its own record, tags and variables, and the profile of
    its number. Nothing goes back from it to the flow that asks. Also inside a session, which goes on as it is.

    The flow begins as one that a campaign or the HTTP interface starts: at its `start_from_audience`, or else, where it
    begins with `start_from_flow` or `start_incoming_call`, behind the built-in flow that calls the number and transfers
    there. Ends with :class:`ContactStarted`, once the contact is kept so that a crash does not lose it.
    """

    id: int
    """Names this command in its event."""
    flow: str
    """Name of the flow."""
    number: str
    """Whom it is about, without grouping signs. Where there is no profile of this number, one is made."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    """JSON values: the properties of `start_from_audience`, besides `number`; a flow that is entered by a transfer gets
    them as variables."""
    secret: bool = False
    """Number or properties hold a sensitive value: logs and traces show neither."""
    chosen: bool = False
    """The flow does not name the number itself, but puts it together of what came with the call."""
    guest: bool = False
    """A guest's call has led to this: filled in by whoever runs the flow."""


# Events


@dataclass(frozen=True, slots=True)
class ContactStarted:
    """A contact is kept and its flow will run, or not."""

    id: int
    """Of the `StartContact`."""
    error: str | None = None
    """Why not, in a word: `no_flow`, `no_number`, `do_not_contact`, `no_room` (`limits.waiting_flows`), `failed`; None:
    it will."""
    call_id: str = ""
    """Id of its record."""


@dataclass(frozen=True, slots=True)
class DialReserved:
    """When the call may go."""

    id: int
    """Of the `ReserveDial`."""
    at: datetime
    """Not before `earliest`."""


@dataclass(frozen=True, slots=True)
class DialProgress:
    """It rings, or something is heard before the answer."""

    id: int
    """Of the `Dial`."""
    kind: Literal["ringing", "early_media"]
    """180, or 183 with a description."""
    sip_code: int = 180
    """The provisional status."""


@dataclass(frozen=True, slots=True)
class DialAnswered:
    """The one called took the call: there is a session now."""

    id: int
    """Of the `Dial`."""
    line: str = ""
    """Line that the call went by; empty: a phone of ours, or a SIP URI."""
    from_: str = ""
    """Caller id that was shown, where it is not the one of the `Dial`: `call.from` from here on."""


@dataclass(frozen=True, slots=True)
class AnswererFound:
    """Who or what has answered."""

    id: int
    """Of the `Dial`."""
    answerer: Answerer
    """The decision."""
    confidence: float
    """0 to 1."""
    seconds: float = 0.0
    """From the answer to the decision."""
    beep: bool = False
    """It comes right after the beep of a machine (`beep`); False where none was heard, or none was waited for."""
    reason: str = ""
    """What decided, in a word or two, for the trace."""


@dataclass(frozen=True, slots=True)
class DialDone:
    """Nobody took the call."""

    id: int
    """Of the `Dial`."""
    outcome: DialOutcome
    """What became of it."""
    kind: FailureKind
    """Whether another attempt makes sense."""
    sip_code: int | None = None
    """Final SIP status, where there was one."""
    status: str = ""
    """What became of it in a word, for results and reports: `busy`, `unknown_number`, `do_not_contact`, `interrupted`,
    `no_line`, `not_permitted`..."""
    line: str = ""
    """Line that was tried last."""
