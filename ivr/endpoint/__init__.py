"""A user agent of our own: one account, few calls, each with a device at its sound.

The softphone and the lines on hardware are made of it. Signalling, media and keys are those of the daemon's calls.

    async with Endpoint(EndpointConfig(registrar="192.0.2.1", user="200", account=Account("200", "secret")),
                        sound=lambda: FileDevice(Path("hello.wav"))) as endpoint:
        await endpoint.register()
        call = endpoint.invite("100")
        call.on_event = print
        await call.finished.wait()
"""

from __future__ import annotations

from ivr.endpoint.call import EndpointCall
from ivr.endpoint.config import EndpointConfig, Listen
from ivr.endpoint.endpoint import Endpoint
from ivr.endpoint.errors import EndpointError
from ivr.endpoint.events import (
    Answered,
    CallEvent,
    CallState,
    CallStatistics,
    EarlyMedia,
    EndCause,
    Ended,
    Flash,
    Heard,
    Held,
    HoldRefused,
    InfoReceived,
    Key,
    KeyWay,
    Moved,
    Ringing,
    TransferProgress,
)

__all__ = [
    "Answered",
    "CallEvent",
    "CallState",
    "CallStatistics",
    "EarlyMedia",
    "EndCause",
    "Ended",
    "Endpoint",
    "EndpointCall",
    "EndpointConfig",
    "EndpointError",
    "Flash",
    "Heard",
    "Held",
    "HoldRefused",
    "InfoReceived",
    "Key",
    "KeyWay",
    "Listen",
    "Moved",
    "Ringing",
    "TransferProgress",
]
