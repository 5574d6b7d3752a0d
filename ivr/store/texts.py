"""Text that every database takes."""

from __future__ import annotations

from typing import overload

__all__ = ["storable"]


@overload
def storable(value: str, limit: int) -> str: ...
@overload
def storable(value: None, limit: int) -> None: ...
@overload
def storable(value: str | None, limit: int) -> str | None: ...
def storable(value: str | None, limit: int) -> str | None:
    """Text without lone surrogates (undecodable bytes of a SIP header) and NUL, bounded."""
    if value is None or (len(value) <= limit and value.isascii() and "\0" not in value):
        return value
    return value.encode("utf-8", "replace").decode().replace("\0", "")[:limit]
