"""Redirections (3xx): a called phone or line names somebody else, and is followed where it may send callers."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from ivr.call.services import Services
from ivr.call.targets import Destination
from ivr.call.transfer_rules import Peer
from ivr.errors import IvrError
from ivr.sip import NameAddr, Uri
from ivr.sip.headers import split_list
from ivr.sip.message import Header

__all__ = ["Redirects", "contacts_of"]

FOLLOWED = frozenset({300, 301, 302})
"""Multiple choices, moved for good, moved for now. A 305 or 380 asks for something else."""
MAX_REDIRECTS = 5
"""Of one forward: more are phones that send a caller round in circles."""
MAX_CONTACTS = 4
"""Of one response: those behind are what hardly anybody would be rung for."""


def contacts_of(headers: Iterable[Header]) -> list[Uri]:
    """Where a 3xx points to, the preferred first (RFC 3261 §8.1.3.4); what cannot be read is passed over."""
    found: list[tuple[float, Uri]] = []
    for name, value in headers:
        if name == "Contact":
            try:
                contacts = [NameAddr.parse(part) for part in split_list(value)]
            except IvrError:
                continue
            found.extend((_preference(contact), contact.uri) for contact in contacts)
    found.sort(key=lambda one: -one[0])
    return [uri for _, uri in found[:MAX_CONTACTS]]


def _preference(contact: NameAddr) -> float:
    try:
        return float((contact.params.get("q") or "1")[:5])
    except ValueError:
        return 1.0


class Redirects:
    """Those of one forward. Nobody is called twice."""

    def __init__(self, services: Services, log: logging.LoggerAdapter[logging.Logger]) -> None:
        self._services = services
        self._log = log
        self._left = MAX_REDIRECTS
        self._seen: set[str] = set()

    def follow(self, status: int, headers: Iterable[Header], peer: Peer) -> list[Destination]:
        """Whom to call instead; empty where nobody may be."""
        if status not in FOLLOWED or self._left <= 0:
            return []
        self._left -= 1
        now = self._services.clock()
        found: list[Destination] = []
        for uri in contacts_of(headers):
            named = str(uri.without_headers())
            if named in self._seen:
                continue
            self._seen.add(named)
            try:
                found.extend(self._services.transfers.redirected(uri, peer, now))
            except IvrError as error:
                self._log.info("a redirection is not followed: %s", error)
        return found
