"""Flows without a caller: begun by events, asleep in the store, awake again; in real time, with a real store."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ivr.call import waiting, waitstore
from ivr.call.events import EventHub
from ivr.call.report import CallReport
from ivr.call.starts import new_wait
from ivr.call.waiting import WaitingFlows
from ivr.flow import Flow, FlowSet, Machine, parse_flow, ports
from ivr.flow.spoken import Languages
from ivr.settings import Settings
from ivr.store import CallRecord, KeptWait, Store
from ivr.tasks import TaskSet
from ivr.versions import VersionError
from tests.kit.outside import FakeOutside

SHIP = """
variables: {order: 0, status: none}
elements:
  start: {type: start_from_audience, event: order.paid, contact: number, save: {order: order}, next: ask}
  ask: {type: wait_for_event, event: order.shipped, conditions: [{property: order, is: "{{ order }}"}],
        save: {status: status}, timeout: TIMEOUT, branches: {received: tell, timeout: late}}
  tell: {type: update_profile, fields: {status: "{{ status }}"}}
  late: {type: do_not_contact}
"""
AFTER = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: bye}
  bye: {type: hang_up, next: wait}
  wait: {type: wait_for_event, event: done, include_past: PAST, next: tell}
  tell: {type: update_profile, fields: {done: true}}
"""


class Node:
    """What a daemon has of this, on one store; two in a row are a restart."""

    def __init__(self, url: str, flows: dict[str, str], settings: Settings | None = None) -> None:
        self.url = url
        self.flows = FlowSet({name: self.version(text, name, 1) for name, text in flows.items()})
        self.old: dict[tuple[str, int], Flow] = {}
        self.settings = settings or Settings()
        self.outside = FakeOutside()
        self.wall = time.time

    def version(self, text: str, name: str, number: int) -> Flow:
        return replace(parse_flow(text, name), number=number)

    async def __aenter__(self) -> Node:
        loop = asyncio.get_running_loop()
        self.store = Store.open(self.url)
        self.tasks = TaskSet()
        self.hub = EventHub(self.store, self.tasks.spawn, lambda: self.wall())
        await self.hub.begin()
        services = SimpleNamespace(
            settings=self.settings, store=self.store, outside=self.outside, languages=Languages(),
            wall=lambda: self.wall(), clock=loop.time, call_at=loop.call_at, call_later=loop.call_later,
        )  # fmt: skip
        self.waiting = WaitingFlows(cast(Any, services), self.hub, lambda: self.flows, self.read)
        await self.waiting.begin()
        self.tasks.spawn(self.waiting.run())
        return self

    def read(self, name: str, number: int) -> Flow:
        found = self.old.get((name, number))
        if found is None:
            raise VersionError(f"there is no version {number} of {name}")
        return found

    async def __aexit__(self, *_: object) -> None:
        await self.tasks.close()
        await self.waiting.close()
        await asyncio.to_thread(self.store.close)

    async def kill(self) -> None:
        """End as a process that is killed does: nothing is put in order."""
        await self.tasks.close()
        await asyncio.to_thread(self.store.close)

    async def until(self, holds: Callable[[], Any]) -> Any:
        """What a condition gives once it holds."""
        async with asyncio.timeout(20):
            while not (found := holds()):  # noqa: ASYNC110 - many things are waited for
                await asyncio.sleep(0.005)
        return found

    def asked(self, kind: type) -> list[Any]:
        return [command for command in self.outside.asked if type(command) is kind]

    async def asleep(self, count: int = 1) -> None:
        """So many flows wait, and the store knows."""
        await self.until(lambda: len(self.waiting._asleep) == count and not self.waiting._running)
        await self.until(lambda: not self.waiting._kept.busy)

    async def over(self) -> None:
        await self.until(lambda: len(self.waiting) == 0 and not self.waiting._kept.busy)
        assert await asyncio.to_thread(self.store.waits.count) == 0
        assert await asyncio.to_thread(self.store.writer.flush, 20)

    async def post(self, name: str, key: str = "", **properties: Any) -> None:
        _, taken = await self.hub.post(key or f"{name}-{time.monotonic_ns()}", name, properties)
        assert taken == "new"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/ivr.db"


def ship(timeout: str = "30d") -> dict[str, str]:
    return {"ship": SHIP.replace("TIMEOUT", timeout)}


