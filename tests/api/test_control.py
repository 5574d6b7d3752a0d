"""Control of live calls over HTTP, and the part of Twilio's REST interface: calls in virtual time, a real server."""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from ivr.api import ControlRoutes, Guard, HttpServer, OperationRoutes, TwilioRoutes
from ivr.flow import ports
from ivr.flow.twiml import call_sid, recording_id, recording_sid
from ivr.settings import HostPort, MetricsSettings
from ivr.store import RecordingRecord, Store, new_token
from tests.api.conftest import Health, figures
from tests.handoff.test_applications import SECRET, SETTINGS, Scene

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Desk:
    """A caller with an application, and the HTTP interface."""

    def __init__(self, scene: Scene, client: TestClient[Any, Any], store: Store) -> None:
        self.scene = scene
        self.client = client
        self.store = store
        self.recordings: dict[str, RecordingRecord] = {}

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
    found: Desk
    parts = (
        ControlRoutes(house.manager, house.settings, scene.desk),
        TwilioRoutes(house.manager, house.services.desks, house.settings, lambda name: found.recordings.get(name)),
    )
    operations = OperationRoutes(Health(), figures, "text/plain", MetricsSettings())
    server = HttpServer(HostPort("127.0.0.1", 0), guard, operations, parts)
    async with TestClient(TestServer(server.application())) as client:
        found = Desk(scene, client, store)
        yield found
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
    desk.scene.accepted()
    status, told = await desk.post("stop", desk.token("calls:control"))
    assert (status, told["detail"]) == (409, "nothing runs")
    status, told = await desk.post("digits", desk.token("admin"), digits="12")
    assert (status, told["result"]) == (200, {})
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


# The calls resource


