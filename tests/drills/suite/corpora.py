"""Messages made to break SIP stacks."""

from __future__ import annotations

import asyncio
import itertools
from typing import Literal

from tests.conftest import free_port
from tests.drills.harness import Bench, Drill, Figure, alive, at_most, exactly
from tests.kit.hostile import CORPORA, barrage

TRANSPORTS: tuple[Literal["udp", "tcp"], ...] = ("udp", "tcp")


async def run(bench: Bench) -> list[Figure]:
    bench.proving("corpus")
    figures = []
    port = free_port()
    with bench.daemon(listen=f"udp:127.0.0.1:{port}, tcp:127.0.0.1:{port}") as daemon:
        for name, messages in CORPORA.items():
            for transport in TRANSPORTS:
                some = itertools.islice(messages(), 0, None, bench.pick(1, 5))
                verdict = await asyncio.to_thread(barrage, daemon.process.pid, port, some, transport)
                what = f"{name}, {verdict.sent} messages, {transport.upper()}"
                figures += [
                    exactly(f"{what}: honest questions unanswered", 0, len(verdict.unanswered)),
                    at_most("slowest answer in between", 50, verdict.worst * 1e3, "ms", ".1f"),
                    at_most("memory growth", 50, verdict.grown / 1024, "MB", ".1f"),
                ]
        return [*figures, alive(daemon)]


DRILL = Drill(
    "PROTOS c07-sip (3,025 INVITEs, their CANCELs), seeds of PJSIP's fuzzers, messages made after advisories.",
    run,
    seconds=300,
)
