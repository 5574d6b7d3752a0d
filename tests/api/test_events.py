from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Api


async def test_an_event_is_kept_and_answered_with_its_id(api: Api) -> None:
    headers = api.token("events")
    event = {"name": "order.shipped", "properties": {"order": 7}, "id": "s-7"}
    first = await api.client.post("/v1/events", json=event, headers=headers)
    assert (first.status, await first.json()) == (202, {"id": "s-7", "received_at": 1000.0})
    again = await api.client.post("/v1/events", json=event, headers=headers)
    assert (again.status, await again.json()) == (200, {"id": "s-7", "received_at": 1000.0})
    other = await api.client.post("/v1/events", json={**event, "properties": {}}, headers=headers)
    assert other.status == 409
    assert [kept.properties for kept in api.store.events.since("order.shipped", 0.0)] == [{"order": 7}]


async def test_the_header_names_an_event_too(api: Api) -> None:
    headers = {**api.token("events"), "Idempotency-Key": "k-1"}
    for status in (202, 200):
        answer = await api.client.post("/v1/events", json={"name": "paid"}, headers=headers)
        assert (answer.status, (await answer.json())["id"]) == (status, "k-1")
    answer = await api.client.post("/v1/events", json={"name": "paid", "id": "k-2"}, headers=headers)
    assert answer.status == 422


async def test_events_without_an_id_are_all_different(api: Api) -> None:
    headers = api.token("events")
    for _ in range(2):
        assert (await api.client.post("/v1/events", json={"name": "paid"}, headers=headers)).status == 202
    assert len(api.store.events.since("paid", 0.0)) == 2


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"", 400, "the body is not JSON"),
        (b"{", 400, "the body is not JSON"),
        (b'{"name": "x", "properties": {"a": NaN}}', 400, "the body is not JSON"),
        (b'{"name": "x", "properties": {"a": 1e999}}', 400, "the body is not JSON"),
        (b'{"name": "x", "properties": {"a": ["\\ud800"]}}', 422, "half of a character"),
        (b'{"name": "x", "properties": {"\\udc00": 1}}', 422, "half of a character"),
        (b'{"name": "x", "properties": {"a": ' + b"9" * 5000 + b"}}", 400, "the body is not JSON"),
        (b"[" * 60_000, 400, "the body is not JSON"),
        (b"[]", 422, "the body must be an object"),
        (b"{}", 422, "name: is missing"),
        (b'{"name": 7}', 422, "name: must be text"),
        (b'{"name": ""}', 422, "name: not a name"),
        (b'{"name": "a b"}', 422, "name: not a name"),
        (b'{"name": "call.ended"}', 422, "happen inside"),
        (b'{"name": "x", "properties": []}', 422, "properties: must be an object"),
        (b'{"name": "x", "id": 7}', 422, "id: must be text"),
        (b'{"name": "x", "id": "a b"}', 422, "id: not an id"),
        (b'{"name": "x", "propertys": {}}', 422, "propertys: unknown key, did you mean properties?"),
        (b'{"name": "x", "properties": {"a": ' + b"[" * 50 + b"]" * 50 + b"}}", 422, "nested too deep"),
        (b'{"name": "x", "properties": {"a": "' + b"y" * 70_000 + b'"}}', 413, "the body is too large"),
    ],
)
async def test_what_is_no_event_is_a_problem(api: Api, body: bytes, status: int, detail: str) -> None:
    headers = {**api.token("events"), "Content-Type": "application/json"}
    answer = await api.client.post("/v1/events", data=body, headers=headers)
    problem: dict[str, Any] = await answer.json(content_type="application/problem+json")
    assert (answer.status, problem["status"]) == (status, status)
    assert detail in problem["detail"]


async def test_a_form_is_no_event(api: Api) -> None:
    answer = await api.client.post("/v1/events", data={"name": "x"}, headers=api.token("events"))
    assert answer.status == 415


async def test_a_store_that_cannot_be_written_is_told_to_try_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Any:
        from ivr.errors import StoreError

        raise StoreError("the store cannot be used: locked")

    headers = api.token("events")
    monkeypatch.setattr(api.store.events, "add", fail)
    answer = await api.client.post("/v1/events", json={"name": "x"}, headers=headers)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
