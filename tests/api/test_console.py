from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from ivr.api import ConsoleRoutes, Guard
from ivr.api.problems import problems
from ivr.store import Store


@pytest.fixture
async def client(store: Store) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    app = web.Application(middlewares=[problems])
    app.add_routes(ConsoleRoutes().routes(Guard(store)))
    async with TestClient(TestServer(app)) as found:
        yield found


async def test_the_page_is_had_without_a_token(client: TestClient[web.Request, web.Application]) -> None:
    answer = await client.get("/")
    assert answer.status == 200
    assert answer.url.path == "/console/"
    assert "<title>ivr console</title>" in await answer.text()


async def test_nothing_but_our_scripts_runs_in_it(client: TestClient[web.Request, web.Application]) -> None:
    answer = await client.get("/console/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "<script>" not in await answer.text()


@pytest.mark.parametrize("name", ["app.js", "style.css", "icon.svg"])
async def test_its_files_have_their_types(name: str, client: TestClient[web.Request, web.Application]) -> None:
    answer = await client.get(f"/console/{name}")
    kinds = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
    assert (answer.status, answer.content_type) == (200, kinds[name.rpartition(".")[2]])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["nothing.js", "..%2Fconsole.py", "%2e%2e/app.py", ".", "__init__.py"])
async def test_no_other_file_is_had(name: str, client: TestClient[web.Request, web.Application]) -> None:
    answer = await client.get(f"/console/{name}")
    assert answer.status == 404 or answer.content_type == "text/html"
    assert "import" not in await answer.text() or answer.content_type == "text/html"
