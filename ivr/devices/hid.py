"""Hook and keys of USB handsets: the telephony page of HID (Usage Tables, page 0x0B), from reports to events.

A report descriptor says where in a report each button is (HID 1.11, section 6.2.2). :func:`parse` reads the little of
it that a telephone needs, and :class:`Buttons` turns reports into events. :class:`HidHandset` is the device, by hidapi;
what it is to a line is the protocol :class:`Handset`, which tests have without a device.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, Protocol

__all__ = ["Buttons", "Field", "Handset", "HandsetError", "HidEvent", "HidHandset", "find", "parse"]

log = logging.getLogger("ivr.devices.hid")

TELEPHONY: Final = 0x0B
LEDS: Final = 0x08
HOOK_SWITCH: Final = 0x20
DROP: Final = 0x26
KEY_0: Final = 0xB0
KEYS: Final = "0123456789*#ABCD"
"""Usages from KEY_0 on."""
OFF_HOOK: Final = 0x17
RING: Final = 0x18
"""Usages of the LED page that a host sets: a handset that has its own hook shows by them what the host thinks."""

MAX_FIELDS: Final = 4096
"""Fields of one descriptor: the longest that is sold has some hundred."""
MAX_REPORT: Final = 64
"""Bytes that are read of a report: one packet of full speed."""
READ_MS: Final = 200


class HandsetError(Exception):
    """A handset cannot be used; the text is a sentence for the log."""


@dataclass(frozen=True, slots=True)
class Field:
    """One usage in a report."""

    kind: Literal["input", "output"]
    """Which reports."""
    report: int
    """Its report's number; 0: reports have none."""
    bit: int
    """First bit, counted from the byte after the number."""
    size: int
    """Bits."""
    page: int
    """Usage page."""
    usage: int
    """Usage, or of an array the first one."""
    array: int = 0
    """Of an array, how many usages its value chooses from; 0: the value is the usage's own."""
    least: int = 0
    """Of an array, the value that means the first usage."""
    relative: bool = False
    """The value tells a press, not a state."""


@dataclass(frozen=True, slots=True)
class HidEvent:
    """What somebody did at a handset."""

    what: Literal["lifted", "on_hook", "drop", "key"]
    """Off hook; on hook; the button that ends a call; a key."""
    digit: str = ""
    """Of a key."""


@dataclass(slots=True)
class _Globals:
    page: int = 0
    least: int = 0
    size: int = 0
    count: int = 0
    report: int = 0