async def test_an_event_begins_a_flow_and_another_one_ends_its_wait(url: str) -> None:
    async with Node(url, ship()) as node:
        await node.post("order.paid", number="+1 555-0199", order=7)
        await node.asleep()
        await node.post("order.shipped", order=8, status="wrong")
        await node.asleep()
        assert node.asked(ports.UpdateProfile) == []
        await node.post("order.shipped", order=7, status="on its way")
        [command] = await node.until(lambda: node.asked(ports.UpdateProfile))
        assert (command.number, command.changes) == ("+15550199", {"status": "on its way"})
        await node.over()
        [record] = node.store.reader.calls()
        assert (record.direction, record.caller, record.cause, record.flow_number) == (
            "outside", "+15550199", "ended_by_flow", 1,
        )  # fmt: skip
        assert [step["element"] for step in record.path] == ["start", "ask", "tell"]
        assert record.ended_at is not None


async def test_a_flow_that_waits_survives_a_kill(url: str) -> None:
    node = await Node(url, ship()).__aenter__()
    await node.post("order.paid", number="+1555", order=7)
    await node.asleep()
    assert await asyncio.to_thread(node.store.writer.flush, 20)
    await node.kill()
    async with Node(url, ship()) as again:
        [record] = again.store.reader.calls()
        assert (record.cause, len(record.path)) == (None, 2)
        assert len(again.waiting) == 1
        await again.post("order.shipped", order=7, status="sent")
        await again.until(lambda: again.asked(ports.UpdateProfile))
        await again.over()
        [record] = again.store.reader.calls()
        assert (record.cause, [s["element"] for s in record.path]) == ("ended_by_flow", ["start", "ask", "tell"])


async def test_an_event_that_was_kept_before_a_kill_wakes_after_it(url: str) -> None:
    node = await Node(url, ship()).__aenter__()
    await node.post("order.paid", number="+1555", order=7)
    await node.asleep()
    node.hub.told = lambda event, starts: None  # killed between keeping and telling
    await node.post("order.shipped", order=7, status="sent")
    await node.post("order.paid", key="second", number="+1666", order=9)
    await node.kill()
    async with Node(url, ship()) as again:
        [command] = await again.until(lambda: again.asked(ports.UpdateProfile))
        assert command.number == "+1555"
        await again.asleep()  # the second order, whose flow had not even begun
        _, taken = await again.hub.post("second", "order.paid", {"number": "+1666", "order": 9})
        assert taken == "known"
        await again.post("order.shipped", order=9, status="sent")
        await again.until(lambda: len(again.asked(ports.UpdateProfile)) == 2)
        await again.over()


async def test_a_flow_that_was_on_its_way_is_taken_up_where_it_waited_last(url: str) -> None:
    request = (
        ship()["ship"]
        .replace("  tell:", "  call: {type: call_api, url: 'https://x.example/', next: tell}\n  tell:")
        .replace("received: tell", "received: call")
    )
    node = await Node(url, {"ship": request}).__aenter__()
    await node.post("order.paid", number="+1555", order=7)
    await node.asleep()
    await node.post("order.shipped", order=7, status="sent")
    await node.until(lambda: node.asked(ports.Request))
    await node.kill()  # before the answer
    async with Node(url, {"ship": request}) as again:
        [command] = await again.until(lambda: again.asked(ports.Request))
        again.outside.answer(ports.RequestDone(command.id, 200))
        await again.until(lambda: again.asked(ports.UpdateProfile))
        await again.over()


async def test_what_is_over_is_not_done_again(url: str) -> None:
    node = await Node(url, ship()).__aenter__()
    await node.post("order.paid", number="+1555", order=7)
    await node.asleep()
    await node.post("order.shipped", order=7, status="sent")
    await node.over()
    await node.kill()
    async with Node(url, ship()) as again:
        assert len(again.waiting) == 0
        await asyncio.sleep(0)
        assert again.outside.asked == []


async def test_a_deadline_wakes_also_one_that_passed_while_nobody_ran(url: str) -> None:
    node = await Node(url, ship("0.2s")).__aenter__()
    await node.post("order.paid", number="+1555", order=7)
    await node.asleep()
    await node.kill()
    async with Node(url, ship("0.2s")) as again:
        [command] = await again.until(lambda: again.asked(ports.DoNotContact))
        assert command.number == "+1555"
        await again.over()


async def test_a_flow_that_waits_stays_on_its_version(url: str) -> None:
    node = await Node(url, ship()).__aenter__()
    await node.post("order.paid", number="+1555", order=7)
    await node.asleep()
    await node.kill()
    changed = {"ship": ship()["ship"].replace('status: "{{ status }}"', "status: new")}
    async with Node(url, changed) as again:
        again.old["ship", 1] = again.version(ship()["ship"], "ship", 1)
        again.flows = FlowSet({"ship": again.version(changed["ship"], "ship", 2)})
        await again.post("order.shipped", order=7, status="old")
        [command] = await again.until(lambda: again.asked(ports.UpdateProfile))
        assert command.changes == {"status": "old"}
        await again.over()


