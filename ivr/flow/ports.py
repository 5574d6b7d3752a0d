"""What a running flow says to the call it drives, and what it hears back.

The machine is told `now` (seconds of any monotonic clock, the same for every call of one machine) and events; it
answers with commands. It never waits for a command to be done unless an event says so: each command that takes time
has an `id`, and exactly one event with that `id` ends it. An event with an unknown or old `id` is ignored, so a shell
may send the end of what was cancelled, and must where a result is worth keeping (`PlayDone` after `StopPlay` says how
much was heard).

Order at the end of a call: the shell sends :class:`CallEnded` first and what ends because of it (`PlayDone`,
`RecordDone`, `ForwardDone`) after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

__all__ = [
    "CAUSES",
    "Answer",
    "CallAnswered",
    "CallEnded",
    "CallInfo",
    "CancelForward",
    "Cause",
    "Command",
    "Digit",
    "DigitEnded",
    "DigitSource",
    "DiscardRecording",
    "EarlyMedia",
    "Event",
    "Forward",
    "ForwardAnswered",
    "ForwardDone",
    "ForwardOutcome",
    "ForwardRinging",
    "HangUp",
    "HangUpCause",
    "Note",
    "PauseCallRecording",
    "Play",
    "PlayDone",
    "PromptSpec",
    "Record",
    "RecordDone",
    "ResumeCallRecording",
    "Ring",
    "StartCallRecording",
    "StopCallRecording",
    "StopPlay",
    "StopRecord",
    "Voice",
]

Cause = Literal[
    "user_hung_up",
    "ended_by_flow",
    "ended_by_api",
    "forwarded",
    "transferred",
    "network",
    "media_timeout",
    "max_duration",
    "system",
]
"""Why a session ended; every session has one."""

CAUSES: tuple[Cause, ...] = (
    "user_hung_up",
    "ended_by_flow",
    "ended_by_api",
    "forwarded",
    "transferred",
    "network",
    "media_timeout",
    "max_duration",
    "system",
)

DigitSource = Literal["rfc4733", "info", "inband", "api"]
HangUpCause = Literal["normal", "busy", "rejected"]
ForwardOutcome = Literal["forwarded", "returned", "no_answer", "busy", "declined", "failed"]


@dataclass(frozen=True, slots=True)
class CallInfo:
    """The call as a flow sees it: `call.*` in expressions."""

    id: str
    """Unique among all calls of all nodes."""
    from_: str
    """The caller's number or SIP user, normalised; empty when withheld. Expressions read it as `call.from`."""
    to: str
    """The number or SIP user called."""
    started_at: datetime
    """Wall-clock time, with a time zone, that the machine's `now` of `start` stands for."""
    direction: Literal["inbound", "outbound"] = "inbound"
    line: str = ""
    """Name of the line the call belongs to; `phones` for a registered phone, `guest` for an unknown source."""
    short_id: int = 0
    """Grows by one per call; can be spoken."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """SIP headers that flows may read, by lower-case name with `-` written as `_`."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Which voice speaks a text; what is None is left to the configuration."""

    gender: Literal["female", "male"] | None = None
    name: str | None = None
    engine: str | None = None


@dataclass(frozen=True, slots=True)
class PromptSpec:
    """One sound to be made or found."""

    kind: Literal["text", "file", "url", "recording", "tone"]
    """`text` is spoken; `file` from the prompts folder; `url` fetched; `recording` the `path` of a
    :class:`RecordDone`; `tone` one of `ringback`, `busy`, `congestion`, `beep`, `music`."""
    value: str
    """The text, path, URL or name of the tone."""
    language: str | None = None
    """BCP 47 tag of a text; None: the configured one."""
    voice: Voice | None = None
    """Voice of a text; None: the configured one."""
    rate: float = 1.0
    """Speech rate factor of a text."""
    sensitive: bool = False
    """The value holds something that must stand in no log, trace or file name."""


