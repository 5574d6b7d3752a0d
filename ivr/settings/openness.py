"""What more may use than the configuration is likely to mean: lines, networks without limits, calls to everywhere."""

from __future__ import annotations

from ivr.settings.lines import SipLine
from ivr.settings.sections import Settings

__all__ = ["open_lines", "open_to_fraud"]

MANY = {4: 12, 6: 32}
"""Prefix below which public addresses are those of many networks: a million of IPv4, a provider's of IPv6."""


def open_lines(settings: Settings) -> list[str]:
    """Sentences about networks in `match` that hold much more than a peer."""
    return [
        f"lines.{name}.match: {network} holds addresses of many networks, and whoever sends from one is this line"
        for name, line in settings.lines.items()
        if isinstance(line, SipLine)
        for network in line.match
        if not network.prefixlen or (network.prefixlen < MANY[network.version] and not network.is_private)
    ]


EVERYWHERE = frozenset({"*", "+*", "0*", "00*"})
"""Patterns that numbers of all countries match."""


def open_to_fraud(settings: Settings) -> list[str]:
    """Sentences about what lets strangers without limits in, or calls out to the whole world."""
    said = [
        f"{key}: {network} holds everybody, and no limit and no ban of strangers is left"
        for key, networks in (("sip.trusted", settings.sip.trusted), ("security.allow", settings.security.allow))
        for network in networks
        if not network.prefixlen
    ]
    policy = settings.outbound_policy
    limited = policy.international == "deny" or any(
        limit.minutes_per_day is not None or limit.calls_per_day is not None
        for limit in (policy.total, policy.per_phone, policy.per_line)
    )
    if not limited and settings.lines:
        said += [
            f"outbound_policy.{key}: {pattern!r} is every number of the world, as many and as long as somebody likes"
            for key, patterns in (("phones", policy.phones), ("guests", policy.guests))
            for pattern in patterns
            if pattern in EVERYWHERE
        ]
    return said
