from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from ivr.api import Guard, HttpServer, OperationRoutes
from ivr.api import stream as streams
from ivr.api.sight import Sight
from ivr.api.stream import StreamRoutes
from ivr.feed import Feed
from ivr.settings import HostPort, MetricsSettings
from ivr.store import Store, new_token
from tests.api.conftest import Health, figures

POOLS = {"sales": ("anna", "ben"), "support": ("ben",)}


class Radio:
    """The stream under test."""

    def __init__(self, client: TestClient[Any, Any], feed: Feed, routes: StreamRoutes, store: Store) -> None:
        self.client, self.feed, self.routes, self.store = client, feed, routes, store

    async def tune(self, query: str = "", last: str | None = None, **headers: str) -> ClientResponse:
        more = {"Last-Event-ID": last} if last is not None else {}
        return await self.client.get(f"/v1/events{query}", headers={**headers, **more})

    async def hear(self, stream: ClientResponse, count: int = 1) -> list[tuple[str, Any]]:
        """Type and data of the next events."""
        found: list[tuple[str, Any]] = []
        fields: dict[str, str] = {}
        async with asyncio.timeout(10):
            while len(found) < count:
                line = (await stream.content.readline()).decode().rstrip("\n")
                if not line:
                    if "data" in fields:
                        found.append((fields["event"], {"_id": fields["id"], **json.loads(fields["data"])}))
                    fields = {}
                elif not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    fields[name] = value
        return found


@pytest.fixture
async def radio(store: Store) -> AsyncIterator[Radio]:
    feed, guard = Feed(lambda: 1_772_000_000.0, 5), Guard(store)
    routes = StreamRoutes(feed, guard, Sight(feed.concerns, lambda queue: POOLS.get(queue, ())), 0.1)
    operations = OperationRoutes(Health(), figures, "text/plain", MetricsSettings())
    server = HttpServer(HostPort("127.0.0.1", 0), guard, operations, [routes])
    async with TestClient(TestServer(server.application())) as client:
        yield Radio(client, feed, routes, store)
        routes.close()


async def test_what_happens_is_heard(radio: Radio) -> None:
    radio.feed.tell("call.started", {"short_id": 6})
    stream = await radio.tune()
    assert (stream.content_type, stream.headers["Cache-Control"]) == ("text/event-stream", "no-store")
    radio.feed.tell("call.started", {"short_id": 7}, "c")
    radio.feed.tell("call.ended", {"text": "line\nbreak"}, "c")
    (first, data), (second, more) = await radio.hear(stream, 2)
    assert (first, second) == ("call.started", "call.ended")
    assert data["_id"] == data["id"] == f"{radio.feed.run}-2"
    assert (data["call"], data["data"], more["data"]) == ("c", {"short_id": 7}, {"text": "line\nbreak"})


async def test_who_comes_back_gets_what_was_missed(radio: Radio) -> None:
    for number in range(4):
        radio.feed.tell("call.started", {"n": number})
    stream = await radio.tune(last=f"{radio.feed.run}-2")
    radio.feed.tell("call.ended", {"n": 4})
    assert [data["data"]["n"] for _, data in await radio.hear(stream, 3)] == [2, 3, 4]
    again = await radio.tune(f"?after={radio.feed.run}-4")
    assert (await radio.hear(again))[0][1]["data"] == {"n": 4}


@pytest.mark.parametrize("last", ["RUN-1", "RUN-99", "other-3", "rubbish", "-1"])
async def test_who_was_away_too_long_is_told(radio: Radio, last: str) -> None:
    for number in range(10):
        radio.feed.tell("call.started", {"n": number})
    stream = await radio.tune(last=last.replace("RUN", radio.feed.run))
    radio.feed.tell("call.ended", {"n": 10})
    (gap, data), (kind, more) = await radio.hear(stream, 2)
    assert (gap, data["_id"], kind) == ("gap", f"{radio.feed.run}-10", "call.ended")
    assert more["_id"] == f"{radio.feed.run}-11"


