"""Reports of handsets and headsets, from their descriptors to events and lamps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.devices.hid import Buttons, Field, HandsetError, HidEvent, find, parse

LIFTED, ON_HOOK = HidEvent("lifted"), HidEvent("on_hook")

BLACKWIRE = bytes.fromhex(
    """
    05 0C 09 01 A1 01 85 01 09 E9 09 EA 15 00 25 01 75 01 95 02 81 06 85 02 09 00 15 00 25 01 75 01 95 10 81 02
    75 01 95 06 81 01 C0
    05 0B 09 05 A1 01 85 08 09 2F 15 00 25 01 75 01 95 01 81 06 09 20 09 21 15 00 25 01 75 01 95 02 81 22
    75 01 95 05 81 01
    85 09 05 08 09 09 15 00 25 01 75 01 95 01 91 22 75 01 95 07 91 01
    85 17 09 17 15 00 25 01 75 01 95 01 91 22 75 01 95 07 91 01
    85 18 09 18 15 00 25 01 75 01 95 01 91 22 75 01 95 07 91 01 C0
    """
)
"""A wired headset as Plantronics builds them (Blackwire 3200): volume in a collection of its own, mute, hook and flash
in report 8, each lamp in a report of its own."""

TEAMS = bytes.fromhex(
    """
    05 0B 09 05 A1 01 85 02 15 00 25 01
    09 20 09 97 09 2A 09 2F 09 21 09 24 09 50 75 01 95 07 81 22
    09 07 05 09 09 01 75 01 95 01 81 02 75 08 95 01 81 01
    05 08 09 17 09 09 09 18 09 20 09 21 75 01 95 05 91 22
    05 0B 09 9E 75 01 95 01 91 22 75 01 95 0A 91 01 C0
    """
)
"""All in one report each way, as telephones for softphones of offices have it."""

KEYPAD = bytes.fromhex(
    """
    05 0B 09 04 A1 01 15 00 25 01 75 01 95 01 09 20 81 02 75 07 95 01 81 01
    09 06 A1 02 19 B0 29 BB 15 01 25 0C 75 08 95 01 81 00 C0 C0
    """
)
"""A handset with a cradle and a keypad: no report numbers, no lamps; the keys are an array."""


def test_a_headset_with_numbered_reports() -> None:
    buttons = Buttons(BLACKWIRE)
    assert buttons.has_hook
    assert buttons.take(bytes((1, 0b11))) == []
    assert buttons.take(bytes((8, 0b010))) == [LIFTED]
    assert buttons.take(bytes((8, 0b011))) == []
    assert buttons.take(bytes((8, 0b000))) == [ON_HOOK]
    assert buttons.report(off_hook=True, ring=False) == [bytes((0x17, 1)), bytes((0x18, 0))]
    assert buttons.report(off_hook=False, ring=True) == [bytes((0x17, 0)), bytes((0x18, 1))]


def test_lamps_and_hook_in_one_report() -> None:
    buttons = Buttons(TEAMS)
    assert buttons.take(bytes((2, 0b0000001, 0))) == [LIFTED]
    assert buttons.take(bytes((2, 0b0001001, 0))) == []
    assert buttons.take(bytes((2, 0, 0))) == [ON_HOOK]
    assert buttons.report(off_hook=True, ring=True) == [bytes((2, 0b00101, 0))]


def test_a_handset_with_keys_and_without_numbers() -> None:
    buttons = Buttons(KEYPAD)
    assert buttons.take(bytes((1, 0))) == [LIFTED]
    assert buttons.take(bytes((1, 6))) == [HidEvent("key", "5")]
    assert buttons.take(bytes((1, 6))) == []
    assert buttons.take(bytes((1, 0))) == []
    assert [event.digit for key in (1, 11, 12) for event in buttons.take(bytes((1, key)))] == ["0", "*", "#"]
    assert buttons.take(bytes((1, 13))) == []
    assert buttons.take(bytes((0, 0))) == [ON_HOOK]
    assert buttons.report(off_hook=True, ring=True) == []


def test_a_headset_whose_lamp_went_out_may_be_lifted_again_untold() -> None:
    buttons = Buttons(BLACKWIRE)
    assert buttons.take(bytes((8, 0b010))) == [LIFTED]
    buttons.report(off_hook=True, ring=False)
    buttons.report(off_hook=False, ring=False)
    assert buttons.take(bytes((8, 0b010))) == [LIFTED]


def test_a_button_that_toggles() -> None:
    toggle = bytes.fromhex("050B0905A1018501150025010920750195018106 75079501 8101 C0")
    buttons = Buttons(toggle)
    events = [event for report in ((1, 1), (1, 0), (1, 1), (1, 0)) for event in buttons.take(bytes(report))]
    assert events == [LIFTED, ON_HOOK]


def test_the_button_that_ends_a_call() -> None:
    buttons = Buttons(bytes.fromhex("050B0901A1011500250109200926750195028102 75069501 8101 C0"))
    assert buttons.take(b"\x02") == [HidEvent("drop")]


def test_globals_are_pushed_and_popped_and_usages_may_name_their_page() -> None:
    fields, _ = parse(bytes.fromhex("050B A4 0501 7508 B4 15002501 75019501 0B20000B00 8102"))
    assert fields == [Field("input", 0, 0, 1, 0x0B, 0x20)]


def test_a_volume_knob_is_no_telephone() -> None:
    buttons = Buttons(bytes.fromhex("050C0901A1011500250109E909EA09E2750195038102 75059501 8101 C0"))
    assert not buttons.has_hook
    assert buttons.take(b"\xff") == []


@given(st.binary(max_size=120), st.lists(st.binary(max_size=8), max_size=6))
def test_any_descriptor_and_any_report(descriptor: bytes, reports: list[bytes]) -> None:
    buttons = Buttons(descriptor)
    for report in reports:
        for event in buttons.take(report):
            assert event.what in ("lifted", "on_hook", "drop", "key")
    for lamps in buttons.report(off_hook=True, ring=True):
        assert lamps


@given(st.integers(0, len(BLACKWIRE)), st.binary(max_size=20))
def test_a_descriptor_that_is_cut(at: int, rest: bytes) -> None:
    Buttons(BLACKWIRE[:at] + rest).take(bytes((8, 0b010)))


def hid(path: str, vendor: int, product: int, page: int = 0x0B, name: str = "Handset") -> dict[str, Any]:
    return {
        "path": path.encode(),
        "vendor_id": vendor,
        "product_id": product,
        "usage_page": page,
        "product_string": name,
        "serial_number": "",
    }


MOUSE = hid("/dev/hidraw0", 0x046D, 0xC077, 1, "Mouse")
KNOB = hid("/dev/hidraw1", 0x0D8C, 0x0013, 0x0C, "USB Phone")
PHONE = hid("/dev/hidraw1", 0x0D8C, 0x0013, 0x0B, "USB Phone")
OTHER = hid("/dev/hidraw2", 0x047F, 0xC056, 0x0B, "Headset")


def test_the_one_that_is_named() -> None:
    assert find("0d8c:0013", None, [MOUSE, KNOB, PHONE, OTHER]) is PHONE
    with pytest.raises(HandsetError, match="no HID device 1234:5678; there are: 046d:c077 Mouse, 047f:c056 Headset"):
        find("1234:5678", None, [MOUSE, OTHER])


def test_the_only_telephone_there_is() -> None:
    assert find("auto", None, [MOUSE, KNOB, PHONE]) is PHONE
    with pytest.raises(HandsetError, match="no HID device with a hook; there are: 046d:c077 Mouse"):
        find("auto", None, [MOUSE])
    with pytest.raises(HandsetError, match="several HID telephones"):
        find("auto", None, [PHONE, OTHER])


def test_the_telephone_of_the_same_usb_device_as_the_card(tmp_path: Path) -> None:
    for number, device in (("1", "usb1/1-1"), ("2", "usb1/1-2")):
        usb = tmp_path / "devices" / device
        (usb / "1:1.0" / "sound" / f"card{number}").mkdir(parents=True)
        (usb / "1:1.3" / "hidraw" / f"hidraw{number}").mkdir(parents=True)
        (usb / "idVendor").write_text("0d8c\n")
        for kind, name in (("sound", f"card{number}"), ("hidraw", f"hidraw{number}")):
            link = tmp_path / "class" / kind / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(usb / ("1:1.0" if kind == "sound" else "1:1.3") / kind / name)
    assert find("auto", 2, [PHONE, OTHER], tmp_path) is OTHER
    assert find("auto", 1, [PHONE, OTHER], tmp_path) is PHONE
    with pytest.raises(HandsetError):
        find("auto", 7, [PHONE, OTHER], tmp_path)
