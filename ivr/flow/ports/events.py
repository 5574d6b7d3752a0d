"""What a call tells its flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ivr.flow.ports.call import Cause, DigitSource, ForwardOutcome

__all__ = [
    "CallAnswered",
    "CallEnded",
    "CallRecorded",
    "Digit",
    "DigitEnded",
    "ForwardAnswered",
    "ForwardDone",
    "ForwardRinging",
    "PlayDone",
    "RecordDone",
]


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
    key: str = ""
    """Id of its record in the store; empty where there is none."""


@dataclass(frozen=True, slots=True)
class CallRecorded:
    """The recording of a bridged call, or of the whole call, has begun or is closed."""

    id: int
    """Of the `Forward` or `StartCallRecording`."""
    phase: Literal["begun", "done"]
    key: str = ""
    """Id of its record in the store; empty where there is none: nothing was recorded."""
    path: str = ""
    """As `RecordDone.path`."""
    duration: float = 0.0
    """Seconds recorded."""


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
