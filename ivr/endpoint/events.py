"""What a call of an endpoint tells, and what is told about it on demand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ivr.endpoint.call import EndpointCall
    from media import MediaEvent

__all__ = [
    "Answered",
    "CallEvent",
    "CallState",
    "CallStatistics",
    "EarlyMedia",
    "EndCause",
    "Ended",
    "Flash",
    "Heard",
    "Held",
    "HoldRefused",
    "InfoReceived",
    "Key",
    "KeyWay",
    "Moved",
    "Ringing",
    "TransferProgress",
]

CallState = Literal["calling", "ringing", "answered", "ended"]
"""`calling`: our INVITE has no answer yet. `ringing`: it rings, there or here."""
KeyWay = Literal["events", "info", "tones"]
"""By telephone-event (RFC 4733), by INFO, or in the sound."""
EndCause = Literal["hung_up", "bye", "cancel", "refused", "timeout", "error", "moved"]
"""`hung_up`: we ended it, or refused it. `bye`: the other side did. `cancel`: the caller gave up before the answer.
`refused`: our call was not taken. `timeout`: no ACK, or no answer within the call. `error`: the other side broke the
protocol, or media could not be agreed on. `moved`: another call has taken its place (`Moved` came before)."""


@dataclass(frozen=True, slots=True)
class Ringing:
    """It rings at the other side of our call."""

    status: int
    """180 to 199."""


@dataclass(frozen=True, slots=True)
class EarlyMedia:
    """The other side of our call is heard before the answer."""

    status: int
    """183, mostly."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The call stands: our call was answered, or the ACK of our answer came."""


@dataclass(frozen=True, slots=True)
class Key:
    """The other side pressed a key. Never log it above DEBUG."""

    digit: str
    """One of ``0123456789*#ABCD``."""
    way: KeyWay
    """How it came."""


@dataclass(frozen=True, slots=True)
class Flash:
    """The other side pressed the hook for a moment."""


@dataclass(frozen=True, slots=True)
class Held:
    """Who does not listen has changed."""

    by_us: bool
    """We hold the other side."""
    by_peer: bool
    """The other side holds us."""


@dataclass(frozen=True, slots=True)
class HoldRefused:
    """The other side did not take hold or resume; all is as before."""

    status: int
    """SIP status."""


@dataclass(frozen=True, slots=True)
class InfoReceived:
    """An INFO other than a key; it was answered."""

    content_type: str
    """Its Content-Type; empty: none."""
    body: bytes
    """Its body."""


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """What became of our transfer. On 200 the other side is connected there: hang up."""

    status: int
    """202 it is willing, 100 to 199 it calls, 200 it succeeded; from 300 on it failed, and the call goes on here."""
    final: bool
    """Nothing follows."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Another call takes the place of this one: the other side has transferred us, or somebody took its place. This one
    ends when that one stands."""

    to: EndpointCall
    """The other call; set its `on_event` at once."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the media plane found in the sound, beside keys."""

    event: MediaEvent
    """Tone, Answerer, MediaTimeout, PlayDone, RecordDone: see :mod:`media.face`."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over; the last event. Recordings and figures may take a moment more: `EndpointCall.finished`."""

    cause: EndCause
    """Why."""
    status: int | None = None
    """SIP status, where there is one."""
    reason: str = ""
    """Reason phrase, or the Reason header of the other side, as it came."""


CallEvent = (
    Ringing
    | EarlyMedia
    | Answered
    | Key
    | Flash
    | Held
    | HoldRefused
    | InfoReceived
    | TransferProgress
    | Moved
    | Heard
    | Ended
)


@dataclass(frozen=True, slots=True)
class CallStatistics:
    """How a call is, or was."""

    codec: str
    """pcmu, pcma, g722 or opus; empty before anything is agreed."""
    encrypted: bool
    """SRTP."""
    seconds: float
    """Since the answer; 0 before."""
    packets_in: int
    """RTP packets that came."""
    packets_out: int
    """RTP packets sent."""
    lost: int
    """Packets that never came."""
    late: int
    """Packets that came too late to be heard."""
    remote_lost: int | None
    """Packets of ours that the other side misses, as it reports."""
    jitter_ms: float
    """Of what comes (RFC 3550)."""
    rtt_ms: float | None
    """Round trip by RTCP; None: not known yet."""
    mos: float
    """Listening quality estimated by the E-model, 1.0 to 4.5."""
    heard: float
    """Level of the other side, dBFS."""
    said: float
    """Level of our device, dBFS."""
    heard_seconds: float = 0.0
    """Sound of the other side so far, pauses left out."""
    quiet_seconds: float = 0.0
    """Since sound of the other side was heard last."""
