from __future__ import annotations

import stat
import time
from pathlib import Path

import pytest

from ivr.api import guard, local_token
from ivr.api.guard import where_to_listen
from ivr.settings import HostPort
from ivr.store import Store, split_token
from tests.api.conftest import Api


async def test_reading_is_open_to_this_machine(api: Api) -> None:
    for path in ("/healthz", "/readyz", "/v1/calls", "/v1/flows"):
        assert (await api.client.get(path)).status == 200


async def test_reading_from_elsewhere_needs_a_token(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "is_local", lambda request: False)
    assert (await api.client.get("/v1/calls")).status == 401
    assert (await api.client.get("/v1/calls", headers=api.token("calls:read"))).status == 200
    assert (await api.client.get("/v1/calls", headers=api.token("events"))).status == 403
    assert (await api.client.get("/healthz")).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.7"},
        {"Forwarded": "for=203.0.113.7"},
        {"Host": "pages.example"},
        {"Host": "pages.example:8080"},
        {"Host": "["},
    ],
)
async def test_a_proxy_or_a_web_page_is_not_this_machine(api: Api, headers: dict[str, str]) -> None:
    assert (await api.client.get("/v1/calls", headers=headers)).status in (400, 401)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "[::1]:8080"])
async def test_this_machine_may_call_itself_so(api: Api, host: str) -> None:
    assert (await api.client.get("/v1/calls", headers={"Host": host})).status == 200


@pytest.mark.parametrize("path", ["/v1/events", "/v1/flows/reload", "/v1/flows/x/activate", "/v1/flows/x/rollback"])
async def test_writing_needs_a_token_wherever_it_comes_from(api: Api, path: str) -> None:
    answer = await api.client.post(path, json={})
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.content_type == "application/problem+json"
    body = await answer.json()
    assert (body["title"], body["status"]) == ("Unauthorized", 401)


@pytest.mark.parametrize(
    "text",
    ["", "Bearer", "Bearer x", "Basic aXZyOng=", "Bearer ivr_abc_def", "Bearer ivr__", "Bearer \u00e9", "ivr_a_b"],
)
async def test_what_is_no_token_is_refused(api: Api, text: str) -> None:
    answer = await api.client.get("/v1/calls", headers={"Authorization": text})
    assert answer.status == 401
    assert "invalid_token" in answer.headers["WWW-Authenticate"]


async def test_a_wrong_secret_an_old_token_and_one_taken_back_are_refused(api: Api, store: Store) -> None:
    good = api.token("events")
    assert (await api.client.post("/v1/events", json={"name": "x"}, headers=good)).status == 202
    wrong = {"Authorization": good["Authorization"] + "x"}
    assert (await api.client.post("/v1/events", json={"name": "x"}, headers=wrong)).status == 401
    old = api.token("events", expires_at=time.time() - 1)
    assert (await api.client.post("/v1/events", json={"name": "x"}, headers=old)).status == 401
    store.tokens.remove("test")
    assert (await api.client.post("/v1/events", json={"name": "x"}, headers=good)).status == 401


async def test_a_token_is_good_for_its_scopes_alone(api: Api) -> None:
    answer = await api.client.post("/v1/flows/reload", headers=api.token("events", "calls:read"))
    assert answer.status == 403
    assert 'scope="flows"' in answer.headers["WWW-Authenticate"]
    assert (await api.client.post("/v1/flows/reload", headers=api.token("admin"))).status == 200


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("ivr.db*"))


async def test_use_is_noted_and_the_secret_stands_nowhere(api: Api, store: Store, tmp_path: Path) -> None:
    headers = api.token("events")
    for _ in range(3):
        await api.client.post("/v1/events", json={"name": "x"}, headers=headers)
    assert store.writer.flush(20)
    assert store.tokens.all()[0].last_used is not None
    found = split_token(headers["Authorization"].removeprefix("Bearer "))
    assert found is not None
    assert found[1].encode() not in everything(tmp_path)


async def test_the_local_token_lives_as_long_as_its_daemon(tmp_path: Path) -> None:
    path = tmp_path / "var" / "api.token"
    with local_token(path) as token:
        text = path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        found = split_token(text)
        assert found == (token.id, found[1] if found else "")
        assert token.holds(found[1], time.time())
        with local_token(path):  # a second daemon of this configuration
            assert path.read_text() != text
    assert not path.exists()


async def test_a_token_file_of_a_younger_daemon_stays(tmp_path: Path) -> None:
    path = tmp_path / "api.token"
    with local_token(path):
        path.write_text("ivr_younger_daemon")
    assert path.read_text() == "ivr_younger_daemon"


@pytest.mark.parametrize(
    ("listen", "token", "where"),
    [
        ("127.0.0.1", False, "127.0.0.1"),
        ("localhost", False, "localhost"),
        ("::1", False, "::1"),
        ("0.0.0.0", False, "127.0.0.1"),
        ("192.0.2.7", False, "127.0.0.1"),
        ("::", False, "::1"),
        ("ivr.example", False, "127.0.0.1"),
        ("0.0.0.0", True, "0.0.0.0"),
        ("ivr.example", True, "ivr.example"),
    ],
)
def test_without_a_token_nobody_else_can_ask(listen: str, token: bool, where: str) -> None:
    assert where_to_listen(HostPort(listen, 8080), open_to_somebody=token) == HostPort(where, 8080)
