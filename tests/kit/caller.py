"""A SIP caller on bare sockets: shares no code with what it tests, and sends what no polite phone would.

with RawCaller(daemon.sip_port) as caller:
    caller.call("100")
    caller.speak(ulaw)                 # paced, 20 ms a packet
    caller.press("1")
    caller.hang_up()
heard = caller.heard()                 # µ-law bytes in the order of the sequence numbers
"""

from __future__ import annotations

import queue
import random
import re
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass

HOST = "127.0.0.1"
RTP_HEAD = 12
SILENCE = b"\xff" * 160
KEYS = "0123456789*#ABCD"
ANSWER_SECONDS = 30.0
RESEND_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Reply:
    """A response: its status, headers by lower-case name (the last of each), and body."""

    status: int
    headers: dict[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Packet:
    """An RTP packet that came back."""

    at: float
    seq: int
    timestamp: int
    payload_type: int
    payload: bytes
    source: tuple[str, int]


def parted(data: bytes) -> tuple[str, dict[str, str], list[str], str]:
    """First line, headers by lower-case name (the last of each), lines of headers and body of a message."""
    head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    return first, {n.strip().lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}, lines, body


def _lines(data: bytes, name: str) -> list[str]:
    head = data.decode("utf-8", "replace").partition("\r\n\r\n")[0]
    return [line for line in head.split("\r\n") if line.lower().startswith(f"{name.lower()}:")]


def _in_uri(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class RawCaller:
    """One call; a thread of its own receives. Use as a context manager."""

    def __init__(self, server_port: int, user: str = "caller", host: str = HOST, server: str = HOST) -> None:
        family, self._kind = (socket.AF_INET6, "IP6") if ":" in host else (socket.AF_INET, "IP4")
        self._server = (server, server_port)
        self._user = user
        self.sip = socket.socket(family, socket.SOCK_DGRAM)
        self.sip.bind((host, 0))
        self.rtp = socket.socket(family, socket.SOCK_DGRAM)
        self.rtp.bind((host, 0))
        self._host = host
        self._name = _in_uri(host)
        self.call_id = f"{random.getrandbits(64):016x}"
        self._tag = f"{random.getrandbits(32):08x}"
        self._to = ""
        self._target = ""
        self._cseq = 0
        self._invite: tuple[str, str] = ("", "")
        self._replies: queue.Queue[Reply] = queue.Queue()
        self.packets: list[Packet] = []
        self.remote: tuple[str, int] = ("", 0)
        self.events_type: int | None = None
        self.ended = threading.Event()
        self._closing = False
        self._seq = random.getrandbits(15)
        self._timestamp = random.getrandbits(31)
        self.ssrc = random.getrandbits(32)
        self._thread = threading.Thread(target=self._receive, daemon=True)

    def __enter__(self) -> RawCaller:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._to and not self.ended.is_set():
            self.hang_up()
        self._closing = True
        self._thread.join(2)
        self.sip.close()
        self.rtp.close()

    # Signalling

    def _receive(self) -> None:
        while not self._closing:
            ready, _, _ = select.select([self.sip, self.rtp], [], [], 0.1)
            if self.rtp in ready:
                data, source = self.rtp.recvfrom(65535)
                if len(data) >= RTP_HEAD and data[0] >> 6 == 2 and not 192 <= data[1] <= 223:
                    _, kind, seq, timestamp, _ = struct.unpack("!BBHII", data[:RTP_HEAD])
                    self.packets.append(Packet(time.monotonic(), seq, timestamp, kind & 127, data[RTP_HEAD:], source))
            if self.sip in ready:
                self._message(self.sip.recv(65535))

    def _message(self, data: bytes) -> None:
        first, headers, _, body = parted(data)
        if first.startswith("SIP/2.0 "):
            status = int(first.split()[1])
            method = headers.get("cseq", "").split()[-1]
            if method == "INVITE" and status >= 200:
                self._ack(headers, status)
            self._replies.put(Reply(status, {**headers, "_method": method}, body))
            return
        method = first.split()[0]
        if method == "ACK":
            return
        kept = [line for name in ("Via", "From", "To", "Call-ID", "CSeq") for line in _lines(data, name)]
        self.sip.sendto("\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""]).encode(), self._server)
        if method == "BYE":
            self.ended.set()

    def _request(self, method: str, target: str, cseq: int, branch: str, *extra: str, body: str = "") -> bytes:
        port = self.sip.getsockname()[1]
        lines = [
            f"{method} {target} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._name}:{port};branch={branch};rport",
            "Max-Forwards: 70",
            f"From: <sip:{self._user}@{self._name}>;tag={self._tag}",
            f"To: {self._to}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:{self._user}@{self._name}:{port}>",
            *extra,
            f"Content-Length: {len(body)}",
            "",
            body,
        ]
        return "\r\n".join(lines).encode()

    def _ack(self, headers: dict[str, str], status: int) -> None:
        self._to = headers["to"]
        branch = self._invite[1] if status >= 300 else f"z9hG4bK{random.getrandbits(48):012x}"
        found = re.search(r"<([^>]*)>", headers.get("contact", ""))
        if status < 300 and found:
            self._target = found[1]
        target = self._invite[0] if status >= 300 else self._target
        self.sip.sendto(self._request("ACK", target, int(headers["cseq"].split()[0]), branch), self._server)

    def _await(self, method: str, message: bytes, seconds: float) -> Reply:
        deadline = time.monotonic() + seconds
        wait = RESEND_SECONDS
        self.sip.sendto(message, self._server)
        resend = time.monotonic() + wait
        quiet = False
        while (now := time.monotonic()) < deadline:
            try:
                reply = self._replies.get(timeout=min(deadline, resend) - now if resend > now else 0.01)
            except queue.Empty:
                if not quiet:
                    self.sip.sendto(message, self._server)
                wait *= 2
                resend = time.monotonic() + wait
                continue
            if reply.headers["_method"] != method:
                continue
            quiet = True
            if reply.status >= 200:
                return reply
        raise AssertionError(f"no final answer to {method} within {seconds} s")

    def sdp(self, *, events: bool = True) -> str:
        """Our offer: PCMU, and telephone-event as 101."""
        formats = "0 101" if events else "0"
        lines = [
            "v=0",
            f"o=- 1 1 IN {self._kind} {self._host}",
            "s=-",
            f"c=IN {self._kind} {self._host}",
            "t=0 0",
            f"m=audio {self.rtp.getsockname()[1]} RTP/AVP {formats}",
            "a=rtpmap:0 PCMU/8000",
        ]
        if events:
            lines += ["a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15"]
        return "\r\n".join([*lines, ""])

    def try_call(self, number: str, *, events: bool = True, seconds: float = ANSWER_SECONDS) -> Reply:
        """Send an INVITE; its final answer, acknowledged."""
        self._cseq += 1
        target = f"sip:{number}@{_in_uri(self._server[0])}:{self._server[1]}"
        self._to = f"<{target}>"
        branch = f"z9hG4bK{random.getrandbits(48):012x}"
        self._invite = (target, branch)
        body = self.sdp(events=events)
        message = self._request("INVITE", target, self._cseq, branch, "Content-Type: application/sdp", body=body)
        reply = self._await("INVITE", message, seconds)
        if reply.status >= 300:
            self._to = ""
            return reply
        host = re.search(rf"^c=IN {self._kind} (\S+)", reply.body, re.M)
        port = re.search(r"^m=audio (\d+) RTP/AVP (.*?)\s*$", reply.body, re.M)
        assert host and port, reply.body
        self.remote = (host[1], int(port[1]))
        found = re.search(r"^a=rtpmap:(\d+) telephone-event/8000", reply.body, re.M)
        self.events_type = int(found[1]) if found else None
        return reply

    def call(self, number: str, *, events: bool = True) -> None:
        """Call and be answered."""
        reply = self.try_call(number, events=events)
        assert reply.status == 200, f"{number}: {reply}"

    def hang_up(self, seconds: float = 30.0) -> int:
        """Send BYE; the status of its answer."""
        self._cseq += 1
        branch = f"z9hG4bK{random.getrandbits(48):012x}"
        reply = self._await("BYE", self._request("BYE", self._target, self._cseq, branch), seconds)
        self.ended.set()
        return reply.status

    # Sound

    def send_packet(self, payload: bytes, payload_type: int = 0, *, marker: bool = False, advance: int = 160) -> None:
        """One RTP packet, now."""
        head = struct.pack(
            "!BBHII", 0x80, payload_type | (0x80 if marker else 0), self._seq & 0xFFFF, self._timestamp, self.ssrc
        )
        self._seq += 1
        self._timestamp = (self._timestamp + advance) & 0xFFFFFFFF
        self.rtp.sendto(head + payload, self.remote)

    def speak(self, ulaw: bytes) -> None:
        """Say so much, one packet every 20 ms."""
        begun = time.monotonic()
        for count, at in enumerate(range(0, len(ulaw) - 159, 160), 1):
            self.send_packet(ulaw[at : at + 160])
            time.sleep(max(0.0, begun + count * 0.02 - time.monotonic()))

    def be_silent(self, seconds: float) -> None:
        """Send silence."""
        self.speak(SILENCE * round(seconds * 50))

    def press(self, keys: str, ms: int = 100) -> None:
        """Keys by telephone-event, each followed by 100 ms of silence."""
        assert self.events_type is not None, "telephone-event was not agreed"
        steps = ms // 20
        for key in keys:
            begun = time.monotonic()
            for step in range(steps + 2):
                end = step >= steps - 1
                duration = min(step + 1, steps) * 160
                payload = struct.pack("!BBH", KEYS.index(key), (0x80 if end else 0) | 10, duration)
                self.send_packet(payload, self.events_type, marker=step == 0, advance=0)
                time.sleep(max(0.0, begun + (step + 1) * 0.02 - time.monotonic()))
            self._timestamp = (self._timestamp + (steps + 2) * 160) & 0xFFFFFFFF
            self.be_silent(0.1)

    def heard(self) -> bytes:
        """What came back as µ-law, in the order of the timestamps; gaps are silence."""
        sound = [packet for packet in self.packets if packet.payload_type == 0]
        if not sound:
            return b""
        first = sound[0].timestamp
        pieces = {(packet.timestamp - first) & 0xFFFFFFFF: packet.payload for packet in sound}
        length = max(at + len(payload) for at, payload in pieces.items() if at < 1 << 28)
        out = bytearray(b"\xff" * length)
        for at, payload in pieces.items():
            if at < length:
                out[at : at + len(payload)] = payload
        return bytes(out)
