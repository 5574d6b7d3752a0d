"""What a call sounds like: RTP, DTMF, prompts, recordings. This module is the whole face of the package.

    pool = await MediaPool.start(MediaConfig(host="192.0.2.1", ports=(20002, 29999)))
    port = pool.allocate(on_event)                 # no round trip: a port is bound ahead
    port.update(Stream(remote=("198.51.100.7", 4000), codec="pcma", payload_type=8))
    port.play([sound])                             # -> PlayDone, Digit... come to on_event
    port.release()

Names are loaded when first used: a media worker imports neither asyncio nor the makers of prompts.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from media.errors import AddressError, MediaError, MediaFull, MediaLost, MediaStartError
from media.face import (
    Answerer,
    Codec,
    CryptoSuite,
    Digit,
    Flash,
    Lost,
    MediaConfig,
    MediaEvent,
    MediaTimeout,
    PlayDone,
    RecordDone,
    RecordOptions,
    SentFrames,
    Sound,
    SrtpKey,
    Stats,
    Stream,
    StreamEncoding,
    StreamFrames,
    StreamFull,
    StreamMark,
    StreamStarted,
    Tone,
)
from media.pacing import PACING_BOUNDS, WorkerStatistics

if TYPE_CHECKING:
    from media.codecs import opus_available
    from media.guard import AddressPolicy, CheckedResolver, allow_listed, check_literal, checked_session
    from media.pool import MediaPool
    from media.port import Port
    from media.prompts import Edit, Edited, PromptError, PromptLimits, PromptStore, SpeechConfig, edit_prompt
    from media.recording import complete_recording
    from media.tones import TONES, tone_file

__all__ = [
    "PACING_BOUNDS",
    "TONES",
    "AddressError",
    "AddressPolicy",
    "Answerer",
    "CheckedResolver",
    "Codec",
    "CryptoSuite",
    "Digit",
    "Edit",
    "Edited",
    "Flash",
    "Lost",
    "MediaConfig",
    "MediaError",
    "MediaEvent",
    "MediaFull",
    "MediaLost",
    "MediaPool",
    "MediaStartError",
    "MediaTimeout",
    "PlayDone",
    "Port",
    "PromptError",
    "PromptLimits",
    "PromptStore",
    "RecordDone",
    "RecordOptions",
    "SentFrames",
    "Sound",
    "SpeechConfig",
    "SrtpKey",
    "Stats",
    "Stream",
    "StreamEncoding",
    "StreamFrames",
    "StreamFull",
    "StreamMark",
    "StreamStarted",
    "Tone",
    "WorkerStatistics",
    "allow_listed",
    "check_literal",
    "checked_session",
    "complete_recording",
    "edit_prompt",
    "opus_available",
    "tone_file",
]

_LATE = {
    "AddressPolicy": "media.guard",
    "CheckedResolver": "media.guard",
    "Edit": "media.prompts",
    "Edited": "media.prompts",
    "MediaPool": "media.pool",
    "Port": "media.port",
    "PromptError": "media.prompts",
    "PromptLimits": "media.prompts",
    "PromptStore": "media.prompts",
    "SpeechConfig": "media.prompts",
    "allow_listed": "media.guard",
    "check_literal": "media.guard",
    "checked_session": "media.guard",
    "complete_recording": "media.recording",
    "edit_prompt": "media.prompts",
    "opus_available": "media.codecs",
    "TONES": "media.tones",
    "tone_file": "media.tones",
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_LATE[name]), name)
    globals()[name] = value
    return value
