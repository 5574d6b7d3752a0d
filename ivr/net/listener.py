"""Sockets of streams: those that peers connect to, and those that connect to peers."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

__all__ = ["StreamListener", "bound_socket", "keep_alive"]

BACKLOG: Final = 1024
"""Connections that the kernel keeps until they are accepted: what comes in some tenths of a second after a restart."""

KEEPALIVE_IDLE, KEEPALIVE_EVERY, KEEPALIVE_TRIES = 60, 15, 4
"""Of the kernel: a peer that is gone without a word is found out within two minutes."""

USER_TIMEOUT: Final = 20_000
"""Milliseconds that octets of ours may stay unacknowledged: below timer B (32 s), so that a call can go another way."""


class StreamListener:
    """One listening socket."""

    def __init__(self, transport: str, host: str, port: int) -> None:
        """Bind; raises OSError. Port 0 takes a free one."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            self.socket.setblocking(False)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self.wildcard = ipaddress.ip_address(host.partition("%")[0]).is_unspecified
            self.socket.bind((host, port))
            self.socket.listen(BACKLOG)
        except BaseException:
            self.socket.close()
            raise
        self.transport = transport
        self.local: tuple[str, int] = (host, self.socket.getsockname()[1])
        """Bound address; the host may be the wildcard."""


def bound_socket(host: str) -> socket.socket:
    """A socket at a free port of ours, to connect from."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.bind((host, 0))
    except BaseException:
        sock.close()
        raise
    return sock


def keep_alive(sock: socket.socket) -> None:
    """Have the kernel find out when the peer is gone."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_EVERY)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_TRIES)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT)
