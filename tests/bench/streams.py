"""Sound streams: what a row with a stream costs, and how much later sound is by them.

    .venv/bin/python -m tests.bench.streams              # both
    .venv/bin/python -m tests.bench.streams --only delay --streams 100 --seconds 10

*cost*: the plane alone, without sockets, microseconds of CPU a row and tick of 20 ms; each row hears its peer and is
given a frame a tick, commands and records included.

*delay*: a real worker and peers in a process of their own, which send a packet each 20 ms, every one at another moment
within a tick. What a peer says is given back at once, as a bot that echoes. ``in`` counts from the peer's send to the
event, the 20 ms that the jitter buffer holds back included; ``out`` from ``stream_audio`` to the packet at the peer.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, Literal

import numpy as np

from media import MediaConfig, MediaEvent, MediaFull, MediaPool, Port, Stream, StreamFrames
from media import terms as updates
from media.batch import Addresses
from media.plane.commands import Commands
from media.plane.plane import Plane
from media.plane.rows import Rows
from media.protocol import STREAM_ENCODINGS, Command, pack
from media.recording import RecordingWriter
from tests.bench.codecs import TICKS, Feed, Shell, kinds, payloads, voice

STAMP = struct.Struct("<Id")
"""Begin of a frame: its number from 1 on, and when it was sent. G.711 keeps octets as they are in a stream of µ-law."""
ENCODINGS: Final[tuple[Literal["ulaw"] | None, ...]] = (None, "ulaw")
SETTLE = 2.0
"""Seconds at the beginning that are not measured."""


def cost(codec: str, rows: int, encoding: str | None, silent: bool = False) -> float:
    """Microseconds of CPU a row and tick; without ``encoding`` of rows without a stream."""
    kind = next(kind for kind in kinds() if kind.name == codec)
    talk = [(kind.stream["payload_type"], 160, payloads(kind.stream, voice(4)), None)] * rows
    feed = Feed(np.array([(0x7F000001 << 16) + 20000 + 2 * row for row in range(rows)], np.uint64), talk)
    state = Rows(rows, np.random.default_rng(1))
    plane = Plane(
        state, feed, Shell(), RecordingWriter(), lambda name, n: np.zeros(n, np.int16), lambda name, n: None,
        np.random.default_rng(1), b"bench", 30.0, Addresses(),
    )  # fmt: skip
    commands = Commands(plane)
    orders = []
    frame = bytes(160 * (1 + (encoding == "slin16")))
    said = []
    for row in range(rows):
        orders.append(pack(Command.ALLOCATE, row, 1))
        fields, strings = updates.encode(Stream(remote=("127.0.0.1", 20000 + 2 * row), **kind.stream))
        orders.append(pack(Command.UPDATE, row, 1, *fields, strings=strings))
        if encoding is not None:
            orders.append(pack(Command.STREAM_OPEN, row, 1, 1, STREAM_ENCODINGS.index(encoding)))
            said.append(pack(Command.STREAM_AUDIO, row, 1, 1, strings=(frame,)))
    spent = 0.0
    for tick in range(TICKS + 20):
        feed.prepare()
        given = b"".join(orders)
        started = time.process_time()
        plane.first_half(1000 + tick * 0.02, 1e9)
        plane.second_half(1000.012 + tick * 0.02, 1e9, functools.partial(commands.obey, given))
        if tick >= 20:
            spent += time.process_time() - started
        orders = [] if silent else said
        plane.outbox.clear()
        plane.stream_frames.clear()
    return spent / TICKS / rows * 1e6


def show_costs(rows: int, repeats: int) -> None:
    """The table of costs."""
    for codec in ("pcmu 20 ms", "g722"):
        plain = min(cost(codec, rows, None) for _ in range(repeats))
        print(f"{codec:12} {rows} rows, no stream             {plain:7.2f} us", flush=True)
        for encoding in STREAM_ENCODINGS:
            for silent in (True, False):
                least = min(cost(codec, rows, encoding, silent) for _ in range(repeats))
                what = "hears" if silent else "hears and speaks"
                print(
                    f"{codec:12} {rows} rows, {encoding:6} {what:16} {least:7.2f} us, +{least - plain:.2f}", flush=True
                )


def peers(remotes: list[int], seconds: float) -> None:
    """The peers' process: prints their ports, sends to ``remotes``, and prints the delays of what comes back, in ms."""
    sockets = []
    poll = select.epoll()
    by_number: dict[int, int] = {}
    for place in range(len(remotes)):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        sockets.append(sock)
        poll.register(sock, select.EPOLLIN)
        by_number[sock.fileno()] = place
    print(json.dumps([sock.getsockname()[1] for sock in sockets]), flush=True)
    sys.stdin.readline()
    begun = time.monotonic()
    count = len(remotes)
    due = [begun + 0.02 * (place + 0.5) / count for place in range(count)]
    numbers = [0] * count
    delays: list[float] = []
    rest = bytes(160 - STAMP.size)
    place = 0
    while True:
        now = time.monotonic()
        if now - begun > seconds + SETTLE:
            break
        for number, _ in poll.poll(max(0.0, due[place] - now)):
            data = sockets[by_number[number]].recv(2048)
            stamp, sent = STAMP.unpack_from(data, 12)
            now = time.monotonic()
            if stamp and stamp < 1 << 30 and now - begun > SETTLE:
                delays.append(1000 * (now - sent))
        while due[place] <= (now := time.monotonic()):
            numbers[place] += 1
            head = struct.pack(">BBHII", 0x80, 0, numbers[place] & 0xFFFF, 160 * numbers[place], 7)
            packet = head + STAMP.pack(numbers[place], now) + rest
            sockets[place].sendto(packet, ("127.0.0.1", remotes[place]))
            due[place] += 0.02
            place = (place + 1) % count
    print(json.dumps(delays), flush=True)


