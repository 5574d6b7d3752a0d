"""One OPTIONS to a SIP server, and its answer: blocking, for commands (RFC 3261 section 11)."""

from __future__ import annotations

import os
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Answer", "answers", "probe"]

PROBE_SECONDS = 1.0
"""A daemon on this machine answers within milliseconds."""
REPEAT_SECONDS = 0.5
"""T1 of RFC 3261: a datagram that may have been lost is sent again."""
MAX_ANSWER = 65_535
_STATUS = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2}) ([^\r\n]*)")
_USER_AGENT = re.compile(rb"\r\n(?:Server|User-Agent)[ \t]*:[ \t]*([^\r\n]{1,100})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    """Of the final response; any of them shows that it is there."""
    reason: str
    seconds: float
    """From the request, a connection's set-up not counted."""
    software: str = ""
    """What it calls itself."""
    certificate: Mapping[str, Any] | None = None
    """Of a server reached by TLS, where it was verified, as `ssl` decodes it."""


def answers(host: str, port: int) -> bool:
    """Whether a SIP server answers there over UDP."""
    try:
        probe("udp", host, port, timeout=PROBE_SECONDS)
    except OSError:
        return False
    return True


def probe(
    transport: str, host: str, port: int, *, timeout: float, context: ssl.SSLContext | None = None, name: str = ""
) -> Answer:
    """Send OPTIONS by udp, tcp or tls (with `context`, `name` being what the server is called) and wait for an answer.

    Raises OSError: TimeoutError where none comes, ssl.SSLError where the connection cannot be secured.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(family, kind) as plain:
        plain.settimeout(timeout)
        plain.connect((host, port))
        if transport != "tls":
            return _ask(plain, transport, host, port, timeout)
        assert context is not None
        with context.wrap_socket(plain, server_hostname=name or host) as secured:
            return _ask(secured, transport, host, port, timeout)


def _ask(sock: socket.socket, transport: str, host: str, port: int, timeout: float) -> Answer:
    own, own_port = sock.getsockname()[:2]
    own = f"[{own}]" if ":" in own else own
    target = f"[{host}]" if ":" in host else host
    mark = os.urandom(8).hex()
    parameter = "" if transport == "udp" else f";transport={transport}"
    request = (
        f"OPTIONS sip:{target}:{port}{parameter} SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport.upper()} {own}:{own_port};branch=z9hG4bK{mark};rport\r\n"
        f"From: <sip:probe@{own}>;tag={mark}\r\nTo: <sip:{target}:{port}>\r\nCall-ID: {mark}\r\n"
        f"CSeq: 1 OPTIONS\r\nContact: <sip:probe@{own}:{own_port}{parameter}>\r\n"
        "Max-Forwards: 70\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n"
    ).encode()
    begun = time.monotonic()
    deadline = begun + timeout
    while (left := deadline - time.monotonic()) > 0:
        sock.sendall(request)
        sock.settimeout(min(REPEAT_SECONDS, left) if transport == "udp" else left)
        try:
            while True:
                data = sock.recv(MAX_ANSWER)
                if not data:
                    raise ConnectionResetError("the connection was closed without an answer")
                match = _STATUS.match(data.lstrip(b"\r\n"))
                if match is not None and match[1] != b"100" and mark.encode() in data:
                    return _read(match, data, time.monotonic() - begun, sock)
        except TimeoutError:
            continue
    raise TimeoutError("no answer")


def _read(match: re.Match[bytes], data: bytes, seconds: float, sock: socket.socket) -> Answer:
    software = _USER_AGENT.search(data)
    return Answer(
        int(match[1]),
        _text(match[2]),
        seconds,
        _text(software[1]) if software is not None else "",
        sock.getpeercert() or None if isinstance(sock, ssl.SSLSocket) else None,
    )


def _text(data: bytes) -> str:
    return "".join(c for c in data.decode("utf-8", "replace").strip() if c.isprintable())[:100]