# Commands


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
    """Record the whole call from now on, both sides, stereo, until it ends."""

    name: str
    """Wish for the file's name, without folder and suffix."""
    format: Literal["wav", "ulaw"] = "wav"
    """File format."""


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
class Forward:
    """Connect the caller to somebody else. Ends with :class:`ForwardDone`."""

    id: int
    """Names this attempt in `CancelForward` and the forward events."""
    targets: tuple[str, ...]
    """As written: `sip:…`, `tel:…`, `phone:200`, `agent:anna`, or a bare value (phone, else agent, else number)."""
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
    mode: Literal["bridge", "refer"] = "bridge"
    """`bridge`: second leg, media relayed. `refer`: blind transfer; where the peer refuses, the shell bridges."""
    ringback: PromptSpec | None = None
    """What the caller hears, looped, until somebody answers; None: the ringback tone."""
    whisper: PromptSpec | None = None
    """Played to the called party before the two hear each other."""
    accept_key: str | None = None
    """Key the called party must press to take the call; without it within the timeout: `no_answer`."""
    record_name: str | None = None
    """Record the bridged call, both sides, stereo, under this name; None: do not."""
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


Command = (
    Ring
    | EarlyMedia
    | Answer
    | Play
    | StopPlay
    | Record
    | StopRecord
    | DiscardRecording
    | StartCallRecording
    | StopCallRecording
    | PauseCallRecording
    | ResumeCallRecording
    | Forward
    | CancelForward
    | HangUp
    | Note
)


# Events


@dataclass(frozen=True, slots=True)
class Digit:
    """The caller pressed a key: sent once, when it is first certain."""

    digit: str
    """One of `0123456789*#ABCD`."""
    source: DigitSource = "rfc4733"
    """Where it was heard first."""
    at: float = 0.0
    """When it began, in the machine's time."""
    duration: float = 0.0
    """Seconds, where known already (SIP INFO); else 0 and :class:`DigitEnded` follows."""


@dataclass(frozen=True, slots=True)
class DigitEnded:
    """The key was let go: completes the trace, decides nothing."""

    digit: str
    """As in its `Digit`."""
    at: float
    """`at` of its `Digit`."""
    duration: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class PlayDone:
    """A playback is over."""

    id: int
    """Of the `Play`."""
    heard: float = 0.0
    """Seconds that were sent, all rounds together, pause not counted."""
    reason: Literal["completed", "stopped", "failed"] = "completed"
    """`failed`: a prompt could not be made, or the media plane lost it; the flow goes on."""
    error: str | None = None
    """What failed, for the log."""


@dataclass(frozen=True, slots=True)
class RecordDone:
    """A recording is closed."""

    id: int
    """Of the `Record`."""
    path: str = ""
    """Names the recording in later `PromptSpec`s, results and records; empty when there is no file."""
    duration: float = 0.0
    """Seconds recorded, beep and the silence that ended it not counted."""
    reason: Literal["stopped", "max_duration", "silence", "hung_up", "failed"] = "stopped"
    """Why it ended."""
    error: str | None = None
    """What failed, for the log."""


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """The call was answered by something else than `Answer` (the HTTP interface); not needed after `Answer`."""


@dataclass(frozen=True, slots=True)
class ForwardRinging:
    """A target rings."""

    id: int
    """Of the `Forward`."""
    target: str
    """As in `targets`."""


@dataclass(frozen=True, slots=True)
class ForwardAnswered:
    """A target took the call (after `accept_key`, where asked) and the two hear each other from now on. A call that
    is not answered yet gets `Answer` in reply."""

    id: int
    """Of the `Forward`."""
    target: str
    """As in `targets`."""


@dataclass(frozen=True, slots=True)
class ForwardDone:
    """A forward is over."""

    id: int
    """Of the `Forward`."""
    outcome: ForwardOutcome
    """`forwarded`: the bridged call ended (mode `bridge`; the machine hangs up a caller who is still there), or the
    peer carried out the transfer (mode `refer`: final 2xx by NOTIFY, or the peer's BYE after its 202). `returned`:
    the called party left first and `after` is `return`. `no_answer`, `busy` (486, 600), `declined` (603), `failed`:
    nobody took it and the caller is still there; of several targets the best tells: busy, declined, no_answer."""
    target: str = ""
    """Who took it, or the last one tried."""
    sip_code: int | None = None
    """Final SIP status of that target."""
    status: str = ""
    """Its reason phrase, or a word for what is not SIP."""
    talk_time: float = 0.0
    """Seconds the two heard each other."""


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The caller's call is over. Everything under way is to be ended by the shell, recordings kept."""

    cause: Cause
    """`user_hung_up` for BYE and CANCEL of the caller; `network`, `media_timeout`, `ended_by_api`, `system`."""


Event = (
    Digit
    | DigitEnded
    | PlayDone
    | RecordDone
    | CallAnswered
    | ForwardRinging
    | ForwardAnswered
    | ForwardDone
    | CallEnded
)
