"""Many callers on bare sockets in one event loop: shares no code with what it is turned on.

async with Crowd(daemon.sip_port) as crowd:
    call = crowd.call()
    status = await call.dial("101")      # 200, with our ACK; 408 when nobody answers for 32 s
    call.talk()                          # a packet every 20 ms, until the end
    call.press("5")                      # as telephone-events, in the stream
    gaps = call.gaps()                   # seconds from packet to packet, by the kernel's clock
    await call.hang_up()

SIP over UDP with the retransmissions of RFC 3261 §17; RTP and RFC 4733 with PCMU. All calls share one SIP socket; each
has an RTP socket of its own.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import random
import re
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass, field

from pylibsrtp import Policy, Session

from tests.kit.caller import Reply, parted

__all__ = ["Call", "Crowd", "Packet", "Reply", "percentile"]

HOST = "127.0.0.1"
T1, T2 = 0.5, 4.0
"""Seconds: RFC 3261 §17.1.1.1."""
TIMEOUT = 64 * T1
FRAME = 160
KEYS = "0123456789*#ABCD"
KEY_PACKETS = 5
"""Of 20 ms: a key of 100 ms; its end is sent three times (RFC 4733 §2.5.1.4)."""
END_REPEATS = 2
PAUSE_PACKETS = 5
"""Of sound between two keys."""
QUIET = b"\x7e\x7f\xfe\xff"
"""Octets of µ-law that nobody hears."""
SILENCE = b"\xff" * FRAME
RTP_HEAD = struct.Struct("!BBHII")
EVENT = struct.Struct("!BBH")
RECEIVE_BUFFER = 1 << 20
SO_TIMESTAMPNS = 35
"""Linux; the kernel's time of arrival with each datagram. The socket module of Python 3.11 does not name it."""
TIMESPEC = struct.Struct("=qq")
PACE = 0.02
SRTP_SUITE, SRTP_KEY = "AES_CM_128_HMAC_SHA1_80", 30
"""RFC 4568: 16 octets of key and 14 of salt."""
KEPT = 20


@dataclass(frozen=True, slots=True)
class Packet:
    """An RTP packet that came back."""

    at: float
    """Seconds of the wall clock: the kernel's."""
    seq: int
    kind: int
    """Payload type."""
    size: int
    """Octets of the payload."""
    loud: bool
    """Whether there is more than silence in it."""


@dataclass(slots=True)
class _Waiting:
    """A request of ours that waits for its final answer."""

    data: bytes
    done: asyncio.Future[Reply]
    invite: bool
    provisional: bool = False
    final: Reply | None = None
    sender: asyncio.Task[None] | None = None


