"""Campaigns: whom to call, when, and how fast."""

from __future__ import annotations

__all__: list[str] = []
