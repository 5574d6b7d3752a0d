"""A user agent with one telephone at its end: the softphone, and the lines on hardware."""

from __future__ import annotations

__all__: list[str] = []
