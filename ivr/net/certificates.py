"""What is read of certificates without a library of its own: until when ours are good, and whose a peer's is."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

__all__ = ["CertificateState", "expiry", "proves"]

WARN_DAYS: Final = 14.0
"""Days before the end from which it is worth a word: renewers like certbot begin 30 days ahead and try daily."""

_SEQUENCE: Final = 0x30
_UTC_TIME: Final = 0x17
_VERSION: Final = 0xA0
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_END: Final = "-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class CertificateState:
    """One certificate of ours, for metrics and `ivr doctor`."""

    path: Path
    """The file."""
    expires_at: float
    """Seconds since the epoch; of the chain in the file the first to end."""

    def days_left(self, wall: float) -> float:
        """Days from `wall` (seconds since the epoch); negative once it has ended."""
        return (self.expires_at - wall) / 86400.0

    def ends_soon(self, wall: float) -> bool:
        """Whether somebody should be told."""
        return self.days_left(wall) < WARN_DAYS


def expiry(path: Path) -> float:
    """When the first certificate of a PEM file to end ends, in seconds since the epoch. Raises OSError, ValueError."""
    ends = []
    rest = path.read_text("ascii", "replace")
    while _BEGIN in rest:
        rest = rest[rest.index(_BEGIN) :]
        end = rest.find(_END)
        if end < 0:
            break
        ends.append(_not_after(ssl.PEM_cert_to_DER_cert(rest[: end + len(_END)])))
        rest = rest[end:]
    if not ends:
        raise ValueError(f"no certificate in {path}")
    return min(ends)


def _not_after(der: bytes) -> float:
    """notAfter of a certificate (RFC 5280 §4.1): the fourth field after the version."""
    try:
        (_, certificate), *_ = _fields(der)
        (_, to_be_signed), *_ = _fields(certificate)
        fields = [field for field in _fields(to_be_signed) if field[0] != _VERSION]
        kind, validity = fields[3]
        if kind != _SEQUENCE:
            raise ValueError("no validity")
        (_, _), (kind, raw), *_ = _fields(validity)
        text = raw.decode("ascii")
        if kind == _UTC_TIME:  # RFC 5280 §4.1.2.5.1: 50 to 99 are of the last century
            text = ("19" if int(text[:2]) >= 50 else "20") + text
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except (IndexError, ValueError) as error:
        raise ValueError(f"not a certificate: {error}") from error


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements of a DER sequence: (tag, content)."""
    place = 0
    while place < len(data):
        tag, size = data[place], data[place + 1]
        place += 2
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(data[place : place + count], "big")
            place += count
        if place + size > len(data):
            raise ValueError("cut off")
        yield tag, data[place : place + size]
        place += size


def proves(certificate: Mapping[str, Any], domain: str, wildcards: bool) -> bool:
    """Whether a verified certificate (as `ssl` decodes it) is that of a SIP domain or an address (RFC 5922 §7.1, §7.2).

    A certificate that names SIP domains by URI is good for these alone, else its DNS names count. Names are compared
    whole; a leading `*` stands for one label only where `wildcards` permits what the RFC forbids.
    """
    names: list[tuple[str, str]] = list(certificate.get("subjectAltName", ()))
    try:
        address = ipaddress.ip_address(domain.strip("[]"))
    except ValueError:
        pass
    else:
        return any(kind == "IP Address" and _same_address(value, address) for kind, value in names)
    domain = domain.rstrip(".").lower()
    identities = [found for kind, value in names if kind == "URI" and (found := _sip_domain(value)) is not None]
    if identities:
        return domain in identities
    hosts = [value.rstrip(".").lower() for kind, value in names if kind == "DNS"]
    if domain in hosts:
        return True
    _, dot, parent = domain.partition(".")
    return wildcards and bool(dot) and "." in parent and f"*.{parent}" in hosts


def _same_address(text: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return ipaddress.ip_address(text.strip()) == address
    except ValueError:
        return False


def _sip_domain(uri: str) -> str | None:
    """The domain of a URI that names one: `sip:` without a user (§7.1)."""
    scheme, colon, rest = uri.partition(":")
    if not colon or scheme.lower() != "sip" or "@" in rest:
        return None
    return rest.partition(";")[0].partition("?")[0].rstrip(".").lower()
