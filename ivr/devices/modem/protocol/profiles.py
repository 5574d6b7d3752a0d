"""Chips: how each says who it is, what it is told before a call, and how it leaves its sound.

Written after public documentation; where it and the experience of others differ, both ways are tried in turn.

==============  ==================================================================================================
usr5637         USRobotics "56K USB Modem User Guide" 5637-OEM R46.1999.00 (05/2008): +VSM 128 to 133, +VSD=128,0,
                shielded codes without ``l``; ``H`` there is the local handset, and its own going off hook. The guide
                has +VTR; older firmware has not, and nobody is known to use it: half duplex unless asked for
cx93010         Conexant "AT Commands for CX930xx Modem" 102752C (06/2006) and REM-201692C (2011): +VSM 0 to 133,
                +VSD=0,0, ``DLE ^`` ends +VTR; Zoom 3095 (CX93010): ``DLE ETX`` is heard after a further DLE DLE
v253            ITU-T V.253 (02/98), TIA IS-101: half duplex, formats as +VSM=? lists them
==============  ==================================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ivr.devices.modem.protocol.formats import SampleFormat

__all__ = ["COUNTRIES", "PROFILES", "Profile", "choose"]


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a chip."""

    name: str
    """As in the configuration."""
    what: str
    """Maker and model."""
    words: tuple[str, ...]
    """One of them, in small letters, is in its answers to ATI and +FMI."""
    usb: tuple[tuple[int, int], ...]
    """USB vendor and product that are surely this chip."""
    setup: tuple[str, ...]
    """Commands after the reset: flow control, hang up when DTR goes, speaker off, no answer of its own. Those answered
    ERROR are passed over."""
    voice: tuple[str, ...]
    """Commands in voice class before each call: silence detection and inactivity timer off."""
    formats: tuple[SampleFormat, ...]
    """Sample formats, the best first; empty: ask +VSM=?."""
    duplex: bool
    """It has +VTR."""
    leave_transmit: tuple[bytes, ...]
    """What ends +VTX: the first one usually, the others when it does not answer."""
    leave_receive: tuple[bytes, ...]
    """What ends +VRX."""
    leave_duplex: tuple[bytes, ...]
    """What ends +VTR."""
    gone: frozenset[str]
    """Shielded codes that say that the other side has hung up."""


_DLE_ETX: Final = b"\x10\x03"
_DLE_ABORT: Final = b"\x10!"
_DLE_ESC: Final = b"\x10\x1b"
_DLE_CARET: Final = b"\x10^"
_FURTHER: Final = b"\x10\x10"  # in the sound one sample of 0x10, and nothing where the modem does not look for samples

_USR5637: Final = Profile(
    name="usr5637",
    what="USRobotics USR5637",
    words=("u.s. robotics", "us robotics", "usrobotics", "5637"),
    usb=((0x0BAF, 0x0303),),
    setup=("AT&F1", "ATE0V1Q0X4", "AT&H1&R2&D2", "ATL0M0", "ATS0=0"),
    voice=("AT+VSD=128,0", "AT+VIT=0", "AT+VGT=128", "AT+VGR=128"),
    formats=(
        SampleFormat("AT+VSM=131,8000", "ulaw", 8000),
        SampleFormat("AT+VSM=128,8000", "u8", 8000),
    ),
    duplex=False,
    leave_transmit=(_DLE_ETX, _FURTHER + _DLE_ETX),
    leave_receive=(_DLE_ABORT, _DLE_ESC),
    leave_duplex=(_DLE_ETX, _DLE_CARET, _DLE_ABORT),
    gone=frozenset("bd"),
)

_CX93010: Final = Profile(
    name="cx93010",
    what="Conexant CX93010",
    words=("conexant", "cx930", "zoom"),
    usb=((0x0572, 0x1321), (0x0572, 0x1324), (0x0572, 0x1328), (0x0572, 0x1349), (0x0803, 0x3095)),
    setup=("AT&F0", "ATE0V1Q0X4", "AT&K3&D2", "ATL0M0", "ATS0=0"),
    voice=("AT+VSD=0,0", "AT+VIT=0", "AT+VGT=128"),
    formats=(
        SampleFormat("AT+VSM=131,8000,0,0", "ulaw", 8000),
        SampleFormat("AT+VSM=1,8000,0,0", "u8", 8000),
    ),
    duplex=True,
    leave_transmit=(_DLE_ETX, _FURTHER + _DLE_ETX),
    leave_receive=(_DLE_ABORT, _FURTHER + _DLE_ABORT),
    leave_duplex=(_DLE_CARET, _FURTHER + _DLE_CARET, _DLE_ETX),
    gone=frozenset("bdl"),
)

_GENERIC: Final = Profile(
    name="v253",
    what="V.253 voice modem",
    words=(),
    usb=(),
    setup=("AT&F", "ATE0V1Q0X4", "AT+IFC=2,2", "AT&D2", "ATS0=0"),
    voice=("AT+VSD=128,0", "AT+VIT=0"),
    formats=(),
    duplex=False,
    leave_transmit=(_DLE_ETX, _FURTHER + _DLE_ETX),
    leave_receive=(_DLE_ABORT, _DLE_ESC, _FURTHER + _DLE_ABORT),
    leave_duplex=(_DLE_CARET, _DLE_ETX, _DLE_ABORT),
    gone=frozenset("bdl"),
)

PROFILES: Final = {profile.name: profile for profile in (_USR5637, _CX93010, _GENERIC)}
"""All profiles by name."""


def choose(answers: tuple[str, ...], usb: tuple[int, int] | None = None) -> Profile:
    """The chip that speaks so: by its USB numbers where they are sure, else by what it answers, else V.253 alone."""
    for profile in PROFILES.values():
        if usb is not None and usb in profile.usb:
            return profile
    said = "\n".join(answers).lower()
    for profile in PROFILES.values():
        if any(word in said for word in profile.words):
            return profile
    return _GENERIC


COUNTRIES: Final = {
    "AE": "B3", "AR": "07", "AT": "0A", "AU": "09", "BE": "0F", "BG": "1B", "BR": "16", "CA": "20", "CH": "A6",
    "CL": "25", "CN": "26", "CO": "27", "CY": "2D", "CZ": "2E", "DE": "42", "DK": "31", "EE": "F9", "EG": "36",
    "ES": "A0", "FI": "3C", "FR": "3D", "GB": "B4", "GR": "46", "HK": "50", "HR": "FA", "HU": "51", "ID": "54",
    "IE": "57", "IL": "58", "IN": "53", "IS": "52", "IT": "59", "JP": "00", "KR": "61", "LU": "69", "MX": "73",
    "MY": "6C", "NL": "7B", "NO": "82", "NZ": "7E", "PH": "89", "PL": "8A", "PT": "8B", "RO": "8E", "RU": "B8",
    "SA": "98", "SE": "A5", "SG": "9C", "SI": "FC", "SK": "FB", "TH": "A9", "TN": "AD", "TR": "AE", "TW": "FE",
    "US": "B5", "UY": "B7", "ZA": "9F",
}  # fmt: skip
"""Country of a line (ISO 3166) to the parameter of +GCI: ITU-T T.35 annex A, and for some what Conexant gives them."""
