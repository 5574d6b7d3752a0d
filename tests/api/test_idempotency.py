"""Requests with keys, and clients that ask too much."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from ivr.api import Answer, Ask, Endpoint, Guard, HttpServer, Model, OperationRoutes, ProblemError
from ivr.api import guard as guards
from ivr.api.idempotency import AnswerKeeper
from ivr.api.limiting import Limiter
from ivr.call.moving import NoGoalError
from ivr.settings import HostPort, MetricsSettings
from ivr.store import Store, new_token
from tests.api.conftest import Health, figures


class Order(Model):
    what: str


class Ordered(Model):
    number: int


class Kitchen:
    """Makes something each time it is asked."""

    def __init__(self) -> None:
        self.made = 0
        self.gate = asyncio.Event()
        self.gate.set()

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("POST", "/v1/orders", "calls", self.make, body=Order, answers={201: Ordered}, idempotent="kept"),
            Endpoint("POST", "/v1/plain", "calls", self.make, body=Order, answers={201: Ordered}),
            Endpoint(
                "POST", "/v1/secret", "calls", self.make, body=Order, answers={201: Ordered}, idempotent="refused"
            ),
            Endpoint("POST", "/v1/look", "calls", self.make, body=Order, answers={201: Ordered}, idempotent="natural"),
            Endpoint("GET", "/v1/orders", "calls:read", self.all, answers={200: Ordered}, local=True),
        ]

    async def make(self, ask: Ask[Order, None]) -> Answer:
        """Make it."""
        await self.gate.wait()
        if ask.body.what == "nothing":
            raise ProblemError(404, "there is nothing")
        if ask.body.what == "refused":
            raise NoGoalError("there is no such call")
        if ask.body.what == "trouble":
            raise RuntimeError("trouble")
        self.made += 1
        return Answer({"number": self.made}, 201, {"Location": f"/v1/orders/{self.made}"})

    async def all(self, ask: Ask[None, None]) -> dict[str, Any]:
        """Show how many."""
        return {"number": self.made}


class House:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.kitchen = Kitchen()
        self.now = 1000.0
        self.headers = self.token()

    def token(self, *scopes: str) -> dict[str, str]:
        token, text = new_token("x", scopes or ["calls", "calls:read"], 1.0)
        self.store.tokens.add(token)
        return {"Authorization": f"Bearer {text}"}

    def server(self) -> TestServer[Any]:
        operations = OperationRoutes(Health(), figures, "text/plain", MetricsSettings())
        guard = Guard(self.store)
        server = HttpServer(
            HostPort("127.0.0.1", 0), guard, operations, [self.kitchen],
            keeper=AnswerKeeper(self.store.answers, lambda: self.now),
            limiter=Limiter(1.0, 5, guard, lambda: self.now),
        )  # fmt: skip
        return TestServer(server.application())


@pytest.fixture
def house(store: Store) -> House:
    return House(store)


@pytest.fixture
async def client(house: House) -> AsyncIterator[TestClient[Any, Any]]:
    async with TestClient(house.server()) as client:
        yield client


async def order(house: House, client: TestClient[Any, Any], what: str = "soup", key: str = "k", **more: Any) -> Any:
    headers = {**house.headers, "Idempotency-Key": key, **more}
    return await client.post("/v1/orders", json={"what": what}, headers=headers)


async def test_the_same_again_is_done_once_also_after_a_restart(house: House, client: TestClient[Any, Any]) -> None:
    first = await order(house, client)
    again = await order(house, client)
    assert (first.status, await first.json(), "Idempotency-Replayed" in first.headers) == (201, {"number": 1}, False)
    assert (again.status, await again.json()) == (201, {"number": 1})
    assert (again.headers["Location"], again.headers["Idempotency-Replayed"]) == ("/v1/orders/1", "true")
    async with TestClient(house.server()) as other:
        assert await (await order(house, other)).json() == {"number": 1}
    assert house.kitchen.made == 1
    assert await (await order(house, client, key="other")).json() == {"number": 2}


async def test_another_request_with_the_key_is_refused(house: House, client: TestClient[Any, Any]) -> None:
    await order(house, client)
    assert (await order(house, client, "salad")).status == 409
    assert (await order(house, client, **house.token())).status == 201
    assert (await order(house, client, key="k" * 200)).status == 422


async def test_what_did_nothing_may_be_asked_again(house: House, client: TestClient[Any, Any]) -> None:
    assert (await order(house, client, "nothing")).status == 404
    assert (await order(house, client, "refused")).status == 404
    assert (await order(house, client, "soup")).status == 201


async def test_what_was_broken_off_is_told(house: House, client: TestClient[Any, Any]) -> None:
    assert (await order(house, client, "trouble")).status == 500
    again = await order(house, client, "trouble")
    assert (again.status, "broken off" in (await again.json())["detail"]) == (409, True)
    house.now += 2 * 86_400
    assert (await order(house, client, "soup")).status == 201


async def test_two_at_once_are_done_once(house: House, client: TestClient[Any, Any]) -> None:
    house.kitchen.gate.clear()
    both = [asyncio.create_task(order(house, client)) for _ in range(3)]
    await asyncio.sleep(0.05)
    house.kitchen.gate.set()
    answers = await asyncio.gather(*both)
    assert [answer.status for answer in answers] == [201, 201, 201]
    assert house.kitchen.made == 1


def test_old_answers_go(store: Store) -> None:
    for number in range(10):
        store.answers.begin("a", str(number), "x", float(number))
    assert store.answers.prune(3.0, 4) == 6
    assert store.answers.begin("a", "5", "x", 20.0) is None
    assert store.answers.begin("a", "6", "x", 20.0) is not None


async def test_a_client_that_asks_too_much_is_told_to_wait(house: House, client: TestClient[Any, Any]) -> None:
    answers = [await client.get("/v1/orders", headers=house.headers) for _ in range(7)]
    assert [answer.status for answer in answers] == [200] * 5 + [429] * 2
    assert (answers[0].headers["RateLimit-Limit"], answers[0].headers["RateLimit-Remaining"]) == ("5", "4")
    assert answers[-1].headers["Retry-After"] == "1"
    assert (await client.get("/v1/orders", headers=house.token())).status == 200
    house.now += 1
    assert (await client.get("/v1/orders", headers=house.headers)).status == 200


async def test_this_machine_is_not_limited(house: House, client: TestClient[Any, Any]) -> None:
    for _ in range(20):
        answer = await client.get("/v1/orders")
        assert answer.status == 200 and "RateLimit-Limit" not in answer.headers


async def test_who_guesses_tokens_is_told_to_wait(
    house: House, client: TestClient[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guards, "is_local", lambda request: False)
    bad = {"Authorization": "Bearer ivr_abc_def"}
    statuses = [(await client.get("/v1/orders", headers=bad)).status for _ in range(22)]
    assert statuses == [401] * 20 + [429] * 2
    assert (await client.get("/v1/orders", headers=house.headers)).status == 200
    other = {**bad, "X-Forwarded-For": "192.0.2.1, 203.0.113.7"}
    assert (await client.get("/v1/orders", headers=other)).status == 401
    house.now += 2
    assert (await client.get("/v1/orders", headers=bad)).status == 401
    assert (await client.get("/healthz")).status == 200


@pytest.mark.parametrize(
    ("path", "statuses", "made"), [("plain", [201, 201], 1), ("secret", [422, 422], 0), ("look", [201, 201], 2)]
)
async def test_each_post_takes_a_key_or_says_why_not(
    house: House, client: TestClient[Any, Any], path: str, statuses: list[int], made: int
) -> None:
    found = [
        await client.post(f"/v1/{path}", json={"what": "x"}, headers={**house.headers, "Idempotency-Key": "k"})
        for _ in statuses
    ]
    assert ([one.status for one in found], house.kitchen.made) == (statuses, made)
