"""Wire protocols of AI agents, pure: messages in, what they ask for out; and the other way round.

A `Wire` cuts what a socket brings into messages (WebSocket, AudioSocket); a `Dialect` knows what messages mean
(Media Streams, AudioSocket, OpenAI Realtime). The shell around them is :mod:`ivr.handoff.ai`.
"""

from ivr.handoff.protocols.audiosocket import UUID, AudioSocket, AudioSocketWire
from ivr.handoff.protocols.backlog import Backlog
from ivr.handoff.protocols.budget import Budget
from ivr.handoff.protocols.media_streams import MediaStreams
from ivr.handoff.protocols.media_variants import media_streams
from ivr.handoff.protocols.openai_realtime import OpenAiRealtime
from ivr.handoff.protocols.silence import Silence
from ivr.handoff.protocols.spoken import Spoken
from ivr.handoff.protocols.talk import (
    MAX_TRANSCRIPT,
    Accepted,
    Clear,
    Dialect,
    Encoding,
    Facts,
    Given,
    Kept,
    KeptValues,
    Keys,
    Lost,
    MarkSet,
    Message,
    Odd,
    Said,
    Send,
    Speech,
)
from ivr.handoff.protocols.websocket import WebSocketClient
from ivr.handoff.protocols.wire import ABNORMAL, NO_CODE, NORMAL, Closed, Opened, Received, Wire

__all__ = [
    "ABNORMAL",
    "MAX_TRANSCRIPT",
    "NORMAL",
    "NO_CODE",
    "UUID",
    "Accepted",
    "AudioSocket",
    "AudioSocketWire",
    "Backlog",
    "Budget",
    "Clear",
    "Closed",
    "Dialect",
    "Encoding",
    "Facts",
    "Given",
    "Kept",
    "KeptValues",
    "Keys",
    "Lost",
    "MarkSet",
    "MediaStreams",
    "Message",
    "Odd",
    "OpenAiRealtime",
    "Opened",
    "Received",
    "Said",
    "Send",
    "Silence",
    "Speech",
    "Spoken",
    "WebSocketClient",
    "Wire",
    "media_streams",
]