def percentile(values: list[float], part: float) -> float:
    """The value below which `part` (0 to 1) of them lie; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


@dataclass(eq=False)
class Call:
    """One call; made by `Crowd.call`."""

    crowd: Crowd
    user: str
    secure: bool = False
    """Offer SRTP, and nothing else (RFC 4568)."""
    call_id: str = field(default_factory=lambda: f"{random.getrandbits(64):016x}")
    packets: list[Packet] = field(default_factory=list)
    remote: tuple[str, int] = ("", 0)
    """Where the other end wants its RTP."""
    events_type: int | None = None
    keys: deque[str] = field(default_factory=deque)
    """Still to be pressed."""
    typed: str = ""
    """Pressed so far, as sent."""
    reply: Reply | None = None
    answers: int = 0
    """Responses 200 to the INVITE with different To tags: more than one is a call taken twice."""

    def __post_init__(self) -> None:
        self.ended = asyncio.Event()
        self.began = self.ended_at = 0.0
        """Seconds of the monotonic clock: answered, and over."""
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.rtp.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.rtp.bind((self.crowd.host, 0))
        self.rtp.setblocking(False)
        self.crowd.loop.add_reader(self.rtp, self._on_rtp)
        self.tag = f"{random.getrandbits(32):08x}"
        self.to = ""
        self.target = ""
        self.cseq = random.randrange(1, 1000)
        self._acks: dict[str, bytes] = {}
        self.seq = random.getrandbits(15)
        self.timestamp = random.getrandbits(31)
        self.ssrc = random.getrandbits(32)
        self._step = 0
        self.sound: bytes = b""
        """What is said, µ-law; silence when it is over."""
        self.said = 0
        """Octets of it said so far: 8,000 a second."""
        self.key = os.urandom(SRTP_KEY) if self.secure else b""
        self._seal: Session | None = None
        self.sent: deque[bytes] = deque(maxlen=KEPT)
        """The last packets as they left."""
        self.deaf = False
        """Answers nothing any more: its host is gone."""

    # Signalling

    def request(self, method: str, target: str, *extra: str, body: str = "", branch: str = "", cseq: int = 0) -> bytes:
        """A request of this call; without `cseq` the next number is taken."""
        if not cseq:
            self.cseq += 1
        host, port = self.crowd.local
        lines = [
            f"{method} {target} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch={branch or f'z9hG4bK{random.getrandbits(64):016x}'};rport",
            "Max-Forwards: 70",
            f"From: <sip:{self.user}@{host}>;tag={self.tag}",
            f"To: {self.to}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq or self.cseq} {method}",
            f"Contact: <sip:{self.user}@{host}:{port}>",
            *extra,
            f"Content-Length: {len(body)}",
            "",
            body,
        ]
        return "\r\n".join(lines).encode()

    def sdp(self) -> str:
        """Our offer."""
        lines = [
            "v=0",
            f"o=- 1 1 IN IP4 {self.crowd.host}",
            "s=-",
            f"c=IN IP4 {self.crowd.host}",
            "t=0 0",
            f"m=audio {self.rtp.getsockname()[1]} {'RTP/SAVP' if self.secure else 'RTP/AVP'} 0 101",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-15",
        ]
        if self.secure:
            lines.append(f"a=crypto:1 {SRTP_SUITE} inline:{base64.b64encode(self.key).decode()}")
        return "\r\n".join([*lines, ""])

    async def dial(self, number: str, *extra: str, body: str | None = None) -> int:
        """Call; the final status, 408 when there is none."""
        self.target = f"sip:{number}@{self.crowd.server[0]}:{self.crowd.server[1]}"
        self.to = f"<{self.target}>"
        offer = self.sdp() if body is None else body
        reply = await self.crowd.transact(
            self, self.request("INVITE", self.target, *extra, "Content-Type: application/sdp", body=offer), invite=True
        )
        self.reply = reply
        if reply.status != 200:
            self.ended.set()
            return reply.status
        host = re.search(r"^c=IN IP4 (\S+)", reply.body, re.M)
        port = re.search(r"^m=audio (\d+) RTP/\S+ ", reply.body, re.M)
        assert host and port, reply.body
        self.remote = (host[1], int(port[1]))
        events = re.search(r"^a=rtpmap:(\d+) telephone-event/8000", reply.body, re.M)
        self.events_type = int(events[1]) if events else None
        if self.secure:
            assert f"a=crypto:1 {SRTP_SUITE} inline:" in reply.body, reply.body
            policy = Policy(key=self.key, ssrc_type=Policy.SSRC_ANY_OUTBOUND)
            self._seal = Session(policy)
        self.began = time.monotonic()
        self.crowd.up.add(self)
        return 200

    def acknowledge(self, reply: Reply, invite: bytes) -> None:
        """ACK a final answer to the INVITE; the same again for each repetition of it."""
        tag = reply.headers.get("to", "").partition(";tag=")[2]
        ack = self._acks.get(tag)
        if ack is None:
            cseq = int(reply.headers["cseq"].split()[0])
            self.to = reply.headers["to"]
            branch, target = "", self.target
            if reply.status == 200:
                self.answers += 1
                contact = re.search(r"<([^>]*)>", reply.headers.get("contact", ""))
                target = self.target = contact[1] if contact else self.target
            else:
                branch = re.search(rb"branch=([^;\r\n]+)", invite)[1].decode()  # type: ignore[index]
            ack = self._acks[tag] = self.request("ACK", target, branch=branch, cseq=cseq)
        self.crowd.send(ack)

    async def hang_up(self) -> int:
        """BYE; the status of its answer."""
        self.crowd.talking.discard(self)
        reply = await self.crowd.transact(self, self.request("BYE", self.target))
        self.over()
        return reply.status

    def over(self) -> None:
        """Nothing is sent any more."""
        self.crowd.up.discard(self)
        self.crowd.talking.discard(self)
        if not self.ended.is_set():
            self.ended_at = time.monotonic()
            self.ended.set()

    def close(self) -> None:
        """Give the socket back."""
        self.over()
        self.crowd.loop.remove_reader(self.rtp)
        self.rtp.close()

    # Sound

    def talk(self, ulaw: bytes = b"") -> None:
        """Send a packet every 20 ms from now on: `ulaw`, then silence."""
        self.sound, self.said = ulaw, 0
        self.crowd.talking.add(self)

    def press(self, keys: str) -> None:
        """Put keys into the stream, 100 ms each and 100 ms apart."""
        self.keys.extend(keys)

    def frame(self) -> None:
        """Send what is due in these 20 ms."""
        if self.keys and self.events_type is not None:
            if self._step < KEY_PACKETS + END_REPEATS:
                end = self._step >= KEY_PACKETS - 1
                duration = min(self._step + 1, KEY_PACKETS) * FRAME
                payload = EVENT.pack(KEYS.index(self.keys[0]), (0x80 if end else 0) | 10, duration)
                self.send(payload, self.events_type, marker=self._step == 0)
                self._step += 1
                return
            if self._step == KEY_PACKETS + END_REPEATS:
                self.timestamp = (self.timestamp + self._step * FRAME) & 0xFFFFFFFF
            self._step += 1
            if self._step >= KEY_PACKETS + END_REPEATS + PAUSE_PACKETS:
                self.typed += self.keys.popleft()
                self._step = 0
        piece = self.sound[self.said : self.said + FRAME]
        self.said += FRAME
        self.send(piece if len(piece) == FRAME else SILENCE, 0)
        self.timestamp = (self.timestamp + FRAME) & 0xFFFFFFFF

    def send(self, payload: bytes, kind: int, *, marker: bool = False) -> None:
        """One RTP packet, now."""
        head = RTP_HEAD.pack(0x80, kind | (0x80 if marker else 0), self.seq & 0xFFFF, self.timestamp, self.ssrc)
        self.seq += 1
        packet = head + payload if self._seal is None else self._seal.protect(head + payload)
        self.sent.append(packet)
        with contextlib.suppress(OSError):
            self.rtp.sendto(packet, self.remote)

    def _on_rtp(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                data, more, _, _ = self.rtp.recvmsg(2048, 64)
                if len(data) >= RTP_HEAD.size and data[0] >> 6 == 2 and not 192 <= data[1] <= 223:
                    at = time.time()
                    for level, name, value in more:
                        if level == socket.SOL_SOCKET and name == SO_TIMESTAMPNS:
                            seconds, nanoseconds = TIMESPEC.unpack(value[: TIMESPEC.size])
                            at = seconds + nanoseconds / 1e9
                    seq = int.from_bytes(data[2:4], "big")
                    payload = data[RTP_HEAD.size :]
                    self.packets.append(Packet(at, seq, data[1] & 127, len(payload), bool(payload.strip(QUIET))))

    def gaps(self, since: float = 0.0) -> list[float]:
        """Seconds between packets that came one after the other, from `since` (wall clock) on."""
        times = [packet.at for packet in self.packets if packet.at >= since]
        return [b - a for a, b in itertools.pairwise(times)]

    def hears(self) -> bool:
        """Whether any sound came but silence."""
        return any(packet.loud for packet in self.packets)


class Crowd:
    """Callers at one address; an asynchronous context manager."""

    def __init__(self, port: int, host: str = HOST, server: str = HOST) -> None:
        self.server = (server, port)
        self.host = host
        self.up: set[Call] = set()
        """Answered, and not over."""
        self.talking: set[Call] = set()
        self.calls: dict[str, Call] = {}
        self._waiting: dict[tuple[str, str], _Waiting] = {}
        self.resent = 0
        """Messages sent again."""

    async def __aenter__(self) -> Crowd:
        self.loop = asyncio.get_running_loop()
        self.sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sip.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * RECEIVE_BUFFER)
        self.sip.bind((self.host, 0))
        self.sip.setblocking(False)
        self.local = self.sip.getsockname()
        self.loop.add_reader(self.sip, self._on_sip)
        self._pacer = asyncio.create_task(self._pace())
        return self

    async def __aexit__(self, *_: object) -> None:
        for waiting in self._waiting.values():
            if waiting.sender is not None:
                waiting.sender.cancel()
        self._pacer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._pacer
        for call in list(self.calls.values()):
            call.close()
        self.loop.remove_reader(self.sip)
        self.sip.close()

    def call(self, user: str = "caller", *, secure: bool = False) -> Call:
        """A new call, not dialled yet."""
        call = Call(self, user, secure)
        self.calls[call.call_id] = call
        return call

    def forget(self, call: Call) -> None:
        """Close a call and keep nothing of it."""
        call.close()
        self.calls.pop(call.call_id, None)
        for key in [key for key in self._waiting if key[0] == call.call_id]:
            del self._waiting[key]

    async def dial(self, count: int, number: str, per_second: float = 20.0) -> list[Call]:
        """So many calls to a number, all of which must be answered; they talk from then on."""
        calls = [self.call() for _ in range(count)]

        async def one(index: int, call: Call) -> int:
            await asyncio.sleep(index / per_second)
            status = await call.dial(number)
            if status == 200:
                call.talk()
            return status

        statuses = await asyncio.gather(*(one(index, call) for index, call in enumerate(calls)))
        assert set(statuses) == {200}, statuses
        return calls

    async def hang_up(self) -> None:
        """End all calls that are up."""
        await asyncio.gather(*(call.hang_up() for call in list(self.up)))

    def send(self, data: bytes) -> None:
        """A SIP message to the server."""
        with contextlib.suppress(OSError):
            self.sip.sendto(data, self.server)

    async def transact(self, call: Call, data: bytes, *, invite: bool = False) -> Reply:
        """Send a request until it is answered; 408 when it is not."""
        key = (call.call_id, re.search(rb"\r\nCSeq: ([^\r]*)", data)[1].decode())  # type: ignore[index]
        waiting = self._waiting[key] = _Waiting(data, self.loop.create_future(), invite)
        waiting.sender = asyncio.create_task(self._repeat(waiting))
        try:
            async with asyncio.timeout(TIMEOUT):
                return await asyncio.shield(waiting.done)
        except TimeoutError:
            return Reply(408, {}, "")
        finally:
            waiting.sender.cancel()

    async def _repeat(self, waiting: _Waiting) -> None:
        wait = T1
        self.send(waiting.data)
        while True:
            await asyncio.sleep(wait)
            if waiting.final is not None or (waiting.invite and waiting.provisional):
                return
            wait = 2 * wait if waiting.invite else min(T2, 2 * wait)
            self.resent += 1
            self.send(waiting.data)

    def _on_sip(self) -> None:
        for _ in range(200):
            try:
                data = self.sip.recv(65535)
            except BlockingIOError:
                return
            self._message(data)

    def _message(self, data: bytes) -> None:
        first, headers, lines, body = parted(data)
        call = self.calls.get(headers.get("call-id", ""))
        if call is None or call.deaf:
            return
        if not first.startswith("SIP/2.0 "):
            method = first.split()[0]
            if method == "ACK":
                return
            names = ("via:", "from:", "to:", "call-id:", "cseq:")
            kept = [line for line in lines if line.lower().startswith(names)]
            self.send("\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""]).encode())
            if method == "BYE":
                call.over()
            return
        waiting = self._waiting.get((call.call_id, headers.get("cseq", "")))
        if waiting is None:
            return
        reply = Reply(int(first.split()[1]), headers, body)
        if reply.status < 200:
            waiting.provisional = True
            return
        if waiting.invite:
            call.acknowledge(reply, waiting.data)
        if waiting.final is None:
            waiting.final = reply
            if not waiting.done.done():
                waiting.done.set_result(reply)

    async def _pace(self) -> None:
        """A packet of every call that talks, every 20 ms of the monotonic clock; calls are spread over the 20 ms."""
        due = time.monotonic()
        slots = 4
        while True:
            for slot in range(slots):
                for call in [call for call in self.talking if call.ssrc % slots == slot]:
                    call.frame()
                due += PACE / slots
                await asyncio.sleep(max(0.0, due - time.monotonic()))
