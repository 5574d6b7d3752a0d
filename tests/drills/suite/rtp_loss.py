"""Keys over a network that loses packets."""

from __future__ import annotations

import asyncio

from tests.drills.crowd import Crowd
from tests.drills.harness import Bench, Drill, Figure, alive, at_least, exactly, until
from tests.drills.records import typed

CALLS, KEYS = 50, 100
SHIFT = -6000
"""From the daemon's RTP ports to those of the lossy way, below those that the kernel gives."""
NETWORK = {"loss": 5, "dup": 1, "reorder": 1, "jitter": 5}
ALL_KEYS = "0123456789*#"


async def run(bench: Bench) -> list[Figure]:
    calls, keys = bench.pick((CALLS, KEYS), (20, 50))
    config = bench.config(ports=200)
    first = int(config.read_text().split("ports: '")[1].split("-")[0])
    ways = {port + SHIFT: port for port in range(first, first + 200, 2)}
    with bench.with_config(config) as daemon, bench.chaos(ways, **NETWORK):
        async with Crowd(daemon.sip_port) as crowd:
            up = [crowd.call() for _ in range(calls)]
            for index, call in enumerate(up):
                assert await call.dial("104") == 200
                call.remote = (call.remote[0], call.remote[1] + SHIFT)
                call.talk()
                call.press("".join(ALL_KEYS[(index + step * 5) % 12] for step in range(keys)))
            await until(lambda: not any(call.keys for call in up), "all keys to be pressed", 120)
            await asyncio.sleep(1.0)
            await crowd.hang_up()
        records = {record["sip_call_id"]: typed(record) for record in daemon.records(calls)}
        pressed = sum(len(call.typed) for call in up)
        lost, doubled, wrong = 0, 0, 0
        for call in up:
            got = records[call.call_id]
            lost += max(0, len(call.typed) - len(got))
            doubled += max(0, len(got) - len(call.typed))
            wrong += len(got) == len(call.typed) and got != call.typed
        return [
            at_least("keys pressed", calls * keys, pressed),
            exactly("keys lost", 0, lost),
            exactly("keys doubled", 0, doubled),
            exactly("calls with other keys than were pressed", 0, wrong),
            alive(daemon),
        ]


DRILL = Drill(
    "5,000 keys as telephone-events over a network that loses 5 % of RTP, doubles 1 % and reorders 1 %.",
    run,
    seconds=180,
)
