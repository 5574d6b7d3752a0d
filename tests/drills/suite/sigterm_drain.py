"""The daemon is told to stop while calls are up."""

from __future__ import annotations

import asyncio
import signal
import time

from tests.drills.crowd import Crowd, percentile
from tests.drills.harness import Bench, Drill, Figure, at_most, exactly, until

CALLS, DRAIN = 50, 4.0


async def run(bench: Bench) -> list[Figure]:
    count = CALLS
    drain = DRAIN
    with bench.daemon(limits=f"drain_timeout: {drain:g}s") as daemon:
        async with Crowd(daemon.sip_port) as crowd:
            calls = await crowd.dial(count, "102", 50)
            since = time.time()
            begun = time.monotonic()
            daemon.signal(signal.SIGTERM)
            await until(lambda: "stopping" in daemon.log(), "the stop in the log")
            late = crowd.call()
            status = await late.dial("101")
            retry = late.reply.headers.get("retry-after", "") if late.reply else ""
            await asyncio.sleep(drain / 2)
            gap = percentile([gap for call in calls for gap in call.gaps(since)], 0.99)
            hung_up = calls[: count // 2]
            statuses = {await call.hang_up() for call in hung_up}
            left = calls[count // 2 :]
            await asyncio.wait([asyncio.create_task(call.ended.wait()) for call in left], timeout=drain + 5)
            ended = [call.ended_at - begun for call in left if call.ended.is_set()]
            code = await asyncio.to_thread(daemon.process.wait, 15)
        causes = [record["cause"] for record in daemon.records(count)]
        return [
            exactly("new call", "503 with Retry-After", f"{status} {'with' if retry else 'without'} Retry-After"),
            at_most("RTP gap p99 of the calls that are up", 40, gap * 1e3, "ms", ".1f"),
            exactly("callers who hang up meanwhile get", "200", ", ".join(map(str, statuses))),
            exactly("calls left after drain_timeout that get BYE", len(left), len(ended)),
            at_most("their BYE after drain_timeout", 1.0, max(ended, default=99.0) - drain, "s", ".2f"),
            exactly("exit code", 0, code),
            exactly("records", f"{len(hung_up)} user_hung_up, {len(left)} system", _counted(causes)),
        ]


def _counted(causes: list[str]) -> str:
    return ", ".join(f"{causes.count(cause)} {cause}" for cause in sorted(set(causes), reverse=True))


DRILL = Drill("SIGTERM with 50 calls up: half hang up by themselves, half stay beyond drain_timeout.", run)
