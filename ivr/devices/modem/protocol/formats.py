"""Sample formats of +VSM, and linear 16-bit sound from and to them.

µ-law comes first wherever a modem has it: in one octet it carries the range of a telephone line, for which linear 8-bit
samples are too coarse, and 16-bit ones need more than 115,200 bit/s. ADPCM is not used: no modem has it alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from media.devices import ULAW_DECODE, ULAW_ENCODE

__all__ = ["Coding", "SampleFormat", "decode", "encode", "listed"]

Coding = Literal["ulaw", "u8", "s8", "s16"]
"""``u8`` and ``s8``: linear, around 128 or 0. ``s16``: linear, the low octet first."""

_WIDTH: Final[dict[Coding, int]] = {"ulaw": 1, "u8": 1, "s8": 1, "s16": 2}
_BEST: Final[tuple[Coding, ...]] = ("ulaw", "u8", "s8", "s16")
_RATES: Final = (8000, 11025, 7200)
"""Rates that are used, the best first: the network's own needs no conversion."""


@dataclass(frozen=True, slots=True)
class SampleFormat:
    """A format and how it is asked for."""

    command: str
    """The command, in voice class."""
    coding: Coding
    """What octets mean."""
    rate: int
    """Samples a second."""

    @property
    def width(self) -> int:
        """Octets of a sample."""
        return _WIDTH[self.coding]


def encode(coding: Coding, samples: NDArray[np.int16]) -> bytes:
    """Octets of linear samples."""
    if coding == "ulaw":
        return ULAW_ENCODE[np.ascontiguousarray(samples).view(np.uint16)].tobytes()
    if coding == "u8":
        return ((samples >> 8) + 128).astype(np.uint8).tobytes()
    if coding == "s8":
        return (samples >> 8).astype(np.int8).tobytes()
    return samples.astype("<i2").tobytes()


def decode(coding: Coding, data: bytes) -> NDArray[np.int16]:
    """Linear samples of octets; half a sample at the end is left out."""
    if coding == "ulaw":
        return np.asarray(ULAW_DECODE[np.frombuffer(data, np.uint8)], np.int16)
    if coding == "u8":
        return ((np.frombuffer(data, np.uint8).astype(np.int16) - 128) << 8).astype(np.int16)
    if coding == "s8":
        return (np.frombuffer(data, np.int8).astype(np.int16) << 8).astype(np.int16)
    return np.frombuffer(data[: len(data) & ~1], "<i2").astype(np.int16)


_LABEL: Final = re.compile(r'\s*(\d{1,3})\s*,\s*"([^"]*)"\s*,?(.*)')


def listed(lines: Iterable[str]) -> list[SampleFormat]:
    """Formats in the answer to +VSM=?, the best first.

    Lines are ``label,"name",bits,...,(rates),...`` (V.253), or ``label,"name",(rates)``.
    """
    found = []
    for line in lines:
        match = _LABEL.fullmatch(line)
        if match is None:
            continue
        coding = _coding(match[2].upper(), match[3])
        rates = {int(number) for number in re.findall(r"\d{4,5}", match[3])}
        rate = next((rate for rate in _RATES if rate in rates), None)
        if coding is not None and rate is not None:
            found.append(SampleFormat(f"AT+VSM={match[1]},{rate}", coding, rate))
    return sorted(found, key=lambda format_: (_BEST.index(format_.coding), _RATES.index(format_.rate)))


def _coding(name: str, rest: str) -> Coding | None:
    words = re.sub(r"[^A-Z0-9]", "", name)
    if "ULAW" in words or "MULAW" in words:
        return "ulaw"
    if "ADPCM" in words or "LAW" in words:
        return None
    wide = "16BIT" in words or rest.startswith("16,")
    if "14BIT" in words or rest.startswith("14,"):
        return None
    if "LINEAR" in words or "PCM" in words:
        if wide:
            return "s16"
        return "s8" if "SIGNED" in words and "UNSIGNED" not in words else "u8"
    return None
