"""Lines on hardware of this machine (`lines`): USB voice modems and sound cards."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from ivr.settings.lines import Country, Gateway, NumberFormat, SipTrunk, off_word
from ivr.settings.values import Digits, Duration, Section

__all__ = ["DeviceLine", "Line", "Modem", "ModemProfile", "SoundCard"]

MAX_COMMAND = 60
"""Signs of a command line of a modem: V.250 section 5.2.1 has it take 40 at least, chips of today take more."""

_DIAL_PREFIX = re.compile(r"[0-9*#,]{0,16}")
"""A comma is a pause, as modems and gateways have it."""


def _dial_prefix(value: str) -> str:
    if _DIAL_PREFIX.fullmatch(value) is None:
        raise ValueError("not what can be dialled: 0 to 9, * and #, and commas for pauses, like 0,")
    return value


class DeviceLine(Section):
    """What lines on hardware of this machine share. One call at a time; each is a process of its own."""

    number: Digits | None = None
    """Number that calls which come in on it have called, for `numbers` of flows; default: the line's name."""
    country: Country | None = None
    """Of numbers without an international prefix, and of tones: an exchange tells national numbers."""
    dial_format: NumberFormat | None = None
    """Of the number that is called; default: `national` where `country` is given, else `as_is`."""
    dial_prefix: Annotated[Digits, AfterValidator(_dial_prefix)] = ""
    """Dialled before each number, to get an outside line; a comma is a pause."""
    failover: tuple[Digits, ...] = ()
    """Lines that take the calls, in this order, while this one cannot: its hardware is gone, or has a call."""

    @model_validator(mode="after")
    def _format_has_a_country(self) -> DeviceLine:
        if self.dial_format == "national" and self.country is None:
            raise ValueError("dial_format is national, of which country is not said: `country`, like DE")
        return self

    @property
    def full_duplex(self) -> bool:
        """Whether it hears while it sounds, as far as that is known before the hardware was asked."""
        raise NotImplementedError


ModemProfile = Literal["auto", "usr5637", "cx93010", "v253"]
"""Which chip: found out by its answers, one that is known, or what ITU-T V.253 says and no more."""

FULL_DUPLEX_MODEMS: frozenset[ModemProfile] = frozenset({"cx93010"})
"""Profiles of chips that send and receive at once (+VTR). One that is yet to be found out counts as half duplex."""

_DEVICE_FILE = re.compile(r"/dev/[^\s\x00-\x1f]{1,200}|usb:[0-9a-fA-F]{4}:[0-9a-fA-F]{4}")


def _device_file(value: str) -> str:
    if _DEVICE_FILE.fullmatch(value) is None or ".." in value:
        raise ValueError(
            "not a serial port: a file of /dev, like /dev/ttyACM0 or one of /dev/serial/by-id, or usb:vendor:product"
        )
    return value


class Modem(DeviceLine):
    """A USB voice modem on a serial port."""

    type: Literal["modem"]
    port: Annotated[str, AfterValidator(_device_file)]
    """Its serial port; those of /dev/serial/by-id keep their names. `*` stands for any signs; `usb:0572:1321` is the
    only modem with this vendor and product."""
    profile: ModemProfile = "auto"
    """Which chip it has."""
    duplex: Literal["auto", "full", "half"] = "auto"
    """Whether it sends and receives sound at once; `auto`: as its profile says."""
    caller_id: bool = True
    """Ask the exchange's caller id of it; it comes between the first two rings."""
    answer_after_rings: Annotated[int, Field(ge=1, le=10)] = 2
    """Calls are offered to flows after so many rings; with 1 most caller ids come too late."""
    dial: Literal["tone", "pulse"] = "tone"
    """How it dials."""
    ring_back_gone: Annotated[Duration, Field(ge=0.2, le=25.0)] = 5.0
    """A call out is answered when no ring-back tone was heard for so long: longer than the network's pause between two
    rings."""
    init: tuple[str, ...] = ()
    """Further commands sent to it at the start, like AT+GCI=42."""

    @field_validator("init")
    @classmethod
    def _commands(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if not (one[:2].upper() == "AT" and one.isascii() and one.isprintable() and len(one) <= MAX_COMMAND):
                raise ValueError(f"not a command of a modem: one line that begins with AT, {MAX_COMMAND} signs at most")
        return value

    @property
    def full_duplex(self) -> bool:
        """As `duplex` or the profile says; false where the chip is yet to be found out."""
        return self.duplex == "full" or (self.duplex == "auto" and self.profile in FULL_DUPLEX_MODEMS)


_HID = re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}")


def _hid(value: object) -> object:
    value = off_word(value)
    if isinstance(value, str) and value not in ("auto", "off") and _HID.fullmatch(value.lower()) is None:
        raise ValueError("not a HID: auto, off, or vendor:product as lsusb has them, like 0d8c:0013")
    return value.lower() if isinstance(value, str) else value


def _on_off(value: object) -> object:
    """`on` and `off` without quotes are truth values in YAML 1.1."""
    return ("on" if value else "off") if isinstance(value, bool) else value


class SoundCard(DeviceLine):
    """A sound card or USB handset."""

    type: Literal["sound_card"]
    input: Annotated[str, Field(min_length=1)] | None = None
    """Name, or a part of it, of the device that hears; default: that of the system."""
    output: Annotated[str, Field(min_length=1)] | None = None
    """Name, or a part of it, of the device that sounds; default: that of the system."""
    channel: Annotated[int, Field(ge=1, le=32)] = 1
    """Which channel of the device is this line, from 1: two adapters may share a stereo card."""
    answer: Literal["hook", "voice", "ring", "always"] = "hook"
    """What begins a call that comes in: a handset that is lifted (HID), somebody who speaks, the sound of a ring on an
    adapter, or nothing: there is always a call."""
    hid: Annotated[str, BeforeValidator(_hid)] = "auto"
    """Buttons and hook of a handset: `auto` looks for those of the same USB device, `off`, or `vendor:product`."""
    dial: Literal["tones", "handset"] = "handset"
    """What a call out does: sound the number as tones, which the adapter dials, or ring whoever sits at the card."""
    echo: Annotated[Literal["auto", "on", "off"], BeforeValidator(_on_off)] = "auto"
    """Take our own sound out of what is heard; `auto`: where it comes back."""
    threshold: Annotated[float, Field(ge=-70.0, le=0.0)] = -40.0
    """Level in dBFS from which on sound begins a call (`answer`: voice, ring)."""
    hang_up_after: Duration | None = None
    """A call ends when nothing was heard for so long; default: never, the handset or a busy tone ends it."""
    input_gain: Annotated[float, Field(ge=-30.0, le=30.0)] = 0.0
    """Decibels added to what is heard."""
    output_gain: Annotated[float, Field(ge=-30.0, le=30.0)] = 0.0
    """Decibels added to what is sounded."""
    wideband: bool = False
    """16 kHz sound (G.722): for handsets; an analog line has nothing above 3.4 kHz."""

    @property
    def full_duplex(self) -> bool:
        """Always: input and output are apart."""
        return True


Line = Annotated[SipTrunk | Gateway | Modem | SoundCard, Field(discriminator="type")]
