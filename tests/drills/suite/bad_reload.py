"""A reload that brings what does not hold."""

from __future__ import annotations

import asyncio
import signal
import time
from functools import partial

from tests.drills.crowd import Crowd, percentile
from tests.drills.harness import FLOWS, Bench, Drill, Figure, alive, at_most, exactly, until
from tests.kit.daemon import Daemon

CALLS = 20
BROKEN = {
    "an element that does not exist": FLOWS["short"].replace("next: done", "next: nowhere"),
    "no YAML": "elements: {start: [",
    "not text": "\x00\xff\ufffe",
    "empty": "",
}


async def run(bench: Bench) -> list[Figure]:
    count = bench.pick(CALLS, CALLS, 3)
    refused = 0
    with bench.daemon() as daemon:
        good = (daemon.folder / "flows" / "short.yaml").read_text()
        async with Crowd(daemon.sip_port) as crowd:
            calls = await crowd.dial(count, "102", 50)
            since = time.time()
            statuses = set()
            for number, text in enumerate(BROKEN.values(), 1):
                (daemon.folder / "flows" / "short.yaml").write_text(text)
                daemon.signal(signal.SIGHUP)
                await until(partial(_refused, daemon, number), f"refusal {number} in the log")
                refused += 1
                call = crowd.call()
                statuses.add(await call.dial("100"))
                await asyncio.wait_for(call.ended.wait(), 5)
            (daemon.folder / "flows" / "short.yaml").write_text(good.replace('"100"', '"100", "109"'))
            daemon.signal(signal.SIGHUP)
            await until(lambda: "short: version 2 is active" in daemon.log(), "the mended flow in the log")
            mended = crowd.call()
            status = await mended.dial("109")
            up = sum(not call.ended.is_set() for call in calls)
            gap = percentile([gap for call in calls for gap in call.gaps(since)], 0.99)
            await crowd.hang_up()
        return [
            exactly("reloads refused with the reason in the log", len(BROKEN), refused),
            exactly("new calls by the flows as they were", "200", ", ".join(map(str, statuses))),
            exactly("calls up all the time", count, up),
            at_most("their RTP gap p99", 40, gap * 1e3, "ms", ".1f"),
            exactly("new number once the flow holds again", 200, status),
            alive(daemon),
        ]


def _refused(daemon: Daemon, times: int) -> bool:
    return daemon.log().count("nothing is taken up anew") >= times


DRILL = Drill("SIGHUP with flows that are broken, no YAML, no text, empty; then with a mended one.", run, short=True)
