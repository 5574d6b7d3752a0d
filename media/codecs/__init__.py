"""Codecs of the media plane: tables over whole ticks (G.711), or objects of a stream (G.722, Opus)."""

from __future__ import annotations

from media.codecs.opus import available as opus_available

__all__ = ["opus_available"]
