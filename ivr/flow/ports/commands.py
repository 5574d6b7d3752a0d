"""What a flow asks of its call: sound, recording, signalling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ivr.flow.ports.call import Cause, PromptSpec

if TYPE_CHECKING:
    from ivr.flow.ports.applications import ApplicationTerms

__all__ = [
    "Answer",
    "CancelForward",
    "DiscardRecording",
    "EarlyMedia",
    "Forward",
    "HangUp",
    "Note",
    "PauseCallRecording",
    "Play",
    "Record",
    "ResumeCallRecording",
    "Ring",
    "Screen",
    "SendKeys",
    "StartCallRecording",
    "StopCallRecording",
    "StopPlay",
    "StopRecord",
]


@dataclass(frozen=True, slots=True)
class Ring:
    """Send 180. Nothing when the call is answered."""


@dataclass(frozen=True, slots=True)
class EarlyMedia:
    """Send 183 with an answer, so that prompts are heard before the call is answered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Send 200. The machine goes on at once and does not wait for the ACK."""


@dataclass(frozen=True, slots=True)
class Play:
    """Play prompts to the caller; replaces what plays. Ends with :class:`PlayDone`."""

    id: int
    """Names this playback in `StopPlay` and `PlayDone`."""
    prompts: tuple[PromptSpec, ...]
    """One after the other without a gap. One that cannot be made fails the whole playback."""
    pause: float = 0.0
    """Seconds of silence before the first round, not before the others."""
    loop: int = 1
    """Rounds; 0 plays until stopped."""
    go_on: bool = False
    """Begin where the last playback with `go_on` was stopped, if it was of the same prompts: music."""


@dataclass(frozen=True, slots=True)
class StopPlay:
    """Stop a playback at once; its `PlayDone` (reason `stopped`) says how much was heard."""

    id: int
    """Of the `Play`; one that is over is ignored."""


@dataclass(frozen=True, slots=True)
class Record:
    """Record the caller alone. Ends with :class:`RecordDone`, also when the call ends."""

    id: int
    """Names this recording in `StopRecord`, `DiscardRecording` and `RecordDone`."""
    name: str
    """Wish for the file's name, without folder and suffix; the shell makes it safe for a file system and unique."""
    format: Literal["wav", "ulaw"] = "wav"
    """File format."""
    max_duration: float = 120.0
    """Seconds; then the recording ends with reason `max_duration`."""
    max_silence: float = 5.0
    """Seconds of silence that end it with reason `silence`; 0: never. Before the first word silence counts too."""
    beep: bool = True
    """Play a beep first; the recording starts after it."""


@dataclass(frozen=True, slots=True)
class StopRecord:
    """Close a recording and keep what is in it; `RecordDone` (reason `stopped`) follows."""

    id: int
    """Of the `Record`; one that is over is ignored."""


@dataclass(frozen=True, slots=True)
class DiscardRecording:
    """Delete the file of a recording that is over (it was too short). No event follows."""

    id: int
    """Of the `Record`."""


@dataclass(frozen=True, slots=True)
class StartCallRecording:
    """Record the whole call from now on, both sides, stereo, until it ends. With an id: ends with
    :class:`CallRecorded`."""

    name: str
    """Wish for the file's name, without folder and suffix."""
    format: Literal["wav", "ulaw"] = "wav"
    """File format."""
    id: int = 0
    """Names it in `CallRecorded`; 0: nobody waits for that."""


@dataclass(frozen=True, slots=True)
class Screen:
    """A document that a called party hears before it is connected, and that may decline the call."""

    terms: ApplicationTerms
    """Whose document it is."""
    url: str
    """Absolute."""
    method: Literal["GET", "POST"] = "POST"
    params: Mapping[str, str] = field(default_factory=dict)
    """What requests of it say of the called party's call, instead of what they say of the caller's."""
    secret: bool = False
    """What is keyed in stands in no log."""


@dataclass(frozen=True, slots=True)
class StopCallRecording:
    """End the recording of the whole call."""


@dataclass(frozen=True, slots=True)
class PauseCallRecording:
    """Leave silence in the recording of the whole call: what comes now is sensitive."""


@dataclass(frozen=True, slots=True)
class ResumeCallRecording:
    """Go on with the recording of the whole call."""


@dataclass(frozen=True, slots=True)
class SendKeys:
    """Send keys to the caller's side, as its line takes them. No event follows."""

    keys: str
    """Of `0123456789*#ABCD`, and `w` for half a second of silence."""


@dataclass(frozen=True, slots=True)
class Forward:
    """Connect the caller to somebody else. Ends with :class:`ForwardDone`."""

    id: int
    """Names this attempt in `CancelForward` and the forward events."""
    targets: tuple[str, ...]
    """As written: `sip:…`, `tel:…`, `phone:200`, `agent:anna`, or a bare value (phone, else agent, else number)."""
    chosen: frozenset[str] = frozenset()
    """Those of the targets that the flow does not name itself, but puts together of what the call brought."""
    secret: bool = False
    """A target holds a sensitive value: records name none of them."""
    ring: Literal["together", "in_turn"] = "together"
    """How several targets are tried."""
    from_: str | None = None
    """Caller id shown; None: the caller's own."""
    line: str | None = None
    """Line that numbers go out through; None: as the outbound policy says."""
    timeout: float = 30.0
    """Seconds each target rings before `no_answer`."""
    mode: Literal["bridge", "refer", "attended"] = "bridge"
    """`bridge`: second leg, media relayed. `refer`: blind transfer; where the peer refuses, the shell bridges.
    `attended`: bridged, and then the caller is asked to take our place; where the peer refuses, the bridge stays."""
    ringback: PromptSpec | None = None
    """What the caller hears, looped, until somebody answers; None: the ringback tone."""
    whisper: PromptSpec | None = None
    """Played to the called party before the two hear each other."""
    accept_key: str | None = None
    """Key the called party must press to take the call; without it within the timeout: `no_answer`."""
    record_name: str | None = None
    """Record the bridged call, both sides, stereo, under this name; None: do not. Told by :class:`CallRecorded`, unless
    the whole call is recorded anyway."""
    record_ringing: bool = False
    """The recording begins before anybody answers."""
    star_leaves: bool = False
    """`*` of the caller ends the bridged call as if the called party had left."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """By target: keys that it is sent when it answers, before anything else; `w` is half a second of silence."""
    screens: Mapping[str, Screen] = field(default_factory=dict)
    """By target: the document that it hears when it has answered, instead of the whisper."""
    max_duration: float | None = None
    """Seconds the bridged call may last; then as if the called party had left."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further SIP headers of the outgoing INVITE."""
    after: Literal["hang_up", "return"] = "hang_up"
    """`return`: the called party leaving first ends in `returned` with the caller still there."""


@dataclass(frozen=True, slots=True)
class CancelForward:
    """Give up a forward in whatever state: cancel what rings, hang up who is connected."""

    id: int
    """Of the `Forward`; one that is over is ignored."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the caller's call. The session is over for the machine; no `CallEnded` is needed."""

    cause: Cause
    """For the record of the call."""
    sip_status: int
    """Final response where the call is not answered yet: 480 normal, 486 busy, 603 rejected."""
    reason: str | None = None
    """Value of a Reason header for the BYE of an answered call (RFC 3326); None: no header."""


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the log, with the call's id before it. Never holds digits, numbers or sensitive values."""

    level: Literal["debug", "info", "warning", "error"]
    """As in `logging`."""
    text: str
    """A sentence."""
