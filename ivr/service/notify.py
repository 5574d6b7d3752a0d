"""What the service manager is told (sd_notify(3)): four lines of the protocol need no library."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from collections.abc import Mapping

__all__ = ["ServiceManager"]

log = logging.getLogger("ivr.service")

MAX_STATUS = 200
"""Characters of the sentence that `systemctl status` shows."""


class ServiceManager:
    """Tells systemd how the daemon fares; does nothing where nobody listens."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._status = ""
        self.watchdog: float | None = _watchdog(environ)
        """Seconds within which it has to be told again that all is well; None: nobody waits for that."""

    def ready(self) -> None:
        """Calls are taken; also ends :meth:`reloading`."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """What is in force is about to change."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """No new calls are taken."""
        self._tell("STOPPING=1")

    def well(self) -> None:
        """Whatever makes up the daemon works at this moment."""
        self._tell("WATCHDOG=1")

    def status(self, sentence: str) -> None:
        """What `systemctl status` shows; told when it changed."""
        sentence = " ".join(sentence.split())[:MAX_STATUS]
        if sentence != self._status:
            self._status = sentence
            self._tell(f"STATUS={sentence}")

    def more_time(self, seconds: float) -> None:
        """Stopping takes so long from now on."""
        self._tell(f"EXTEND_TIMEOUT_USEC={round(seconds * 1_000_000)}")

    def _tell(self, state: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.setblocking(False)  # a service manager that hangs must not take the calls along
            try:
                sock.sendto(state.encode(), self._address)
            except OSError as error:
                log.debug("the service manager does not listen: %s", error)


def _watchdog(environ: Mapping[str, str]) -> float | None:
    """Seconds of `WatchdogSec=` (sd_watchdog_enabled(3)); None where it is meant for another process, or off."""
    pid = environ.get("WATCHDOG_PID")
    if pid is not None and pid != str(os.getpid()):
        return None
    with contextlib.suppress(ValueError):
        microseconds = int(environ.get("WATCHDOG_USEC", ""))
        if microseconds > 0:
            return microseconds / 1_000_000
    return None
