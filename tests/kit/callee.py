"""Everybody whom a campaign calls: a SIP peer in a process of its own that answers by the number, and keeps a book.

The book is a file of one line for each INVITE of a new call: seconds since the epoch, number, what came of it. It is
flushed line by line, so that whoever reads it sees what was dialled up to then.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

__all__ = ["Callee", "kind_of"]

KINDS = ("answered", "busy", "declined", "no_answer", "failed")
STATUS = {"busy": "486 Busy Here", "declined": "603 Decline", "failed": "503 Service Unavailable"}


def kind_of(number: str, only: str | None = None) -> str:
    """What becomes of a call to a number: by its last digit, unless it is always the same."""
    return only or KINDS[int(number[-1]) % len(KINDS)]


class Callee:
    """The process, and its book; use as a context manager."""

    def __init__(self, port: int, book: Path, *, talk: float = 0.2, only: str | None = None) -> None:
        """`talk` are the seconds after which it hangs up; with `only` all calls end alike."""
        self.port, self.book = port, book
        book.touch()
        self._line = [sys.executable, "-m", "tests.kit.callee", str(port), str(book), str(talk), only or ""]

    def __enter__(self) -> Callee:
        root = Path(__file__).resolve().parents[2]
        self._process = subprocess.Popen(self._line, cwd=root, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def calls(self) -> list[tuple[float, str, str]]:
        """What was dialled: when, whom, and what came of it."""
        lines = self.book.read_text().splitlines()
        return [(float(at), number, kind) for at, number, kind in (line.split() for line in lines)]

    def numbers(self) -> Counter[str]:
        """How often each number was called."""
        return Counter(number for _, number, _ in self.calls())


class _Peer(asyncio.DatagramProtocol):
    def __init__(self, port: int, book: Path, talk: float, only: str | None) -> None:
        self.port, self.talk, self.only = port, talk, only
        self.book = book.open("a", buffering=1)
        self.transport: asyncio.DatagramTransport
        self.known: dict[str, bytes] = {}
        """Last answer to the INVITE of a call, by Call-ID."""
        self.invites: dict[str, str] = {}
        """INVITE of a call, by Call-ID."""
        self.loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        text = data.decode("utf-8", "replace")
        start, _, rest = text.partition("\r\n")
        if start.startswith("SIP/2.0"):
            return
        method, uri = start.split(" ")[:2]
        headers = dict(re.findall(r"^(Call-ID|From|To|CSeq|Contact):[ \t]*(.*?)\r$", rest, re.M | re.I))
        call = headers["Call-ID"]
        match method:
            case "INVITE" if call in self.known:
                self.transport.sendto(self.known[call], addr)
            case "INVITE":
                found = re.search(r"sips?:([^@;>]+)@", uri)
                number = found[1] if found else "?"
                kind = kind_of(number, self.only)
                self.book.write(f"{time.time():.6f} {number} {kind}\n")
                self._invited(call, kind, text, addr)
            case "CANCEL":
                self._send(text, "200 OK", addr)
                self._final(call, "487 Request Terminated", self.invites[call], addr)
            case "ACK":
                pass
            case _:
                self._send(text, "200 OK", addr)

    def _invited(self, call: str, kind: str, text: str, addr: tuple[str, int]) -> None:
        self.invites[call] = text
        if kind == "answered":
            body = (
                f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                f"m=audio {self.port + 1} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
            )
            self._final(call, "200 OK", text, addr, body)
            self.loop.call_later(self.talk, self._hang_up, call, text, addr)
        elif kind == "no_answer":
            self._final(call, "180 Ringing", text, addr)
        else:
            self._final(call, STATUS[kind], text, addr)

    def _final(self, call: str, status: str, text: str, addr: tuple[str, int], body: str = "") -> None:
        self.known[call] = self._send(text, status, addr, body)

    def _send(self, text: str, status: str, addr: tuple[str, int], body: str = "") -> bytes:
        kept = re.findall(r"^(?:Via|From|Call-ID|CSeq|Record-Route):.*?\r\n", text, re.M | re.I)
        to = re.findall(r"^To:.*?(?=\r\n)", text, re.M | re.I)[0]
        tag = "" if ";tag=" in to else ";tag=callee"
        head = "".join(kept) + f"{to}{tag}\r\nContact: <sip:callee@127.0.0.1:{self.port}>\r\n"
        kind = "Content-Type: application/sdp\r\n" if body else ""
        data = f"SIP/2.0 {status}\r\n{head}{kind}Content-Length: {len(body)}\r\n\r\n{body}".encode()
        self.transport.sendto(data, addr)
        return data

    def _hang_up(self, call: str, text: str, addr: tuple[str, int]) -> None:
        headers = dict(re.findall(r"^(From|To|Contact|f|t|m):[ \t]*(.*?)\r$", text, re.M | re.I))
        target = re.search(r"<([^>]+)>", headers["Contact"])
        to = headers["To"] + ("" if ";tag=" in headers["To"] else ";tag=callee")
        via = f"SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{abs(hash(call))}"
        self.transport.sendto(
            (
                f"BYE {target[1] if target else 'sip:x'} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\n"
                f"From: {to}\r\nTo: {headers['From']}\r\nCall-ID: {call}\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n"
            ).encode(),
            addr,
        )


async def _main(port: int, book: Path, talk: float, only: str | None) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: _Peer(port, book, talk, only), ("127.0.0.1", port))
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), sys.argv[4] or None))
