"""The server's side of digest authentication (RFC 7616, RFC 8760, RFC 3261 §22): challenges, and whose answer is right.

A nonce needs no memory to be recognised: it carries its time and a seal made with the server's key. What must be
remembered, which nonce counts were used, is remembered only for those who proved to know a password.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ivr.sip.digest import ALGORITHMS, DigestError, digest_response, parse_credentials
from ivr.sip.errors import ParseError
from ivr.sip.headers import quote
from ivr.sip.uri import Uri

__all__ = ["Absent", "Challenger", "Failed", "Stale", "Verdict", "Verified"]

MAX_NONCES: Final = 20_000
"""Nonces whose counts are remembered, 150 bytes each: more phones than one node registers in a nonce's lifetime. When
it is full the oldest leaves, and everything issued up to then is stale."""

NC_WINDOW: Final = 64
"""How far behind the highest nonce count one may come: requests overtake each other on UDP."""

_SEAL: Final = 16
"""Octets of the seal of a nonce: 128 bits."""

_NC: Final = re.compile(r"[0-9a-fA-F]{8}")


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
        unknown = [name for name in algorithms if name not in ALGORITHMS]
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
        expected = digest_response(
            algorithm, method, values["uri"], user, self.realm, secret, nonce, nc, cnonce, qop, body
        )
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
