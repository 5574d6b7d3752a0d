from __future__ import annotations

import logging

import pytest

from tests.api.conftest import Api


async def test_calls_in_progress(api: Api) -> None:
    api.calls.rows = [{"id": "c", "flow": "reception", "flow_number": 1}]
    assert await (await api.client.get("/v1/calls")).json() == {"calls": api.calls.rows}
    assert await (await api.client.get("/v1/calls/c")).json() == api.calls.rows[0]
    missing = await api.client.get("/v1/calls/d")
    assert (missing.status, (await missing.json())["detail"]) == (404, "there is no such call")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("DELETE", "/v1/calls", 405)])
async def test_every_error_is_a_problem(api: Api, method: str, path: str, status: int) -> None:
    answer = await api.client.request(method, path)
    assert (answer.status, answer.content_type) == (status, "application/problem+json")


async def test_what_nobody_expected_is_logged_and_not_told(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(name: str) -> None:
        raise RuntimeError("a secret")

    caplog.set_level(logging.ERROR)
    monkeypatch.setattr(api.calls, "trace", fail)
    answer = await api.client.get("/v1/calls/c")
    assert answer.status == 500
    assert "secret" not in await answer.text()
    assert "a secret" in caplog.text


async def test_lines(api: Api) -> None:
    first, second = (await (await api.client.get("/v1/lines")).json())["lines"]
    assert (first["name"], first["usable"], first["registered"], first["round_trip"]) == ("pbx", True, True, 0.02)
    assert (second["usable"], second["reason"]) == (False, "not registered: 403")
