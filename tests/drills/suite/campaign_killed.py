"""The daemon dies in the middle of a campaign, again and again."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

from ivr.settings import load_settings
from ivr.store import Store
from tests.conftest import free_port
from tests.drills.harness import Bench, Drill, Figure, at_most, exactly, until
from tests.kit.callee import Callee, kind_of
from tests.kit.daemon import Daemon

CONTACTS, KILLS, BETWEEN = 1000, 6, (2.0, 5.0)
"""Contacts, how often the daemon dies, and seconds that it lives: at random, so that it dies anywhere."""
SPEED = 30
"""Calls a second."""

FLOW = """
elements:
  start: {type: start_from_audience, next: call}
  call: {type: start_outgoing_call, line: carrier, ring_timeout: 1s, next: talk}
  talk: {type: collect, max_digits: 1, wait: 60s, responses: {"1": bye}, branches: {no_match: bye}}
  bye: {type: hang_up}
"""


async def run(bench: Bench) -> list[Figure]:
    count, kills = bench.pick((CONTACTS, KILLS), (300, 3), (120, 2))
    port, rng = free_port(), random.Random(7)
    line = f"lines:\n  carrier: {{type: gateway, host: 127.0.0.1, port: {port}}}\n"
    config = bench.config({"survey": FLOW}, extra=line)
    numbers = [f"+4930{n:06}" for n in range(count)]
    contacts = [{"number": number} for number in numbers]
    with Callee(port, bench.folder / "book", talk=0.1) as callee:
        key = 0
        for run_ in range(kills):
            with bench.with_config(config) as daemon:
                if not run_:
                    body = {"flow": "survey", "speed": f"{SPEED * 60}/minute", "contacts": contacts}
                    key = (await asyncio.to_thread(daemon.post, "/v1/campaigns", body))["id"]
                await asyncio.sleep(rng.uniform(*BETWEEN) * bench.pick(1.0, 0.5, 0.3))
                daemon.kill()
        before = len(callee.calls())
        with bench.with_config(config) as daemon:
            await until(lambda: _shown(daemon, key)["state"] == "finished", "the campaign is over", count / SPEED + 60)
            shown = _shown(daemon, key)
        calls = callee.numbers()
        store = Store.open(load_settings(config).store)
        try:
            rows = store.contacts.page(key, 10 * count)
            left = store.waits.count()
        finally:
            store.close()
    results = Counter(row.result for row in rows)
    wrong = [row for row in rows if row.result not in (kind_of(row.number), "interrupted")]
    uncalled = [row for row in rows if row.number not in calls and row.result != "interrupted"]
    return [
        exactly("contacts, and the sum of their results", (count, count), (len(rows), sum(shown["results"].values()))),
        exactly("contacts that are not done", 0, sum(row.state != "done" for row in rows)),
        exactly("numbers called twice", 0, sum(times > 1 for times in calls.values())),
        exactly("numbers that were never called and are not listed as interrupted", 0, len(uncalled)),
        exactly("results other than what the callee did, but interrupted", 0, len(wrong)),
        exactly("called before the last start, and after", True, 0 < before < sum(calls.values())),
        # Who was being called when it died: no more than were on the line or in the store's hands at that time.
        at_most("interrupted, of each death", SPEED, results["interrupted"] / kills, form=".1f"),
        exactly("flows left behind", 0, left),
    ]


def _shown(daemon: Daemon, key: int) -> dict[str, Any]:
    found: dict[str, Any] = daemon.get(f"/v1/campaigns/{key}")
    return found


DRILL = Drill(
    f"The daemon is killed with SIGKILL {KILLS} times while it calls {CONTACTS} contacts, {SPEED} a second.",
    run,
    seconds=300.0,
)
