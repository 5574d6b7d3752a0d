"""The media plane without the runtime around it: a SIP stub of a page answers the load generator from a bare pool.

    .venv/bin/python -m tests.bench.media_plane --levels 400,1000,2000
    .venv/bin/python -m tests.bench.media_plane --batch python --levels 1600
    .venv/bin/python -m tests.bench.media_plane --menu --levels 500

CPU and memory are those of the worker processes alone; jitter, loss and reaction are what the generator saw. It needs
the generator; `tests/bench/load.py` measures the whole runtime, and without the generator too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
import tempfile
from pathlib import Path

import numpy as np

from media import Digit, MediaConfig, MediaEvent, MediaFull, MediaPool, PlayDone, Port, Sound, Stream
from media.codecs.g711 import ULAW_DECODE
from tests.bench.harness import generator

_LINE = re.compile(rb"m=audio (\d+)")
_HOST = re.compile(rb"c=IN IP4 ([0-9.]+)")


class Stub(asyncio.DatagramProtocol):
    """Just enough SIP for the generator: INVITE, ACK, BYE. Numbers 200 (prompt), 300 (menu), 600 (listen). What the
    calls hear is for subclasses to change."""

    def __init__(self, pool: MediaPool, sounds: dict[str, Sound], inband: bool) -> None:
        self.pool, self.sounds, self.inband = pool, sounds, inband
        self.calls: dict[bytes, tuple[Port, bytes]] = {}
        self.refused = 0

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        method, uri, _ = lines[0].split(b" ", 2)
        fields = dict(line.split(b": ", 1) for line in reversed(lines[1:]))
        call = fields[b"Call-ID"]
        if method == b"INVITE":
            if call not in self.calls and not self._begin(call, uri, body, lines, fields):
                self.transport.sendto(_reply(b"503 Service Unavailable", lines, b""), address)
                return
            self.transport.sendto(self.calls[call][1], address)
        elif method == b"BYE":
            known = self.calls.pop(call, None)
            if known is not None:
                known[0].release()
            self.transport.sendto(_reply(b"200 OK", lines, b""), address)

    def _begin(self, call: bytes, uri: bytes, body: bytes, lines: list[bytes], fields: dict[bytes, bytes]) -> bool:
        number = uri.partition(b":")[2].partition(b"@")[0].decode()

        def heard(event: MediaEvent) -> None:
            self.heard(port, number, event)

        try:
            port = self.pool.allocate(heard)
        except MediaFull:
            self.refused += 1
            return False
        line, host = _LINE.search(body), _HOST.search(body)
        assert line is not None and host is not None
        remote = (host[1].decode(), int(line[1]))
        port.update(Stream(remote=remote, event_type=101, event_type_in=101, inband=self.inband))
        self.answered(port, number)
        sdp = (
            f"v=0\r\no=- 1 1 IN IP4 {port.local[0]}\r\ns=-\r\nc=IN IP4 {port.local[0]}\r\nt=0 0\r\n"
            f"m=audio {port.local[1]} RTP/AVP 0 101\r\n"
        )
        self.calls[call] = (port, _reply(b"200 OK", lines, sdp.encode()))
        return True

    def answered(self, port: Port, number: str) -> None:
        """A call begins."""
        if number != "600":
            port.play([self.sounds["menu10" if number == "300" else "prompt30"]], loop=0)

    def heard(self, port: Port, number: str, event: MediaEvent) -> None:
        """Something happens in a call."""
        if (isinstance(event, Digit) and event.phase == "start" and number == "300") or (
            isinstance(event, PlayDone) and event.reason == "completed"
        ):
            port.play([self.sounds["after5"]])


def _reply(status: bytes, lines: list[bytes], body: bytes) -> bytes:
    kept = [
        line + (b";tag=stub" if line.startswith(b"To:") and b";tag=" not in line else b"")
        for line in lines[1:]
        if line.split(b":", 1)[0] in (b"Via", b"From", b"To", b"Call-ID", b"CSeq")
    ]
    kind = [b"Content-Type: application/sdp"] if body else []
    head = [b"SIP/2.0 " + status, *kept, b"Contact: <sip:stub@127.0.0.1:15060>", *kind]
    return b"\r\n".join([*head, b"Content-Length: %d" % len(body), b"", body])


def sounds_of(folder: Path, cache: Path) -> dict[str, Sound]:
    """The generator's prompts as the plane wants them."""
    found = {}
    for name in ("prompt30", "menu10", "after5"):
        octets = np.fromfile(folder / "audio" / f"{name}.ulaw", np.uint8)
        path = cache / f"{name}.s16"
        path.write_bytes(ULAW_DECODE[octets].astype("<i2").tobytes())
        found[name] = Sound(path, len(octets))
    return found


