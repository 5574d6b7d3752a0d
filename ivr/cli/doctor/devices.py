"""Lines on hardware: is the port there, may it be opened, and who has it; which sound devices there are."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from ivr.cli.doctor.finding import Finding
from ivr.settings import DeviceLine, Modem, Settings, SoundCard

__all__ = ["device_checks", "holders"]

PROC: Final = Path("/proc")
OURS: Final = "ivr.devices"
"""In the command line of a line's process."""
MANAGER: Final = "ModemManager"


def device_checks(settings: Settings) -> Iterator[Finding]:
    """Ports of modems and devices of sound cards; nothing is opened, so that no call is disturbed."""
    for name, line in settings.lines.items():
        match line:
            case Modem():
                yield from _modem(settings, name, line)
            case SoundCard():
                yield from _card(name, line)
            case _:
                pass
    if any(isinstance(line, DeviceLine) for line in settings.lines.values()):
        yield from _group(settings)


def _modem(settings: Settings, name: str, line: Modem) -> Iterator[Finding]:
    from ivr.devices.modem.port import PortError, find  # pyserial

    try:
        path, usb = find(line.port)
    except PortError as error:
        advice = "is it plugged in? ls -l /dev/serial/by-id tells what there is, dmesg what became of it"
        yield Finding("lines", name, "fault", str(error), advice)
        return
    what = path if usb is None else f"{path}, USB {usb[0]:04x}:{usb[1]:04x}"
    if not os.access(path, os.R_OK | os.W_OK):
        yield Finding("lines", name, "fault", f"{what} may not be opened", _group_advice(path))
        return
    yield Finding("lines", name, "ok", f"{what} is there")
    for pid, command in holders(path):
        if OURS in command:
            yield Finding("lines", name, "ok", f"{path} is held by its line (process {pid})")
        else:
            program = command.split()[0] if command else "a program"
            advice = f"end it; for {MANAGER}: install.sh --hardware brings a rule of udev that keeps it away"
            yield Finding("lines", name, "fault", f"{path} is held by {program} (process {pid})", advice)
    if _runs(MANAGER):
        advice = "it sends commands to new modems: the rule of udev of install.sh --hardware keeps it away"
        yield Finding("lines", f"{name}, {MANAGER}", "warning", f"{MANAGER} runs", advice)


def _card(name: str, line: SoundCard) -> Iterator[Finding]:
    from media.devices import CardError, choose, list_cards

    try:
        cards = list_cards()
    except CardError as error:
        advice = "apt-get install portaudio19-dev gcc python3-dev, then pip install 'ivr[phone]'"
        yield Finding("lines", name, "fault", str(error), advice)
        return
    sides: tuple[tuple[Literal["input", "output"], str | None], ...] = (("input", line.input), ("output", line.output))
    for direction, wanted in sides:
        what = f"{name}, {direction}"
        try:
            card = choose(wanted, direction, cards)
        except CardError as error:
            advice = f"{direction}: in the configuration; is it plugged in, and this user in the group audio?"
            yield Finding("lines", what, "fault", str(error), advice)
            continue
        if card.channels(direction) < line.channel:
            has = card.channels(direction)
            yield Finding(
                "lines", what, "fault", f"{card.name} has {has} channels", f"channel: {line.channel} is not there"
            )
        else:
            yield Finding("lines", what, "ok", card.name)


def _group(settings: Settings) -> Iterator[Finding]:
    """The user that the daemon becomes must be able to open what this one can."""
    user = settings.user
    if user is None or user == pwd.getpwuid(os.geteuid()).pw_name:
        return
    kinds = {"dialout": Modem, "audio": SoundCard}
    for group, kind in kinds.items():
        if not any(isinstance(line, kind) for line in settings.lines.values()):
            continue
        try:
            number = grp.getgrnam(group).gr_gid
            own = os.getgrouplist(user, pwd.getpwnam(user).pw_gid)
        except KeyError:
            continue
        if number in own:
            yield Finding("lines", f"group {group}", "ok", f"{user} is in it")
        else:
            yield Finding("lines", f"group {group}", "fault", f"{user} is not in it", f"adduser {user} {group}")


def _group_advice(path: str) -> str:
    try:
        group = grp.getgrgid(os.stat(path).st_gid).gr_name
    except (KeyError, OSError):
        group = "dialout"
    return f"adduser ivr {group}, and log in anew; for the service: install.sh --hardware"


def holders(path: str) -> list[tuple[int, str]]:
    """Processes that have a device open, with their command lines, as far as this user may see them."""
    try:
        wanted = os.stat(path)
    except OSError:
        return []
    found = []
    for process in PROC.iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            files = list((process / "fd").iterdir())
        except OSError:
            continue
        if any(_is(file, wanted) for file in files):
            found.append((int(process.name), _command(process)))
    return sorted(found)


def _is(file: Path, wanted: os.stat_result) -> bool:
    try:
        there = file.stat()
    except OSError:
        return False
    return stat.S_ISCHR(there.st_mode) and there.st_rdev == wanted.st_rdev


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def _runs(program: str) -> bool:
    """Whether a program of this name runs."""
    for process in PROC.iterdir():
        if process.name.isdigit():
            try:
                if (process / "comm").read_text().strip() == program:
                    return True
            except OSError:
                continue
    return False
