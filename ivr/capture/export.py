"""Copies of messages for a capture server, by HEP over UDP: what it does not take is lost, and nobody waits for it."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Final

from ivr.capture.hep import encode
from ivr.capture.message import Captured
from ivr.settings import HepSettings

__all__ = ["HepExporter"]

log = logging.getLogger("ivr.capture")

RESOLVE_EVERY: Final = 300.0
"""Seconds between look-ups of the server's name."""
TELL_EVERY: Final = 60.0
"""Seconds between two lines in the log about packets that could not leave."""


class HepExporter:
    """Sends to one server."""

    def __init__(self, settings: HepSettings) -> None:
        self._settings = settings
        self._password = settings.password.get_secret_value() if settings.password is not None else None
        self._socket: socket.socket | None = None
        self.sent = 0
        """Packets handed to the kernel."""
        self.lost = 0
        """Messages that could not be sent: no address of the server, or no room."""
        self.connected = asyncio.Event()
        """Set once the server's address is known."""
        self._tell_again = 0.0

    async def run(self) -> None:
        """Look the server up now and again, until cancelled."""
        try:
            while True:
                await self._connect()
                await asyncio.sleep(RESOLVE_EVERY)
        finally:
            self._drop()

    async def _connect(self) -> None:
        server = self._settings.server
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_DGRAM)
            family, kind, protocol, _, address = found[0]
            fresh = socket.socket(family, kind, protocol)
            fresh.setblocking(False)
            fresh.connect(address)  # of a datagram socket: sets the address, waits for nothing
        except (OSError, UnicodeError) as error:
            log.warning("the capture server %s has no address now: %s", server, error)
            return
        self._drop()
        self._socket = fresh
        self.connected.set()

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def send(self, message: Captured) -> None:
        """Send a copy."""
        if self._socket is None:
            self.lost += 1
            return
        try:
            self._socket.send(encode(message, self._settings.agent, self._password))
            self.sent += 1
        except OSError as error:
            # Nobody there (an ICMP answer to an earlier packet), or no room: a capture server may come back.
            self.lost += 1
            if message.at >= self._tell_again:
                self._tell_again = message.at + TELL_EVERY
                log.warning("the capture server %s does not take packets: %s", self._settings.server, error)
