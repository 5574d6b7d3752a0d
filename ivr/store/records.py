"""What is kept of a call, as the call layer hands it over and as readers get it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "CALLED_AS",
    "LAST_WORDS",
    "RUNNING",
    "SEEN",
    "STATUS_CALLBACK",
    "CallRecord",
    "CutOff",
    "RecordingRecord",
    "shown_details",
]

RUNNING = "recordings"
"""In the details of a call that is up: its recordings in progress, with the fields of RecordingRecord."""
SEEN = "seen_at"
"""In the details of a call that is up: when that was so last, seconds since the epoch."""
LAST_WORDS = "last_words"
"""In the details of a call that is up: what applications are to be told where nobody comes to tell its end, by key."""
STATUS_CALLBACK = "status_callback"
"""In the details of a call that was asked for over the calls resource: who hears how it fares."""
CALLED_AS = "called_as"
"""In the details of such a call: whom it was asked for, where that is no number (`client:200`, `sip:…`)."""
OURS = frozenset({RUNNING, SEEN, LAST_WORDS, STATUS_CALLBACK})
"""Of the details, what the daemon keeps for itself: URLs in it may hold passwords."""


def shown_details(details: Mapping[str, Any]) -> dict[str, Any]:
    """What of the details whoever may see the call may see."""
    return {name: value for name, value in details.items() if name not in OURS}


@dataclass(slots=True, kw_only=True)
class CallRecord:
    """One call. Times are seconds since the epoch, UTC; None for what did not happen.

    Not frozen, as that costs 8 µs for so many fields; nobody changes one that the writer has.
    """

    id: str
    """Unique over all nodes and time."""
    short_id: int
    """Grows by one for each call; can be spoken."""
    direction: str
    """`inbound` or `outbound`."""
    started_at: float
    line: str | None = None
    """Line or phone the call came from or went to; None for a guest."""
    caller: str | None = None
    called: str | None = None
    sip_call_id: str | None = None
    source: str | None = None
    """Address and port of the peer."""
    node: str = "local"
    """Process that had the call, where several share a store."""
    flow: str | None = None
    flow_version: str | None = None
    """Hash of its text."""
    flow_number: int | None = None
    """Number of that version in the store; None: the flow is built in."""
    ringing_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    cause: str | None = None
    """Why it ended: user_hung_up, ended_by_flow, network, system... One word for every end."""
    sip_status: int | None = None
    """Final status of the INVITE."""
    path: list[dict[str, Any]] = field(default_factory=list)
    """Elements walked, in order: element, type, entered_at, left_at, branch, and what the element tells of itself."""
    digits: list[dict[str, Any]] = field(default_factory=list)
    """Inputs as `reporting` allows them."""
    hand_offs: list[dict[str, Any]] = field(default_factory=list)
    """Forwarded and transferred calls: target, times, result."""
    quality: dict[str, Any] = field(default_factory=dict)
    """packets, lost, jitter, mos in both directions."""
    details: dict[str, Any] = field(default_factory=dict)
    """Anything else: headers kept, payload, tags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRecord:
    """One sound file."""

    id: str
    """Unique over all nodes and time."""
    call_id: str
    kind: str
    """`voicemail` or `call`."""
    name: str
    path: str
    """The file."""
    started_at: float
    seconds: float | None = None
    """Length; None while it runs."""
    bytes: int | None = None
    reason: str | None = None
    """Why it ended: stopped, silence, max_duration, failed..."""
    deleted_at: float | None = None
    """When retention or a person deleted the file; the row stays."""


@dataclass(frozen=True, slots=True)
class CutOff:
    """A call that was up when the process died that had it."""

    record: CallRecord
    """As far as it had got to tell; no end."""
    goes_on: bool
    """Its flow waits in the store, and goes on without the call: the record has no end yet."""
