"""Messages that others made to break SIP stacks, sent to a daemon that must not mind: who asks it something honest
between any two of them is answered at once.

The corpora are not part of this repository: PROTOS c07-sip, seeds of PJSIP's fuzzers, and messages made after published
advisories stand in ../shared/proving.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import json
import socket
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.kit.processes import resident

__all__ = ["CORPORA", "PROVING", "Verdict", "barrage", "rtp_groups"]

PROVING = Path(__file__).resolve().parents[3] / "shared" / "proving"
HOST = "127.0.0.1"
SOURCE = "127.0.0.9"
PUBLISHED = b"100"
"""A number that answers; every other message asks for it, so that more than the parser has to do with them."""
MAX_DATAGRAM = 65_507
PROBE_SECONDS = 2.0
Message = tuple[str, bytes]


def protos() -> Iterator[Message]:
    """3,025 INVITEs with all that can be wrong in their headers and SDP, each with the CANCEL that takes it back."""
    spec = importlib.util.spec_from_file_location("protos", PROVING / "corpus" / "protos.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    cases: Callable[..., Iterator[tuple[int, str, bytes, bytes]]] = module.cases
    path = PROVING / "corpus" / "protos_c07" / "protos_c07_open.zip"
    for number, group, invite, teardown in cases(path, src=SOURCE.encode()):
        if number % 2:
            invite, teardown = (one.replace(b"1000@127.0.0.1", PUBLISHED + b"@127.0.0.1") for one in (invite, teardown))
        yield f"{number} {group}", invite
        if teardown:
            yield f"{number} {group} teardown", teardown


def seeds() -> Iterator[Message]:
    """175 seeds of PJSIP's fuzzers: messages as they are, SDP and key lines as offers, URIs as whom to call, anything
    else as what it is: noise."""
    numbers = itertools.count(1)
    with zipfile.ZipFile(PROVING / "corpus" / "pjsip_seeds" / "pjsip_seeds_open.zip") as archive:
        for name in archive.namelist():
            data = archive.read(name)
            if "/fuzz-sd" in f"/{name}":
                lines = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
                data = invite(b"sip:100@127.0.0.1", lines, next(numbers))
            elif "/fuzz-ur" in f"/{name}":
                data = invite(data.strip(), b"", next(numbers))
            yield name, data


def advisories() -> Iterator[Message]:
    """40 messages made after published advisories."""
    for path in sorted((PROVING / "corpus" / "cve" / "open").glob("*.sip")):
        yield path.name, path.read_bytes()


CORPORA: dict[str, Callable[[], Iterator[Message]]] = {"protos": protos, "seeds": seeds, "advisories": advisories}


def invite(target: bytes, sdp: bytes, number: int) -> bytes:
    """A guest's INVITE with some SDP."""
    return (
        b"INVITE %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9:5070;rport;branch=z9hG4bKseed%d\r\nMax-Forwards: 70\r\n"
        b"From: <sip:seed@127.0.0.9>;tag=s%d\r\nTo: <sip:100@127.0.0.1>\r\nCall-ID: seed%d@127.0.0.9\r\n"
        b"CSeq: 1 INVITE\r\nContact: <sip:seed@127.0.0.9:5070>\r\nContent-Type: application/sdp\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (target, number, number, number, len(sdp), sdp)
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a corpus did to a daemon."""

    sent: int
    """Messages."""
    unanswered: list[str]
    """After which of them an honest question had no answer."""
    worst: float
    """Seconds of the slowest answer."""
    after: str
    """The message before it."""
    grown: int
    """Kilobytes that the daemon takes more than before."""


class Prober:
    """A peer that asks honestly, over one socket or connection all the time."""

    def __init__(self, port: int, transport: str) -> None:
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        self._socket = socket.socket(socket.AF_INET, kind)
        self._socket.settimeout(PROBE_SECONDS)
        self._socket.connect((HOST, port))
        self._via = f"SIP/2.0/{transport.upper()} {HOST}:{self._socket.getsockname()[1]}"
        self._count = 0

    def ask(self) -> float | None:
        """OPTIONS; the seconds until its answer, None without one."""
        self._count += 1
        mark = f"ask{self._count}@prober"
        message = (
            f"OPTIONS sip:{HOST} SIP/2.0\r\nVia: {self._via};rport;branch=z9hG4bKask{self._count}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:prober@{HOST}>;tag=1\r\nTo: <sip:{HOST}>\r\nCall-ID: {mark}\r\n"
            "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
        begun = time.perf_counter()
        try:
            self._socket.sendall(message.encode())
            while mark.encode() not in self._socket.recv(65_535):
                pass
        except OSError:
            return None
        return time.perf_counter() - begun

    def close(self) -> None:
        """Go."""
        self._socket.close()


def barrage(pid: int, port: int, messages: Iterator[Message], transport: Literal["udp", "tcp"]) -> Verdict:
    """Send each message, over TCP in a connection of its own, and ask after each."""
    prober = Prober(port, transport)
    assert prober.ask() is not None, "the daemon answers nobody"
    before = resident(pid)
    sent, worst, after, unanswered = 0, 0.0, "", []
    with contextlib.ExitStack() as stack:
        stack.callback(prober.close)
        sink = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sink.bind((SOURCE, 0))
        sink.setblocking(False)
        for name, data in messages:
            sent += 1
            with contextlib.suppress(OSError):
                if transport == "udp":
                    sink.sendto(data[:MAX_DATAGRAM], (HOST, port))
                else:
                    _by_stream(data, port)
            took = prober.ask()
            if took is None:
                unanswered.append(name)
            elif took > worst:
                worst, after = took, name
            with contextlib.suppress(OSError):
                while True:
                    sink.recv(65_535)
        return Verdict(sent, unanswered, worst, after, resident(pid) - before)


def _by_stream(data: bytes, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.settimeout(PROBE_SECONDS)
        connection.bind((SOURCE, 0))
        connection.connect((HOST, port))
        connection.sendall(data)


OURS: list[dict[str, Any]] = [
    {"name": "short", "packets": ["", "80", "8000000100"]},
    {"name": "version_1", "packets": ["40000001000000a011223344" + "ff" * 160]},
    {"name": "padding_255", "packets": ["a0000001000000a011223344" + "ff" * 20]},
    {"name": "extension_overrun", "packets": ["90000001000000a011223344bedeffff" + "ff" * 160]},
    {"name": "ev_end_only", "packets": [f"8065000{n}0000138811223344058a0320" for n in range(3)]},
    {"name": "ev_above_16", "packets": ["80650001000000a011223344118a00a0"]},
    {"name": "rtcp_bye_forged", "packets": ["81cb000111223344"]},
]
"""A few groups of bad packets for copies without the corpus."""


def rtp_groups() -> list[dict[str, Any]]:
    """Bad RTP, RTCP, telephone-events, STUN and DTLS in groups; ours where the corpus is absent."""
    path = PROVING / "corpus" / "rtp_bad" / "open.jsonl"
    if not path.exists():
        return OURS
    return [json.loads(line) for line in path.read_text().splitlines()]
