from __future__ import annotations

import pytest

from tests.api.conftest import Api


async def test_shut_out_and_let_in_again(api: Api) -> None:
    headers = api.token("admin")
    assert await (await api.client.get("/v1/bans", headers=headers)).json() == {"bans": []}
    done = await api.client.post("/v1/bans", json={"source": "192.0.2.7", "seconds": 60}, headers=headers)
    assert done.status == 200
    (ban,) = (await (await api.client.get("/v1/bans", headers=headers)).json())["bans"]
    assert (ban["source"], ban["reason"], ban["seconds_left"]) == ("192.0.2.7", "manual", 60)
    for status in (200, 404):
        done = await api.client.post("/v1/bans/remove", json={"source": "192.0.2.7"}, headers=headers)
        assert done.status == status
    assert api.bans.bans() == []


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"source": "here"}, 422, "here"),
        ({"source": "192.0.2.0/24"}, 422, "one IPv4 address, or one /64"),
        ({"source": "192.0.2.7", "seconds": 0}, 422, "seconds: too small (found 0; expected at least 1)"),
        (
            {"source": "192.0.2.7", "seconds": "x"},
            422,
            "seconds: must be a whole number (found x; expected a whole number)",
        ),
        ({"seconds": 5}, 422, "source: is missing"),
        ({"source": "127.0.0.1"}, 409, "exempt"),
        ({"source": "192.0.2.7", "why": "x"}, 422, "unknown key"),
    ],
)
async def test_what_cannot_be_shut_out(api: Api, body: dict[str, object], status: int, detail: str) -> None:
    answer = await api.client.post("/v1/bans", json=body, headers=api.token("admin"))
    assert answer.status == status
    assert detail in (await answer.json())["detail"]


async def test_only_who_may_do_everything_sees_and_changes_bans(api: Api) -> None:
    for headers, status in (({}, 401), (api.token("flows", "calls:read", "events"), 403)):
        assert (await api.client.get("/v1/bans", headers=headers)).status == status
        for path in ("/v1/bans", "/v1/bans/remove"):
            assert (await api.client.post(path, json={"source": "192.0.2.7"}, headers=headers)).status == status
    wrong = await api.client.post("/v1/bans/remove", json={"source": "here"}, headers=api.token("admin"))
    assert wrong.status == 422
