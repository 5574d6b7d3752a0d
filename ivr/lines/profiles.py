"""Analog gateways (ATA, FXO) and what each does otherwise than a SIP phone, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ivr.lines.devices import DeviceEnd
from ivr.settings import DtmfMethod, Flash, Gateway, GatewayProfile, Inband, SipLine

__all__ = ["NO_QUIRKS", "PROFILES", "Profile", "profile_of"]


@dataclass(frozen=True, slots=True)
class Profile:
    """Quirks of one kind of gateway. The defaults are those of a SIP phone or trunk, which has none."""

    title: str
    """Name for people."""
    late_media: float = 0.0
    """Seconds that the first prompt waits for the gateway's sound at most: the gateway answers SIP before its telephone
    side is connected through, and what is played meanwhile is lost."""
    dtmf: tuple[DtmfMethod, ...] | None = None
    """Methods in place of those of the configuration, the first that can be used sends: over an analog line a tone
    arrives for certain, where INFO may not."""
    inband: Inband | None = None
    """When keys are detected in the sound, in place of the configuration's: gateways offer telephone-event and leave
    the keys of the analog side in the sound."""
    busy_tone: bool = False
    """The analog line tells by a busy tone alone that the other side hung up: it carries no signal for it, and the
    gateway sends no BYE unless it hears the tone itself."""
    flash: Flash | None = None
    """How a hook flash reaches the analog line."""


NO_QUIRKS: Final = Profile("SIP phone or trunk")

PROFILES: Final[dict[GatewayProfile, Profile]] = {
    "generic": Profile("SIP gateway without quirks"),
    "grandstream_ht8xx_fxo": Profile(
        "Grandstream HT813 and other HT8x3, FXO port",
        # It goes off-hook when it has our 200 OK; the exchange connects the sound through after that.
        late_media=1.0,
        # Keys of the far side come as sound over the analog line; events are made of those of its own phone alone.
        dtmf=("rfc4733", "inband", "info"),
        inband="always",
        # "PSTN Disconnect Tone" is that of the USA from the factory (480 + 620 Hz, 500/500 ms).
        busy_tone=True,
        # "Send Flash Event": a telephone-event.
        flash="event",
    ),
    "cisco_spa_fxo": Profile(
        "Cisco and Linksys SPA3102, SPA232D, PSTN line",
        # As above; some exchanges and "PSTN Ring Thru" take longer.
        late_media=1.5,
        dtmf=("rfc4733", "inband", "info"),
        inband="always",
        # "Disconnect Tone" is that of the USA from the factory (480 + 620 Hz, 250/250 ms).
        busy_tone=True,
        # "Hook Flash Tx Method": INFO.
        flash="info",
    ),
}


DEVICES: Final = {
    # It is in its voice mode a second or two after it went off hook, and sends no sound before.
    "modem": Profile("USB voice modem", late_media=4.0),
    # Who begins a call by speaking is let finish, for up to 3 s.
    "sound_card": Profile("sound card", late_media=4.0),
}
"""Lines on hardware of this machine: they send sound from the moment on from which they hear what is played."""


def profile_of(line: SipLine | None) -> Profile:
    """Quirks of a line: its profile with what the configuration says otherwise; those of a phone for None."""
    if isinstance(line, DeviceEnd):
        return DEVICES[line.kind]
    if not isinstance(line, Gateway):
        return NO_QUIRKS
    profile, own = PROFILES[line.profile], line.quirks
    return Profile(
        profile.title,
        profile.late_media if own.late_media is None else own.late_media,
        profile.dtmf,
        profile.inband,
        profile.busy_tone if own.busy_tone is None else own.busy_tone,
        profile.flash if own.flash is None else own.flash,
    )