async def test_a_version_that_is_not_there_any_more_ends_the_wait_with_a_line(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Node(url, ship()) as node:
        await node.post("order.paid", number="+1555", order=7)
        await node.asleep()
        node.flows = FlowSet({})
        await node.post("order.shipped", order=7)
        await node.over()
        assert "cannot go on: there is no version 1 of ship" in caplog.text
        assert "1555" not in caplog.text


async def test_a_year_without_a_step_ends_a_flow(url: str) -> None:
    forever = {"ship": ship()["ship"].replace("timeout: TIMEOUT, ", "").replace("timeout: 30d, ", "")}
    node = await Node(url, forever).__aenter__()
    await node.post("order.paid", number="+1555", order=7)
    await node.asleep()
    await node.kill()
    again = Node(url, forever)
    again.wall = lambda: time.time() + 366 * 86400
    async with again:
        await again.over()
        [record] = again.store.reader.calls()
        assert (record.cause, record.details["fault"][:19]) == ("system", "limits.flow_idle is")


async def test_events_that_are_not_for_a_flow_leave_no_record(url: str) -> None:
    picky = {
        "ship": ship()["ship"].replace(
            "event: order.paid,", "event: order.paid, conditions: [{property: vip, is: true}],"
        )
    }
    async with Node(url, picky) as node:
        await node.post("order.paid", number="+1555", order=7)
        await node.over()
        assert node.store.reader.calls() == []
        await node.post("order.paid", number="+1555", order=7, vip=True)
        await node.asleep()
        assert await asyncio.to_thread(node.store.writer.flush, 20)
        assert len(node.store.reader.calls()) == 1


async def test_there_is_room_for_so_many_and_no_more(url: str, caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings.model_validate({"limits": {"waiting_flows": 2}})
    async with Node(url, ship(), settings) as node:
        for order in range(3):
            await node.post("order.paid", number="+1555", order=order)
        await node.asleep(2)
        assert "limits.waiting_flows is reached" in caplog.text


async def test_many_wait_for_one_event_and_each_sees_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waitstore, "WAKE_BATCH", 7)
    monkeypatch.setattr(waiting, "RUNNING", 10)
    async with Node(url, ship()) as node:
        for order in range(40):
            await node.post("order.paid", number=f"+1555{order:02}", order=order % 4)
        await node.asleep(40)
        await node.post("order.shipped", order=1, status="sent")
        await node.until(lambda: len(node.asked(ports.UpdateProfile)) == 10)
        await node.asleep(30)
        for order in (0, 2, 3):
            await node.post("order.shipped", order=order, status="sent")
        await node.over()
        numbers = [command.number for command in node.asked(ports.UpdateProfile)]
        assert sorted(numbers) == [f"+1555{order:02}" for order in range(40)]


def taken(node: Node, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Rows that are taken from now on."""
    found: list[str] = []
    take = node.store.waits.take

    def taking(ids: Collection[str], now: float) -> Any:
        found.extend(ids)
        return take(ids, now)

    monkeypatch.setattr(node.store.waits, "take", taking)
    return found


async def test_an_event_that_is_not_for_a_flow_does_not_wake_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    node = await Node(url, ship()).__aenter__()
    for order in range(3):
        await node.post("order.paid", number=f"+155{order}", order=order)
    await node.asleep(3)
    woken = taken(node, monkeypatch)
    await node.post("order.shipped", order=9)
    await node.post("order.shipped")
    await node.asleep(3)
    assert woken == []
    await node.post("order.shipped", order="1", status="sent")
    await node.asleep(2)
    assert len(woken) == 1
    await node.kill()
    async with Node(url, ship()) as again:  # it is known after a restart, too
        woken = taken(again, monkeypatch)
        await again.post("order.shipped", order=9)
        await again.asleep(2)
        assert woken == []
        await again.post("order.shipped", order=2, status="sent")
        await again.asleep(1)
        assert len(woken) == 1


async def test_a_flow_that_slept_through_many_events_hears_the_one_that_is_for_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.call.events.RECENT", 2)
    monkeypatch.setattr("ivr.store.events.PAGE", 2)
    async with Node(url, ship()) as node:
        await node.post("order.paid", number="+1555", order=7)
        await node.asleep()
        for _ in range(5):
            await node.post("order.shipped", order=9)
        await node.post("order.shipped", order=7, status="sent")
        [command] = await node.until(lambda: node.asked(ports.UpdateProfile))
        assert command.changes == {"status": "sent"}
        await node.over()


async def test_conditions_that_may_change_wake_a_flow_that_judges_them(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    picky = {"ship": ship()["ship"].replace('is: "{{ order }}"', 'is: "{{ profile.order or order }}"')}
    async with Node(url, picky) as node:
        await node.post("order.paid", number="", order=7)
        await node.asleep()
        woken = taken(node, monkeypatch)
        await node.post("order.shipped", order=9)
        await node.until(lambda: woken)
        await node.asleep()
        await node.post("order.shipped", order=7)
        await node.over()


async def test_thousands_that_sleep_are_not_held_up_by_an_event_for_nobody(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Node(url, ship()) as node:
        woken = taken(node, monkeypatch)
        for order in range(5000):
            checks = [["order", "is", order]]
            node.waiting._sleepers.add(str(order), ["order.shipped"], checks)
        began = time.process_time()
        await node.post("order.shipped", order="none")
        assert time.process_time() - began < 1.0
        await asyncio.sleep(0.05)
        assert woken == []


def damage(url: str, snapshot: str) -> None:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        number = "(SELECT min(rowid) FROM waits)"
        connection.execute(f"UPDATE waits SET snapshot = ? WHERE rowid = {number}", [snapshot])


@pytest.mark.parametrize("snapshot", ['{"machine": {"frames": [{}]}}', '{"machine": 5}', "[]", "no json"])
async def test_a_row_that_is_damaged_holds_up_no_other(
    url: str, snapshot: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(waitstore, "RETRY_SECONDS", 0.01)
    node = await Node(url, ship()).__aenter__()
    for number in ("+1555", "+1666"):
        await node.post("order.paid", number=number, order=7)
    await node.asleep(2)
    await node.kill()
    damage(url, snapshot)
    async with Node(url, ship()) as again:
        await again.post("order.shipped", order=7, status="sent")
        [command] = await again.until(lambda: again.asked(ports.UpdateProfile))
        assert command.number == "+1666"
        await again.until(lambda: len(again.waiting) == 0)
        assert "cannot go on" in caplog.text or "is given up" in caplog.text


async def test_a_store_that_fails_for_a_while_loses_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ivr.errors import StoreError

    monkeypatch.setattr(waitstore, "RETRY_SECONDS", 0.01)
    async with Node(url, ship()) as node:
        change, failures = node.store.waits.change, iter(range(3))

        def failing(*arguments: Any) -> None:
            if next(failures, None) is not None:
                raise StoreError("locked")
            change(*arguments)

        monkeypatch.setattr(node.store.waits, "change", failing)
        await node.post("order.paid", number="+1555", order=7)
        await node.asleep()
        await node.post("order.shipped", order=7, status="sent")
        await node.until(lambda: node.asked(ports.UpdateProfile))
        await node.over()


async def test_what_is_known_of_the_person_is_read_before_a_flow_goes_on(url: str) -> None:
    reading = {"ship": ship()["ship"].replace('"{{ status }}"', '"{{ profile.name }}"')}
    async with Node(url, reading) as node:
        await node.post("order.paid", number="+1555", order=7)
        [(number, then)] = await node.until(lambda: node.outside.reads)
        assert number == "+1555"
        then({})
        await node.asleep()
        await node.post("order.shipped", order=7, status="sent")
        await node.until(lambda: len(node.outside.reads) == 2)
        node.outside.reads[1][1]({"name": "Anna"})
        [command] = await node.until(lambda: node.asked(ports.UpdateProfile))
        assert command.changes == {"status": "Anna"}
        await node.over()


async def test_a_flow_that_is_stopped_while_it_sleeps_or_is_taken_goes_no_further(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Node(url, ship()) as node:
        await node.post("order.paid", number="+1555", order=7)
        await node.asleep()
        node.waiting.stop(next(iter(node.waiting._asleep)), [])
        await node.over()
        await node.post("order.paid", number="+1555", order=8)
        await node.asleep()
        (key,) = node.waiting._asleep
        table, begun, release = node.store.waits, threading.Event(), threading.Event()
        take = table.take

        def slow(ids: Collection[str], now: float) -> list[KeptWait]:
            begun.set()
            assert release.wait(20)
            return take(ids, now)

        monkeypatch.setattr(table, "take", slow)
        await node.post("order.shipped", order=8, status="sent")
        await node.until(begun.is_set)
        node.waiting.stop(key, [])
        release.set()
        await node.over()
        assert not node.asked(ports.UpdateProfile)
        node.waiting.stop(key, [])  # it is over


# Flows whose callers have left


def left(node: Node, past: str = "false") -> tuple[Machine, CallReport]:
    """A call that is over, whose flow waits; its record is not written yet."""
    node.flows = FlowSet({"after": node.version(AFTER.replace("PAST", past), "after", 1)})
    started = time.time()
    info = ports.CallInfo("c1", "+1555", "100", waiting.moment(started, UTC))
    machine = Machine(node.flows["after"], node.flows, info, {})
    machine.start("start", 5.0)
    assert any(isinstance(command, ports.HangUp) for command in machine.commands())
    record = CallRecord(id="c1", short_id=1, direction="inbound", started_at=started, flow="after", details={"kept": 1})
    report = CallReport(node.store, record)
    report.over("ended_by_flow", started)
    return machine, report


async def test_a_flow_goes_on_after_its_call(url: str) -> None:
    async with Node(url, {}) as node:
        machine, report = left(node)
        assert machine.dormant
        free = node.waiting.keep(machine, report)
        await node.post("done")  # before the record of the call is written: it must not be lost
        report.write(machine, None)
        free()
        [command] = await node.until(lambda: node.asked(ports.UpdateProfile))
        assert command.number == "+1555"
        await node.over()
        [record] = node.store.reader.calls()
        assert (record.cause, record.details["kept"]) == ("ended_by_flow", 1)
        assert [step["element"] for step in record.path] == ["start", "bye", "wait", "tell"]


async def test_a_flow_that_cannot_be_kept_leaves_the_record_of_its_call(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Node(url, {}) as node:
        machine, report = left(node)
        monkeypatch.setattr(node.waiting, "has_room", lambda: False)
        node.waiting.keep(machine, report)()
        monkeypatch.undo()
        monkeypatch.setattr(Machine, "snapshot", lambda machine: 1 / 0)
        node.waiting.keep(machine, report)()
        assert report.record(machine, None).details["faults"] == [
            "limits.waiting_flows is reached: the flow does not go on",
            "the flow cannot be kept: it does not go on",
        ]
        assert len(node.waiting) == 0


async def test_it_is_in_the_store_before_the_record_is_written(url: str) -> None:
    node = await Node(url, {}).__aenter__()
    machine, report = left(node)
    node.waiting.keep(machine, report)
    await node.until(lambda: not node.waiting._kept.puts)
    await node.kill()
    async with Node(url, {}) as again:
        again.flows = node.flows
        await again.post("done")
        await again.until(lambda: again.asked(ports.UpdateProfile))
        await again.over()


async def test_past_events_count_where_the_flow_says_so(url: str) -> None:
    async with Node(url, {}) as node:
        await node.post("done")
        machine, report = left(node, "1h")
        node.waiting.keep(machine, report)()
        await node.until(lambda: node.asked(ports.UpdateProfile))
        await node.over()


async def test_what_happens_inside_wakes_too(url: str) -> None:
    async with Node(url, {}) as node:
        machine, report = left(node)
        text = AFTER.replace("PAST", "false").replace("event: done", "event: call.ended")
        node.flows = FlowSet({"after": node.version(text, "after", 1)})
        machine = Machine(
            node.flows["after"], node.flows, ports.CallInfo("c1", "+1555", "100", waiting.moment(time.time(), UTC)), {}
        )
        machine.start("start", 5.0)
        node.waiting.keep(machine, report)()
        await node.asleep()
        node.hub.happened("call.ended:c9", "call.ended", {"cause": "network"})
        await node.until(lambda: node.asked(ports.UpdateProfile))
        await node.over()


async def test_what_is_booked_and_never_done_is_taken_back(url: str) -> None:
    async with Node(url, {"after": AFTER.replace("PAST", "1h")}) as node:
        before = new_wait("call-1", node.store.node, 1.0)
        done: list[str] = []
        booked = replace(before, snapshot={"dialled": 1})
        node.waiting._kept.put(before)
        await node.until(lambda: not node.waiting._kept.busy)
        node.waiting._kept.book(before, booked, lambda: done.append("placed"))
        await node.until(lambda: done)
        kept = await asyncio.to_thread(node.store.waits.of_call, "call-1")
        assert kept is not None
        assert kept.snapshot == {"dialled": 1}
        await node.tasks.close()
        node.waiting._kept.book(before, replace(booked, snapshot={"dialled": 2}), lambda: done.append("never"))
        await node.waiting.close()
        kept = await asyncio.to_thread(node.store.waits.of_call, "call-1")
        assert kept is not None
        assert (kept.snapshot, done) == ({}, ["placed"])
