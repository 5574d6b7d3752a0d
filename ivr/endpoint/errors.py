"""What can go wrong at an endpoint."""

from __future__ import annotations

from ivr.errors import IvrError

__all__ = ["EndpointError"]


class EndpointError(IvrError):
    """The endpoint cannot do what was asked; the text is a sentence for a person."""
