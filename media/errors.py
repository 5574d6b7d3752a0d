"""What can go wrong in the media plane.

MediaError                  base
├── AddressError            an address that may not be connected to
├── MediaFull               no port is to be had now: answer 503, a little later there may be one
├── MediaLost               the worker that carried the port died
└── MediaStartError         a worker did not start, or none of its ports could be bound
"""

from __future__ import annotations

__all__ = ["AddressError", "MediaError", "MediaFull", "MediaLost", "MediaStartError"]


class MediaError(Exception):
    """The media plane cannot do what was asked; the text is a sentence for a person."""

    retryable: bool = False


class AddressError(MediaError):
    """A host has no address that may be connected to."""


class MediaFull(MediaError):  # noqa: N818 - the field's word for it
    """Every port is taken, or commands wait in such numbers that a new call would only add to them."""

    retryable = True


class MediaLost(MediaError):  # noqa: N818
    """The process that carried this port is gone."""


class MediaStartError(MediaError):
    """The media plane could not start."""
