"""Sound of hardware: cards, modems and files as one end of an RTP stream, in a process of its own.

A device has a clock of its own, and a driver that may block or crash: neither may reach the media workers. So it is
the far end of an RTP stream on this machine, and to the plane its calls are rows like all others.

    endpoint = RtpEndpoint(("127.0.0.1", 0), FileDevice(Path("hello.wav")), on_event)
    endpoint.update(Stream(remote=("127.0.0.1", 4000)))     # as any media.Port
    endpoint.release()                                      # -> Stats, the last event

Names are loaded when first used: what only describes a device needs neither RTP nor the libraries of sound files.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from media.devices.face import FRAME_SECONDS, Device

if TYPE_CHECKING:
    from media.codecs.g711 import ULAW_DECODE, ULAW_ENCODE
    from media.devices.card import CardDevice, CardState, CardStatistics
    from media.devices.cards import CardError, CardInfo, choose, list_cards
    from media.devices.clocks import Inlet
    from media.devices.ear import EarReport, LineEar, LineTones, tones_of
    from media.devices.files import FileDevice, SilentDevice
    from media.devices.levels import RingBursts, VoiceStart
    from media.devices.rates import Resampler
    from media.devices.rtp import RTP_PORTS, Levels, RtpEndpoint
    from media.dtmf.generator import digits_samples

__all__ = [
    "FRAME_SECONDS",
    "RTP_PORTS",
    "ULAW_DECODE",
    "ULAW_ENCODE",
    "CardDevice",
    "CardError",
    "CardInfo",
    "CardState",
    "CardStatistics",
    "Device",
    "EarReport",
    "FileDevice",
    "Inlet",
    "Levels",
    "LineEar",
    "LineTones",
    "Resampler",
    "RingBursts",
    "RtpEndpoint",
    "SilentDevice",
    "VoiceStart",
    "choose",
    "digits_samples",
    "list_cards",
    "tones_of",
]

_LATE = {
    "CardDevice": "media.devices.card",
    "CardError": "media.devices.cards",
    "CardInfo": "media.devices.cards",
    "CardState": "media.devices.card",
    "CardStatistics": "media.devices.card",
    "EarReport": "media.devices.ear",
    "FileDevice": "media.devices.files",
    "Inlet": "media.devices.clocks",
    "Levels": "media.devices.rtp",
    "LineEar": "media.devices.ear",
    "LineTones": "media.devices.ear",
    "RTP_PORTS": "media.devices.rtp",
    "Resampler": "media.devices.rates",
    "RingBursts": "media.devices.levels",
    "RtpEndpoint": "media.devices.rtp",
    "SilentDevice": "media.devices.files",
    "digits_samples": "media.dtmf.generator",
    "ULAW_DECODE": "media.codecs.g711",
    "ULAW_ENCODE": "media.codecs.g711",
    "VoiceStart": "media.devices.levels",
    "choose": "media.devices.cards",
    "list_cards": "media.devices.cards",
    "tones_of": "media.devices.ear",
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_LATE[name]), name)
    globals()[name] = value
    return value