async def measure(options: argparse.Namespace, folder: Path, level: int, make: type[Stub] = Stub) -> dict[str, object]:
    """One run with ``level`` calls."""
    config = MediaConfig(
        ports=(20002, 29999), workers=options.workers, spare=False, compiled=options.batch == "compiled"
    )
    with tempfile.TemporaryDirectory(prefix="media-bench-") as cache:
        pool = await MediaPool.start(config)
        try:
            loop = asyncio.get_running_loop()
            sounds = sounds_of(folder, Path(cache))
            transport, stub = await loop.create_datagram_endpoint(
                lambda: make(pool, sounds, not options.no_inband), local_addr=("127.0.0.1", options.sip)
            )
            command = [
                str(folder / "callgen"), "--target", f"127.0.0.1:{options.sip}", "--local", "127.0.0.1:16060",
                "--number", "300" if options.menu else "200", "--calls", str(level),
                "--ramp-cps", str(max(20, level / 5)), "--settle", "1" if options.menu else "3",
                "--window", str(options.window),
                "--rtp-socks", str(options.rtp_socks), "--pid", ",".join(map(str, pool.pids)),
                "--audio", str(folder / "audio" / "caller30.ulaw"),
            ]  # fmt: skip
            if options.menu:
                # Pressed five seconds after the answer: for most calls in the window, after the ramp of five seconds.
                command += ["--dtmf", "5.0:1", "--marker-byte", "90"]
            process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            output, _ = await process.communicate()
            transport.close()
            result: dict[str, object] = json.loads(output)
            result["batch"] = pool.batch
            result["pacing"] = [one.pacing for one in pool.statistics()]
            result["refused"] = stub.refused
            return result
        finally:
            await pool.close()


def say(level: int, r: dict[str, object]) -> None:
    """One line of the table."""
    jitter, late, react = r["jitter_ms"], r["late_ms"], r["react_ms"]
    assert isinstance(jitter, dict) and isinstance(late, dict) and isinstance(react, dict)
    memory = (int(str(r["rss_end_kb"])) - int(str(r["rss_idle_kb"]))) / level
    print(
        f"{r['batch']:8} {level:5} calls  {float(str(r['cpu_per_call_s'])) * 1000:.3f} ms/call-s  "
        f"jitter p50/p99/max {jitter['p50']}/{jitter['p99']}/{jitter['max']}  late p99 {late['p99']}  "
        f"loss {r['lost']}  rx/20ms {r['rx_per_20ms_per_call']}  {memory:.0f} KiB/call (end {r['rss_end_kb']} KiB)  "
        f"react {react['p50']}/{react['p99']}/{react['max']} n={react['n']}  "
        f"gen {r['gen_cores']} late {r['gen_late_ticks']} "
        f"other {r['other_cores']} sink_drop {r['sink_drop']}",
        flush=True,
    )


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--levels", default="400,1000,2000")
    parser.add_argument("--batch", choices=("compiled", "python"), default="compiled")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--window", type=float, default=8)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--sip", type=int, default=15060)
    parser.add_argument("--rtp-socks", type=int, default=4)
    parser.add_argument("--menu", action="store_true", help="digits cut the prompt; the reaction is measured")
    parser.add_argument("--no-inband", action="store_true")
    options = parser.parse_args()
    folder = generator()
    if folder is None:
        print("the load generator is not here", file=sys.stderr)
        return 1
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}")
    for level in map(int, options.levels.split(",")):
        for _ in range(options.repeats):
            say(level, asyncio.run(measure(options, folder, level)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
