"""Single contacts: kept before the answer, once for each key, for flows that call and for flows that do not."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from ivr.call.contacts import Contacts, Wanted
from ivr.call.starts import StartError
from ivr.errors import OverloadedError
from ivr.flow import ports
from tests.call.test_waiting import Node

CALLS = """
elements:
  start: {type: start_from_audience, next: dial}
  dial: {type: start_outgoing_call, branches: {call_answered: bye}}
  bye: {type: hang_up}
"""
ANSWERS = """
variables: {name: ""}
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: hello}
  hello: {type: play, text: "Hello {{ name }}.", next: bye}
  bye: {type: hang_up}
"""


class Office(Node):
    """A node with a place to ask for calls; nobody is called."""

    def contacts(self, refusal: str | None = None) -> Contacts:
        services: Any = self.waiting._services
        return Contacts(services, self.waiting, self.spawn, lambda: refusal)

    def spawn(self, work: Coroutine[Any, Any, None]) -> object:
        return self.tasks.spawn(work)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(f"sqlite:///{tmp_path}/ivr.db", {"calls": CALLS, "answers": ANSWERS})


async def test_a_key_is_taken_once(office: Office) -> None:
    async with office as node:
        contacts, wanted = node.contacts(), Wanted("+15550100", "calls", payload={"order": 7})
        first = await contacts.place(wanted, "order-7")
        assert first[1] == "new"
        assert await contacts.place(wanted, "order-7") == (first[0], "known")
        assert await contacts.place(Wanted("+15550101", "calls"), "order-7") == (first[0], "other")
        state = await contacts.state(first[0])
        assert state is not None
        assert (state["state"], state["called"], state["details"]["payload"]) == ("waiting", "+15550100", {"order": 7})
        without = [await contacts.place(wanted) for _ in range(2)]
        assert without[0][0] != without[1][0]


async def test_a_key_is_known_when_its_call_is_over(office: Office) -> None:
    async with office as node:
        contacts = node.contacts()
        services: Any = node.waiting._services
        node.outside.blocked.add("+15550100")
        manager: Any = type("Book", (), {"draining": False, "has_room": lambda self: True})()
        node.waiting.dials.calls = manager
        services.measured = lambda record, figures, stats: None
        services.dialled = Counter()
        call_id, _ = await contacts.place(Wanted("+15550100", "calls"), "order-7")
        await node.over()
        assert await contacts.place(Wanted("+15550100", "calls"), "order-7") == (call_id, "known")
        state = await contacts.state(call_id)
        assert state is not None
        assert state["state"] == "ended"
        assert state["details"]["attempts"][0]["status"] == "do_not_contact"


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (Wanted("+15550100", "nobody"), "there is no flow nobody"),
        (Wanted("+15550100", "calls", fields={"line": "pbx"}), "line cannot be given"),
        (Wanted("+15550100", "answers", properties={"now": 1}), "now"),
    ],
)
async def test_what_cannot_be(office: Office, wanted: Wanted, text: str) -> None:
    async with office as node:
        with pytest.raises(StartError, match=text):
            await node.contacts().place(wanted)
        assert await asyncio.to_thread(node.store.waits.count) == 0


async def test_a_flow_that_only_takes_calls_is_called_for(office: Office) -> None:
    async with office as node:
        call_id, _ = await node.contacts().place(Wanted("+15550100", "answers", properties={"name": "Anna"}))
        kept = await asyncio.to_thread(node.store.waits.of_call, call_id)
        assert kept is not None
        assert (kept.flow, kept.version) == ("(call)", 0)
        assert kept.snapshot["record"]["flow"] == "answers"
        assert asdict(kept)["snapshot"]["options"]["pass"] == ["name"]


async def test_nobody_is_taken_while_the_daemon_stops(office: Office) -> None:
    async with office as node:
        with pytest.raises(OverloadedError, match="the daemon stops"):
            await node.contacts("the daemon stops").place(Wanted("+15550100", "calls"))


@pytest.mark.parametrize(
    ("number", "flow", "error"),
    [("", "calls", "no_number"), ("+1", "nobody", "no_flow"), ("+2", "calls", "do_not_contact"), ("+3", "calls", None)],
)
async def test_another_flow_asks(office: Office, number: str, flow: str, error: str | None) -> None:
    async with office as node:
        services: Any = node.waiting._services
        services.flush = lambda: None
        node.outside.blocked.add("+2")
        told: list[ports.ContactStarted] = []
        node.contacts().begin(ports.StartContact(4, flow, number), told.append)
        await node.until(lambda: told)
        assert (told[0].id, told[0].error, bool(told[0].call_id)) == (4, error, error is None)


@pytest.mark.parametrize(("chosen", "guest", "kept"), [(True, True, ""), (False, True, "+3"), (True, False, None)])
async def test_a_contact_that_a_guest_has_led_to(office: Office, chosen: bool, guest: bool, kept: str | None) -> None:
    async with office as node:
        services: Any = node.waiting._services
        services.flush = lambda: None
        rows: list[Any] = []
        node.waiting.admit = rows.extend  # type: ignore[method-assign]
        told: list[ports.ContactStarted] = []
        node.contacts().begin(ports.StartContact(4, "calls", "+3", chosen=chosen, guest=guest), told.append)
        await node.until(lambda: told)
        assert rows[0].snapshot["record"]["details"].get("guest") == kept
