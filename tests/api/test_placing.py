from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from ivr.api import Guard, HttpServer, OperationRoutes, PlacingRoutes
from ivr.call.contacts import Wanted
from ivr.errors import OverloadedError
from ivr.settings import HostPort, MetricsSettings, parse_settings
from ivr.store import Store, new_token
from tests.api.conftest import Health, figures

CONFIG = """
lines: {pbx: {type: sip_trunk, host: 192.0.2.1}}
phones: {"200": {password: a}}
agents: {anna: {phones: ["200"]}}
"""
SETTINGS = parse_settings(CONFIG, None, {})


class Placer:
    def __init__(self) -> None:
        self.asked: list[tuple[Wanted, str | None]] = []
        self.taken = "new"

    async def place(self, wanted: Wanted, key: str | None = None) -> tuple[str, str]:
        if self.taken == "full":
            raise OverloadedError("limits.waiting_flows is reached")
        self.asked.append((wanted, key))
        return "call-1", self.taken


class Desk:
    def __init__(self, client: TestClient[Any, Any], placer: Placer, store: Store) -> None:
        self.client = client
        self.placer = placer
        self.store = store

    def token(self, scope: str) -> dict[str, str]:
        token, text = new_token("test", [scope], 1.0, None)
        self.store.tokens.add(token)
        return {"Authorization": f"Bearer {text}"}

    async def post(self, body: object, scope: str = "calls", **headers: str) -> Any:
        return await self.client.post("/v1/calls", json=body, headers={**self.token(scope), **headers})


@pytest.fixture
async def desk(store: Store) -> AsyncIterator[Desk]:
    placer = Placer()
    operations = OperationRoutes(Health(), figures, "text/plain", MetricsSettings())
    parts = [PlacingRoutes(placer, lambda: SETTINGS)]
    server = HttpServer(HostPort("127.0.0.1", 0), Guard(store), operations, parts)
    async with TestClient(TestServer(server.application())) as client:
        yield Desk(client, placer, store)


async def test_a_call_is_asked_for(desk: Desk) -> None:
    body = {
        "to": " +1 555-0100 ", "flow": "hello", "from": "+15550111", "line": "pbx", "properties": {"name": "Anna"},
        "payload": {"order": 7}, "ring_timeout": "20s", "machine_detection": "beep", "record_call": True,
    }  # fmt: skip
    answer = await desk.post(body, **{"Idempotency-Key": "k-1"})
    assert (answer.status, await answer.json()) == (202, {"id": "call-1"})
    assert answer.headers["Location"] == "/v1/calls/call-1"
    fields = {
        "from": "+15550111", "line": "pbx", "ring_timeout": 20.0, "machine_detection": "beep", "record_call": True,
    }  # fmt: skip
    wanted = Wanted("+1 555-0100", "hello", "", {"name": "Anna"}, fields, {"order": 7})
    assert desk.placer.asked == [(wanted, "k-1")]


@pytest.mark.parametrize(
    "to", ["+1 (555) 0100", "200", "anna", "agent:anna", "phone:200", "sip:+1555@pbx;user=phone", "tel:+49-30-1", "*97"]
)
async def test_who_can_be_called(desk: Desk, to: str) -> None:
    assert (await desk.post({"to": to, "say": "x"})).status == 202


async def test_a_text_is_said(desk: Desk) -> None:
    assert (await desk.post({"to": "phone:200", "say": "{{ settings }}"})).status == 202
    assert desk.placer.asked[0][0] == Wanted("phone:200", None, "{{ settings }}")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "to"),
        ({"to": 7}, "to"),
        ({"to": ""}, "to"),
        ({"to": "1" * 300}, "to"),
        ({"to": "phone:310"}, "to"),
        ({"to": "phone:200\r\nX: y"}, "to"),
        ({"to": "agent:ben"}, "to"),
        ({"to": "tel:call me"}, "to"),
        ({"to": "sip:a b@host"}, "to"),
        ({"to": "http://pbx"}, "to"),
        ({"to": "bogus uri"}, "to"),
        ({"to": "{{ now }}"}, "to"),
        ({"to": "---"}, "to"),
        ({"to": "1", "flow": 7}, "flow"),
        ({"to": "1", "flow": "a", "say": "b"}, "say"),
        ({"to": "1", "say": "x" * 2000}, "say"),
        ({"to": "1", "from": "{{ now }}"}, "from"),
        ({"to": "1", "line": "nowhere"}, "line"),
        ({"to": "1", "properties": []}, "properties"),
        ({"to": "1", "properties": {"a b": 1}}, "properties"),
        ({"to": "1", "payload": "x"}, "payload"),
        ({"to": "1", "ring_timeout": "1h"}, "ring_timeout"),
        ({"to": "1", "ring_timeout": []}, "ring_timeout"),
        ({"to": "1", "machine_detection": "always"}, "machine_detection"),
        ({"to": "1", "record_call": "yes"}, "record_call"),
    ],
)
async def test_a_problem_names_the_field(desk: Desk, body: dict[str, Any], field: str) -> None:
    answer = await desk.post(body)
    problem = await answer.json()
    assert answer.status == 422
    assert answer.content_type == "application/problem+json"
    assert problem["field"] == field
    assert problem["detail"].startswith(field)
    assert not desk.placer.asked


@pytest.mark.parametrize("body", [[], "x"])
async def test_bodies_that_are_none(desk: Desk, body: object) -> None:
    assert (await desk.post(body)).status == 422


async def test_the_same_request_again(desk: Desk) -> None:
    desk.placer.taken = "known"
    assert (await desk.post({"to": "1"}, **{"Idempotency-Key": "k"})).status == 200
    desk.placer.taken = "other"
    assert (await desk.post({"to": "1"}, **{"Idempotency-Key": "k"})).status == 409
    assert (await desk.post({"to": "1"}, **{"Idempotency-Key": "k" * 200})).status == 422


async def test_no_room(desk: Desk) -> None:
    desk.placer.taken = "full"
    answer = await desk.post({"to": "1"})
    assert answer.status == 503
    assert answer.headers["Retry-After"]


async def test_who_may(desk: Desk) -> None:
    assert (await desk.post({"to": "1"}, "calls:read")).status == 403
    assert (await desk.client.post("/v1/calls", json={"to": "1"})).status == 401
