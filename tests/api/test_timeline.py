from __future__ import annotations

from typing import Any

from ivr.api.timeline import timeline
from tests.api.conftest import Api

RECORD: dict[str, Any] = {
    "id": "c", "short_id": 7, "started_at": 100.0, "ringing_at": None, "answered_at": 101.0, "ended_at": 130.0,
    "cause": "user_hung_up", "flow": "front",
    "path": [
        {"element": "start", "type": "start_incoming_call", "entered_at": 100.0, "left_at": 101.0, "branch": "started"},
        {"element": "menu", "type": "collect", "flow": "other", "entered_at": 101.0, "left_at": 110.0,
         "branch": "sales", "keys": ["x"]},
        {"element": "queue", "type": "transfer_to_agent", "entered_at": 110.0, "left_at": None},
    ],
    "digits": [{"element": "menu", "digits": "1"}],
    "hand_offs": [{"target": "queue:sales", "agent": "anna", "ended_at": 130.0}],
}  # fmt: skip


def test_the_way_of_a_call_in_order() -> None:
    found = timeline(RECORD)
    assert [(one["seconds"], one["what"], one["element"]) for one in found] == [
        (0.0, "started", None), (0.0, "entered", "start"), (1.0, "left", "start"), (1.0, "entered", "menu"),
        (1.0, "answered", None), (10.0, "left", "menu"), (10.0, "entered", "queue"),
        (30.0, "hand_off", None), (30.0, "ended", None),
    ]  # fmt: skip
    left = found[5]
    assert (left["flow"], left["data"]) == ("other", {"branch": "sales", "keys": ["x"]})
    assert found[-1]["data"] == {"cause": "user_hung_up"}


async def test_it_is_shown(api: Api) -> None:
    api.calls.rows = [RECORD]
    answer = await api.client.get("/v1/calls/c/trace")
    body = await answer.json()
    assert (answer.status, body["id"], len(body["entries"])) == (200, "c", 9)
    assert (await api.client.get("/v1/calls/none/trace")).status == 404
