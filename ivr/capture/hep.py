"""Homer Encapsulation Protocol, version 3: one SIP message in a datagram for a capture server (Homer, heplify…)."""

from __future__ import annotations

import ipaddress
import struct
from typing import Final

from ivr.capture.message import Captured, masked

__all__ = ["MAX_PACKET", "encode"]

MAX_PACKET: Final = 65_000
"""Octets of one packet: what a UDP datagram holds. Longer messages are cut off, as their length tells."""

_CHUNK: Final = struct.Struct(">HHH")
_GENERIC: Final = 0
"""Vendor of the chunks that every server knows."""
_SIP: Final = 1
_FAMILIES: Final = {4: 2, 6: 10}
_PROTOCOLS: Final = {"udp": 17}
_TCP: Final = 6


def _chunk(kind: int, value: bytes) -> bytes:
    return _CHUNK.pack(_GENERIC, kind, _CHUNK.size + len(value)) + value


def encode(message: Captured, agent: int, password: str | None = None) -> bytes:
    """The packet of a message, its secrets masked. `agent` is the number by which the server knows this system."""
    source, destination = (
        ipaddress.ip_address(host.partition("%")[0]) for host, _ in (message.source, message.destination)
    )
    first = 3 if source.version == 4 else 5
    seconds = int(message.at)
    chunks = [
        _chunk(1, bytes([_FAMILIES[source.version]])),
        _chunk(2, bytes([_PROTOCOLS.get(message.flow.transport, _TCP)])),
        _chunk(first, source.packed),
        _chunk(first + 1, destination.packed),
        _chunk(7, message.source[1].to_bytes(2, "big")),
        _chunk(8, message.destination[1].to_bytes(2, "big")),
        _chunk(9, seconds.to_bytes(4, "big")),
        _chunk(10, int((message.at - seconds) * 1_000_000).to_bytes(4, "big")),
        _chunk(11, bytes([_SIP])),
        _chunk(12, agent.to_bytes(4, "big")),
    ]
    if password:
        chunks.append(_chunk(14, password.encode()))
    if (call_id := message.call_id) is not None:
        chunks.append(_chunk(17, call_id.encode()[:1024]))
    head = b"".join(chunks)
    room = MAX_PACKET - len(head) - 2 * _CHUNK.size
    body = head + _chunk(15, masked(message.data)[:room])
    return b"HEP3" + (len(body) + 6).to_bytes(2, "big") + body
