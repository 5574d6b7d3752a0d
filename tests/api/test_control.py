"""Control of live calls over HTTP: calls in virtual time, a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from ivr.api import ControlRoutes, Guard, HttpServer, OperationRoutes
from ivr.flow import ports
from ivr.settings import HostPort, MetricsSettings
from ivr.store import Store, new_token
from tests.api.conftest import Health, figures
from tests.handoff.test_applications import Scene


class Desk:
    """A caller with an application, and the HTTP interface."""

    def __init__(self, scene: Scene, client: TestClient[Any, Any], store: Store) -> None:
        self.scene = scene
        self.client = client
        self.store = store

    def token(self, *scopes: str) -> dict[str, str]:
        token, text = new_token("test", scopes, 1.0)
        self.store.tokens.add(token)
        return {"Authorization": f"Bearer {text}"}

    def offered(self) -> dict[str, str]:
        """The token of the offer."""
        return {"Authorization": f"Bearer {self.scene.post.bodies[0]['data']['control']['token']}"}

    async def post(self, verb: str, headers: dict[str, str], call: str = "", **body: Any) -> tuple[int, Any]:
        answer = await self.client.post(
            f"/v1/calls/{call or self.scene.name}/{verb}", json=body if body else None, headers=headers
        )
        return answer.status, None if answer.status == 204 else await answer.json()


@pytest.fixture
async def desk(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    scene = Scene(tmp_path, getattr(request, "param", "crm"))
    store = Store.open(f"sqlite:///{tmp_path}/ivr.db")
    guard = Guard(store, clock=lambda: 1_000.0)
    guard.of_calls = scene.desk.token
    house = scene.house
    parts = [ControlRoutes(house.manager, lambda: house.settings, scene.desk)]
    operations = OperationRoutes(Health(), figures, "text/plain", MetricsSettings())
    server = HttpServer(HostPort("127.0.0.1", 0), guard, operations, parts)
    async with TestClient(TestServer(server.application())) as client:
        yield Desk(scene, client, store)
    store.close()


async def test_the_token_of_an_offer_is_good_for_its_call_alone(desk: Desk) -> None:
    assert (await desk.post("say", {}, text="x"))[0] == 401
    assert (await desk.post("say", desk.token("calls"), text="x"))[0] == 403
    own = desk.offered()
    assert (await desk.post("say", own, call="another", text="x"))[0] == 403
    status, told = await desk.post("say", own, text="x")
    assert (status, "take the call first" in told["detail"]) == (409, True)
    assert (await desk.post("accept", own))[0] == 200
    assert (await desk.post("accept", own))[0] == 409
    status, told = await desk.post("say", own, text="x")
    assert (status, told["instruction"], told["result"]) == (202, 2, None)
    assert (await desk.post("release", own, flow="elsewhere"))[0] == 422
    status, told = await desk.post("release", own, variables={"customer": "Anna"})
    assert (status, told["element"]) == (200, "back")
    assert (await desk.post("say", own, text="x"))[0] == 401


async def test_rejected_with_the_token(desk: Desk) -> None:
    assert (await desk.post("reject", desk.offered(), reason="closed"))[0] == 204
    assert desk.scene.result["reason"] == "rejected"


async def test_results_come_with_the_answer(desk: Desk) -> None:
    status, told = await desk.post("digits", desk.token("admin"), digits="12")
    assert (status, told["result"]) == (200, {}), "at once: nobody outside has the call"
    desk.scene.accepted()
    status, told = await desk.post("stop", desk.token("calls:control"))
    assert (status, told["detail"]) == (409, "nothing runs")
    status, told = await desk.post("digits", desk.token("admin"), digits="12")
    assert (status, told["result"]) == (202, None) and desk.scene.post.types[-1] != "digits.sent"
    desk.scene.house.run(0.4)
    assert desk.scene.post.types[-1] == "digits.sent"
    status, told = await desk.post("record", desk.token("calls:control"), action="stop")
    assert (status, told["detail"]) == (409, "the call is not being recorded")


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("transfer", {}),
        ("transfer", {"to": "1", "queue": "x"}),
        ("transfer", {"to": "1", "priority": 3}),
        ("transfer", {"to": "{{ secret }}"}),
        ("transfer", {"to": ""}),
        ("transfer", {"flow": "main"}),
        ("say", {}),
        ("say", {"text": "x", "volume": 3}),
        ("play", {"file": "a.wav", "url": "http://x/"}),
        ("collect", {"max_digits": 0}),
        ("collect", {"reporting": "loud"}),
        ("record", {"max_duration": 5}),
        ("record", {"what": "message", "action": "stop"}),
        ("digits", {"digits": "1x"}),
        ("take", {"idle": 0}),
        ("release", {}),
    ],
)
async def test_what_does_not_hold_leaves_the_call_alone(desk: Desk, verb: str, body: dict[str, Any]) -> None:
    before = desk.scene.element
    status, told = await desk.post(verb, desk.token("admin"), **(body or {"variables": {}}))
    assert status == 422, told
    assert desk.scene.element == before


@pytest.mark.parametrize(
    "body",
    [{"flow": "x"}, {"queue": "x"}, {"ai_agent": "x"}, {"application": "x"}, {"to": "phone:999"}, {"to": "agent:x"}],
)
async def test_names_that_are_not_there(desk: Desk, body: dict[str, Any]) -> None:
    status, told = await desk.post("transfer", desk.token("admin"), **body)
    assert (status, "there is no" in told["detail"]) == (404, True)
    assert desk.scene.element == "app"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"to": "+4940123", "timeout": 5}, "forward_call"),
        ({"queue": "default", "priority": 9, "otherwise": "elsewhere"}, "transfer_to_agent"),
        ({"application": "shop", "custom_data": {"order": 1}}, "transfer_to_voice_application"),
        ({"flow": "elsewhere", "variables": {"a": 1}}, "play"),
    ],
)
async def test_a_live_call_goes_where_it_is_sent(desk: Desk, body: dict[str, Any], kind: str) -> None:
    desk.scene.accepted()
    desk.scene.order("say", text="Hello")
    status, told = await desk.post("transfer", desk.token("calls:control"), **body)
    assert (status, told.get("id")) == (200, desk.scene.name), told
    steps = desk.scene.call.machine.steps
    assert kind in [step.type for step in steps]
    assert "moved by test" in [step.branch for step in steps]


async def test_taken_and_held_until_nothing_is_asked_for(desk: Desk) -> None:
    control = desk.token("calls:control")
    status, told = await desk.post("take", control, idle=10, back="elsewhere", filler="music")
    assert (status, told["flow"], told["element"]) == (200, "(taken)", "control")
    assert (await desk.post("take", control, back="nothing"))[0] == 404
    assert (await desk.post("say", control, text="x"))[0] == 202
    desk.scene.house.play_out()
    desk.scene.house.run(11.0)
    assert desk.scene.element == "hello"


async def test_no_call_and_a_call_that_is_over(desk: Desk) -> None:
    control = desk.token("calls:control")
    assert (await desk.post("hangup", control, call="nobody"))[0] == 404
    status, told = await desk.post("hangup", control)
    assert (status, told["result"]) == (200, {})
    desk.scene.house.settled()
    assert (await desk.post("hangup", control))[0] == 404
    assert desk.scene.house.record.cause == "ended_by_api"


def test_results_of_masked_inputs_are_not_told_to_the_feed(tmp_path: Path) -> None:
    scene = Scene(tmp_path).accepted()
    scene.order("collect", max_digits=1)
    scene.house.press("7")
    told = [event for event in scene.house.services.feed.since(0) or [] if event.type == "digits.collected"]
    assert told[0].data["status"] == "collected"
    assert "digits" not in told[0].data
    assert isinstance(ports.InstructionDone(1).result, dict)
