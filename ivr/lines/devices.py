"""Lines on hardware as the rest of the daemon sees them: gateways on the loopback, which nobody else can be."""

from __future__ import annotations

from typing import Final, Literal

from ivr.settings import DeviceLine, Probe, SipLine, SoundCard

__all__ = ["LOOPBACK", "DeviceEnd", "end_of"]

LOOPBACK: Final = "127.0.0.1"
"""Where processes with hardware listen: nothing of what they say leaves the machine."""

PROBE_EVERY: Final = 5.0
"""Seconds between OPTIONS: they cost nothing on the loopback, and find a driver that hangs."""

WIDE_CODECS: Final = ("g722", "pcmu", "pcma")
NARROW_CODECS: Final = ("pcmu", "pcma")


class DeviceEnd(SipLine):
    """The process of a line on hardware, as a peer."""

    type: Literal["device"]
    kind: Literal["modem", "sound_card"]
    """Which hardware."""
    number: str
    """What calls that come in have called."""
    duplex: bool
    """Whether it hears while it sounds."""

    @property
    def full_duplex(self) -> bool:
        """As its settings say."""
        return self.duplex


def end_of(name: str, line: DeviceLine, port: int) -> DeviceEnd:
    """The peer that a line on hardware is, at this port of the loopback. `name` is that of the line."""
    country = line.country
    card = line if isinstance(line, SoundCard) else None
    return DeviceEnd(
        type="device",
        kind="sound_card" if card is not None else "modem",
        host=LOOPBACK,
        port=port,
        probe=Probe(every=PROBE_EVERY),
        number=line.number or name,
        country=country,
        dial_format=line.dial_format or ("national" if country is not None else "as_is"),
        failover=line.failover,
        max_calls=1,
        codecs=WIDE_CODECS if card is not None and card.wideband else NARROW_CODECS,
        codec_order="ours",
        # It finds keys and busy tones itself, and says them.
        dtmf=("rfc4733",),
        inband="off",
        srtp="off",
        ptime=20,
        duplex=line.full_duplex,
    )
