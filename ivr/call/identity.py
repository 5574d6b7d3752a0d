"""Whose call is it: the line, phone or guest behind a request, and the numbers it names.

A call belongs to the line whose peer sent it (source address), to the phone whose digest it carries, or to a guest.
The decision is pure: source address, request and digest result in; :class:`Caller` or a challenge out.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ivr.errors import ProtocolError
from ivr.lines import DeviceEnd, spellings, to_e164
from ivr.net.hops import DEFAULT_PORTS
from ivr.settings import Settings, SipLine
from ivr.sip import Account, NameAddr, Request, Uri
from ivr.sip.headers import split_list

MAX_NUMBER = 128
"""Characters of a number or user part that is carried on; longer ones are no number of anybody."""

_VISUAL = re.compile(r"(?<=[0-9+])[-. ()]+(?=[0-9(])")
_VERSTAT = re.compile(r";verstat=([A-Za-z-]{1,40})", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NO_TEXT = re.compile(r"[\ud800-\udfff]")
"""What bytes of a header that are no UTF-8 are read as: nothing that could be sent on, spoken or stored."""

_WITHHELD_USER = "anonymous"
_WITHHELD_HOST = "anonymous.invalid"
"""RFC 3323 §4.1.1.3: who withholds the number writes these; all who do are nobody in particular."""
_WITHHELD_BY_LINES = frozenset({"restricted", "unavailable", "unknown", "withheld"})
"""What exchanges write instead of the number of such a caller."""

_HIDING = frozenset({"id", "user", "full"})
"""Values of Privacy that withhold the number (RFC 3323 §4.2, RFC 3325 §9.3)."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and whom."""

    kind: str
    """``line``, ``phone`` or ``guest``."""
    line: str | None
    """Name of the line; None for phones and guests."""
    phone: str | None
    """User of the registered phone; None otherwise."""
    number: str
    """Caller's number or user, normalised; empty when there is none."""
    display: str
    """Display name, without control characters."""
    called: str
    """Number or user that was called, normalised."""
    withheld: bool = False
    """Whether the caller withholds the number, or the exchange does."""
    spellings: tuple[str, ...] = ()
    """Other ways to write :attr:`called`, where the line's country says that it is a public number."""


def plain_text(text: str) -> str:
    """Text of a header that flows may read: without control characters, and with U+FFFD for bytes that are no text."""
    return _CONTROL.sub("", text) if text.isascii() else _NO_TEXT.sub("\ufffd", _CONTROL.sub("", text))


def normalise(number: str) -> str:
    """A number as it is compared: visual separators between digits removed, ``00…`` kept as dialled."""
    text = plain_text(number)[:MAX_NUMBER]
    if text[:1] in "+0123456789(":
        text = _VISUAL.sub("", text).replace("(", "").replace(")", "")
    return text


class LineTable:
    """Lines by the addresses their calls come from."""

    def __init__(self, settings: Settings, ends: Mapping[str, DeviceEnd] | None = None) -> None:
        """`ends` are the lines on hardware of this machine."""
        ends = ends or {}
        own = {name: line for name, line in settings.lines.items() if isinstance(line, SipLine)} | dict(ends)
        self.lines: dict[str, SipLine] = {name: own[name] for name in settings.lines if name in own}
        self._ends = {(end.host, end.port): name for name, end in ends.items()}
        self._networks: list[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str]] = [
            (network, name) for name, line in self.lines.items() for network in line.match
        ]
        self._addresses: dict[str, tuple[str, ...]] = {}
        self._accounts = {name: account for name, line in self.lines.items() if (account := _account(line)) is not None}

    def account(self, name: str) -> Account | None:
        """Account of a line, the same for registration and calls; None where it has none."""
        return self._accounts.get(name)

    def resolved(self, name: str, addresses: Iterable[str]) -> None:
        """Set the addresses that calls of a line come from; those known before are forgotten. Lines on hardware are
        known by their ports alone: whoever else is on this machine is none of them."""
        if isinstance(self.lines[name], DeviceEnd):
            return
        own = frozenset(addresses)
        known = {ip: tuple(line for line in lines if line != name) for ip, lines in self._addresses.items()}
        for ip in own:
            known[ip] = (*known.get(ip, ()), name)
        self._addresses = {ip: lines for ip, lines in known.items() if lines}
        if (account := self._accounts.get(name)) is not None:
            account.hosts = own

    def has_host(self, host: str) -> bool:
        """Whether a host, by name or address, is a line's."""
        name = host.lower()
        return name in self._addresses or any(
            line.host.lower() == name for line in self.lines.values() if not isinstance(line, DeviceEnd)
        )

    def end_at(self, remote: tuple[str, int]) -> str | None:
        """The line on hardware whose process sends from this host and port, as the packet has them."""
        return self._ends.get(remote)

    def at(self, ip: str, user: str = "", port: int | None = None) -> str | None:
        """The line whose peer has this address; exact addresses go before networks. Of several accounts at one peer it
        is the one that is called: `user` is that of the Request-URI. Of several peers on one machine it is the one at
        this `port`, which the request's Via names."""
        names = self._addresses.get(ip, ())
        if not names and self._networks:
            address = ipaddress.ip_address(ip)
            found = [
                (network.prefixlen, name)
                for network, name in self._networks
                if network.version == address.version and address in network
            ]
            most = max((length for length, _ in found), default=0)
            names = tuple(name for length, name in found if length == most)
        if len(names) > 1:
            for name in names:
                register = self.lines[name].register_
                if register is not None and register.user == user:
                    return name
            for name in names:
                line = self.lines[name]
                if port is not None and port == (line.port or DEFAULT_PORTS.get(line.transport, DEFAULT_PORTS["udp"])):
                    return name
        return names[0] if names else None


