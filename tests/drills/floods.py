"""What drills of floods share: calls that are up, the generator, and what honest peers feel of it."""

from __future__ import annotations

import asyncio
import time

from tests.drills.crowd import Crowd, percentile
from tests.drills.harness import Bench, Figure, alive, at_least, at_most, exactly, memory

__all__ = ["flood"]

CALLS, SECONDS = 50, 10.0
TRUSTED = "trusted: [127.0.0.1/32, 127.0.9.0/24]"
"""Our callers, and the prober of the generator; the flood comes from 127.0.10.0/24."""


async def flood(bench: Bench, method: str, rate: int) -> list[Figure]:
    """So many requests a second at a daemon with calls up."""
    count, seconds = bench.pick((CALLS, SECONDS), (CALLS, 5.0))
    with bench.daemon(sip=TRUSTED) as daemon:
        async with Crowd(daemon.sip_port) as crowd:
            calls = await crowd.dial(count, "102", 50)
            await asyncio.sleep(0.5)
            before = memory(daemon.process.pid)
            since = time.time()
            options = ["--target", f"127.0.0.1:{daemon.sip_port}", "--method", method, "--rate", str(rate)]
            options += ["--secs", f"{seconds:g}", "--user", "101"]
            report = await bench.tool("drills", "sip_flood.py", options=options, seconds=seconds + 30)
            until = time.time() - 1.5  # the generator listens for so long when it is done
            gaps = [gap for call in calls for gap in call.gaps(since)]
            packets = sum(since <= packet.at < until for call in calls for packet in call.packets)
            up = sum(not call.ended.is_set() for call in calls)
            late = crowd.call()
            status = await late.dial("101")
            await asyncio.sleep(1.0)
            grown = memory(daemon.process.pid) - before
            await crowd.hang_up()
        return [
            at_least("requests a second", 0.9 * rate, report["rate"]),
            at_most("RTP gap p99", 40, percentile(gaps, 0.99) * 1e3, "ms", ".1f"),
            at_least("RTP packets of those due", 99, 100 * packets / ((until - since) * 50 * count), "%", ".2f"),
            at_most("lost by the trusted prober", 1, 100 * report["probes_lost"] / report["probes"], "%", ".2f"),
            exactly("calls that stay up", count, up),
            exactly("a new call of a trusted peer right after", 200, status),
            at_most("memory growth", 50, grown / 1024, "MB", ".1f"),
            alive(daemon),
        ]
