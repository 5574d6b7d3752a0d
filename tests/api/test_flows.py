from __future__ import annotations

import io
from typing import Any

import pytest

from tests.api.conftest import Api


async def post(api: Api, path: str, status: int = 200, json: Any = None) -> Any:
    answer = await api.client.post(path, json=json, headers=api.token("flows"))
    body = await answer.json(content_type=None)
    assert answer.status == status, body
    return body


async def state(api: Api, name: str = "reception") -> Any:
    body = await (await api.client.get("/v1/flows")).json()
    return next(flow for flow in body["flows"] if flow["flow"] == name)


async def test_the_way_of_a_flow_through_its_versions(api: Api) -> None:
    api.write("reception", "One.")
    assert await post(api, "/v1/flows/reload") == {
        "flows": [{"flow": "reception", "active": 1, "candidate": None, "share": None}]
    }
    api.write("reception", "Two.", head="canary: 10%")
    await post(api, "/v1/flows/reload")
    api.calls.rows = [{"id": "c", "flow": "reception", "flow_number": 2}]
    assert await state(api) == {
        "flow": "reception", "active": 1, "candidate": 2, "share": 0.1, "newest": 2, "calls": {"2": 1},
    }  # fmt: skip
    await post(api, "/v1/flows/reception/activate", json={"number": 2})
    assert (await state(api))["active"] == 2
    await post(api, "/v1/flows/reception/rollback")
    assert (await state(api))["active"] == 1
    await post(api, "/v1/flows/reception/activate", json={"number": 2, "canary": "25%"})
    assert (await state(api))["share"] == 0.25


async def test_a_flow_and_its_versions_can_be_read(api: Api) -> None:
    api.write("reception", "One.")
    await post(api, "/v1/flows/reload")
    shown = await (await api.client.get("/v1/flows/reception")).json()
    assert [(v["number"], v["author"]) for v in shown["versions"]] == [(1, "test")]
    version = await (await api.client.get("/v1/flows/reception/versions/1")).json()
    assert "One." in version["text"]
    assert version["hash"] == shown["versions"][0]["hash"]


@pytest.mark.parametrize("path", ["/v1/flows/none", "/v1/flows/none/versions/1", "/v1/flows/reception/versions/9"])
async def test_what_is_not_there_is_a_problem(api: Api, path: str) -> None:
    answer = await api.client.get(path)
    assert (answer.status, answer.content_type) == (404, "application/problem+json")


async def test_a_bad_folder_changes_nothing_and_tells_every_fault(api: Api) -> None:
    api.write("reception", "One.")
    await post(api, "/v1/flows/reload")
    api.write("reception").write_text("elements: {a: {type: ply}, b: {type: plya}}")
    body = await post(api, "/v1/flows/reload", 422)
    assert [("unknown type" in fault) for fault in body["faults"]] == [True, True]
    listed = await (await api.client.get("/v1/flows")).json()
    assert len(listed["faults"]) == 2
    assert (await state(api))["active"] == 1
    api.write("reception", "Two.")
    await post(api, "/v1/flows/reload")
    assert (await (await api.client.get("/v1/flows")).json())["faults"] == []


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("none", {"number": 1}, 404),
        ("reception", {"number": 7}, 404),
        ("reception", {"number": 0}, 404),
        ("reception", {"number": 10**12}, 404),
        ("reception", {"number": "1"}, 422),
        ("reception", {"number": True}, 422),
        ("reception", {}, 422),
        ("reception", {"number": 1, "canary": "0%"}, 422),
        ("reception", {"number": 1, "canary": 0.1}, 422),
        ("reception", {"number": 1, "canary": "10%"}, 404),
    ],
)
async def test_what_cannot_be_activated_is_a_problem(api: Api, name: str, body: Any, status: int) -> None:
    api.write("reception")
    await post(api, "/v1/flows/reload")
    await post(api, f"/v1/flows/{name}/activate", status, json=body)


async def test_there_is_nothing_to_roll_back_to(api: Api) -> None:
    api.write("reception")
    await post(api, "/v1/flows/reload")
    assert "was active before 1" in (await post(api, "/v1/flows/reception/rollback", 404))["detail"]


async def test_a_text_is_checked_before_it_is_anywhere(api: Api) -> None:
    api.write("reception", "One.")
    await post(api, "/v1/flows/reload")
    good = 'elements: {start: {type: start_incoming_call, numbers: ["101"], next: bye}, bye: {type: hang_up}}'
    assert await post(api, "/v1/flows/check", json={"name": "desk", "text": good}) == {"holds": True, "findings": []}
    loose = good.replace("next: bye}", "next: bye, branches: {user_hung_up: lost}}")
    found = await post(api, "/v1/flows/check", json={"name": "desk", "text": loose})
    assert not found["holds"]
    assert (found["findings"][0]["code"], found["findings"][0]["element"]) == ("F001", "start")
    same = await post(api, "/v1/flows/check", json={"name": "desk", "text": good.replace("101", "100")})
    assert not same["holds"] and "100" in same["findings"][0]["message"]
    again = await post(api, "/v1/flows/check", json={"name": "reception", "text": good.replace("101", "100")})
    assert again["holds"]
    warned = await post(api, "/v1/flows/check", json={"name": "desk", "text": good[:-1] + ", a: {type: hang_up}}"})
    assert warned["holds"] and [one["element"] for one in warned["findings"]] == ["a"]
    long = await post(api, "/v1/flows/check", json={"name": "desk", "text": good + "\n#" + "x" * 100_000})
    assert long["holds"]
    await post(api, "/v1/flows/check", 422, json={"name": "desk", "text": "x" * 600_000})
    headers = {**api.token("flows"), "Content-Type": "application/json"}
    large = io.BytesIO(b'{"name": "desk", "text": "' + b"x" * 3_000_000 + b'"}')
    assert (await api.client.post("/v1/flows/check", data=large, headers=headers)).status == 413
    assert (await api.client.get("/v1/flows/desk")).status == 404


async def test_two_versions_are_compared(api: Api) -> None:
    for text in ("One.", "Two."):
        api.write("reception", text)
        await post(api, "/v1/flows/reload")
    found = await (await api.client.get("/v1/flows/reception/diff?old=1&new=2")).json()
    assert (found["same"], found["lines"]) == (False, ['~ element hello: text: "One." -> "Two."'])
    assert (found["fields"][0]["old"], found["fields"][0]["words"]) == ("One.", True)
    same = await (await api.client.get("/v1/flows/reception/diff?old=2&new=2")).json()
    assert (same["same"], same["lines"]) == (True, [])
    assert (await api.client.get("/v1/flows/reception/diff?old=1&new=9")).status == 404
    assert (await api.client.get("/v1/flows/reception/diff?old=1")).status == 422