@pytest.mark.parametrize(
    ("query", "heard"),
    [
        ("types=call.*", "abc"),
        ("types=call.ended,agent.status", "cd"),
        ("call=y", "bc"),
        ("types=call.ended&call=y", "c"),
    ],
)
async def test_filters(radio: Radio, query: str, heard: str) -> None:
    stream = await radio.tune(f"?{query}")
    told = [("call.started", "x"), ("call.started", "y"), ("call.ended", "y"), ("agent.status", None), ("end.it", "y")]
    for letter, (kind, call) in zip("abcde", told, strict=True):
        radio.feed.tell(kind, {"letter": letter}, call)
    wanted = heard if "types" in query else heard + "e"
    assert "".join(data["data"]["letter"] for _, data in await radio.hear(stream, len(wanted))) == wanted


@pytest.mark.parametrize(("query", "heard"), [("queue=sales", "abcd"), ("agent=anna", "bcdf")])
async def test_what_happens_in_a_queue_or_to_an_agent(radio: Radio, query: str, heard: str) -> None:
    stream = await radio.tune(f"?{query}")
    told: list[tuple[str, str | None, dict[str, str]]] = [
        ("queue.joined", "x", {"queue": "sales"}),
        ("agent.answered", "x", {"queue": "sales", "agent": "anna"}),
        ("call.element", "x", {}),
        ("call.ended", "x", {}),
        ("ai.started", "y", {"agent": "anna"}),  # one of the same name
        ("agent.status", None, {"agent": "anna"}),
    ]
    for letter, (kind, call, data) in zip("abcdef", told, strict=True):
        radio.feed.tell(kind, {"letter": letter, **data}, call)
    assert "".join(data["data"]["letter"] for _, data in await radio.hear(stream, len(heard))) == heard


async def test_silence_is_filled_and_moves_on(radio: Radio) -> None:
    stream = await radio.tune("?types=agent.*")
    for _ in range(10):
        radio.feed.tell("call.started", {})
    async with asyncio.timeout(10):
        while (line := await stream.content.readline()) != f"id: {radio.feed.run}-10\n".encode():
            assert not line.startswith(b"data")


async def test_who_does_not_read_is_cut_off(radio: Radio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "QUEUE", 3)
    stream = await radio.tune()
    for number in range(10):
        radio.feed.tell("call.started", {"n": number})
    await stream.read()
    assert radio.routes.streams == 0


async def test_a_client_that_takes_nothing_is_cut_off(radio: Radio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "WRITE_SECONDS", 0.1)
    await radio.tune()
    async with asyncio.timeout(20):
        while radio.routes.streams:
            radio.feed.tell("call.started", {"text": "x" * 100_000})
            await asyncio.sleep(0.005)


