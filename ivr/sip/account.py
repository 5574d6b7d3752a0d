"""An account at one peer: a name and a password that answer the challenges of one realm, and of no other."""

from __future__ import annotations

from collections.abc import Sequence

from ivr.sip.digest import DigestError, authorize, parse_challenge
from ivr.sip.errors import ParseError
from ivr.sip.message import Response
from ivr.sip.outgoing import OutgoingRequest

__all__ = ["Account", "challenges_of", "with_credentials"]


class Account:
    """Answers 401 and 407. Its realm is the one given, else the first that the peer names, for each of the two; who
    names another one later is told nothing. One account serves all requests to a peer, so that all are bound alike."""

    __slots__ = ("_password", "_realms", "fixed", "hosts", "strange", "user")

    def __init__(self, user: str, password: str, realm: str | None = None) -> None:
        self.user = user
        self._password = password
        self.fixed = realm
        """The only realm that counts; None: the first one."""
        self.hosts: frozenset[str] = frozenset()
        """Addresses of the peer besides the one a call was placed to: requests within a call may go there."""
        self._realms: dict[bool, str] = {}
        self.strange: str | None = None
        """Realm that was named last and is not this account's."""

    def answer(
        self, challenges: Sequence[str], *, proxy: bool, method: str, uri: str, body: bytes, cnonce: str, nc: int = 1
    ) -> str | None:
        """Value of Authorization, or of Proxy-Authorization with `proxy`; None where no challenge is for this account.

        `nc` counts the uses of the nonce from 1.
        """
        realm = self.fixed if self.fixed is not None else self._realms.get(proxy)
        found: list[tuple[str, str]] = []
        for text in challenges:
            try:
                named = parse_challenge(text).realm
            except (ParseError, DigestError):
                continue
            found.append((named, text))
        if realm is None and found:
            # One that is known already goes before what is named first.
            known = self._realms.get(not proxy)
            realm = self._realms[proxy] = known if known in [named for named, _ in found] else found[0][0]
        fitting = [text for named, text in found if named == realm]
        for named, _ in found:
            if named != realm:
                self.strange = named
        if not fitting:
            return None
        return authorize(fitting, method, uri, self.user, self._password, body, cnonce=cnonce, nc=nc)


def challenges_of(response: Response) -> tuple[bool, list[str]]:
    """Whether a proxy asks, and what a 401 or 407 asks for."""
    proxy = response.status == 407
    return proxy, response.get_all("Proxy-Authenticate" if proxy else "WWW-Authenticate")


def with_credentials(request: OutgoingRequest, proxy: bool, value: str) -> str:
    """Header lines of the same request once more, with these credentials. Those of the other kind, for another realm on
    the way, stay."""
    name = "Proxy-Authorization" if proxy else "Authorization"
    kept = "".join(
        f"{line}\r\n" for line in request.credentials.split("\r\n") if line and not line.startswith(f"{name}:")
    )
    return f"{kept}{name}: {value}\r\n"
