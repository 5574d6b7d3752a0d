"""STUN binding (RFC 8489, once 5389): which address a peer sees us by, and keep-alives of phones (RFC 5626 §4.4.2).

Pure: octets in, octets out. Short and long-term credentials, TCP and indications are no part of this.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import Final

__all__ = ["binding_request", "binding_response", "read_request", "read_response"]

MAGIC: Final = 0x2112A442
"""Second word of every message (§5)."""
HEADER: Final = 20
"""Octets of a header."""
MAX_MESSAGE: Final = 548
"""Octets: a binding message fits into every datagram (§6.1); more is not looked at."""

_REQUEST: Final = 0x0001
_RESPONSE: Final = 0x0101
_MAPPED: Final = 0x0001
_XOR_MAPPED: Final = 0x0020
_HEAD: Final = struct.Struct(">HHI12s")
_ATTRIBUTE: Final = struct.Struct(">HH")


def binding_request(transaction: bytes) -> bytes:
    """Ask for our address; `transaction` is 12 octets of chance."""
    return _HEAD.pack(_REQUEST, 0, MAGIC, transaction)


def read_request(data: bytes) -> bytes | None:
    """The transaction of a binding request; None for anything else."""
    if not HEADER <= len(data) <= MAX_MESSAGE:
        return None
    kind, length, magic, transaction = _HEAD.unpack_from(data)
    if kind != _REQUEST or magic != MAGIC or length % 4 or length != len(data) - HEADER:
        return None
    return bytes(transaction)


def binding_response(transaction: bytes, host: str, port: int) -> bytes:
    """Tell a peer the address that it is seen by."""
    raw = ipaddress.ip_address(host.partition("%")[0]).packed
    key = struct.pack(">I", MAGIC) + transaction
    value = bytes((0, 1 if len(raw) == 4 else 2)) + struct.pack(">H", port ^ (MAGIC >> 16)) + _xor(raw, key)
    attribute = _ATTRIBUTE.pack(_XOR_MAPPED, len(value)) + value
    return _HEAD.pack(_RESPONSE, len(attribute), MAGIC, transaction) + attribute


def read_response(data: bytes, transaction: bytes) -> tuple[str, int] | None:
    """Our address (host, port) as the answer to a request of ours tells it; None for anything else."""
    if not HEADER <= len(data) <= MAX_MESSAGE:
        return None
    kind, length, magic, found = _HEAD.unpack_from(data)
    if kind != _RESPONSE or magic != MAGIC or found != transaction or length != len(data) - HEADER:
        return None
    key = data[4:HEADER]
    plain: tuple[str, int] | None = None
    place = HEADER
    while place + 4 <= len(data):
        name, size = _ATTRIBUTE.unpack_from(data, place)
        value = data[place + 4 : place + 4 + size]
        if len(value) < size:
            return None
        if name == _XOR_MAPPED:
            return _address(value, key)
        if name == _MAPPED and plain is None:
            plain = _address(value, bytes(16))  # servers of RFC 3489 know no other
        place += 4 + size + -size % 4
    return plain


def _address(value: bytes, key: bytes) -> tuple[str, int] | None:
    size = {1: 4, 2: 16}.get(value[1]) if len(value) >= 4 else None
    if size is None or len(value) != 4 + size:
        return None
    port = int.from_bytes(_xor(value[2:4], key[:2]), "big")
    return str(ipaddress.ip_address(_xor(value[4:], key[:size]))), port


def _xor(data: bytes, key: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(data, key, strict=False))