async def test_there_are_not_more_than_may_be(radio: Radio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_PER_CLIENT", 2)
    monkeypatch.setattr(streams, "MAX_STREAMS", 3)
    opened = [await radio.tune() for _ in range(2)]
    assert (await radio.tune()).status == 429
    token, text = new_token("x", ["events:read"], 1.0)
    radio.store.tokens.add(token)
    opened.append(await radio.tune(Authorization=f"Bearer {text}"))
    full = await radio.tune(Authorization=f"Bearer {text}")
    assert (full.status, full.headers["Retry-After"]) == (503, "5")
    for stream in opened:
        stream.close()
    async with asyncio.timeout(10):
        while radio.routes.streams:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    assert (await radio.tune()).status == 200


async def test_an_agent_who_listens_has_a_console_open(radio: Radio) -> None:
    token, text = new_token("x", [], 1.0, roles=["agent"], agent="anna")
    radio.store.tokens.add(token)
    seen: list[tuple[str, bool]] = []
    over = asyncio.Event()
    radio.routes.console = lambda agent, opened: (seen.append((agent, opened)), opened or over.set())[0]
    async with await radio.tune(Authorization=f"Bearer {text}") as stream:
        radio.feed.tell("agent.status", {"agent": "anna"})
        assert len(await radio.hear(stream)) == 1
        assert seen == [("anna", True)]
        stream.close()
        radio.feed.tell("agent.status", {"agent": "anna"})
        async with asyncio.timeout(10):
            await over.wait()
    assert seen == [("anna", True), ("anna", False)]


async def test_an_agent_hears_what_concerns_him_and_nothing_else(radio: Radio) -> None:
    token, text = new_token("x", [], 1.0, roles=["agent"], agent="anna")
    radio.store.tokens.add(token)
    stream = await radio.tune("?after=" + f"{radio.feed.run}-0", Authorization=f"Bearer {text}")
    tell = radio.feed.tell
    tell("call.started", {"from": "+4930"}, "c")  # nobody's yet
    tell("queue.joined", {"queue": "support", "origin": "+4930"}, "d")  # of a queue that is not hers
    tell("queue.joined", {"queue": "sales", "origin": "+4930"}, "c")
    tell("agent.offered", {"agent": "ben", "packet": {"call": {"from": "+4930"}}}, "c")
    tell("agent.missed", {"agent": "ben"}, "c")
    tell("agent.offered", {"agent": "anna", "packet": {"call": {"from": "+4930"}}}, "c")
    tell("call.ended", {"from": "+4930", "cause": "network"}, "c")
    tell("campaign.started", {"id": 1})
    tell("agent.status", {"agent": "anna", "status": "away"})
    heard = await radio.hear(stream, 4)
    assert [(kind, data["call"]) for kind, data in heard] == [
        ("queue.joined", "c"), ("agent.offered", "c"), ("call.ended", "c"), ("agent.status", None)
    ]  # fmt: skip
    assert heard[0][1]["data"] == {"queue": "sales", "origin": "xxxx"}
    assert heard[1][1]["data"]["packet"] == {"call": {"from": "+4930"}}
    assert heard[2][1]["data"]["from"] == "+4930"


async def test_an_agent_hears_of_callers_in_his_queue_without_their_numbers_also_later(radio: Radio) -> None:
    token, text = new_token("x", [], 1.0, roles=["agent"], agent="anna")
    radio.store.tokens.add(token)
    radio.feed.tell("queue.joined", {"queue": "sales"}, "c")
    radio.feed.tell("call.ended", {"from": "+4930", "to": None}, "c")
    radio.feed.tell("recording.ready", {"id": "r", "name": "x.wav"}, "c")
    radio.feed.tell("agent.status", {"agent": "anna"})
    stream = await radio.tune(f"?after={radio.feed.run}-0", Authorization=f"Bearer {text}")
    heard = await radio.hear(stream, 3)
    assert [kind for kind, _ in heard] == ["queue.joined", "call.ended", "agent.status"]
    assert heard[1][1]["data"] == {"from": "xxxx", "to": None}


async def test_a_token_that_is_taken_back_is_good_for_no_more(radio: Radio) -> None:
    token, text = new_token("x", ["events:read"], 1.0)
    radio.store.tokens.add(token)
    stream = await radio.tune(Authorization=f"Bearer {text}")
    radio.store.tokens.remove("x")
    async with asyncio.timeout(10):
        await stream.read()


async def test_a_token_that_is_taken_back_is_good_for_no_more_however_much_happens(radio: Radio) -> None:
    token, text = new_token("x", ["events:read"], 1.0)
    radio.store.tokens.add(token)
    stream = await radio.tune(Authorization=f"Bearer {text}")
    radio.store.tokens.remove("x")
    async with asyncio.timeout(10):
        while radio.routes.streams:
            radio.feed.tell("call.started", {})
            await asyncio.sleep(0.01)
    stream.close()


async def test_what_was_missed_comes_in_parts(radio: Radio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "AT_ONCE", 2)
    for number in range(5):
        radio.feed.tell("call.started", {"n": number})
    stream = await radio.tune(f"?after={radio.feed.run}-0")
    radio.feed.tell("call.ended", {"n": 5})
    assert [data["data"]["n"] for _, data in await radio.hear(stream, 6)] == [0, 1, 2, 3, 4, 5]


async def test_at_the_end_all_streams_end(radio: Radio) -> None:
    stream = await radio.tune()
    radio.routes.close()
    async with asyncio.timeout(10):
        await stream.read()
    assert (await radio.tune()).status == 503


async def test_what_is_no_query(radio: Radio) -> None:
    assert (await radio.tune("?type=call.*")).status == 422
    assert (await radio.tune("?types=" + ",".join("a" * 60))).status == 422
