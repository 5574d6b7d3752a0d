"""TLS of the signalling: the files that make it up (RFC 3261 §26.3.1, RFC 5922)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["TlsFiles"]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What `sip.tls` says."""

    certificate: Path | None = None
    """PEM, with the chain; needed for tls and wss listeners, shown to trunks that ask for one."""
    key: Path | None = None
    """PEM; None: it stands in the file of the certificate."""
    ca: Path | None = None
    """PEM of the authorities that peers are verified with; None: those of the system."""
    client: Literal["none", "optional", "required"] = "none"
    """Whether those who connect to us are asked for a certificate."""
    verify: bool = True
    """Whether the certificates of those we connect to are verified."""