def basic(user: str, word: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{word}".encode()).decode()}


@pytest.mark.parametrize("desk", ["shop"], indirect=True)
async def test_the_calls_resource(desk: Desk) -> None:
    scene = desk.scene
    account = scene.house.settings.applications["shop"].account_sid("shop")
    path = f"/2010-04-01/Accounts/{account}/Calls/{call_sid(scene.name)}.json"

    async def post(path: str, who: dict[str, str], **form: str) -> tuple[int, Any]:
        answer = await desk.client.post(path, data=form, headers=who)
        return answer.status, await answer.json()

    good = basic(account, SECRET)
    for bad in ({}, basic(account, "wrong"), basic("AC" + "0" * 32, SECRET), {"Authorization": "Basic ???"}):
        status, told = await post(path, bad, Status="completed")
        assert (status, told["code"]) == (401, 20003)
    status, told = await post(path.replace("/CA", "/CA0", 1)[:-6] + ".json", good, Status="completed")
    assert status == 404
    answer = await desk.client.get(path, headers=good)
    found = await answer.json()
    assert (found["sid"], found["status"], found["account_sid"]) == (call_sid(scene.name), "in-progress", account)
    status, told = await post(path, good)
    assert (status, told["code"]) == (400, 21218)
    assert (await post(path, good, Status="ringing"))[0] == 400
    assert (await post(path, good, Url="nowhere"))[0] == 400
    status, _ = await post(path, good, Twiml="<Response><Say>Instead</Say><Pause length='60'/></Response>")
    assert status == 200
    assert scene.element == "document"
    assert scene.call.machine.steps[-1].details["application"] == "shop"
    status, told = await post(path, good, Url="https://app.test/other")
    assert status == 200
    request = scene.house.outside.asked[-1]
    assert (request.url, request.application) == ("https://app.test/other", "shop")
    status, told = await post(path, good, Status="completed")
    assert (status, told["status"]) == (200, "completed")
    scene.house.settled()
    assert scene.house.record.cause == "ended_by_api"
    assert (await desk.client.get(path, headers=good)).status == 404


async def test_an_account_does_not_reach_calls_of_others(desk: Desk) -> None:
    desk.scene.accepted()
    account = desk.scene.house.settings.applications["shop"].account_sid("shop")
    path = f"/2010-04-01/Accounts/{account}/Calls/{call_sid(desk.scene.name)}.json"
    answer = await desk.client.post(path, data={"Status": "completed"}, headers=basic(account, SECRET))
    assert answer.status == 404
    assert desk.scene.element == "app"


async def test_recordings_are_there_for_who_knows_their_name(desk: Desk, tmp_path: Path) -> None:
    folder = desk.scene.house.settings.recordings
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "one.wav"
    path.write_bytes(b"RIFF")
    name = "6f8f2f4e-3f5f-4bb0-9d0a-1a1f2c7f1d55"
    desk.recordings[name] = RecordingRecord(
        id=name, call_id=desk.scene.name, kind="voicemail", name="one.wav", path=str(path), started_at=1.0, seconds=2.0
    )
    account = desk.scene.house.settings.applications["shop"].account_sid("shop")
    base = f"/2010-04-01/Accounts/{account}/Recordings/{recording_sid(name, SECRET)}"
    for suffix in ("", ".wav"):
        answer = await desk.client.get(base + suffix)
        assert (answer.status, await answer.read(), answer.content_type) == (200, b"RIFF", "audio/wav")
    answer = await desk.client.get(base + ".json")
    assert (await answer.json())["duration"] == "2"
    assert (await desk.client.get(base + ".mp3")).status == 404
    assert (await desk.client.get(base[:-1] + "0")).status == 404
    assert (await desk.client.get(base.replace(account, "AC" + "0" * 32))).status == 404
    # The id of a recording is no secret: the feed tells it.
    by_id = f"/2010-04-01/Accounts/{account}/Recordings/RE{name.replace('-', '')}"
    assert (await desk.client.get(by_id)).status == 404
    elsewhere = tmp_path / "elsewhere.wav"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert (await desk.client.get(base)).status == 404


def test_results_of_masked_inputs_are_not_told_to_the_feed(tmp_path: Path) -> None:
    scene = Scene(tmp_path).accepted()
    scene.order("collect", max_digits=1)
    scene.house.press("7")
    told = [event for event in scene.house.services.feed.since(0) or [] if event.type == "digits.collected"]
    assert told[0].data["status"] == "collected"
    assert "digits" not in told[0].data
    assert isinstance(ports.InstructionDone(1).result, dict)


@given(st.uuids(), st.text(max_size=40))
def test_recordings_have_names_that_do_not_follow_from_their_ids(key: uuid.UUID, secret: str) -> None:
    sid = recording_sid(str(key), secret)
    assert re.fullmatch("RE[0-9a-f]{32}", sid)
    assert recording_id(sid, secret) == str(key)
    assert sid != f"RE{key.hex}"
    assert recording_id(sid, secret + "x") != str(key)


@pytest.mark.parametrize("desk", ["shop"], indirect=True)
async def test_a_form_that_cannot_be_read_is_refused(desk: Desk) -> None:
    account = desk.scene.house.settings.applications["shop"].account_sid("shop")
    path = f"/2010-04-01/Accounts/{account}/Calls/{call_sid(desk.scene.name)}.json"
    for charset, body in (("nonsense", b"a=b"), ("utf-8", b"a=%ff&b=\xff")):
        headers = {**basic(account, SECRET), "Content-Type": f"application/x-www-form-urlencoded; charset={charset}"}
        answer = await desk.client.post(path, data=body, headers=headers)
        assert (answer.status, (await answer.json())["code"]) == (400, 20001)


async def test_two_with_one_account_and_secrets_of_their_own_reach_their_own_calls_alone(tmp_path: Path) -> None:
    other, account = "f" * 32, "AC" + "1" * 32
    more = f"  till: {{protocol: twiml, url: 'https://app.test/till', secret: {other}, account: {account}}}\n"
    scene = Scene(tmp_path, "shop", SETTINGS.replace("retry: never}", f"retry: never, account: {account}}}") + more)
    house = scene.house
    routes = TwilioRoutes(house.manager, house.services.desks, house.settings, lambda name: None)
    store = Store.open(f"sqlite:///{tmp_path}/ivr.db")
    operations = OperationRoutes(Health(), figures, "text/plain", MetricsSettings())
    server = HttpServer(HostPort("127.0.0.1", 0), Guard(store), operations, [routes])
    path = f"/2010-04-01/Accounts/{account}/Calls/{call_sid(scene.name)}.json"
    async with TestClient(TestServer(server.application())) as client:
        for secret, status in ((SECRET, 200), (other, 404), ("e" * 32, 401)):
            assert (await client.get(path, headers=basic(account, secret))).status == status
    store.close()
