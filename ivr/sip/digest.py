"""Digest authentication (RFC 7616, RFC 8760, RFC 3261 §22): the server that challenges and the client that answers.

A nonce needs no memory to be recognised: it carries its time and a seal made with the server's key. What must be
remembered, which nonce counts were used, is remembered only for those who proved to know a password.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ivr.errors import ProtocolError
from ivr.sip.errors import ParseError
from ivr.sip.headers import quote
from ivr.sip.uri import Uri

__all__ = [
    "ALGORITHMS",
    "Absent",
    "Challenge",
    "Challenger",
    "DigestError",
    "Failed",
    "Stale",
    "Verdict",
    "Verified",
    "authorize",
    "parse_challenge",
    "parse_credentials",
]

_HASHES: Final = {"SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}

ALGORITHMS: Final = tuple(_HASHES)
"""The strongest first. Each is known with `-sess` too."""

MAX_NONCES: Final = 20_000
"""Nonces whose counts are remembered, 150 bytes each: more phones than one node registers in a nonce's lifetime. When
it is full the oldest leaves, and everything issued up to then is stale."""

NC_WINDOW: Final = 64
"""How far behind the highest nonce count one may come: requests overtake each other on UDP."""

_SEAL: Final = 16
"""Octets of the seal of a nonce: 128 bits."""

_TOKEN_OR_QUOTED: Final = re.compile(
    r"[ \t]*+([A-Za-z0-9\-.!%*_+`'~]++)[ \t]*+=[ \t]*+(?:\"((?:[^\"\\]++|\\.)*+)\"|([^\s\",]++))[ \t]*+(,|$)", re.DOTALL
)
_BACKSLASH: Final = re.compile(r"\\(.)", re.DOTALL)
_NC: Final = re.compile(r"[0-9a-fA-F]{8}")


class DigestError(ProtocolError):
    """A challenge cannot be answered: no scheme, algorithm or quality of protection that is known here."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The credentials are right."""

    user: str
    """The user name as given, which the lookup knew."""
    algorithm: str
    """The algorithm used, without `-sess`."""


@dataclass(frozen=True, slots=True)
class Stale:
    """Challenge again, `stale=True`: the password is right and the nonce too old or its count used; or the nonce is not
    one that this source was given, and the password was not looked at."""

    user: str
    """The user name as given."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The credentials are wrong; whether the user exists cannot be seen from it, nor from the time it took."""

    reason: str
    """For the log."""
    proven: bool = False
    """Whether the answer was made for a challenge that this very source was given: then it is where it says it is."""
    user: str = field(default="", compare=False)
    """The user name as given."""


@dataclass(frozen=True, slots=True)
class Absent:
    """There are no credentials for this realm."""


Verdict = Verified | Stale | Failed | Absent


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


