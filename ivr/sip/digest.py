"""Digest authentication (RFC 7616, RFC 8760, RFC 3261 §22): its headers, its sum, and the client that answers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ivr.errors import ProtocolError
from ivr.sip.errors import ParseError
from ivr.sip.headers import quote

__all__ = [
    "ALGORITHMS",
    "Challenge",
    "DigestError",
    "authorize",
    "digest_response",
    "parse_challenge",
    "parse_credentials",
]

_HASHES: Final = {"SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}

ALGORITHMS: Final = tuple(_HASHES)
"""The strongest first. Each is known with `-sess` too."""

_TOKEN_OR_QUOTED: Final = re.compile(
    r"[ \t]*+([A-Za-z0-9\-.!%*_+`'~]++)[ \t]*+=[ \t]*+(?:\"((?:[^\"\\]++|\\.)*+)\"|([^\s\",]++))[ \t]*+(,|$)", re.DOTALL
)
_BACKSLASH: Final = re.compile(r"\\(.)", re.DOTALL)


class DigestError(ProtocolError):
    """A challenge cannot be answered: no scheme, algorithm or quality of protection that is known here."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge of a server, as its header says it."""

    realm: str
    nonce: str
    algorithm: str
    """As of `ALGORITHMS`, perhaps with `-sess`, in upper case."""
    qop: tuple[str, ...]
    """Offered qualities of protection; empty from a server of RFC 2069."""
    opaque: str | None
    stale: bool
    """The nonce was too old, the password was right: try again with this one."""


def parse_credentials(text: str) -> tuple[str, dict[str, str]]:
    """`Digest name=value, …` → (scheme in lower case, values by name in lower case). Raises ParseError."""
    scheme, _, rest = text.strip().partition(" ")
    values: dict[str, str] = {}
    position = 0
    rest = rest.strip()
    while position < len(rest):
        match = _TOKEN_OR_QUOTED.match(rest, position)
        if match is None:
            raise ParseError("malformed credentials")
        name, quoted, plain, _ = match.groups()
        name = name.lower()
        if name in values:
            raise ParseError("a credential comes twice")
        values[name] = _BACKSLASH.sub(r"\1", quoted) if quoted is not None else plain
        position = match.end()
    return scheme.lower(), values


def parse_challenge(text: str) -> Challenge:
    """Read a WWW-Authenticate or Proxy-Authenticate; raises ParseError, or DigestError for what is not known here."""
    scheme, values = parse_credentials(text)
    if scheme != "digest":
        raise DigestError("a scheme other than Digest")
    if "realm" not in values or "nonce" not in values:
        raise ParseError("challenge without realm or nonce")
    algorithm = values.get("algorithm", "MD5").upper()
    if algorithm.removesuffix("-SESS") not in _HASHES:
        raise DigestError("an algorithm that is not known here")
    qop = tuple(part.strip().lower() for part in values["qop"].split(",")) if "qop" in values else ()
    if qop and "auth" not in qop and "auth-int" not in qop:
        raise DigestError("a quality of protection that is not known here")
    return Challenge(
        values["realm"],
        values["nonce"],
        algorithm,
        qop,
        values.get("opaque"),
        values.get("stale", "").lower() == "true",
    )


def _hex(algorithm: str, text: str | bytes) -> str:
    data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    return hashlib.new(_HASHES[algorithm], data, usedforsecurity=False).hexdigest()


def digest_response(
    algorithm: str,
    method: str,
    uri: str,
    user: str,
    realm: str,
    password: str,
    nonce: str,
    nc: str | None,
    cnonce: str | None,
    qop: str | None,
    body: bytes,
) -> str:
    """RFC 7616 §3.4.1; without qop as RFC 2069."""
    name = algorithm.removesuffix("-SESS")
    first = _hex(name, f"{user}:{realm}:{password}")
    if name != algorithm:
        first = _hex(name, f"{first}:{nonce}:{cnonce or ''}")
    second = f"{method}:{uri}"
    if qop == "auth-int":
        second = f"{second}:{_hex(name, body)}"
    second = _hex(name, second)
    if qop is None:
        return _hex(name, f"{first}:{nonce}:{second}")
    return _hex(name, f"{first}:{nonce}:{nc}:{cnonce}:{qop}:{second}")


def authorize(
    challenges: Sequence[str],
    method: str,
    uri: str,
    user: str,
    password: str,
    body: bytes = b"",
    *,
    cnonce: str,
    nc: int = 1,
) -> str:
    """Answer the strongest of the challenges of one response: the value of Authorization or Proxy-Authorization.

    `uri` is the Request-URI as sent, `nc` counts the uses of this nonce from 1. Raises DigestError where none can be
    answered.
    """
    known: list[Challenge] = []
    for text in challenges:
        try:
            known.append(parse_challenge(text))
        except (ParseError, DigestError):
            continue
    if not known:
        raise DigestError("no challenge that can be answered")
    chosen = min(known, key=lambda challenge: ALGORITHMS.index(challenge.algorithm.removesuffix("-SESS")))
    qop = None
    if chosen.qop:
        qop = "auth" if "auth" in chosen.qop else "auth-int"
    count = f"{nc:08x}"
    response = digest_response(
        chosen.algorithm, method, uri, user, chosen.realm, password, chosen.nonce, count, cnonce, qop, body
    )
    parts = [
        f"username={quote(user)}",
        f"realm={quote(chosen.realm)}",
        f"nonce={quote(chosen.nonce)}",
        f"uri={quote(uri)}",
        f'response="{response}"',
        f"algorithm={chosen.algorithm.replace('-SESS', '-sess')}",
    ]
    if qop is not None:
        parts += [f"cnonce={quote(cnonce)}", f"qop={qop}", f"nc={count}"]
    elif chosen.algorithm.endswith("-SESS"):
        parts.append(f"cnonce={quote(cnonce)}")
    if chosen.opaque is not None:
        parts.append(f"opaque={quote(chosen.opaque)}")
    return "Digest " + ", ".join(parts)