def _items(descriptor: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, tag and data of each short item; long ones (section 6.2.2.3) are passed over."""
    at = 0
    while at < len(descriptor):
        prefix = descriptor[at]
        if prefix == 0xFE:
            at += 3 + (descriptor[at + 1] if at + 1 < len(descriptor) else 0)
            continue
        size = (0, 1, 2, 4)[prefix & 3]
        data = descriptor[at + 1 : at + 1 + size]
        if len(data) < size:
            return
        yield prefix >> 2 & 3, prefix >> 4, data
        at += 1 + size


def parse(descriptor: bytes) -> tuple[list[Field], dict[int, int]]:
    """The fields of the telephony and LED pages, and how many bits each output report has. What is no descriptor has
    none."""
    found: list[Field] = []
    state, stack = _Globals(), list[_Globals]()
    usages: list[tuple[int, int]] = []
    bounds: list[int | None] = [None, None]
    used: dict[tuple[str, int], int] = {}

    def usage(data: bytes) -> tuple[int, int]:
        value = int.from_bytes(data, "little")
        return (value >> 16, value & 0xFFFF) if len(data) == 4 else (state.page, value)

    def main(tag: int, flags: int) -> None:
        kind: Literal["input", "output"] | None = {8: "input", 9: "output"}.get(tag)  # type: ignore[assignment]
        if kind is None:
            return
        start = used.get((kind, state.report), 0)
        used[kind, state.report] = start + state.size * state.count
        if flags & 1 or not state.size or len(found) > MAX_FIELDS:  # a constant
            return
        base = Field(kind, state.report, start, state.size, state.page, 0, relative=bool(flags & 4))
        if flags & 2:
            for at in range(min(state.count, MAX_FIELDS)):
                if usages:
                    page, number = usages[min(at, len(usages) - 1)]
                    found.append(replace(base, bit=start + at * state.size, page=page, usage=number))
        elif usages:
            page, number = usages[0]
            for at in range(min(state.count, MAX_FIELDS)):
                field = replace(base, bit=start + at * state.size, page=page, usage=number)
                found.append(replace(field, array=len(usages), least=state.least))

    for kind, tag, data in _items(descriptor):
        if kind == 0:
            main(tag, int.from_bytes(data, "little"))
            usages, bounds = [], [None, None]
        elif kind == 1:
            _set_global(state, stack, tag, data)
        elif kind == 2 and tag == 0:
            usages.append(usage(data))
        elif kind == 2 and tag in (1, 2):
            page, number = usage(data)
            bounds[tag - 1] = number
            first, last = bounds
            if first is not None and last is not None:
                usages += [(page, each) for each in range(first, min(last, first + MAX_FIELDS) + 1)]
                bounds = [None, None]
    lengths = {report: bits for (kind, report), bits in used.items() if kind == "output"}
    return [field for field in found if field.page in (TELEPHONY, LEDS)], lengths


def _set_global(state: _Globals, stack: list[_Globals], tag: int, data: bytes) -> None:
    value = int.from_bytes(data, "little")
    match tag:
        case 0:
            state.page = value
        case 1:
            state.least = int.from_bytes(data, "little", signed=True)
        case 7:
            state.size = min(value, 32)
        case 8:
            state.report = value & 0xFF
        case 9:
            state.count = min(value, MAX_FIELDS)
        case 10 if len(stack) < MAX_FIELDS:
            stack.append(replace(state))
        case 11 if stack:
            before = stack.pop()
            state.page, state.least = before.page, before.least
            state.size, state.count, state.report = before.size, before.count, before.report


class Buttons:
    """The telephone in a report descriptor."""

    def __init__(self, descriptor: bytes) -> None:
        self._fields, self._lengths = parse(descriptor)
        self._numbered = any(field.report for field in self._fields)
        self._before: dict[Field, int] = {}
        self._lifted = False
        self._shown = False

    @property
    def has_hook(self) -> bool:
        """Whether it tells when it is lifted."""
        return any(self._usage(field, HOOK_SWITCH) for field in self._fields if field.kind == "input")

    def take(self, report: bytes) -> list[HidEvent]:
        """What a report tells that the one before did not."""
        number, body = (report[0], report[1:]) if self._numbered and report else (0, report)
        told: list[HidEvent] = []
        for field in self._fields:
            if field.kind != "input" or field.report != number or field.page != TELEPHONY:
                continue
            if field.bit + field.size > 8 * len(body):
                continue
            value = int.from_bytes(body, "little") >> field.bit & ((1 << field.size) - 1)
            before, self._before[field] = self._before.get(field, 0), value
            told += self._told(field, value, before)
        return told

    def report(self, *, off_hook: bool, ring: bool) -> list[bytes]:
        """Output reports that light its lamps, the first byte being the report's number (0: none).

        A headset follows its off-hook lamp: when that goes out its hook counts as on, told or not.
        """
        if self._shown and not off_hook:
            self._lifted = False
            self._before = {field: value for field, value in self._before.items() if field.usage != HOOK_SWITCH}
        lamps = {
            f.report for f in self._fields if f.kind == "output" and (self._led(f, OFF_HOOK) or self._led(f, RING))
        }
        self._shown = off_hook and bool(lamps)
        bodies: dict[int, int] = {}
        for field in self._fields:
            if field.kind != "output":
                continue
            lit = (self._led(field, OFF_HOOK) and off_hook) or (self._led(field, RING) and ring)
            bodies[field.report] = bodies.get(field.report, 0) | int(lit) << field.bit
        lamps = {
            f.report for f in self._fields if f.kind == "output" and (self._led(f, OFF_HOOK) or self._led(f, RING))
        }
        return [
            bytes([number]) + bodies[number].to_bytes(-(-self._lengths[number] // 8), "little")
            for number in sorted(lamps)
        ]

    def _told(self, field: Field, value: int, before: int) -> list[HidEvent]:
        if field.array:
            if value == before or not 0 <= value - field.least < field.array:
                return []
            return self._pressed(field.usage + value - field.least)
        if field.usage == HOOK_SWITCH:
            if field.relative:  # a button that toggles
                return self._hook(not self._lifted) if value and not before else []
            return self._hook(bool(value)) if value != before else []
        return self._pressed(field.usage) if value and not before else []

    def _hook(self, lifted: bool) -> list[HidEvent]:
        self._lifted = lifted
        return [HidEvent("lifted" if lifted else "on_hook")]

    def _pressed(self, usage: int) -> list[HidEvent]:
        if usage == HOOK_SWITCH:
            return self._hook(not self._lifted)
        if usage == DROP:
            return [HidEvent("drop")]
        if KEY_0 <= usage < KEY_0 + len(KEYS):
            return [HidEvent("key", KEYS[usage - KEY_0])]
        return []

    @staticmethod
    def _usage(field: Field, usage: int) -> bool:
        return field.page == TELEPHONY and field.usage <= usage <= field.usage + max(0, field.array - 1)

    @staticmethod
    def _led(field: Field, usage: int) -> bool:
        return field.page == LEDS and not field.array and field.usage == usage


class Handset(Protocol):
    """Hook and keys of a handset, whatever they come from."""

    def start(self, on_event: Callable[[HidEvent], None], on_lost: Callable[[str], None]) -> None:
        """Begin to tell, in a thread of the handset's own; ``on_lost`` once, with a sentence, when it is gone."""

    def show(self, *, off_hook: bool, ring: bool) -> None:
        """Light its lamps; nothing where it has none."""

    def close(self) -> None:
        """Let go of it."""


def find(wanted: str, card: int | None, there: list[dict[str, Any]], sys: Path = Path("/sys")) -> dict[str, Any]:
    """Which HID device is meant: ``vendor:product``, or ``auto``: the telephone of the same USB device as the sound
    card of that number, else the only telephone there is.

    ``there`` is what ``hid.enumerate()`` tells. HandsetError where there is none, or where several might be meant.
    """
    if wanted != "auto":
        vendor, product = (int(part, 16) for part in wanted.split(":"))
        found = [each for each in there if (each["vendor_id"], each["product_id"]) == (vendor, product)]
        phones = [each for each in found if each.get("usage_page") == TELEPHONY] or found[:1]
        if not phones:
            raise HandsetError(f"no HID device {wanted}; there are: {_listed(there)}")
        return phones[0]
    phones = [each for each in there if each.get("usage_page") == TELEPHONY]
    if card is not None:
        beside = _usb_device(sys / "class" / "sound" / f"card{card}")
        same = [each for each in phones if beside and _usb_device(_hidraw(sys, each)) == beside]
        if same:
            return same[0]
    places = {(each["vendor_id"], each["product_id"], each.get("serial_number")) for each in phones}
    if len(places) == 1:
        return phones[0]
    if phones:
        raise HandsetError(f"several HID telephones; name one as hid: vendor:product: {_listed(phones)}")
    raise HandsetError(f"no HID device with a hook; there are: {_listed(there)}")


def _listed(there: list[dict[str, Any]]) -> str:
    names = {f"{each['vendor_id']:04x}:{each['product_id']:04x} {each.get('product_string') or ''}" for each in there}
    return ", ".join(sorted(name.strip() for name in names)) or "none"


def _hidraw(sys: Path, device: dict[str, Any]) -> Path:
    path = device["path"]
    return sys / "class" / "hidraw" / Path(path.decode() if isinstance(path, bytes) else path).name


def _usb_device(place: Path) -> Path | None:
    """The USB device above something in /sys: the folder that has a vendor."""
    with contextlib.suppress(OSError):
        for folder in (resolved := place.resolve(strict=True), *resolved.parents):
            if (folder / "idVendor").exists():
                return folder
    return None


class HidHandset:
    """A handset by hidapi. HandsetError where it is not there, has no hook, or may not be opened."""

    def __init__(self, wanted: str, card: int | None) -> None:
        """``wanted`` is ``auto`` or ``vendor:product``; ``card`` the number of the sound card it belongs to."""
        try:
            import hid
        except ImportError:
            raise HandsetError("handsets need hidapi: pip install 'ivr[phone]'") from None
        info = find(wanted, card, hid.enumerate())
        self._device: Any = hid.device()
        try:
            self._device.open_path(info["path"])
            descriptor = bytes(self._device.get_report_descriptor())
        except OSError as error:
            self._device.close()
            path = info["path"].decode(errors="replace")
            raise HandsetError(
                f"{path} cannot be opened ({error}): the daemon's user must read and write it, see docs/sound-card.md"
            ) from None
        self.name = str(info.get("product_string") or "handset")
        self._buttons = Buttons(descriptor)
        if not self._buttons.has_hook:
            self._device.close()
            raise HandsetError(f"{self.name} has no hook switch")
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._lamps: list[bytes] = []

    def start(self, on_event: Callable[[HidEvent], None], on_lost: Callable[[str], None]) -> None:
        """Begin to tell."""
        self._thread = threading.Thread(target=self._read, args=(on_event, on_lost), name="hid", daemon=True)
        self._thread.start()

    def show(self, *, off_hook: bool, ring: bool) -> None:
        """Light its lamps, with the next report that is looked for."""
        self._lamps = self._buttons.report(off_hook=off_hook, ring=ring)

    def close(self) -> None:
        """Let go of it."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(5 * READ_MS / 1000)

    def _read(self, on_event: Callable[[HidEvent], None], on_lost: Callable[[str], None]) -> None:
        shown: list[bytes] = []
        try:
            while not self._closing.is_set():
                if self._lamps != shown:
                    shown = self._lamps
                    for lamps in shown:
                        self._device.write(lamps)
                report = bytes(self._device.read(MAX_REPORT, READ_MS))
                for event in self._buttons.take(report) if report else ():
                    on_event(event)
        except (OSError, ValueError) as error:
            if not self._closing.is_set():
                on_lost(f"{self.name} is gone: {error}")
        finally:
            self._device.close()
