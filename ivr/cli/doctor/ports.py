"""The ports: are those of SIP, HTTP and RTP free, or the daemon's own?"""

from __future__ import annotations

import errno
import ipaddress
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ivr.cli.doctor.finding import Finding
from ivr.cli.probing import answers
from ivr.settings import HostPort, Settings

__all__ = ["daemon_answers", "port_checks"]

ASTERISK: Final = range(10_000, 20_001)
"""RTP ports of Asterisk and FreePBX as they are installed (rtp.conf)."""
SAMPLE: Final = 64
"""Pairs of the RTP range that are tried."""
HTTP_SECONDS: Final = 2.0
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def daemon_answers(settings: Settings) -> bool:
    """Whether a daemon with this configuration runs here: its HTTP interface tells."""
    listen = settings.http.listen
    address = HostPort(_ANY.get(listen.host, listen.host), listen.port)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{address}/healthz", timeout=HTTP_SECONDS) as response:
            return b'"status"' in response.read(1024)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def port_checks(settings: Settings, running: bool) -> Iterator[Finding]:
    """Listeners, then the RTP range. `running`: a daemon with this configuration has the ports."""
    for entry in settings.sip.listen:
        datagram = entry.transport == "udp"
        yield _listener(str(entry), entry.host, entry.port, datagram, running)
    yield _listener(
        f"http {settings.http.listen}", settings.http.listen.host, settings.http.listen.port, False, running
    )
    yield from _rtp(settings, running)


def _listener(what: str, host: str, port: int, datagram: bool, running: bool) -> Finding:
    error = _taken(host, port, socket.SOCK_DGRAM if datagram else socket.SOCK_STREAM)
    if error is None:
        if running:
            return Finding("ports", what, "fault", "a daemon runs, and does not listen here", "see its log")
        return Finding("ports", what, "ok", "free")
    if error.errno == errno.EADDRINUSE:
        if running:
            if datagram and not answers(_ANY.get(host, host), port):
                return Finding("ports", what, "fault", "taken, and nobody answers OPTIONS", "another program has it?")
            return Finding("ports", what, "ok", "the daemon's")
        advice = "another PBX on this machine? Take another port (5070 beside Asterisk), or stop what has it: ss -lnup"
        return Finding("ports", what, "fault", "taken by another program", advice)
    if error.errno == errno.EACCES:
        return Finding("ports", what, "fault", "not permitted", "ports below 1024 need CAP_NET_BIND_SERVICE")
    if error.errno == errno.EADDRNOTAVAIL:
        return Finding("ports", what, "fault", "this machine does not have the address", "see ip address")
    return Finding("ports", what, "fault", str(error), "see sip.listen and http.listen")


def _taken(host: str, port: int, kind: socket.SocketKind) -> OSError | None:
    """Why the port cannot be bound; None where it can."""
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    except ValueError:
        family = socket.AF_INET  # a name
    try:
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error
    return None


def _rtp(settings: Settings, running: bool) -> Iterator[Finding]:
    first, last = settings.media.ports.first, settings.media.ports.last
    what = f"rtp {first}-{last}"
    pairs = (last - first + 1) // 2
    if running:
        yield Finding("ports", what, "ok", f"the daemon's, for {pairs} legs")
    else:
        step = max(1, pairs // SAMPLE)
        tried = range(first + first % 2, last, 2 * step)
        taken = [port for port in tried if _taken(settings.sip.listen[0].host, port, socket.SOCK_DGRAM) is not None]
        if len(taken) * 4 > len(tried):
            advice = "another PBX's range? Move media.ports"
            yield Finding("ports", what, "fault", f"{len(taken)} of {len(tried)} tried are taken", advice)
        elif taken:
            yield Finding("ports", what, "warning", f"{len(taken)} of {len(tried)} tried are taken", "move media.ports")
        else:
            yield Finding("ports", what, "ok", f"free, for {pairs} legs")
    if first in ASTERISK and _asterisk():
        advice = "Asterisk's rtp.conf has 10000-20000: take 20002-29999"
        yield Finding("ports", "rtp beside Asterisk", "warning", "the ranges overlap", advice)
    local = _local_ports()
    if local is not None and first <= local[1] and last >= local[0]:
        advice = "the kernel gives such ports to programs that ask for any: choose media.ports below or above"
        yield Finding(
            "ports", "rtp and the kernel's", "warning", f"net.ipv4.ip_local_port_range {local[0]}-{local[1]}", advice
        )


def _asterisk() -> bool:
    return Path("/etc/asterisk").is_dir()


def _local_ports() -> tuple[int, int] | None:
    try:
        low, high = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
        return int(low), int(high)
    except (OSError, ValueError):
        return None