def _account(line: SipLine) -> Account | None:
    register = line.register_
    if line.user is not None and line.password is not None:
        return Account(line.user, line.password.get_secret_value(), line.realm)
    if register is None:
        return None
    return Account(register.auth_user or register.user, register.password.get_secret_value(), register.realm)


def _user(uri: Uri) -> str:
    user = uri.user
    if ";" in user and user[0] in "+0123456789":
        # Parameters of a telephone number (RFC 3261 §19.1.6): ;verstat=…, ;npdi, ;rn=…
        user = user.partition(";")[0]
    return normalise(user)


def _from_header(request: Request, name: str) -> NameAddr | None:
    """The first address of a header; a sip: and a tel: URI of the same caller may stand there (RFC 3325 §9.1)."""
    value = request.get(name)
    return NameAddr.parse(split_list(value)[0]) if value else None


def verification(request: Request) -> str | None:
    """What the provider found out about the caller (STIR/SHAKEN), where it stands as a parameter of the number
    (3GPP TS 24.229 §7.2A.20): `TN-Validation-Passed`, `TN-Validation-Failed`, `No-TN-Validation`."""
    for name in ("P-Asserted-Identity", "From"):
        found = _VERSTAT.search(request.get(name) or "")
        if found is not None:
            return found[1]
    return None


def called_number(request: Request, place: str) -> str:
    """The number called, from where the line says it stands; the Request-URI where that header is absent."""
    if place == "to":
        return _user(request.to.uri)
    if place != "request_uri":
        header = "P-Called-Party-ID" if place == "p_called_party_id" else place
        try:
            address = _from_header(request, header)
        except ProtocolError:
            address = None
        if address is not None and (number := _user(address.uri)):
            return number
    return _user(request.uri)


def caller_number(request: Request, place: str, *, of_line: bool = False) -> tuple[str, str]:
    """Number and display name of the caller; From where the asserted identity is absent. A number that the caller, or
    the exchange of the line, withholds is empty."""
    address = request.from_
    if place == "p_asserted_identity":
        try:
            address = _from_header(request, "P-Asserted-Identity") or address
        except ProtocolError:
            address = request.from_
    number, word = _user(address.uri), address.uri.user.lower()
    if word == _WITHHELD_USER or address.uri.host.lower() == _WITHHELD_HOST or (of_line and word in _WITHHELD_BY_LINES):
        number = ""
    display = plain_text(address.display or "")[:MAX_NUMBER]
    # RFC 3323, RFC 3325 §9.3: what is known all the same is not for others' eyes.
    return ("", "") if of_line and _hidden(request) else (number, display)


def _hidden(request: Request) -> bool:
    values = {part.strip().lower() for item in request.get_list("Privacy") for part in item.split(";")}
    return not _HIDING.isdisjoint(values)


def identify(request: Request, line_name: str | None, lines: Mapping[str, SipLine], phone: str | None) -> Caller:
    """The caller behind `request`, given the line of its source address or the phone its digest proved."""
    if line_name is not None:
        line = lines[line_name]
        number, display = caller_number(request, line.caller_from, of_line=True)
        called = called_number(request, line.called_from)
        public = to_e164(number, line.country) or number
        forms = spellings(called, line.country)[1:]
        return Caller("line", line_name, None, public, display, called, not number, forms)
    number, display = caller_number(request, "from")
    called = called_number(request, "request_uri")
    if phone is not None:
        return Caller("phone", None, phone, phone, display, called)
    return Caller("guest", None, None, number, display, called, not number)