def processor(pid: int) -> float:
    """Seconds of CPU that a process took."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def delay(count: int, seconds: float, encoding: Literal["ulaw"] | None) -> None:
    """The table of delays; without ``encoding`` what the same calls cost without streams."""
    pool = await MediaPool.start(MediaConfig(ports=(30200, 30200 + 2 * count + 63), workers=1, spare=False))
    came: list[float] = []
    linked: list[float] = []
    begun = time.monotonic() + 1e9

    def heard(event: MediaEvent) -> None:
        if isinstance(event, StreamFrames):
            now = time.monotonic()
            number, sent = STAMP.unpack_from(event.payload)
            if number and number < 1 << 30 and now > begun:
                came.append(1000 * (now - sent))
                linked.append(1000 * (now - event.at))
                event.port.stream_audio(event.stream_id, STAMP.pack(number, now) + event.payload[STAMP.size :])

    ports: list[Port] = []
    while len(ports) < count:
        try:
            ports.append(pool.allocate(heard))
        except MediaFull:  # the worker binds some ahead, and then some more
            await asyncio.sleep(0.05)
    command = [sys.executable, "-m", "tests.bench.streams", "--peers", ",".join(str(port.local[1]) for port in ports)]
    process = subprocess.Popen(  # noqa: ASYNC220  nothing is measured yet
        [*command, "--seconds", str(seconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdin is not None
    for port, number in zip(ports, json.loads(process.stdout.readline()), strict=True):
        port.update(Stream(remote=("127.0.0.1", number)))
        if encoding is not None:
            port.open_stream(encoding)
    process.stdin.write("go\n")
    process.stdin.flush()
    begun = time.monotonic() + SETTLE
    await asyncio.sleep(SETTLE)
    ours, worker = time.process_time(), processor(pool.pids[0])
    await asyncio.sleep(seconds - 0.5)
    spent = [(time.process_time() - ours), processor(pool.pids[0]) - worker]
    gone = json.loads(await asyncio.to_thread(process.stdout.readline))
    process.wait()
    ticks = (seconds - 0.5) * 50
    for name, figures in (("in, from the peer's send", came), ("of it the link", linked), ("out", gone)):
        if figures and encoding is not None:
            p50, p99, most = np.percentile(figures, [50, 99, 100])
            print(f"{count} streams, {name:26} p50 {p50:5.1f}  p99 {p99:5.1f}  most {most:5.1f} ms", flush=True)
    per = [1e6 * one / ticks / count for one in spent]
    what = "with" if encoding else "without"
    print(f"{count} calls {what} streams: {per[0]:.1f} us a call and tick in this process, {per[1]:.1f} in the worker")
    await pool.close()


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("cost", "delay"))
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3, help="the least of so many counts")
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--peers", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peers:
        peers([int(number) for number in options.peers.split(",")], options.seconds)
        return 0
    if options.only != "delay":
        show_costs(options.rows, options.repeats)
    if options.only != "cost":
        for encoding in ENCODINGS:
            asyncio.run(delay(options.streams, options.seconds, encoding))
    return 0


if __name__ == "__main__":
    sys.exit(main())
