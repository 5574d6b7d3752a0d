from __future__ import annotations

import asyncio
import logging

import pytest
from aiohttp.test_utils import TestClient, TestServer

from ivr.api import CallRoutes, Guard, HttpServer, OperationRoutes
from ivr.settings import HostPort, MetricsSettings
from ivr.store import CallRecord, Store
from tests.api.conftest import SIGHT, Api, Calls, Health, figures


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


def ended(number: int, **more: object) -> CallRecord:
    return CallRecord(
        id=f"c{number}", short_id=number, direction="inbound", started_at=1000.0 + number, cause="user_hung_up",
        flow="reception", caller="+4930123", ended_at=2000.0, path=[{"element": "start"}], **more,  # type: ignore[arg-type]
    )  # fmt: skip


async def test_calls_that_are_over_page_by_page(store: Store) -> None:
    for number in range(1, 8):
        store.writer.call_ended(ended(number))
    store.writer.call_started(CallRecord(id="up", short_id=8, direction="inbound", started_at=1008.0))
    assert store.writer.flush(20)
    operations = OperationRoutes(Health(), figures, "text/plain", MetricsSettings())
    parts = [CallRoutes(Calls(), SIGHT, records=store.reader)]
    server = HttpServer(HostPort("127.0.0.1", 0), Guard(store), operations, parts)
    async with TestClient(TestServer(server.application())) as client:

        async def page(query: str) -> tuple[list[str], int | None]:
            body = await (await client.get(f"/v1/calls?state=ended&{query}")).json()
            return [row["id"] for row in body["calls"]], body.get("next")

        assert await page("limit=3") == (["c7", "c6", "c5"], 5)
        store.writer.call_ended(ended(9))
        assert store.writer.flush(20)
        assert await page("limit=3&before=5") == (["c4", "c3", "c2"], 2)
        assert await page("limit=3&before=2") == (["c1"], None)
        assert await page("from=1003&to=1005") == (["c4", "c3"], None)
        assert await page("from=1970-01-01T00:16:46Z&flow=reception") == (["c9", "c7", "c6"], None)
        assert await page("flow=other") == ([], None)
        assert await page("cause=network") == ([], None)
        for query in ("limit=0", "limit=2000", "before=x", "from=yesterday", "state=gone"):
            assert (await client.get(f"/v1/calls?state=ended&{query}")).status == 422


async def test_what_is_no_request_is_answered_and_not_logged(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = await asyncio.open_connection(api.client.host, api.client.port)
    writer.write(b"GET /v1/calls HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ivr_geheim\x00\r\n\r\n")
    assert (await reader.readline()).split()[1] == b"400"
    writer.close()
    assert "geheim" not in caplog.text and "Traceback" not in caplog.text
