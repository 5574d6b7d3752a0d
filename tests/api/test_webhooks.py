from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from ivr.api import Guard, HttpServer, OperationRoutes
from ivr.api.webhooks import WebhookRoutes
from ivr.feed import Feed
from ivr.settings import HostPort, MetricsSettings, Webhook
from ivr.store import Store, new_token
from ivr.webhooks import Courier, Delivery, Failure, RetryPolicy, Target, Webhooks
from tests.api.conftest import Health, figures

SECRET = "0123456789abcdef"


class Receiver:
    def __init__(self) -> None:
        self.got: list[tuple[str, str, str]] = []
        self.failure: Failure | None = None

    async def send(self, target: Target, delivery: Delivery, at: float) -> Failure | None:
        if self.failure is None:
            self.got.append((target.url, delivery.type, delivery.body))
        return self.failure

    async def close(self) -> None:
        pass


class House:
    def __init__(
        self, store: Store, client: TestClient[Any, Any], feed: Feed, receiver: Receiver, courier: Courier
    ) -> None:
        self.client, self.feed, self.receiver, self.courier = client, feed, receiver, courier
        token, text = new_token("x", ["webhooks"], 1.0)
        store.tokens.add(token)
        self.headers = {"Authorization": f"Bearer {text}"}

    async def ask(self, method: str, path: str = "", body: Any = None, expect: int = 200) -> Any:
        answer = await self.client.request(method, f"/v1/webhooks{path}", json=body, headers=self.headers)
        assert answer.status == expect, await answer.text()
        return await answer.json()

    async def state(self, name: str = "crm") -> Any:
        return next(one for one in (await self.ask("GET"))["webhooks"] if one["name"] == name)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)


@pytest.fixture
async def house(store: Store) -> AsyncIterator[House]:
    feed, receiver = Feed(lambda: 1_772_000_000.0), Receiver()
    courier = Courier(store.deliveries, receiver)
    retry = {"first": 0.01, "longest": 0.01, "times": 2}
    hooks = {}
    for name, events in (("crm", ["call.*"]), ("wall", ["*"])):
        fields = {"url": f"https://{name}.example/", "secret": SECRET, "events": events, "retry": retry}
        hooks[name] = Webhook.model_validate(fields)
    hooks["off"] = hooks["wall"].model_copy(update={"enabled": False})
    webhooks = Webhooks(hooks, feed, courier)
    others = {"application:shop": "applications/shop", "ai_agent:bot": "ai_agents/bot"}
    for endpoint in others.values():
        courier.open(endpoint, Target("https://shop.example/", lambda *_: {}), RetryPolicy(times=1))
    parts = [WebhookRoutes(webhooks, courier, others)]
    operations = OperationRoutes(Health(), figures, "text/plain", MetricsSettings())
    server = HttpServer(HostPort("127.0.0.1", 0), Guard(store), operations, parts)
    keeping = asyncio.create_task(courier.run())
    async with TestClient(TestServer(server.application())) as client:
        yield House(store, client, feed, receiver, courier)
    keeping.cancel()
    webhooks.close()
    await courier.close()


async def test_events_go_where_they_are_wanted(house: House) -> None:
    event = house.feed.tell("call.ended", {"cause": "network"}, "c")
    house.feed.tell("agent.status", {})
    await until(lambda: len(house.receiver.got) == 3)
    assert sorted((url, kind) for url, kind, _ in house.receiver.got) == [
        ("https://crm.example/", "call.ended"),
        ("https://wall.example/", "agent.status"),
        ("https://wall.example/", "call.ended"),
    ]
    assert house.feed.id_of(event) in house.receiver.got[0][2] and '"cause":"network"' in house.receiver.got[0][2]
    state = await house.state()
    assert (state["delivered"], state["waiting"], state["dead"], state["problem"]) == (1, 0, 0, "")


