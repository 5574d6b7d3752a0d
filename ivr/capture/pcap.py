"""Captured packets as a pcap file, which Wireshark, sngrep and tcpdump read.

Packets begin at the IP header (LINKTYPE_RAW). Messages of streams are shown as datagrams too: what matters of them is
who said what to whom, and of an encrypted connection nothing else could be read.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable
from typing import Final

from ivr.capture.message import Captured, masked

__all__ = ["HEADER", "message_record", "packet", "pcap_file"]

_LINKTYPE_RAW: Final = 101
_SNAPLEN: Final = 262_144
HEADER: Final = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _SNAPLEN, _LINKTYPE_RAW)
"""Begins every file."""
_RECORD: Final = struct.Struct("<IIII")
_UDP: Final = struct.Struct(">HHHH")
_IPV4: Final = struct.Struct(">BBHHHBBH4s4s")
_IPV6: Final = struct.Struct(">IHBB16s16s")
_UDP_PROTOCOL: Final = 17
_HOPS: Final = 64
MAX_PAYLOAD: Final = 65_000
"""Octets of one datagram: what fits into an IP packet."""


def _checksum(data: bytes) -> int:
    """Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return int(~total & 0xFFFF)


def packet(at: float, source: tuple[str, int], destination: tuple[str, int], payload: bytes) -> bytes:
    """One record of the file: a UDP datagram with valid checksums, at `at` seconds since the epoch."""
    payload = payload[:MAX_PAYLOAD]
    sender, receiver = (ipaddress.ip_address(host.partition("%")[0]) for host, _ in (source, destination))
    length = _UDP.size + len(payload)
    if sender.version == 4:
        pseudo = sender.packed + receiver.packed + struct.pack(">BBH", 0, _UDP_PROTOCOL, length)
    else:
        pseudo = sender.packed + receiver.packed + struct.pack(">IHBB", length, 0, 0, _UDP_PROTOCOL)
    plain = _UDP.pack(source[1], destination[1], length, 0)
    check = _checksum(pseudo + plain + payload) or 0xFFFF
    datagram = _UDP.pack(source[1], destination[1], length, check) + payload
    if sender.version == 4:
        fields = (0x45, 0, _IPV4.size + length, 0, 0, _HOPS, _UDP_PROTOCOL)
        head = _IPV4.pack(*fields, 0, sender.packed, receiver.packed)
        head = _IPV4.pack(*fields, _checksum(head), sender.packed, receiver.packed)
    else:
        head = _IPV6.pack(6 << 28, length, _UDP_PROTOCOL, _HOPS, sender.packed, receiver.packed)
    data = head + datagram
    seconds = int(at)
    return _RECORD.pack(seconds, int((at - seconds) * 1_000_000), len(data), len(data)) + data


def message_record(message: Captured) -> tuple[float, bytes]:
    """Time and record of a SIP message, its secrets masked."""
    return message.at, packet(message.at, message.source, message.destination, masked(message.data))


def pcap_file(messages: Iterable[Captured]) -> bytes:
    """A whole file of SIP messages, their secrets masked."""
    return HEADER + b"".join(message_record(message)[1] for message in messages)
