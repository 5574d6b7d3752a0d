"""The caller's host is gone."""

from __future__ import annotations

import asyncio
import time

from tests.drills.crowd import Crowd
from tests.drills.harness import Bench, Drill, Figure, alive, at_most, exactly, until

INTERVAL = 90
"""Seconds: the least that RFC 4028 §4 allows."""


async def run(bench: Bench) -> list[Figure]:
    figures = []
    with bench.daemon(media="timeout: 3s") as daemon:
        async with Crowd(daemon.sip_port) as crowd:
            timer = f"Session-Expires: {INTERVAL};refresher=uas"
            # Its media gateway goes on to send; who signals is gone.
            half = crowd.call()
            assert await half.dial("102", "Supported: timer", timer) == 200
            half.talk()
            agreed = half.reply.headers.get("session-expires", "none") if half.reply else "none"
            gone = (await crowd.dial(1, "102"))[0]
            await asyncio.sleep(0.5)
            for call in (half, gone):
                call.deaf = True
            crowd.talking.discard(gone)
            begun = time.monotonic()
            # The BYE of the other is not answered, 32 s long; the call is over at once for all that.
            found: dict[str, object] = {}
            await until(lambda: _ended(daemon.records(0), gone.call_id, found), "a record", 20)
            figures.append(
                at_most("all gone: media timeout 3 s, record after", 4.5, time.monotonic() - begun, "s", ".1f")
            )
            figures.append(exactly("its cause", "media_timeout", found["cause"]))
            figures.append(exactly("session timer agreed", f"{INTERVAL};refresher=uas", agreed))
            if bench.scale == "full":
                await until(lambda: _ended(daemon.records(0), half.call_id, found), "a record", INTERVAL + 10)
                took = time.monotonic() - begun
                figures.append(at_most("only signalling gone: call ended after", INTERVAL, took, "s", ".1f"))
            half.deaf = False
        return [*figures, alive(daemon)]


def _ended(records: list[dict[str, object]], call_id: str, found: dict[str, object]) -> bool:
    for record in records:
        if record["sip_call_id"] == call_id:
            found.update(record)
            return True
    return False


DRILL = Drill(
    "A caller's host is gone without a BYE; of another only the signalling is, his sound goes on.", run, seconds=180
)