async def test_what_applications_could_not_be_told_is_there_too(house: House) -> None:
    assert [one["name"] for one in (await house.ask("GET"))["webhooks"]] == ["crm", "wall", "off", "application:shop"]
    house.receiver.failure = Failure("status 410", unwanted=True)
    for endpoint in ("applications/shop", "ai_agents/bot"):
        house.courier.send(endpoint, "one", "callback", "a=1", "call-1")
    async with asyncio.timeout(10):
        while (await house.state("application:shop"))["dead"] < 1:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    assert (await house.state("ai_agent:bot"))["dead"] == 1
    path = "/application:shop/dead"
    (letter,) = (await house.ask("GET", path))["dead"]
    assert (letter["id"], letter["type"], letter["call"], letter["problem"]) == (
        "one", "callback", "call-1", "status 410",
    )  # fmt: skip
    house.receiver.failure = None
    assert (await house.ask("POST", f"{path}/retry"))["count"] == 1
    await until(lambda: house.receiver.got)
    assert (await house.ask("POST", "/ai_agent:bot/dead/delete"))["count"] == 1
    for what in ("pause", "resume"):
        assert (await house.ask("POST", f"/application:shop/{what}"))["paused"] is (what == "pause")
    await house.ask("POST", "/application:shop/test", expect=404)
    await house.ask("GET", "/application:other/dead", expect=404)


async def test_what_could_not_be_delivered_is_listed_retried_and_deleted(house: House) -> None:
    house.receiver.failure = Failure("status 422", refused=True)
    for number in range(3):
        house.feed.tell("call.ended", {"n": number}, f"c{number}")
    async with asyncio.timeout(10):
        while (await house.state())["dead"] < 3:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    page = await house.ask("GET", "/crm/dead?limit=2")
    first, _ = page["dead"]
    assert (first["type"], first["call"], first["attempts"], first["problem"]) == ("call.ended", "c0", 2, "status 422")
    rest = await house.ask("GET", f"/crm/dead?after={page['next']}")
    assert [one["call"] for one in rest["dead"]] == ["c2"] and "next" not in rest
    house.receiver.failure = None
    assert await house.ask("POST", "/crm/dead/retry", {"ids": [first["id"]]}) == {"count": 1}
    await until(lambda: [url for url, _, _ in house.receiver.got] == ["https://crm.example/"])
    assert await house.ask("POST", "/crm/dead/delete") == {"count": 2}
    assert (await house.state())["dead"] == 0


async def test_one_is_paused_and_loses_nothing(house: House) -> None:
    assert await house.ask("POST", "/crm/pause") == {"name": "crm", "paused": True}
    house.feed.tell("call.ended", {"n": 1}, "c")
    await until(lambda: len(house.receiver.got) == 1)
    state = await house.state()
    assert (state["paused"], state["enabled"], state["waiting"]) == (True, True, 1)
    assert await house.ask("POST", "/crm/resume") == {"name": "crm", "paused": False}
    await until(lambda: len(house.receiver.got) == 2)
    assert house.receiver.got[1][0] == "https://crm.example/"


async def test_one_that_is_not_enabled_is_told_nothing(house: House) -> None:
    house.feed.tell("call.ended", {}, "c")
    await until(lambda: len(house.receiver.got) == 2)
    state = await house.state("off")
    assert (state["enabled"], state["paused"], state["waiting"]) == (False, True, 0)
    await house.ask("POST", "/off/resume", expect=409)


async def test_one_is_tried_out(house: House) -> None:
    sent = await house.ask("POST", "/crm/test", {}, 202)
    await until(lambda: len(house.receiver.got) == 2)
    assert {(url, kind) for url, kind, _ in house.receiver.got} == {
        ("https://crm.example/", "webhook.test"), ("https://wall.example/", "webhook.test"),
    }  # fmt: skip
    assert all(sent["id"] in body for _, _, body in house.receiver.got)


async def test_what_is_not_there(house: House) -> None:
    for method, path in (("GET", "/none/dead"), ("POST", "/none/test"), ("POST", "/none/dead/retry")):
        await house.ask(method, path, {} if method == "POST" else None, 404)
    assert (await house.client.post("/v1/webhooks/crm/test")).status == 401
