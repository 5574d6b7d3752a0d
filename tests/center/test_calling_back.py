"""Call backs over real SIP stacks, in virtual time: the centre, the flow that calls, and who is called."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ivr.call.contacts import Wanted
from ivr.center.callbacks import Callbacks
from ivr.center.rules.events import CallbackCancelled
from ivr.sip import Ended
from tests.kit.house import DESK, TRUNK, Party
from tests.kit.placing import Placing
from tests.kit.queue_house import QueueHouse, desk_flow

QUEUE = (
    "{join_when_empty: always, wrap_up: 0, callback: {attempts: 2, retry_after: 60s}, "
    "waiting: {music: false, keys: {callback: '2'}}}"
)
NUMBER = "030123456"


class CallingBack:
    """A caller who has asked to be called back, and the world that calls him."""

    def __init__(self, folder: Path) -> None:
        self.house = QueueHouse(
            folder, {"main": desk_flow("100")}, {"anna": "200, first_status: unavailable"}, queue=QUEUE
        )
        self.calls = Placing(folder, {}, house=self.house)
        self.calls.on_over = lambda wait, outcome: self.callbacks.over(wait, outcome)
        house = self.house
        self.callbacks = Callbacks(
            house.desk, self.place, self.calls.stop, self.spawn, self.keep, house.services.clock, house.services.feed
        )
        house.desk.callbacks = self.callbacks
        self.anna = house.phone("200", DESK)
        self.person: Party = house.party(TRUNK)
        self.rows: dict[str, Any] = {}
        self.placed: list[str] = []

    def keep(self, kind: str, key: str, value: Any) -> None:
        self.rows = {name: row for name, row in {**self.rows, key: value}.items() if row is not None}

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.house.link.after(0.0, lambda: asyncio.run(work))

    async def place(self, wanted: Wanted, key: str | None) -> tuple[str, str]:
        options = {"say": True, "fields": dict(wanted.fields), "queue": wanted.queue}
        properties = {**wanted.properties, "number": wanted.to, "say": wanted.say}
        wait = self.calls.starts.call(options, properties, 0)
        wait = replace(wait, id=wait.call_id)
        self.placed.append(wait.call_id)
        self.calls.rows[wait.id] = wait
        self.house.link.after(0.001, lambda: self.calls.wake(wait) if wait.id in self.calls.rows else None)
        return wait.call_id, "new"

    def ask(self) -> str:
        """He calls, presses the keys, and hangs up: the name of his call back."""
        house = self.house
        caller = house.party(("192.0.2.11", 5060))
        caller.call_as("299", "100")
        house.port.press("2", house.now)
        house.run(0.5)
        for key in f"2{NUMBER}#":
            house.port.press(key, house.now)
            house.run(0.3)
        house.port.press("1", house.now)
        house.run(0.5)
        caller.hang_up()
        house.run(1.0)
        (row,) = house.desk.center.callers()
        return str(row["callback"])

    def state(self) -> tuple[str, int]:
        """How the call back is, and how many attempts count."""
        (row,) = self.house.desk.center.callers()
        return row["state"], row["attempts"]

    @property
    def phase(self) -> str:
        return str(self.house.agent("anna")["phase"])

    def settled(self) -> None:
        assert not vars(self.callbacks)["_kept"]
        assert not vars(self.callbacks)["_calls"]
        assert not self.rows
        self.calls.settled()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[CallingBack]:
    yield CallingBack(tmp_path)


def test_the_person_is_called_and_gets_his_agent(world: CallingBack) -> None:
    world.ask()
    world.house.choose("anna", "available")
    world.house.run(0.5)
    assert world.state() == ("calling_back", 1)
    world.person.ring()
    world.person.answer()
    assert world.house.pool.ports[-1].heard()[0].startswith("This is the call back")
    world.house.pool.ports[-1].played()
    world.house.run(1.0)
    world.anna.answer()
    world.house.run(5.0)
    assert world.phase == "in_call"
    world.anna.hang_up()
    world.house.run(1.0)
    world.settled()


def test_without_a_line_nobody_is_held_and_nothing_is_tried_by_itself(world: CallingBack) -> None:
    world.ask()
    lines = dict(world.house.services.lines.lines)
    world.house.services.lines.lines.clear()
    world.house.choose("anna", "available")
    world.house.run(1.0)
    assert world.phase == "idle"
    assert world.state() == ("callback", 0)
    assert not world.calls.rows, "the call is over, and waits for nothing"
    world.house.run(25.0)
    assert len(world.placed) == 1
    world.house.run(700.0)
    assert world.state() == ("callback", 0), "an attempt that reached no telephone is none"
    world.house.services.lines.lines.update(lines)
    world.house.run(61.0)
    assert world.state() == ("calling_back", 1)
    assert len(world.person.calls) == 1, "he is called once, not once more for each time that it could not be"
    world.person.refuse(486)
    world.house.run(61.0)
    world.person.refuse(486)
    world.house.run(700.0)
    assert len(world.person.calls) == 2
    world.settled()


@pytest.mark.parametrize("when", ["placed", "dialled", "rings", "answered"])
def test_a_call_back_that_is_cancelled_is_called_no_longer(world: CallingBack, when: str) -> None:
    name = world.ask()
    world.house.choose("anna", "available")
    if when == "placed":
        world.house.run(0.0005)
    else:
        world.house.run(0.5)
    if when == "rings":
        world.person.ring()
    elif when == "answered":
        world.person.answer()
    world.house.desk.receive(CallbackCancelled(name))
    world.house.run(2.0)
    assert world.phase == "idle"
    if when == "answered":  # he hears why he is called, and waits like anybody
        assert not world.person.got(Ended)
        world.house.pool.ports[-1].played()
        world.house.run(1.0)
        world.anna.answer()
        world.house.run(3.0)
        world.anna.hang_up()
    elif when != "placed":
        assert [event.cause for event in world.person.got(Ended)] == ["cancel"]
    world.house.run(600.0)
    assert len(world.placed) == 1
    world.settled()


def test_who_is_not_reached_is_called_as_often_as_the_queue_says(world: CallingBack) -> None:
    world.ask()
    world.house.choose("anna", "available")
    for _ in range(2):
        world.house.run(0.5)
        world.person.ring()
        world.house.run(100.0)
    world.house.run(600.0)
    assert len(world.placed) == 2
    assert world.house.of("callback.failed")[0]["attempts"] == 2
    world.settled()
