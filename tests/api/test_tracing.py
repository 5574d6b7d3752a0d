"""Ids of requests, entity tags, and what can be asked of an address."""

from __future__ import annotations

import logging

import pytest

from ivr.api import guard
from tests.api.conftest import Api


async def test_each_request_has_an_id(api: Api) -> None:
    first, second = [(await api.client.get("/v1/flows")).headers["X-Request-Id"] for _ in range(2)]
    assert first != second and len(first) == 16
    for given in ("abc-1", "x" * 64):
        assert (await api.client.get("/v1/none", headers={"X-Request-Id": given})).headers["X-Request-Id"] == given
    for given in ("", "x" * 65, "a b", "\u00e9"):
        assert (await api.client.get("/healthz", headers={"X-Request-Id": given})).headers["X-Request-Id"] != given


async def test_a_request_that_fails_is_found_in_the_log(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(api.calls, "live", lambda: 1 / 0)
    answer = await api.client.get("/v1/calls", headers={"X-Request-Id": "find-me"})
    problem = await answer.json()
    assert (answer.status, answer.headers["X-Request-Id"]) == (500, "find-me")
    assert problem["detail"] == "the request failed; the daemon's log says why at request find-me"
    assert "request find-me failed" in caplog.text


async def test_who_changes_something_stands_in_the_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ivr.audit")
    api.write("front")
    headers = {**api.token("flows"), "X-Request-Id": "r1"}
    await api.client.post("/v1/flows/reload", headers=headers)
    await api.client.post("/v1/flows/front/activate", json={"number": 1}, headers=headers)
    await api.client.get("/v1/flows")
    assert [record.getMessage() for record in caplog.records if record.name == "ivr.audit"] == [
        "POST /v1/flows/reload: 200 for test, request r1",
        "POST /v1/flows/front/activate: 200 for test, request r1",
    ]


async def test_what_is_known_is_not_sent_again(api: Api) -> None:
    answer = await api.client.get("/v1/flows")
    tag = answer.headers["ETag"]
    assert answer.headers["Cache-Control"] == "private, no-cache"
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await api.client.get("/v1/flows", headers={"If-None-Match": known})
        assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", tag)
    assert (await api.client.get("/v1/flows", headers={"If-None-Match": '"other"'})).status == 200
    assert "ETag" not in (await api.client.get("/metrics")).headers
    assert "ETag" not in (await api.client.get("/v1/none")).headers


async def test_head_and_options(api: Api) -> None:
    head = await api.client.head("/v1/flows")
    assert (head.status, await head.read()) == (200, b"")
    assert (head.headers["Server"], head.headers["X-Content-Type-Options"]) == ("ivr", "nosniff")
    options = await api.client.options("/v1/events")
    assert (options.status, options.headers["Allow"]) == (204, "OPTIONS, POST")
    assert not [name for name in options.headers if name.startswith("Access-Control")]
    assert (await api.client.options("/v1/none")).status == 404
    wrong = await api.client.put("/v1/flows")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


async def test_where_bad_tokens_come_from_is_told_without_them(
    api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "is_local", lambda request: False)
    for token in ("Bearer ivr_0123_secretsecret", "Bearer nonsense"):
        answer = await api.client.get("/v1/flows", headers={"Authorization": token, "X-Forwarded-For": "203.0.113.7"})
        assert answer.status == 401
    await api.client.get("/v1/flows")
    told = [record.getMessage() for record in caplog.records if "not good" in record.getMessage()]
    assert told == ["a token, or a password, that is not good was shown from the address 203.0.113.7"]
    assert "secretsecret" not in caplog.text and "nonsense" not in caplog.text
