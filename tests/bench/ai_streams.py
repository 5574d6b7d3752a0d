"""AI agents: how much later sound is on its way between a caller and a bot, and what that costs.

    flock /tmp/bench.lock .venv/bin/python -m tests.bench.ai_streams --streams 100 --seconds 20

A whole daemon, all its processes on one core, with calls by SIP that `transfer_to_ai_agent` hands to a bot by Media
Streams. Callers and bot share a process on the other core, and so a clock: each frame holds the moment when it was
sent. The bot answers each frame with one of its own. `in` counts from the caller's RTP packet to the bot's WebSocket
frame, the 20 ms that the jitter buffer holds back included; `out` from the bot's WebSocket frame to the RTP packet at
the caller.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import os
import socket
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.harness import machine
from tests.conftest import free_port
from tests.kit.caller import RawCaller
from tests.kit.daemon import Daemon

STAMP = struct.Struct("<Id")
"""Begin of a frame: its number, and when it was sent."""
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SLOTS = 20
"""Moments within 20 ms at which callers send."""
SETTLE = 3.0
"""Seconds at the beginning that are not measured."""
FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: talk}
  talk: {type: transfer_to_ai_agent, agent: bot, next: done}
  done: {type: hang_up}
"""
CONFIG = """
sip: {{listen: ['udp:127.0.0.1:{sip}'], trusted: ['127.0.0.0/8']}}
http: {{listen: '127.0.0.1:{http}', allow: [127.0.0.1]}}
media: {{ports: '20002-29999', workers: 1}}
speech: {{engine: espeak-ng}}
limits: {{drain_timeout: 1s, calls_per_second_per_source: 100000}}
ai_agents: {{bot: {{url: '{url}'}}}}
"""
ULAW = bytes(range(0x10, 0x70)) * 2


