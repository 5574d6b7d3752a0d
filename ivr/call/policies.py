"""What each line allows in media descriptions, worked out once from the configuration."""

from __future__ import annotations

from collections.abc import Callable

from ivr.call.identity import LineTable
from ivr.call.leg import MediaPolicy
from ivr.settings import Settings
from ivr.sip.negotiate import Capabilities

BUILT_CODECS = ("pcmu", "pcma")


def media_policies(
    settings: Settings, lines: LineTable, advertise: Callable[[str], str]
) -> Callable[[str | None], MediaPolicy]:
    """Policy of a line by name; of phones and guests for None. `advertise`: peer's address -> our media address."""

    def policy(codecs: tuple[str, ...], dtmf: tuple[str, ...], inband: str) -> MediaPolicy:
        return MediaPolicy(
            capabilities=Capabilities(
                codecs=tuple(codec for codec in codecs if codec in BUILT_CODECS) or BUILT_CODECS,
                dtmf="rfc4733" in dtmf,
            ),
            inband=inband if "inband" in dtmf else "off",
            info="info" in dtmf,
            advertise=advertise,
        )

    media = settings.media
    default = policy(media.codecs, media.dtmf, media.inband)
    by_line = {
        name: policy(line.codecs or media.codecs, line.dtmf or media.dtmf, line.inband or media.inband)
        for name, line in lines.lines.items()
    }
    return lambda name: by_line.get(name, default) if name is not None else default
