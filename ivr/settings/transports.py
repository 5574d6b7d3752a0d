"""How SIP reaches us: TLS, and our address as others see it (`sip.tls`, `sip.public_address`)."""

from __future__ import annotations

import ipaddress
from typing import Literal

from ivr.settings.values import HostPort, RelativePath, Section, split_host_port

__all__ = ["TlsSettings", "read_public_address", "stun_server"]

STUN_PORT = 3478
STUN_PREFIX = "stun:"


class TlsSettings(Section):
    """Certificates of listeners and trunks. The files are looked at every minute, and taken up when they change."""

    certificate: RelativePath | None = None
    """PEM, ours first, then its chain. tls and wss listeners need one; trunks that ask for one are shown it."""
    key: RelativePath | None = None
    """PEM without a passphrase; left out where the key stands in the file of the certificate."""
    ca: RelativePath | None = None
    """PEM of the authorities that peers are verified with; left out: those of the system."""
    client: Literal["none", "optional", "required"] = "none"
    """Whether who connects is asked for a certificate, and turned away without one (`required`)."""
    verify: bool = True
    """Whether trunks have to prove who they are. Without it anybody on the way can listen in."""
    wildcards: bool = False
    """Take a certificate for `*.example.net` for its hosts. RFC 5922 forbids that; some providers have no other."""


def read_public_address(value: str) -> str:
    """An address of one host, which goes into SDP and Contact as it stands, or a STUN server that knows it."""
    if value.startswith(STUN_PREFIX):
        if stun_server(value) is None:
            raise ValueError("not a STUN server, like stun:stun.example.net or stun:192.0.2.1:3478")
        return value
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("not an address, like 203.0.113.7, nor stun:HOST") from None


def stun_server(value: str | None) -> HostPort | None:
    """The server of `stun:host[:port]`; None for anything else."""
    if value is None or not value.startswith(STUN_PREFIX):
        return None
    found = split_host_port(value.removeprefix(STUN_PREFIX), STUN_PORT)
    return found if found is not None and found.port else None