class Bench:
    """Callers and bot."""

    def __init__(self) -> None:
        self.delays: dict[str, list[float]] = {"in": [], "out": []}
        self.measures = False
        self.callers: list[RawCaller] = []
        self.sent = 0
        self.messages = 0

    def note(self, way: str, frame: bytes, now: float) -> None:
        """A frame has come."""
        if self.measures and len(frame) == 160:
            number, sent = STAMP.unpack_from(frame)
            if 0 < now - sent < 5.0 and number < 1 << 20:
                self.delays[way].append(now - sent)

    def join(self, caller: RawCaller) -> None:
        """A call is up: its RTP is read by the loop from now on."""
        caller._closing = True
        caller._thread.join()
        caller.rtp.setblocking(False)
        asyncio.get_running_loop().add_reader(caller.rtp.fileno(), self._heard, caller.rtp)
        self.callers.append(caller)

    def _heard(self, rtp: socket.socket) -> None:
        try:
            data = rtp.recv(2048)
        except BlockingIOError:
            return
        if len(data) == 172 and data[1] & 127 == 0:
            self.note("out", data[12:], time.monotonic())

    async def speak(self) -> None:
        """Each caller a packet in 20 ms, a few of them in each millisecond."""
        begun, turn = time.monotonic(), 0
        while True:
            turn += 1
            for caller in self.callers[turn % SLOTS :: SLOTS]:
                caller.send_packet(STAMP.pack(turn // SLOTS, time.monotonic()) + ULAW[: 160 - STAMP.size])
            if (wait := begun + turn * 0.02 / SLOTS - time.monotonic()) > 0:
                await asyncio.sleep(wait)


class Bot(asyncio.Protocol):
    """Media Streams as cheap as can be: a frame for each frame, read and written by hand."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.rest = b""
        self.open = False
        self.number = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self.rest += data
        if not self.open:
            self._shake()
            return
        while len(self.rest) >= 8:
            length, head = self.rest[1] & 127, 6
            if length == 126:
                length, head = int.from_bytes(self.rest[2:4], "big"), 8
            if len(self.rest) < head + length:
                return
            mask, content = self.rest[head - 4 : head], self.rest[head : head + length]
            self.rest = self.rest[head + length :]
            self._message(mask, content, now)

    def _shake(self) -> None:
        head, end, _ = self.rest.partition(b"\r\n\r\n")
        if not end:
            return
        key = next(line[19:].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self.open, self.rest = True, b""

    def _message(self, mask: bytes, content: bytes, now: float) -> None:
        size = len(content)
        key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        plain = (int.from_bytes(content, "big") ^ key).to_bytes(size, "big")
        at = plain.find(b'"payload":"')
        if at < 0 or self.transport.is_closing():
            return
        self.bench.messages += 1
        self.bench.note("in", base64.b64decode(plain[at + 11 : at + 227]), now)
        self.number += 1
        frame = base64.b64encode(STAMP.pack(self.number, time.monotonic()) + ULAW[: 160 - STAMP.size])
        message = b'{"event":"media","media":{"payload":"' + frame + b'"}}'
        self.transport.write(b"\x81\x7e" + len(message).to_bytes(2, "big") + message)


@contextmanager
def daemon(url: str, core: int) -> Iterator[Daemon]:
    """A daemon, all of it on one core."""
    with tempfile.TemporaryDirectory(prefix="ivr-bench-") as name:
        folder = Path(name)
        for part in ("flows", "prompts"):
            (folder / part).mkdir()
        (folder / "flows" / "ai.yaml").write_text(FLOW)
        (folder / "ivr.yaml").write_text(CONFIG.format(sip=free_port(), http=free_port(socket.SOCK_STREAM), url=url))
        with Daemon(folder / "ivr.yaml", prefix=("taskset", "-c", str(core))) as found:
            yield found


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in below for one in tree(int(child)))]


def processor(pid: int) -> dict[str, float]:
    """Seconds of CPU so far: of the daemon itself, and of the media workers."""
    found = {}
    for one in tree(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        name = "daemon" if one == pid else "media"
        found[name] = found.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def place(values: list[float], share: float) -> float:
    """A percentile, in milliseconds."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] * 1000


async def measure(streams: int, seconds: float, core: int) -> None:
    """One row of the table."""
    bench = Bench()
    listening = await asyncio.get_running_loop().create_server(lambda: Bot(bench), "127.0.0.1", 0)
    with daemon(f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/ws", core) as found:
        speaking = asyncio.create_task(bench.speak())
        for _ in range(streams):
            caller = RawCaller(found.sip_port)
            caller.__enter__()
            await asyncio.to_thread(caller.call, "100")
            bench.join(caller)
        await asyncio.sleep(SETTLE)
        used = time.process_time()
        bench.messages, before, begun = 0, processor(found.process.pid), time.monotonic()
        bench.measures = True
        await asyncio.sleep(seconds)
        bench.measures = False
        took, after = time.monotonic() - begun, processor(found.process.pid)
        speaking.cancel()
        own = time.process_time() - used
        cpu = {name: (after[name] - before[name]) / took * 100 for name in after}
        row = [str(streams)]
        for way in ("in", "out"):
            values = bench.delays[way]
            row += [f"{place(values, share):.1f}" for share in (0.5, 0.99, 0.999)] + [f"{len(values)}"]
        print("| " + " | ".join([*row, *(f"{cpu[name]:.0f} %" for name in ("daemon", "media"))]) + " |")
        print(f"    {bench.messages / took / streams:.2f} frames a second and stream; callers and bot {own / took:.0%}")
        for caller in bench.callers:
            asyncio.get_running_loop().remove_reader(caller.rtp.fileno())
            caller.sip.close()
            caller.rtp.close()
    listening.close()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--streams", default="100", help="numbers of streams, by comma")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--core", type=int, default=0, help="of the daemon; callers and bot have the others")
    options = parser.parse_args()
    others = set(range(os.cpu_count() or 1)) - {options.core}
    os.sched_setaffinity(0, others or {options.core})
    print(machine())
    print("| streams | in p50 | p99 | p99.9 ms | frames | out p50 | p99 | p99.9 ms | frames | daemon | media |")
    for streams in options.streams.split(","):
        asyncio.run(measure(int(streams), options.seconds, options.core))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
