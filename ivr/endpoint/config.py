"""What an endpoint is told once."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field
from typing import Final

from ivr.endpoint.errors import EndpointError
from ivr.net import TlsFiles
from ivr.sip import Account, Capabilities, ParseError, Uri

__all__ = ["EndpointConfig", "Listen"]

_NUMBER: Final = re.compile(r"(tel:)?[-+*#0-9() ]+", re.IGNORECASE)
"""What is no host, though the system would make an address of it."""

Listen = tuple[str, str, int]
"""Transport (udp, tcp, tls), host, port; port 0 takes a free one."""


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """Who the endpoint is, where it listens, and what it can do."""

    listen: Listen | None = ("udp", "127.0.0.1", 0)
    """Where calls come to. None: nowhere but on the connection to the registrar (tcp, tls)."""
    user: str = "phone"
    """User part of its address."""
    name: str = ""
    """Shown to who is called."""
    account: Account | None = None
    """Answers challenges to calls and registration; None: a challenge is a refusal."""
    registrar: str = ""
    """Where it registers: host, host:port, or sip:host:port;transport=tcp. Numbers without a host are called there.
    Empty: it does not register."""
    proxy: str = ""
    """The same without registering: numbers without a host are called there."""
    expires: int = 3600
    """Seconds of registration that are asked for."""
    instance: str | None = None
    """`urn:uuid:…` (RFC 5626 §4.1): a restart takes the place of the registration before."""
    public_address: str | None = None
    """What Contact and SDP say behind NAT."""
    tls: TlsFiles | None = None
    """Authorities that servers are verified with, and the certificate of a tls listener."""
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(codecs=("pcma", "pcmu")))
    """Codecs in order of preference, SRTP, telephone-event, packet time."""
    keys: tuple[str, ...] = ("rfc4733", "inband")
    """Ways of keys where a call is not told one, the first that can be used."""
    inband: str = "negotiated"
    """When keys are looked for in the sound: where telephone-event was not agreed, `always`, `off`."""
    max_calls: int = 8
    """At once; more are answered 486."""
    strangers: bool = True
    """Take calls from anywhere. False: from the registrar's addresses, and from :attr:`peers`."""
    peers: frozenset[str] = frozenset()
    """Addresses that calls are taken from where strangers are not."""
    takes_transfers: bool = False
    """Do as a REFER of the other side says, and let calls be replaced (RFC 3891)."""
    user_agent: str = "ivr"
    """User-Agent and Server."""
    inner: tuple[str, int] | None = None
    """The one peer on the loopback, at an address that nobody else can have: it alone is heard by `inner_socket`."""
    inner_socket: socket.socket | None = None
    """Bound already; needs `inner`."""
    media_timeout: float = 30.0
    """Seconds without RTP and RTCP after which MediaTimeout is told; 0 never."""

    @property
    def home(self) -> Uri | None:
        """Where numbers are called, as a URI; EndpointError where it is none."""
        place = self.registrar or self.proxy
        return read_target(place, None) if place else None


def read_target(text: str, home: Uri | None) -> Uri:
    """A URI of what a person types: a whole one, `user@host`, a host (without `home`), or a number of `home`'s.

    Raises EndpointError.
    """
    text = text.strip()
    try:
        if text.lower().startswith(("sip:", "sips:")):
            uri = Uri.parse(text)
        elif home is None and "@" not in text and _NUMBER.fullmatch(text):
            raise EndpointError(f"{text!r} names no host, and there is no registrar to ask")
        elif "@" in text or home is None:
            uri = Uri.parse(f"sip:{text}")
        else:
            number = text[4:] if text.lower().startswith("tel:") else text
            uri = Uri("sip", number, home.host, home.port, dict(home.params))
    except ParseError as error:
        raise EndpointError(f"{text!r} cannot be called: {error}") from error
    if not uri.host:
        raise EndpointError(f"{text!r} names no host, and there is no registrar to ask")
    return uri