def _response(
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
    response = _response(
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


class Challenger:
    """The server's side for one realm."""

    def __init__(
        self,
        realm: str,
        secret_key: bytes,
        nonce_lifetime: float = 300.0,
        *,
        algorithms: Sequence[str] = ("SHA-256", "MD5"),
        allow_legacy: bool = False,
    ) -> None:
        """`secret_key` seals nonces and should be random per start; `algorithms` are offered in this order, one
        challenge each (RFC 8760 §2.3); `allow_legacy` takes answers without qop (RFC 2069), whose replay within the
        nonce's lifetime cannot be seen, and lets them name the host alone where the Request-URI has a user too."""
        unknown = [name for name in algorithms if name not in _HASHES]
        if unknown or not algorithms:
            raise DigestError(f"no such digest algorithm: {', '.join(unknown) or 'none given'}")
        self.realm = realm
        self.nonce_lifetime = nonce_lifetime
        self.algorithms = tuple(algorithms)
        self._key = secret_key
        self._allow_legacy = allow_legacy
        self._nobody = hmac.digest(secret_key, b"nobody", "sha256").hex()
        self._issued = 0
        self._counts: dict[str, tuple[float, int, int]] = {}
        self._forgotten = -1.0

    def challenge(
        self, now: float, stale: bool = False, algorithms: Sequence[str] | None = None, source: str = ""
    ) -> list[str]:
        """Values of WWW-Authenticate (or Proxy-Authenticate), one header line each, the preferred first. `source` is
        whom it is for: from anybody else its nonce is none of ours."""
        nonce = self._make_nonce(now, source)
        tail = ', stale=true, qop="auth"' if stale else ', qop="auth"'
        return [
            f'Digest realm={quote(self.realm)}, nonce="{nonce}", algorithm={algorithm}{tail}'
            for algorithm in (self.algorithms if algorithms is None else algorithms)
        ]

    def _make_nonce(self, now: float, source: str) -> str:
        self._issued += 1
        stamp = int(max(now, 0.0) * 1000).to_bytes(8, "big") + (self._issued & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "big")
        return urlsafe_b64encode(stamp + self._seal(stamp, source)).rstrip(b"=").decode("ascii")

    def _seal(self, stamp: bytes, source: str) -> bytes:
        text = b"nonce:" + self.realm.encode() + b":" + stamp + source.encode()
        return hmac.digest(self._key, text, "sha256")[:_SEAL]

    def _issued_at(self, nonce: str, source: str) -> float | None:
        """When this nonce was issued here to that source; None where it was not."""
        if len(nonce) != 43 or not nonce.isascii():
            return None
        try:
            raw = urlsafe_b64decode(nonce + "=")
        except (Base64Error, ValueError):
            return None
        # The encoding has spare bits: only the one spelling that was sent counts, else each would have a count.
        if len(raw) != 32 or urlsafe_b64encode(raw).rstrip(b"=").decode("ascii") != nonce:
            return None
        if not hmac.compare_digest(self._seal(raw[:16], source), raw[16:]):
            return None
        return int.from_bytes(raw[:8], "big") / 1000

    def verify(
        self,
        header: str | Sequence[str] | None,
        method: str,
        uri: Uri | str,
        lookup: Callable[[str], str | None],
        body: bytes,
        now: float,
        source: str = "",
    ) -> Verdict:
        """Judge the Authorization headers of a request. `uri` is its Request-URI; `lookup` gives the password of a
        user, None where there is no such user; `source` is as it was for the challenge."""
        values = self._credentials(header)
        if isinstance(values, (Absent, Failed)):
            return values
        algorithm = values.get("algorithm", "MD5").upper()
        if algorithm.removesuffix("-SESS") not in self.algorithms:
            return Failed("an algorithm that was not offered")
        qop = values["qop"].lower() if "qop" in values else None
        nc, cnonce = values.get("nc"), values.get("cnonce")
        if qop is None:
            if not self._allow_legacy or algorithm.endswith("-SESS"):
                return Failed("no quality of protection")
        elif qop not in ("auth", "auth-int") or not cnonce or nc is None or _NC.fullmatch(nc) is None:
            return Failed("malformed quality of protection, count or client nonce")
        user, nonce = values["username"], values["nonce"]
        if not _same_target(values["uri"], uri, host_alone=qop is None):
            return Failed("credentials for another URI")
        password = lookup(user)
        # Somebody unknown is judged by the same steps, with a password that nobody knows.
        secret = password if password is not None else self._nobody
        expected = _response(algorithm, method, values["uri"], user, self.realm, secret, nonce, nc, cnonce, qop, body)
        given = values["response"].lower().encode("utf-8", "surrogateescape")
        right = hmac.compare_digest(expected.encode("ascii"), given)
        issued = self._issued_at(nonce, source)
        if issued is None or not issued <= now + 1:
            # Nothing is told about the password: who answers challenges of his own could try any number of them.
            return Stale(user)
        if not right or password is None:
            return Failed("wrong user or password", proven=True, user=user)
        if now - issued > self.nonce_lifetime:
            return Stale(user)
        if nc is not None and qop is not None and not self._count(nonce, int(nc, 16), issued, now):
            return Stale(user)
        return Verified(user, algorithm.removesuffix("-SESS"))

    def _credentials(self, header: str | Sequence[str] | None) -> dict[str, str] | Absent | Failed:
        failed: Failed | None = None
        for text in (header,) if isinstance(header, str) else header or ():
            try:
                scheme, values = parse_credentials(text)
            except ParseError as error:
                failed = Failed(error.text)
                continue
            if scheme != "digest" or values.get("realm") != self.realm:
                continue
            if not all(values.get(name) for name in ("username", "nonce", "uri", "response")):
                return Failed("incomplete credentials")
            return values
        return failed or Absent()

    def _count(self, nonce: str, count: int, issued: float, now: float) -> bool:
        """Whether this use of the nonce is a new one; remembers it then."""
        entry = self._counts.get(nonce)
        if entry is None:
            if issued <= self._forgotten or count == 0:
                return False
            self._make_room(now)
            self._counts[nonce] = (issued, count, 1)
            return issued > self._forgotten
        _, highest, seen = entry
        if count > highest:
            shift = count - highest
            window = ((seen << shift) | 1) & ((1 << NC_WINDOW) - 1) if shift < NC_WINDOW else 1
            self._counts[nonce] = (issued, count, window)
            return True
        bit = 1 << (highest - count) if highest - count < NC_WINDOW else 0
        if not bit or seen & bit or count == 0:
            return False
        self._counts[nonce] = (issued, highest, seen | bit)
        return True

    def _make_room(self, now: float) -> None:
        """Drop nonces that are too old to be used again, and the oldest one when there is no room."""
        counts = self._counts
        while counts:
            nonce, (issued, _, _) = next(iter(counts.items()))
            if now - issued <= self.nonce_lifetime:
                if len(counts) < MAX_NONCES:
                    return
                self._forgotten = max(self._forgotten, issued)
            del counts[nonce]


def _same_target(given: str, uri: Uri | str, *, host_alone: bool = False) -> bool:
    """Whether credentials were made for this Request-URI. A proxy may have added parameters or a port on the way
    (RFC 7616 §3.4.6 asks for equivalence), so scheme, user and host count; with `host_alone` a host without a user
    stands for all its users."""
    text = str(uri)
    if given == text:
        return True
    try:
        one, two = Uri.parse(given), Uri.parse(text)
    except ParseError:
        return False
    if host_alone and not one.user:
        return (one.scheme, one.host) == (two.scheme, two.host)
    return (one.scheme, one.user, one.host, one.opaque) == (two.scheme, two.user, two.host, two.opaque)
