"""Lines that more may use than the configuration is likely to mean."""

from __future__ import annotations

from ivr.settings.lines import SipLine
from ivr.settings.sections import Settings

__all__ = ["open_lines"]

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
