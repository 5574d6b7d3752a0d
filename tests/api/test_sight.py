"""What tokens of agents are good for: their own matters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from ivr.api import CallRoutes, Guard, HttpServer, LineRoutes, OperationRoutes
from ivr.api.sight import Sight, was_his
from ivr.feed import Feed, FeedEvent
from ivr.settings import HostPort, MetricsSettings
from ivr.store import CallRecord, Store, new_token
from tests.api.conftest import Calls, Health, figures
from tests.api.test_stream import POOLS


class Seen:
    def __init__(self, client: TestClient[Any, Any], store: Store, feed: Feed) -> None:
        self.client, self.store, self.feed = client, store, feed
        self.agent = self.token("agent", agent="anna")

    def token(self, *roles: str, agent: str | None = None, scopes: tuple[str, ...] = ()) -> dict[str, str]:
        token, text = new_token("t", scopes, 1.0, roles=roles, agent=agent)
        self.store.tokens.add(token)
        return {"Authorization": f"Bearer {text}"}

    async def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        answer = await self.client.get(path, headers=headers or self.agent)
        return answer.status, await answer.json()


def row(name: str, number: int) -> dict[str, Any]:
    return {"id": name, "short_id": number, "caller": "+4930", "called": "100", "flow": "front", "flow_number": 1}


def record(name: str, number: int, hand_offs: list[dict[str, Any]]) -> CallRecord:
    return CallRecord(
        id=name, short_id=number, direction="inbound", line=None, caller="+4930", called="100", flow="front",
        started_at=1.0, ended_at=2.0, cause="user_hung_up", hand_offs=hand_offs,
    )  # fmt: skip


@pytest.fixture
async def seen(store: Store) -> AsyncIterator[Seen]:
    feed, calls = Feed(lambda: 1.0), Calls()
    calls.rows = [row(name, number) for number, name in enumerate(("hers", "queued", "elsewhere", "nobodys"), 1)]
    feed.tell("agent.offered", {"agent": "anna", "queue": "sales"}, "hers")
    feed.tell("queue.joined", {"queue": "sales"}, "queued")
    feed.tell("queue.joined", {"queue": "support"}, "elsewhere")
    for number, hand_offs in enumerate(
        ([{"target": "queue:sales", "agent": "anna"}], [{"target": "queue:sales", "agent": "ben"}], []), 10
    ):
        store.writer.call_ended(record(f"old{number}", number, hand_offs))
    assert store.writer.flush(20)
    sight = Sight(feed.concerns, lambda queue: POOLS.get(queue, ()))

    async def kept(name: str) -> dict[str, Any] | None:
        found = store.reader.call(name)
        return None if found is None else {"id": found.id, "hand_offs": found.hand_offs}

    parts = (CallRoutes(calls, sight, kept, store.reader), LineRoutes(lambda: ()))
    operations = OperationRoutes(Health(), figures, "text/plain", MetricsSettings())
    server = HttpServer(HostPort("127.0.0.1", 0), Guard(store), operations, parts)
    async with TestClient(TestServer(server.application())) as client:
        yield Seen(client, store, feed)


async def test_an_agent_sees_his_calls_and_those_in_his_queues_without_numbers(seen: Seen) -> None:
    status, found = await seen.get("/v1/calls")
    assert status == 200
    assert [(one["id"], one["caller"], one["called"]) for one in found["calls"]] == [
        ("hers", "+4930", "100"), ("queued", "xxxx", "xxxx")
    ]  # fmt: skip
    _, everything = await seen.get("/v1/calls", seen.token("manager"))
    assert len(everything["calls"]) == 4


async def test_an_agent_sees_the_way_of_his_calls_alone(seen: Seen) -> None:
    for name, status in {"hers": 200, "queued": 404, "elsewhere": 404, "nobodys": 404, "none": 404}.items():
        assert (await seen.get(f"/v1/calls/{name}"))[0] == status
    assert [(await seen.get(f"/v1/calls/old{number}"))[0] for number in (10, 11, 12)] == [200, 404, 404]
    _, found = await seen.get("/v1/calls?state=ended&limit=3")
    assert ([one["id"] for one in found["calls"]], found["next"]) == (["old10"], 10)


async def test_what_is_not_made_for_agents_is_closed_to_them_whatever_their_scopes_say(seen: Seen) -> None:
    status, problem = await seen.get("/v1/lines")
    assert (status, problem["detail"]) == (403, "this token is good for what concerns its own agent alone")
    assert (await seen.get("/v1/lines", seen.token("analytics")))[0] == 200
    assert (await seen.get("/v1/calls", seen.token("agent")))[0] == 403  # nobody's


async def test_an_agent_with_more_than_the_role_sees_more(seen: Seen) -> None:
    for headers in (
        seen.token("agent", agent="anna", scopes=("calls:read",)),
        seen.token("agent", "analytics", agent="anna"),
        seen.token("agent", agent="anna", scopes=("admin",)),
    ):
        assert len((await seen.get("/v1/calls", headers))[1]["calls"]) == 4


def test_a_call_that_was_transferred_to_an_agent_himself_is_his() -> None:
    feed = Feed(lambda: 1.0)
    heard: list[FeedEvent] = []
    feed.listen(heard.append)
    feed.tell("call.element", {"element": "moved"}, "c1")
    sight = Sight(feed.concerns, lambda queue: (), lambda agent, call: (agent, call) == ("anna", "c1"))
    row = {"id": "c1", "caller": "+4930"}
    assert (sight.row("anna", row), sight.row("ben", row)) == (row, None)
    (event,) = heard
    assert sight.event("anna", event, {"data": {}}) is not None and sight.event("ben", event, {"data": {}}) is None


def test_whose_a_call_was() -> None:
    assert was_his("anna", [{"target": "agent:anna"}])
    assert was_his("anna", [{"target": "queue:x", "agent": "ben"}, {"target": "queue:x", "agent": "anna"}])
    assert not was_his("anna", [{"target": "ai_agent:anna", "agent": "anna"}, {"target": None}])
