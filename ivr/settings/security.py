"""What is done against strangers who flood, guess and scan, and against unwanted callers (`security`)."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import Field, model_validator

from ivr.settings.values import Digits, Duration, Network, Section

__all__ = ["SecuritySettings"]

SCANNERS = (
    "friendly-scanner",
    "friendly-request",
    "sipvicious",
    "sipcli",
    "sip-scan",
    "sipsak-scan",
    "sundayddr",
    "pplsip",
    "vaxsipuseragent",
    "siparmyknife",
    "sivus",
    "cheerio-sip",
)
"""What the tools that look for open systems call themselves. Most of their users leave it as it is."""


class Bans(Section):
    """When a source is shut out, and for how long."""

    enabled: bool = True
    within: Duration = 600.0
    """Faults of a source count for so long."""
    auth_failures: Annotated[int, Field(ge=1)] = 10
    """Wrong passwords, answers to a challenge that this very address was given."""
    unknown_numbers: Annotated[int, Field(ge=1)] = 20
    """Calls to numbers that nobody has."""
    malformed: Annotated[int, Field(ge=1)] = 30
    """Messages that are no SIP."""
    scans: Annotated[int, Field(ge=1)] = 1
    """Requests of a program in `scanners`."""
    probes: Annotated[int, Field(ge=1)] = 300
    """OPTIONS, and REGISTERs without a password, of one who is neither a line, nor a phone, nor in a call."""
    floods: Annotated[int, Field(ge=1)] = 3
    """Seconds in which a source sent more than twice what it may."""
    unacknowledged: Annotated[int, Field(ge=1)] = 20
    """Calls refused because of `half_open`."""
    seconds: Duration = 600.0
    """Of the first ban, where the source has proved that it is there: over a connection, or by answering a challenge.
    Each further ban takes four times as long."""
    longest: Duration = 86400.0
    unproven: Duration = 60.0
    """Of the first ban of an address that may be forged (UDP); each further one takes twice as long."""
    longest_unproven: Duration = 600.0
    """An attacker who forges the address of somebody honest shuts him out for so long at most."""


class SecuritySettings(Section):
    """Limits for each source and for all strangers together, bans, unwanted callers. `sip.trusted`, `allow`, the peers
    of lines and the addresses of registered phones come first."""

    allow: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/24"), ipaddress.ip_network("::1/128"))
    """Networks exempt from the limits and bans of this section. By default programs of this machine, whose addresses
    nobody outside can have; what is on the rest of 127.0.0.0/8 counts as a stranger."""
    messages_per_second: Annotated[int, Field(ge=1)] = 200
    """From one address, or one /64 of IPv6. One of more than 2 KiB counts as several."""
    strangers_per_second: Annotated[int, Field(ge=10)] = 1000
    """Messages of all strangers together; where more come, each gets the same share of it."""
    connections_per_second: Annotated[int, Field(ge=1)] = 20
    """TCP, TLS and WebSocket connections begun by one address."""
    half_open: Annotated[int, Field(ge=1)] = 30
    """Calls of one stranger that are not acknowledged yet; further ones get 503 until one of them is."""
    half_open_strangers: Annotated[int, Field(ge=1)] = 200
    """The same for all strangers together."""
    bans: Bans = Bans()
    scanners: tuple[str, ...] = SCANNERS
    """Parts of the User-Agent of programs that get no answer and a ban; small letters."""
    bind_nonces: bool = True
    """Take the answer to a challenge from the address alone that was challenged. Off where phones come from changing
    addresses within one exchange; guesses then count as unproven."""
    kernel_filter: bool = True
    """Have the kernel drop the packets of banned sources (Linux)."""
    blocked_callers: tuple[Digits, ...] = ()
    """Numbers whose calls are refused, `*` for any end: "+4990*"; as normalised and as written in the call."""
    block_anonymous: bool = False
    """Refuse calls without a number."""
    blocked_status: Annotated[int, Field(ge=400, le=699)] = 603
    """What blocked callers get: 603 declined, 486 busy, 404 as if nobody had the number..."""

    @model_validator(mode="after")
    def _in_order(self) -> SecuritySettings:
        bans = self.bans
        if bans.longest < bans.seconds or bans.longest_unproven < bans.unproven:
            raise ValueError("the longest ban is shorter than the first one")
        if any(not part or part != part.lower() for part in self.scanners):
            raise ValueError("scanners: parts of a User-Agent in small letters")
        return self
