"""Bounds of prompts, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SAMPLE_RATE", "PromptLimits"]

SAMPLE_RATE = 8000
"""Hz; the rate of every sound that the plane plays."""

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class PromptLimits:
    """What one prompt, and all of them together, may take."""

    text_characters: int = 1000
    """Of one spoken text: a caller does not listen for longer than a minute."""
    file_bytes: int = 4 * MEBIBYTE
    """Of one prompt file or fetched prompt."""
    recording_bytes: int = 64 * MEBIBYTE
    """Of one recording to play back: an hour of G.711-quality sound, 16 bits, mono."""
    seconds: float = 600.0
    """Of one decoded sound: 10 minutes are 9.6 MB in the cache; a few kilobytes of FLAC can promise days."""
    decode_seconds: float = 15.0
    """Of work on one file; 10 minutes of MP3 take less than one second."""
    speech_seconds: float = 10.0
    """Of an engine's work on one piece of text; espeak-ng takes 20 ms, neural voices about a second."""
    waiting: int = 500
    """Jobs that may wait for an engine or the decoder; at 20 ms each the last one would wait for 10 s."""
    cache_bytes: int = 512 * MEBIBYTE
    """Of converted sounds on disk: about 9 hours."""
    known_sounds: int = 20_000
    """Sounds and sources remembered in memory, about 500 bytes each."""
    fetch_seconds: float = 10.0
    """Of one fetch, all redirects included: a caller is waiting."""
    fetch_redirects: int = 5
    """Hops followed."""
