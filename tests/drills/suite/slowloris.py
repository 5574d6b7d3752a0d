"""Connections that hold what they do not use."""

from __future__ import annotations

import asyncio
import time

from tests.conftest import free_port
from tests.drills.crowd import Crowd, percentile
from tests.drills.harness import Bench, Drill, Figure, alive, at_most, exactly, memory, need
from tests.kit.certificate import make_certificate

CALLS, CONNECTIONS, SECONDS = 20, 1000, 25.0
MODES = (("tcp", "idle"), ("tcp", "drip"), ("tcp", "header"), ("tcp", "big-cl"), ("tls", "idle"), ("tls", "half-tls"))
SLOWEST = 1000
"""Milliseconds over TCP. Over TLS it is the tool that is slow: it makes a thousand handshakes in the same loop."""


async def run(bench: Bench) -> list[Figure]:
    need("openssl")
    count, seconds = CONNECTIONS, SECONDS
    modes = bench.pick(MODES, (MODES[2], MODES[4], MODES[5]))
    udp, tls = free_port(), free_port()
    certificate = make_certificate(bench.folder, "localhost")
    figures: list[Figure] = []
    taken: list[int] = []
    with bench.daemon(
        listen=f"udp:127.0.0.1:{udp}, tcp:127.0.0.1:{udp}, tls:127.0.0.1:{tls}",
        sip=f"trusted: [127.0.0.1/32, 127.0.9.0/24], tls: {{certificate: '{certificate}'}}",
        limits="connections_per_source: 1000",
    ) as daemon:
        before = memory(daemon.process.pid)
        async with Crowd(daemon.sip_port) as crowd:
            calls = await crowd.dial(CALLS, "102", 50)
            since = time.time()
            for transport, mode in modes:
                port = tls if transport == "tls" else udp
                options = ["--target", f"127.0.0.1:{port}", "--conns", str(count), "--mode", mode]
                options += ["--secs", f"{seconds:g}", *(["--tls"] if transport == "tls" else [])]
                report = await bench.tool("drills", "slowloris.py", options=options, seconds=seconds + 30)
                gone = report["closed_by_server"] + report["refused"]
                figures += [
                    exactly(f"{mode} over {transport.upper()}: of {count} connections, ended by us", count, gone),
                    exactly("honest connections meanwhile that get no answer", 0, report["honest_lost"]),
                ]
                if transport == "tcp":
                    slowest = report["honest_max_ms"]
                    figures.append(at_most("slowest answer to an honest one", SLOWEST, slowest, "ms", ".0f"))
                taken.append(memory(daemon.process.pid))
            gap = percentile([gap for call in calls for gap in call.gaps(since)], 0.99)
            up = sum(not call.ended.is_set() for call in calls)
            await crowd.hang_up()
            await asyncio.sleep(0.5)
        return [
            *figures,
            at_most("RTP gap p99 of 20 calls", 40, gap * 1e3, "ms", ".1f"),
            exactly("calls that stay up", CALLS, up),
            at_most("memory kept for each connection of a round", 128, (max(taken) - before) / count, "KiB", ".0f"),
            at_most("memory that the last round added", 20, (taken[-1] - max(taken[:-1])) / 1024, "MB", ".1f"),
            alive(daemon),
        ]


DRILL = Drill(
    "1,000 connections at a time that say nothing, drip, end no header, promise 2 GB, stop in the handshake.",
    run,
    seconds=400,
)
