"""Versions of flows: what the folder brings, what the store keeps, what is in force."""

from ivr.versions.keeper import FlowKeeper, VersionError

__all__ = ["FlowKeeper", "VersionError"]
