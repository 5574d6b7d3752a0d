"""What emulated chips say and do. Written after public documentation, not after recordings of hardware:
USRobotics 5637-OEM R46.1999.00, Conexant 102752C and REM-201692C, reports of owners, ITU-T V.253."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["CHIPS", "Chip", "Coding", "Method"]

Coding = Literal["ulaw", "alaw", "u8", "s8", "s16", "none"]


@dataclass(frozen=True, slots=True)
class Method:
    """A line of +VSM=?."""

    label: int
    text: str
    """The line."""
    coding: Coding
    rates: tuple[int, ...] = (8000,)


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip."""

    name: str
    answers: dict[str, tuple[str, ...]]
    """To identification commands."""
    methods: tuple[Method, ...]
    duplex: bool
    """It has +VTR."""
    ends: dict[str, tuple[bytes, ...]]
    """For +VTX, +VRX and +VTR: what ends it."""
    keys: Literal["frames", "repeats", "once"]
    """How a key that is held is reported."""
    codes: frozenset[str]
    """Shielded codes of the line that it has, besides keys."""
    dialled: str
    """Result when the other side is taken to have answered."""
    caller_id: str
    """Between name and value of a caller id report."""
    latency: float = 0.02
    """Seconds that a command takes."""
    slow: tuple[tuple[str, float], ...] = (("Z", 0.25), ("&F", 0.1), ("+FCLASS", 0.05), ("+VLS", 0.1), ("H", 0.15))
    """Commands that take longer."""
    buffer: int = 1024
    """Octets of sound to be played."""


_LINEAR: Final = (7200, 8000, 11025)

CHIPS: Final = {
    chip.name: chip
    for chip in (
        Chip(
            name="usr5637",
            answers={
                "I0": ("5601",),
                "I3": ("U.S. Robotics 56K FAX USB V1.2.23",),
                "+FMI?": ("U.S. Robotics",),
                "+FMM?": ("USB Modem",),
            },
            methods=(
                Method(128, '128,"8-BIT LINEAR",(7200,8000,11025)', "u8", _LINEAR),
                Method(129, '129,"16-BIT LINEAR",(7200,8000,11025)', "s16", _LINEAR),
                Method(130, '130,"8-BIT ALAW",(8000)', "alaw"),
                Method(131, '131,"8-BIT ULAW",(8000)', "ulaw"),
                Method(132, '132,"IMA ADPCM",(7200,8000,11025)', "none"),
            ),
            duplex=False,
            ends={"+VTX": (b"\x03",), "+VRX": (b"!",), "+VTR": (b"\x03",)},
            keys="repeats",
            codes=frozenset("abcdehHRsu"),
            dialled="OK",
            caller_id="=",
        ),
        Chip(
            name="cx93010",
            answers={
                "I0": ("56000",),
                "I3": ("CX93001-EIS_V0.2013-V92",),
                "+FMI?": ("CONEXANT",),
                "+FMM?": ("V90",),
            },
            methods=(
                Method(0, '0,"SIGNED PCM",8,0,8000,0,0', "s8"),
                Method(1, '1,"UNSIGNED PCM",8,0,8000,0,0', "u8"),
                Method(129, '129,"IMA ADPCM",4,0,8000,0,0', "none"),
                Method(130, '130,"UNSIGNED PCM",8,0,8000,0,0', "u8"),
                Method(131, '131,"Mu-Law",8,0,8000,0,0', "ulaw"),
                Method(132, '132,"A-Law",8,0,8000,0,0', "alaw"),
                Method(133, '133,"14 bit PCM",14,0,8000,0,0', "none"),
            ),
            duplex=True,
            ends={"+VTX": (b"\x10\x10\x03", b"\x03"), "+VRX": (b"!", b"^"), "+VTR": (b"^",)},
            keys="frames",
            codes=frozenset("abcdefhHJlopPqrRsu"),
            dialled="VCON",
            caller_id=" = ",
        ),
        Chip(
            name="v253",
            answers={"I0": ("14400",), "I3": ("V1.00",), "+FMI?": ("Acme",), "+FMM?": ("Voice",)},
            methods=(
                Method(2, '2,"IMA ADPCM",4,0,(7200,8000),(0),(0)', "none"),
                Method(128, '128,"8-BIT LINEAR",8,0,(7200,11025),(0),(0)', "u8", (7200, 11025)),
            ),
            duplex=False,
            ends={"+VTX": (b"\x03",), "+VRX": (b"\x1b",), "+VTR": (b"^",)},
            keys="once",
            codes=frozenset("bdlsqu"),
            dialled="OK",
            caller_id=" = ",
        ),
    )
}
"""All chips by name."""
