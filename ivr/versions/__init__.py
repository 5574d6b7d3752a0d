"""Versions of flows: what the folder brings, what the store keeps, what is in force."""

from ivr.versions.keeper import FlowKeeper, VersionError
from ivr.versions.live import LiveFlows

__all__ = ["FlowKeeper", "LiveFlows", "VersionError"]
