"""Captures over HTTP."""

from __future__ import annotations

import pytest

from ivr.capture import Party
from ivr.capture.pcap import HEADER
from tests.api.conftest import Api

PARTY = Party("a", lambda path: None, ("127.0.0.1", 20002), "y", 4711, "200", "100")


async def test_the_next_call_is_asked_for_fetched_and_removed(api: Api) -> None:
    admin = api.token("admin")
    answer = await api.client.post("/v1/captures", json={"to": "100", "within": "5m"}, headers=admin)
    assert answer.status == 201
    shown = await answer.json()
    assert (shown["id"], shown["state"], shown["to"]) == (1, "waiting", "100")
    api.captures.began(PARTY)
    assert (await (await api.client.get("/v1/captures/1", headers=admin)).json())["short_id"] == 4711
    api.captures.ended("a")
    assert (await (await api.client.get("/v1/captures", headers=admin)).json())["captures"][0]["state"] == "done"
    assert (await (await api.client.get("/v1/captures/1/pcap", headers=admin)).read()) == HEADER
    assert (await api.client.post("/v1/captures/1/remove", headers=admin)).status == 200
    assert (await api.client.get("/v1/captures/1", headers=admin)).status == 404


async def test_a_call_in_progress(api: Api) -> None:
    api.calls.parties["4711"] = PARTY
    answer = await api.client.post("/v1/captures", json={"call": "4711"}, headers=api.token("admin"))
    assert (answer.status, (await answer.json())["state"]) == (201, "running")
    answer = await api.client.post("/v1/captures", json={"call": "4712"}, headers=api.token("admin"))
    assert answer.status == 404


@pytest.mark.parametrize("body", [{"within": "soon"}, {"to": 100}, {"call": 4711}, {"nonsense": 1}])
async def test_what_is_no_request(api: Api, body: dict[str, object]) -> None:
    assert (await api.client.post("/v1/captures", json=body, headers=api.token("admin"))).status == 422


async def test_captures_are_for_administrators(api: Api) -> None:
    assert (await api.client.get("/v1/captures")).status == 401
    assert (await api.client.post("/v1/captures", json={}, headers=api.token("calls:read"))).status == 403
