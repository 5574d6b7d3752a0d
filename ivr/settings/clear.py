"""Where keys of encrypted sound would travel in clear: SDES puts them into SIP messages, which only TLS hides."""

from __future__ import annotations

from ivr.settings.lines import SipLine
from ivr.settings.sections import Settings

__all__ = ["keys_in_clear"]

_HIDDEN = ("tls", "wss")


def keys_in_clear(settings: Settings) -> list[str]:
    """A sentence for each line, and for phones and guests, whose calls have to be encrypted and whose signalling is
    not."""
    found = []
    if settings.media.srtp == "required" and not any(one.transport in _HIDDEN for one in settings.sip.listen):
        found.append("media.srtp: required, but no listener speaks TLS: the keys of phones and guests travel in clear")
    for name, line in settings.lines.items():
        if not isinstance(line, SipLine) or (line.srtp or settings.media.srtp) != "required":
            continue
        if line.transport not in _HIDDEN:
            how = "may travel in clear: name a transport" if line.transport == "auto" else "travel in clear"
            found.append(f"lines.{name}: srtp is required, but its keys {how} (transport: {line.transport})")
    return found
