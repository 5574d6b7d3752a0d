"""Versions, profiles, events and flows without a caller, on a SQLite store: `python tests/bench/waits.py [FLOWS]`.

Loads a folder of 200 flows, begins FLOWS (2000) by events, and lets one event, meant for one of them, wake them all.
The loop of the daemon is what calls are set up on; how long it is held is measured meanwhile.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ivr.call.events import EventHub
from ivr.call.profiles import ProfileBook
from ivr.call.waiting import WaitingFlows
from ivr.daemon import SWITCH_INTERVAL
from ivr.flow import FlowSet, parse_flow
from ivr.flow.spoken import Languages
from ivr.service.upkeep import GC_THRESHOLD
from ivr.settings import parse_settings
from ivr.store import Store
from ivr.tasks import TaskSet
from ivr.versions import FlowKeeper
from tests.kit.outside import FakeOutside

FOLDER = 200
MENU = """
elements:
  start: {{type: start_incoming_call, numbers: ["{number}"], next: m0}}
{menus}
  bye: {{type: hang_up}}
"""
SHIP = """
variables: {order: 0}
elements:
  start: {type: start_from_audience, event: paid, save: {order: order}, next: ask}
  ask: {type: wait_for_event, event: shipped, conditions: [{property: order, is: "{{ order }}"}], next: tell}
  tell: {type: update_profile, fields: {shipped: true}}
"""


def flow(number: int) -> str:
    """A flow of 20 elements."""
    menus = "\n".join(
        f'  m{n}: {{type: collect, responses: {{"1": m{(n + 1) % 18}}}, branches: {{no_match: bye}}}}'
        for n in range(18)
    )
    return MENU.format(number=number, menus=menus)


def timed(label: str, work: Any) -> Any:
    """Run something and print how long it took."""
    began = time.perf_counter()
    found = work()
    print(f"{label:55} {(time.perf_counter() - began) * 1000:8.0f} ms")
    return found


def versions(store: Store, folder: Path) -> None:
    """The folder of flows."""
    flows = folder / "flows"
    flows.mkdir()
    for number in range(FOLDER):
        (flows / f"f{number}.yaml").write_text(flow(1000 + number))
    keeper = FlowKeeper(parse_settings(f"flows: {flows}", None, {}), store.versions)
    found = timed(f"take up {FOLDER} new flows", keeper.load)
    timed("take up the folder again, nothing changed", lambda: keeper.load(found))
    (flows / "f0.yaml").write_text(flow(5000))
    found = timed("take up the folder again, one changed", lambda: keeper.load(found))
    timed("roll back", lambda: keeper.rollback("f0", found))


async def waits(store: Store, count: int) -> None:
    """Events, profiles, flows that sleep and wake."""
    loop, tasks = asyncio.get_running_loop(), TaskSet()
    hub = EventHub(store, tasks.spawn, time.time)
    await hub.begin()
    flows, outside = FlowSet({"ship": replace(parse_flow(SHIP, "ship"), number=1)}), FakeOutside()
    services = SimpleNamespace(
        settings=parse_settings("", None, {}), store=store, outside=outside, languages=Languages(), wall=time.time,
        clock=loop.time, call_at=loop.call_at, call_later=loop.call_later,
    )  # fmt: skip
    waiting = WaitingFlows(cast(Any, services), hub, lambda: flows, lambda name, number: flows[name])
    await waiting.begin()
    tasks.spawn(waiting.run())

    async def quiet() -> None:
        while not waiting.quiet:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    began = time.perf_counter()
    for number in range(count):
        await hub.post(f"p{number}", "paid", {"number": f"+1555{number:05}", "order": number})
    await quiet()
    print(f"{'flows begun by events and put to sleep':55} {count / (time.perf_counter() - began):8.0f} /s")

    holds: list[float] = []

    async def watch() -> None:
        while True:
            before = loop.time()
            await asyncio.sleep(0.001)
            holds.append(loop.time() - before - 0.001)

    watching = asyncio.create_task(watch())
    began = time.perf_counter()
    await hub.post("s", "shipped", {"order": count // 2})
    await quiet()
    watching.cancel()
    holds.sort()
    assert len(outside.asked) == 1
    print(f"{'flows woken by one event that is for one of them':55} {count / (time.perf_counter() - began):8.0f} /s")
    print(f"{'the loop was held meanwhile, 99th of 100 / longest':55} "
          f"{holds[len(holds) * 99 // 100] * 1000:4.0f} /{holds[-1] * 1000:4.0f} ms")  # fmt: skip
    began = time.perf_counter()
    for number in range(1000):
        await hub.post(f"n{number}", "nobody", {"order": number})
    print(f"{'events that nobody waits for':55} {1000 / (time.perf_counter() - began):8.0f} /s")
    book, times = ProfileBook(store, loop), []
    for number in range(2000):
        found: asyncio.Future[Any] = loop.create_future()
        began = time.perf_counter()
        book.read(f"+1555{number:05}", found.set_result)
        await found
        times.append(time.perf_counter() - began)
    times.sort()
    print(f"{'a profile, median / 99th of 100':55} {times[1000] * 1000:.2f} / {times[1980] * 1000:.2f} ms")
    book.close()
    await tasks.close()
    await waiting.close()


def main() -> None:
    """Print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    sys.setswitchinterval(SWITCH_INTERVAL)
    with tempfile.TemporaryDirectory() as name:
        store = Store.open(f"sqlite:///{name}/ivr.db")
        versions(store, Path(name))
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLD)
        asyncio.run(waits(store, count))
        store.close()


if __name__ == "__main__":
    main()
