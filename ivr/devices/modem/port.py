"""The serial port of a modem: found by its path, a pattern or its USB numbers, opened for this process alone.

Opening and closing may wait for the driver and are done in a thread; opening throws away what had come before.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import glob
import os
import re
import termios
from collections.abc import Callable
from typing import Final

import serial
from serial.tools import list_ports

__all__ = ["Port", "PortError", "close_port", "find", "open_port"]

BAUD: Final = 115_200
"""Ten bits an octet leave room for 8000 samples a second with their shields; USB modems run at USB's speed anyway."""

MOST_READ: Final = 4096
MOST_HELD: Final = 32_768
"""Octets that wait for the driver: four seconds of sound, which only a modem that has stopped lets come together."""

BREAK_SECONDS: Final = 0.3
DTR_SECONDS: Final = 1.0
"""How long DTR is let go: S25 of most modems asks for 50 ms, a hang-up is to be sure."""

_USB: Final = re.compile(r"usb:([0-9a-fA-F]{4}):([0-9a-fA-F]{4})")


class PortError(Exception):
    """There is no such port, or it cannot be had; the text is a sentence."""


def find(wanted: str) -> tuple[str, tuple[int, int] | None]:
    """The path of a port, and its USB vendor and product where it has them.

    ``wanted`` is a path, a path with ``*`` and ``?``, or ``usb:vendor:product`` in hexadecimal. Blocks for a moment.

    :raises PortError: there is none, or several.
    """
    usb = _USB.fullmatch(wanted)
    if usb is not None:
        numbers = (int(usb[1], 16), int(usb[2], 16))
        paths = sorted(info.device for info in list_ports.comports() if (info.vid, info.pid) == numbers)
    elif any(sign in wanted for sign in "*?["):
        paths = sorted(glob.glob(wanted))
    else:
        paths = [wanted] if os.path.exists(wanted) else []
    if not paths:
        raise PortError(f"there is no serial port {wanted}")
    if len(paths) > 1:
        raise PortError(f"several serial ports are {wanted}: {', '.join(paths)}")
    real = os.path.realpath(paths[0])
    for info in list_ports.comports():
        if os.path.realpath(info.device) == real and info.vid is not None and info.pid is not None:
            return paths[0], (info.vid, info.pid)
    return paths[0], None


def open_port(path: str) -> serial.Serial:
    """The port, for this process alone. Blocks for a moment.

    :raises PortError: it cannot be opened, or another process has it.
    """
    try:
        device = serial.Serial(path, BAUD, timeout=0, write_timeout=0, rtscts=True, exclusive=True)
    except (OSError, ValueError, termios.error) as error:  # the last is none of the first
        number = getattr(error, "errno", None)
        if number in (errno.EACCES, errno.EPERM):
            raise PortError(f"{path} may not be opened: is this user in the group dialout?") from None
        if number in (errno.EBUSY, errno.EAGAIN) or "lock" in str(error):
            raise PortError(f"{path} is in use by another process") from None
        raise PortError(f"{path} cannot be opened: {error}") from None
    # The lock keeps away who looks for it; this keeps away the rest, but root.
    with contextlib.suppress(OSError):
        fcntl.ioctl(device.fileno(), termios.TIOCEXCL)
    return device


def close_port(device: serial.Serial) -> None:
    """Let go of a port. May block for a moment."""
    with contextlib.suppress(OSError, TypeError):  # it is gone, or was closed before
        fcntl.ioctl(device.fileno(), termios.TIOCNXCL)
    with contextlib.suppress(OSError, termios.error):
        device.close()


class Port:
    """An open port in the event loop. ``on_data`` is given what comes, ``on_lost`` is told once that it is gone."""

    def __init__(self, device: serial.Serial, on_data: Callable[[bytes], None], on_lost: Callable[[str], None]) -> None:
        self._device = device
        self._fd: int = device.fileno()
        self._on_data = on_data
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._waiting = bytearray()
        self._open = True
        os.set_blocking(self._fd, False)
        self._loop.add_reader(self._fd, self._read)

    @property
    def waiting(self) -> int:
        """Octets that the driver has not taken yet."""
        return len(self._waiting)

    def write(self, data: bytes) -> None:
        """Send; what cannot go now goes later."""
        if not self._open:
            return
        idle = not self._waiting
        self._waiting += data
        if idle:
            self._send()
        if len(self._waiting) > MOST_HELD:
            self._lose("the modem takes nothing any more")

    def do(self, what: str) -> None:
        """Send a break, or let DTR go for a moment. A port that has no such signal is left as it is."""
        name, on, seconds = ("break_condition", True, BREAK_SECONDS) if what == "break" else ("dtr", False, DTR_SECONDS)
        self._signal(name, on)
        self._loop.call_later(seconds, self._signal, name, not on)

    async def close(self) -> None:
        """Let go of it."""
        self._stop()
        await asyncio.to_thread(close_port, self._device)

    def _signal(self, name: str, on: bool) -> None:
        if self._open:
            with contextlib.suppress(OSError, termios.error):
                setattr(self._device, name, on)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, MOST_READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(f"the port is gone: {error.strerror}")
            return
        if data:
            self._on_data(data)
        else:
            self._lose("the port is gone: end of file")

    def _send(self) -> None:
        try:
            sent = os.write(self._fd, self._waiting)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._lose(f"the port is gone: {error.strerror}")
            return
        del self._waiting[:sent]
        if self._waiting:
            self._loop.add_writer(self._fd, self._send)
        else:
            self._loop.remove_writer(self._fd)

    def _stop(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            self._waiting.clear()

    def _lose(self, reason: str) -> None:
        if self._open:
            self._stop()
            self._on_lost(reason)
