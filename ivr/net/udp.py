"""A UDP socket that always knows its own address: datagrams come with the path they took, and leave by it.

Bound to all interfaces it asks the kernel for the address that each datagram was sent to and answers from that address,
so that a host with several is never called by one and answering from another.
"""

from __future__ import annotations

import fcntl
import ipaddress
import logging
import socket
import struct
import termios
from collections.abc import Callable, Iterable
from typing import Final

from ivr.net.kernel_filter import shut_out
from ivr.sip import Flow

__all__ = ["UdpSocket", "local_address_towards"]

log = logging.getLogger("ivr.net")

RECEIVE_BUFFER: Final = 8 << 20
"""Octets asked of the kernel: some seconds of a full set-up rate, for the moments in which the loop is busy. The kernel
gives what `net.core.rmem_max` allows."""

SEND_BUFFER: Final = 2 << 20
"""Octets asked of the kernel: the bursts of retransmissions after such a moment."""

MAX_DATAGRAM: Final = 65535
"""Octets of a UDP datagram."""

FLOWS_KNOWN: Final = 8192
"""Peers whose path is kept ready; more, and the table starts anew."""

_IP_PKTINFO: Final = 8
"""Linux; the socket module of Python 3.11 does not name it."""

_PKTINFO4: Final = struct.Struct("=I4s4s")
_PKTINFO6: Final = struct.Struct("=16sI")
_ANCILLARY: Final = 128
_NONE: Final = bytes(4)


def local_address_towards(host: str) -> str:
    """Our address on the way to a peer, as the routing table says; no packet is sent. Raises OSError without a way."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 9))
        return str(probe.getsockname()[0])


class UdpSocket:
    """One bound, non-blocking socket."""

    def __init__(self, host: str, port: int, bound: socket.socket | None = None) -> None:
        """Bind; raises OSError. Port 0 takes a free one. `bound` is a socket that has this address already."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = bound or socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            self.wildcard = ipaddress.ip_address(host).is_unspecified
            self._v6 = family == socket.AF_INET6
            if self._v6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if self.wildcard and self._v6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            elif self.wildcard:
                self._socket.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
            if bound is None:
                self._socket.bind((host, port))
        except BaseException:
            self._socket.close()
            raise
        self.transport = "udp"
        self.local: tuple[str, int] = (host, self._socket.getsockname()[1])
        """Bound address; the host may be the wildcard."""
        self._buffer = bytearray(MAX_DATAGRAM)
        self._view = memoryview(self._buffer)
        self._flows: dict[object, Flow] = {}
        self.dropped = 0
        """Datagrams that the kernel had no room for."""

    def fileno(self) -> int:
        """For the loop."""
        return self._socket.fileno()

    def shut_out(self, sources: Iterable[str]) -> None:
        """Drop what comes from these addresses, and from nobody else, in the kernel; OSError where it cannot."""
        if not self._v6:
            shut_out(self._socket, sources)

    def close(self) -> None:
        """Give the port back."""
        self._view.release()
        self._socket.close()

    def receive(self, handle: Callable[[bytes, Flow], None], limit: int) -> int:
        """Hand over what is ready, `limit` datagrams at most; how many it were."""
        for count in range(limit):
            try:
                if self.wildcard:
                    data, flow = self._receive_with_address()
                else:
                    size, remote = self._socket.recvfrom_into(self._buffer)
                    data = bytes(self._view[:size])
                    flow = self._flows.get(remote) or self._flow(remote, self.local[0], remote)
            except (BlockingIOError, InterruptedError):
                return count
            except OSError as error:
                # An ICMP error of an earlier datagram; the socket is as good as before.
                log.debug("receiving: %s", error)
                continue
            handle(data, flow)
        return limit

    def waiting(self) -> bool:
        """Whether a datagram waits to be read."""
        return fcntl.ioctl(self._socket, termios.FIONREAD, _NONE) != _NONE

    def _receive_with_address(self) -> tuple[bytes, Flow]:
        size, ancillary, _, remote = self._socket.recvmsg_into([self._buffer], _ANCILLARY)
        data = bytes(self._view[:size])
        for level, kind, value in ancillary:
            if level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
                raw = _PKTINFO4.unpack(value)[1]
            elif level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
                raw = _PKTINFO6.unpack(value)[0]
            else:
                continue
            key = (remote, raw)
            return data, self._flows.get(key) or self._flow(key, str(ipaddress.ip_address(raw)), remote)
        raise OSError("the kernel did not say where a datagram was sent to")

    def _flow(self, key: object, host: str, remote: tuple[str, int]) -> Flow:
        if len(self._flows) >= FLOWS_KNOWN:
            self._flows.clear()
        flow = self._flows[key] = Flow("udp", (host, self.local[1]), (remote[0], remote[1]))
        return flow

    def send(self, data: bytes, flow: Flow) -> bool:
        """Send a datagram from the flow's local address. False where it never can be (too large, no route); one that
        the kernel has no room for counts as lost on the way."""
        try:
            if self.wildcard:
                self._socket.sendmsg([data], [self._source(flow.local[0])], 0, flow.remote)
            else:
                self._socket.sendto(data, flow.remote)
        except (BlockingIOError, InterruptedError):
            self.dropped += 1
        except OSError as error:
            log.debug("sending: %s", error)
            return False
        return True

    def _source(self, host: str) -> tuple[int, int, bytes]:
        raw = ipaddress.ip_address(host.partition("%")[0]).packed
        if self._v6:
            return socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, _PKTINFO6.pack(raw, 0)
        return socket.IPPROTO_IP, _IP_PKTINFO, _PKTINFO4.pack(0, raw, b"\0\0\0\0")

    def flow_to(self, host: str, port: int) -> Flow:
        """The path to a peer's address; raises OSError without one."""
        own = local_address_towards(host) if self.wildcard else self.local[0]
        return Flow("udp", (own, self.local[1]), (host, port))
