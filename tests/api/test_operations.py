"""What those who run the system ask."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer

from ivr.api import CallRoutes, Guard, HttpServer, OperationRoutes, guard
from ivr.api import operations as module_of_operations
from ivr.settings import HostPort, MetricsSettings
from ivr.store import Store
from tests.api.conftest import SIGHT, Api, Health, figures


async def test_a_daemon_that_is_well(api: Api) -> None:
    assert await (await api.client.get("/healthz")).json() == {"status": "ok"}
    assert await (await api.client.get("/readyz")).json() == {"ready": True}


async def test_what_is_wrong_is_told_to_this_machine(api: Api) -> None:
    api.health.faults = ["the store cannot be written"]
    answer = await api.client.get("/readyz")
    assert (answer.status, await answer.json()) == (503, {"ready": False, "reasons": api.health.faults})
    assert (await api.client.get("/healthz")).status == 503
    elsewhere = await api.client.get("/readyz", headers={"X-Forwarded-For": "203.0.113.7"})
    assert (elsewhere.status, await elsewhere.json()) == (503, {"ready": False})


async def test_figures_are_open_to_this_machine_and_else_need_a_token(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await api.client.get("/metrics")
    assert (answer.status, answer.content_type, await answer.text()) == (200, "text/plain", "ivr_ready 1.0\n")
    for module in (guard, module_of_operations):
        monkeypatch.setattr(module, "is_local", lambda request: False)
    assert (await api.client.get("/metrics")).status == 401
    assert (await api.client.get("/metrics", headers=api.token("metrics"))).status == 200
    assert (await api.client.get("/metrics", headers=api.token("events"))).status == 403


@pytest.fixture
async def allowed(store: Store, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client from a network that may read the figures."""
    for module in (guard, module_of_operations):
        monkeypatch.setattr(module, "is_local", lambda request: False)
    settings = MetricsSettings(allow=(ipaddress.ip_network("127.0.0.0/8"),))
    operations = OperationRoutes(Health(), figures, "text/plain", settings)
    server = HttpServer(HostPort("127.0.0.1", 0), Guard(store), operations, ())
    return TestClient(TestServer(server.application()))


async def test_networks_that_are_allowed_need_no_token(allowed: Any) -> None:
    async with allowed as client:
        assert (await client.get("/metrics")).status == 200


async def test_a_proxy_in_such_a_network_passes_nobody_on(allowed: Any) -> None:
    async with allowed as client:
        assert (await client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"})).status == 401


async def test_a_listener_for_these_alone(api: Api) -> None:
    routes = OperationRoutes(api.health, figures, "text/plain", MetricsSettings(listen=HostPort("127.0.0.1", 0)))
    assert routes.listen == HostPort("127.0.0.1", 0)
    server = HttpServer(HostPort("127.0.0.1", 0), Guard(api.store), routes, (CallRoutes(api.calls, SIGHT),))
    await server.start()
    try:
        host, port = server._runners[1].addresses[0][:2]
        async with ClientSession(f"http://{host}:{port}") as session:
            assert (await session.get("/metrics")).status == 200
            assert (await session.get("/v1/calls")).status == 404
    finally:
        await server.close()
