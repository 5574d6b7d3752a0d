"""What is kept of the messages on the wire, and who else gets them (`capture`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ivr.settings.values import HostPort, HostPortField, Secret, Section, Size

__all__ = ["CaptureSettings", "HepSettings"]

MEBIBYTE = 2**20


class HepSettings(Section):
    """A capture server that speaks HEP, version 3 (Homer, heplify, HOMER-compatible SBCs)."""

    server: HostPortField = HostPort("127.0.0.1", 9060)
    """Where the packets go, by UDP."""
    agent: Annotated[int, Field(ge=1, le=2**32 - 1)] = 2001
    """Number by which the server knows this system."""
    password: Secret | None = None
    """Where the server asks for one."""


class CaptureSettings(Section):
    """SIP messages for people who look for a fault."""

    kept: Annotated[Size, Field(ge=0, le=1024 * MEBIBYTE)] = 8 * MEBIBYTE
    """Memory for the last messages, of which `ivr trace --sip` shows those of a call; 0 keeps none."""
    hep: HepSettings | None = None
    """Send a copy of every message to a capture server."""
