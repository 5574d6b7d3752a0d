"""What each line allows in media descriptions, worked out once from the configuration."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ivr.call.identity import LineTable
from ivr.call.leg import MediaPolicy
from ivr.lines import LOOPBACK, NO_QUIRKS, DeviceEnd, Profile, profile_of
from ivr.settings import Settings, SipLine
from ivr.sip.codecs import CodecOrder
from ivr.sip.negotiate import Capabilities
from ivr.sip.sdes import Srtp
from media import opus_available

log = logging.getLogger("ivr.call")

_TONES = {"GB": "uk"}
"""Countries that are called otherwise in the tables of tones."""


def media_policies(
    settings: Settings, lines: LineTable, advertise: Callable[[str], str], inner_host: str = LOOPBACK
) -> Callable[[str | None], MediaPolicy]:
    """Policy of a line by name; of phones and guests for None. `advertise`: peer's address -> our media address;
    `inner_host`: that for lines on hardware of this machine."""

    def usable(codecs: tuple[str, ...]) -> tuple[str, ...]:
        if "opus" not in codecs or opus_available():
            return codecs
        log.warning("opus is left out of the codecs: it needs pip install 'ivr[opus]' and the library libopus0")
        return tuple(codec for codec in codecs if codec != "opus") or ("pcmu", "pcma")

    def policy(
        codecs: tuple[str, ...],
        order: CodecOrder,
        ptime: int,
        dtmf: tuple[str, ...],
        inband: str,
        srtp: Srtp,
        profile: Profile = NO_QUIRKS,
        country: str | None = None,
        end: DeviceEnd | None = None,
    ) -> MediaPolicy:
        return MediaPolicy(
            capabilities=Capabilities(
                codecs=usable(codecs),
                order=order,
                dtmf="rfc4733" in dtmf,
                ptime=ptime,
                srtp=srtp,
                rtcp_mux=True,
            ),
            inband=inband if "inband" in dtmf else "off",
            info="info" in dtmf,
            keys=dtmf,
            advertise=advertise if end is None else lambda peer: inner_host,
            profile=profile,
            tones=_TONES.get(country or "", (country or "").lower()),
            full_duplex=end is None or end.full_duplex,
            early_media=end is None,
        )

    media = settings.media
    default = policy(media.codecs, media.codec_order, media.ptime, media.dtmf, media.inband, media.srtp)

    def of_line(line: SipLine) -> MediaPolicy:
        profile = profile_of(line)
        return policy(
            line.codecs or media.codecs,
            line.codec_order or media.codec_order,
            line.ptime or media.ptime,
            line.dtmf or profile.dtmf or media.dtmf,
            line.inband or profile.inband or media.inband,
            line.srtp or media.srtp,
            profile,
            line.country,
            line if isinstance(line, DeviceEnd) else None,
        )

    by_line = {name: of_line(line) for name, line in lines.lines.items()}
    return lambda name: by_line.get(name, default) if name is not None else default
