"""Reads the copies of packets that media workers write."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ivr.capture.pcap import packet

__all__ = ["read_spool"]

HEAD: Final = struct.Struct("<dBBHHB")
"""As `media/plane/tap.py` writes it: time, sent, RTCP, the peer's port, octets of the packet and of the address."""


def read_spool(path: Path, local: tuple[str, int]) -> Iterator[tuple[float, bytes]]:
    """Times and pcap records of a copy, `local` being our RTP address. A last packet that is cut off is left out."""
    data = path.read_bytes()
    at = 0
    while at + HEAD.size <= len(data):
        wall, sent, control, port, size, host_size = HEAD.unpack_from(data, at)
        at += HEAD.size
        host, body = data[at : at + host_size], data[at + host_size : at + host_size + size]
        at += host_size + size
        if at > len(data):
            return
        ours = (local[0], local[1] + bool(control))
        unknown = "::" if ":" in local[0] else "0.0.0.0"
        theirs = (str(ipaddress.ip_address(host)) if host else unknown, port)
        if (":" in ours[0]) != (":" in theirs[0]):
            continue  # no datagram has addresses of two kinds
        yield wall, packet(wall, ours if sent else theirs, theirs if sent else ours, body)
