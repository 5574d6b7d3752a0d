"""Keys of SRTP in session descriptions (SDES, RFC 4568): `a=crypto` lines read, chosen, offered and answered.

What a line asks for is done as asked or the line is passed over: no key derivation rate, no master key index, nothing
left unencrypted or unauthenticated. A key travels in clear within the SIP message: only TLS hides it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from ivr.sip.sdp import Attribute, Media

__all__ = [
    "FRESH_OCTETS",
    "KEY_OCTETS",
    "SUITES",
    "Crypto",
    "CryptoKey",
    "Srtp",
    "accepts_stream",
    "attribute",
    "offered",
    "offers",
    "prefers_secure",
    "secure_protocol",
    "taken",
]

Srtp = Literal["off", "optional", "required"]
"""Whether streams are encrypted. Optional: where the peer does it too."""

SUITES: Final = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")
"""Those that we do, the preferred one first (RFC 4568 section 6.2)."""
KEY_OCTETS: Final = 30
"""Master key and master salt of either."""
FRESH_OCTETS: Final = KEY_OCTETS * len(SUITES)
"""Octets of chance that an offer or an answer takes: a key for each suite."""

MOST_LIFETIME: Final = 1 << 48
"""Packets of one master key at most (RFC 3711 section 9.2)."""
MOST_LINES: Final = 32
"""`a=crypto` lines that are read; phones send two to eight."""

_CRYPTO: Final = re.compile(r"([0-9]{1,9}) ++([A-Za-z0-9_]{1,64}) ++(\S{1,512})((?: ++\S{1,128}){0,16}) *+")
_INLINE: Final = re.compile(
    r"inline:([A-Za-z0-9+/]{1,256}={0,2})(?:\|(?:2\^([0-9]{1,3})|([0-9]{1,20})))?(\|[0-9]{1,20}:[0-9]{1,3})?",
    re.IGNORECASE,
)
_WINDOW: Final = re.compile(r"WSH=([0-9]{1,4})")


@dataclass(frozen=True, slots=True)
class CryptoKey:
    """Key of one direction, as SDES exchanges them (RFC 4568 §6.1); its repr keeps the key to itself."""

    suite: str
    """One of :data:`SUITES`."""
    key: bytes = field(repr=False)
    """Master key and salt, 30 octets."""


@dataclass(frozen=True, slots=True)
class Crypto:
    """An `a=crypto` line that can be honoured."""

    tag: int
    """Number of the line in its description."""
    key: CryptoKey
    """Key of what the writer sends."""


def offered(media: Media) -> list[Crypto]:
    """The lines of a stream that we can honour, in their order; those that we cannot, or that are malformed, left
    out. A tag that stands twice counts the first time."""
    lines = [value for name, value in media.attributes if name == "crypto" and value][:MOST_LINES]
    found: dict[int, Crypto] = {}
    for line in lines:
        crypto = _read(line)
        if crypto is not None:
            found.setdefault(crypto.tag, crypto)
    return list(found.values())


def _read(line: str) -> Crypto | None:
    match = _CRYPTO.fullmatch(line)
    if match is None:
        return None
    suite, parameters = match[2].upper(), match[3]
    if suite not in SUITES or not all(map(_honoured, match[4].split())):
        return None
    key = _inline(parameters)
    return None if key is None else Crypto(int(match[1]), CryptoKey(suite, key))


def _honoured(parameter: str) -> bool:
    """Whether a session parameter (RFC 4568 section 6.3) changes nothing of what we do. The replay window is 128
    packets, and a smaller one is only a hint; parameters that begin with a hyphen may be passed over."""
    if parameter.startswith("-"):
        return True
    match = _WINDOW.fullmatch(parameter)
    return match is not None and int(match[1]) >= 64


def _inline(text: str) -> bytes | None:
    """The one master key, if its lifetime is a lifetime and no index is asked for."""
    match = _INLINE.fullmatch(text)
    if match is None or match[4] is not None:
        return None
    power, packets = match[2], match[3]
    lifetime = 1 << min(int(power), 64) if power is not None else int(packets or MOST_LIFETIME)
    if not 0 < lifetime <= MOST_LIFETIME:
        return None
    try:
        key = base64.b64decode(match[1], validate=True)
    except binascii.Error:
        return None
    return key if len(key) == KEY_OCTETS else None


def attribute(tag: int, key: CryptoKey) -> Attribute:
    """The line for a key."""
    return "crypto", f"{tag} {key.suite} inline:{base64.b64encode(key.key).decode('ascii')}"


def offers(srtp: Srtp, in_force: Media | None, fresh: bytes) -> list[Attribute]:
    """Lines of an offer: all suites, each with a key of its own out of `fresh`. A key of our description in force
    stays (RFC 4568 section 7.1.4 wants a new one only with a new address): a peer that goes on has no gap."""
    if srtp == "off":
        return []
    known = {} if in_force is None else {crypto.key.suite: crypto.key for crypto in offered(in_force)}
    return [attribute(tag, known.get(suite) or _fresh(suite, fresh)) for tag, suite in enumerate(SUITES, start=1)]


def _fresh(suite: str, fresh: bytes) -> CryptoKey:
    at = SUITES.index(suite) * KEY_OCTETS
    if len(fresh) < FRESH_OCTETS:
        raise ValueError("too little chance for keys")
    return CryptoKey(suite, fresh[at : at + KEY_OCTETS])


def secure_protocol(media: Media) -> bool:
    """Whether the stream's profile is a secure one."""
    return media.protocol.upper() in ("RTP/SAVP", "RTP/SAVPF")


def accepts_stream(srtp: Srtp, media: Media) -> bool:
    """Whether an offered stream may be taken: one of a secure profile with a key that we can honour where we encrypt;
    a plain one where we need not, or, with keys, where we do (as phones offer that leave the choice to us)."""
    keys = srtp != "off" and bool(offered(media))
    return keys or (srtp != "required" and not secure_protocol(media))


def prefers_secure(srtp: Srtp, media: Iterable[Media]) -> list[Media]:
    """Offered streams in the order in which they are tried: where we encrypt, those with keys come first."""
    ordered = list(media)
    if srtp != "off":
        ordered.sort(key=lambda stream: not (secure_protocol(stream) or stream.get("crypto") is not None))
    return ordered


def taken(
    theirs: Media, srtp: Srtp, fresh: bytes, before: tuple[CryptoKey, CryptoKey] | None
) -> tuple[Crypto, CryptoKey] | None:
    """The line of an offered stream that we take, their first, and our key for it; None: the stream is plain.
    `before` are our key and theirs of the same peer at the same address: as long as its key stays, so does ours."""
    if srtp == "off":
        return None
    crypto = next(iter(offered(theirs)), None)
    if crypto is None:
        return None
    if before is not None and before[1] == crypto.key:
        return crypto, before[0]
    return crypto, _fresh(crypto.key.suite, fresh)
