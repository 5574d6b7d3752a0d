from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from ivr.api import Guard, HttpServer, OperationRoutes, PeopleRoutes
from ivr.flow import ports
from ivr.settings import HostPort, MetricsSettings
from ivr.store import Store, new_token
from tests.api.conftest import Health, figures


class People:
    """The interface, and what it was asked to change."""

    def __init__(self, store: Store, client: TestClient[Any, Any]) -> None:
        self.store, self.client = store, client
        token, text = new_token("test", ["people"], 1.0)
        store.tokens.add(token)
        self.headers = {"Authorization": f"Bearer {text}"}

    async def ask(self, method: str, path: str, body: Any = None, expect: int = 200) -> Any:
        async with self.client.request(method, path, json=body, headers=self.headers) as answer:
            assert answer.status == expect, await answer.text()
            return await answer.json() if answer.status != 204 else None


@pytest.fixture
async def people(store: Store) -> AsyncIterator[People]:
    def update(command: ports.UpdateProfile) -> None:
        store.writer.profile(command.number, dict(command.changes), sorted(command.sensitive), 1.0)

    operations = OperationRoutes(Health(), figures, "text/plain", MetricsSettings())
    parts = [PeopleRoutes(store, update, lambda: 1000.0, "DE")]
    server = HttpServer(HostPort("127.0.0.1", 0), Guard(store), operations, parts)
    async with TestClient(TestServer(server.application())) as client:
        yield People(store, client)


async def test_the_list(people: People) -> None:
    path = "/v1/do-not-contact"
    assert await people.ask("POST", path, {"number": "+49 30 1", "reason": "asked"}, 201) == {"new": 1, "known": 0}
    assert await people.ask("POST", path, {"numbers": ["+49301", "+49302", "+49302"]}, 201) == {"new": 1, "known": 1}
    assert await people.ask("POST", path, {"number": "+49301"}) == {"new": 0, "known": 1}
    found = await people.ask("GET", f"{path}/+49301")
    assert found == {"number": "+49301", "reason": "asked", "added_at": 1000.0}
    page = await people.ask("GET", f"{path}?limit=1")
    assert ([entry["number"] for entry in page["numbers"]], page["next"]) == (["+49301"], "+49301")
    page = await people.ask("GET", f"{path}?limit=5&after=%2B49301")
    assert [entry["number"] for entry in page["numbers"]] == ["+49302"]
    await people.ask("DELETE", f"{path}/+49301", expect=204)
    await people.ask("DELETE", f"{path}/+49301", expect=404)
    await people.ask("GET", f"{path}/+49301", expect=404)


async def test_a_number_is_the_same_however_it_is_written(people: People) -> None:
    path = "/v1/do-not-contact"
    people.store.people.block(["0301234567"], "before the country was known", 1.0)
    assert await people.ask("POST", path, {"number": "0301234568"}, 201) == {"new": 1, "known": 0}
    assert (await people.ask("GET", f"{path}/+49301234568"))["number"] == "+49301234568"
    await people.ask("GET", f"{path}/+49301234567")
    await people.ask("DELETE", f"{path}/+49301234567", expect=204)
    await people.ask("GET", f"{path}/0301234567", expect=404)


@pytest.mark.parametrize(
    "body",
    [{}, {"number": 7}, {"numbers": []}, {"numbers": [7]}, {"number": ""}, {"number": "1", "reason": "x" * 2000}],
)
async def test_what_is_no_number(people: People, body: Any) -> None:
    await people.ask("POST", "/v1/do-not-contact", body, 422)


async def test_profiles(people: People) -> None:
    path = "/v1/profiles/+49301"
    await people.ask("GET", path, expect=404)
    body = {"fields": {"name": "Anna", "pin": "1234"}, "sensitive": ["pin"]}
    changed = await people.ask("PATCH", path, body)
    assert changed == {"number": "+49301", "fields": {"name": "Anna", "pin": "xxxx"}, "sensitive": ["pin"]}
    assert people.store.people.profile("+49301").fields["pin"] == "1234"
    assert (await people.ask("PATCH", path, {"fields": {"name": None}}))["fields"] == {"pin": "xxxx"}
    await people.ask("PATCH", path, {"fields": {"a": 1}, "sensitive": ["b"]}, 422)
    await people.ask("PATCH", path, {"fields": {"": 1}}, 422)
    await people.ask("DELETE", path, expect=204)
    await people.ask("DELETE", path, expect=404)
    await people.ask("GET", path, expect=404)


async def test_a_token_is_needed_for_all_of_it(people: People) -> None:
    for path in ("/v1/do-not-contact", "/v1/do-not-contact/1", "/v1/profiles/1"):
        async with people.client.get(path) as answer:
            assert answer.status == 401
