"""Who a call through a line says that it is from: From, the identity headers, Privacy, and whom it was for at first.

RFC 3261 §8.1.1.3, RFC 3323, RFC 3325, RFC 5806, RFC 7044.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ivr.lines.numbers import write_number
from ivr.settings import SipLine
from ivr.sip import NameAddr, Uri

__all__ = ["Identity", "Showing", "identity_of"]

Header = tuple[str, str]

ANONYMOUS: Final = NameAddr(Uri("sip", "anonymous", "anonymous.invalid"), "Anonymous")
"""RFC 3323 §4.1.1.3."""

MAX_DIVERSIONS: Final = 5
"""Earlier ones that are passed on; a call that was diverted more often goes round in circles."""

NOBODY: Final = "anonymous"
"""User part of a caller of whom nothing is known, and who withholds nothing."""


@dataclass(frozen=True, slots=True)
class Showing:
    """What is known of who calls."""

    own: str | None = None
    """Number that the flow wants to be shown."""
    number: str = ""
    """Number of the caller whose call this is, where it is known and not withheld."""
    display: str = ""
    """Name of that caller."""
    withheld: bool = False
    """That caller withholds the number."""
    diverted_from: str = ""
    """Number that was called here, of a call that is passed on."""
    diversions: tuple[str, ...] = ()
    """Diversion headers that it came with: who passed it on before, the last first."""


@dataclass(frozen=True, slots=True)
class Identity:
    """How an INVITE says it."""

    from_: NameAddr
    headers: tuple[Header, ...]


def identity_of(line: SipLine | None, showing: Showing, our_host: str, target: Uri) -> Identity:
    """From and further headers of a call through `line`, None for phones and plain addresses.

    `our_host` is what the peer calls us, `target` whom the call is for.
    """
    own = showing.own or (line.from_ if line is not None else None)
    if line is None:
        number = own or showing.number
        if showing.withheld and own is None:
            return Identity(ANONYMOUS, ())
        return Identity(NameAddr(Uri("sip", number or NOBODY, our_host), "" if own else showing.display), ())
    rules = line.caller_id
    domain = our_host
    if line.register_ is not None:
        # Providers know their accounts by their own domain alone.
        domain = line.register_.domain or line.host

    def address(number: str) -> Uri:
        return Uri("sip", write_number(number, rules.format, line.country), domain)

    number = own or showing.number
    display = (rules.display or "") if own else showing.display
    withheld = rules.privacy == "always" or (own is None and showing.withheld)
    headers: list[Header] = []
    identity = rules.identity or number
    if identity:
        named = str(NameAddr(address(identity), "" if withheld else display))
        if rules.p_asserted_identity:
            headers.append(("P-Asserted-Identity", named))
        if rules.p_preferred_identity:
            headers.append(("P-Preferred-Identity", named))
        if rules.remote_party_id:
            privacy = "full" if withheld else "off"
            headers.append(("Remote-Party-ID", f"{named};party=calling;screen=yes;privacy={privacy}"))
    if withheld:
        headers.append(("Privacy", "id"))
    if showing.diverted_from:
        first = address(showing.diverted_from)
        if rules.diversion in ("diversion", "both"):
            headers.append(("Diversion", f"<{first}>;reason=unconditional;counter=1"))
            headers.extend(("Diversion", value) for value in showing.diversions[:MAX_DIVERSIONS])
        if rules.diversion in ("history_info", "both"):
            last = Uri(target.scheme, target.user, target.host, target.port, {"cause": "302"})
            headers.append(("History-Info", f"<{first}>;index=1, <{last}>;index=1.1;mp=1"))
    if withheld:
        shown = ANONYMOUS
    elif number:
        shown = NameAddr(address(number), display)
    else:
        # Nobody calls but ourselves: the account, which is no number that could be written in another way.
        own_user = line.register_.user if line.register_ is not None else line.user or NOBODY
        shown = NameAddr(Uri("sip", own_user, domain), display)
    return Identity(shown, tuple(headers))
