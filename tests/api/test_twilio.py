"""The part of Twilio's REST interface, asked by the twilio package: calls in virtual time, a real server."""

from __future__ import annotations

import asyncio
import base64
import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from ivr.api import Guard, HttpServer, Limiter, OperationRoutes, TwilioRoutes
from ivr.call.contacts import Wanted
from ivr.errors import OverloadedError
from ivr.flow.twiml import call_sid, recording_id, recording_sid
from ivr.handoff.callstatus import CallStatuses, StatusWish
from ivr.settings import HostPort, MetricsSettings
from ivr.store import CallRecord, RecordingRecord, Store, call_token, new_token
from tests.api.conftest import Health, figures
from tests.handoff.test_applications import SECRET, SETTINGS, Scene

T = TypeVar("T")
PLACED = "6f8f2f4e-3f5f-4bb0-9d0a-1a1f2c7f1d55"


class Records:
    """Calls that are over, and recordings."""

    def __init__(self) -> None:
        self.over: list[CallRecord] = []
        self.files: dict[str, RecordingRecord] = {}

    def far_below(
        self, before: int | None, among: int, *, since: float | None = None, until: float | None = None
    ) -> int | None:
        rows = self.calls_naming([], limit=among, before=before, since=since, until=until)
        return rows[-1].short_id if len(rows) == among else None

    def calls_naming(
        self,
        names: Iterable[tuple[str, str]],
        *,
        limit: int,
        before: int | None = None,
        least: int | None = None,
        since: float | None = None,
        until: float | None = None,
        caller: str | None = None,
        called: str | None = None,
    ) -> list[CallRecord]:
        found = [
            record
            for record in sorted(self.over, key=lambda record: -record.short_id)
            if (before is None or record.short_id < before)
            and (least is None or record.short_id >= least)
            and (since is None or record.started_at >= since)
            and (until is None or record.started_at < until)
            and (caller is None or record.caller == caller)
            and (called is None or record.called == called)
        ]
        return found[:limit]

    def recordings(self, call_id: str | None = None) -> list[RecordingRecord]:
        return [row for row in self.files.values() if row.call_id == call_id]

    def recording(self, name: str) -> RecordingRecord | None:
        return self.files.get(name)

    async def kept(self, name: str) -> dict[str, Any] | None:
        found = next((record for record in self.over if record.id == name), None)
        return None if found is None else {**asdict(found), "state": "ended"}


class Placer:
    """Takes wishes for calls."""

    def __init__(self) -> None:
        self.asked: list[Wanted] = []
        self.full = False

    async def place(self, wanted: Wanted, key: str | None = None) -> tuple[str, str]:
        if self.full:
            raise OverloadedError("limits.calls is reached")
        self.asked.append(wanted)
        return PLACED, "new"


class Here(TwilioHttpClient):
    """Sends what is for Twilio to us."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base

    def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        return super().request(method, url.replace("https://api.twilio.com", self._base), *args, **more)


class Office:
    """A caller with the application `shop`, and the interface."""

    def __init__(self, folder: Path, application: str, settings: str) -> None:
        self.scene = Scene(folder, application, settings)
        house = self.scene.house
        self.records, self.placer = Records(), Placer()
        self.store = Store.open(f"sqlite:///{folder}/ivr.db")
        self.statuses = CallStatuses(house.services.feed, self.scene.letters, lambda: 1_000.0)
        guard = Guard(self.store, clock=lambda: 1_000.0)
        self.lent, self.lent_text = call_token("application crm", self.scene.name, 1_000.0)
        guard.of_calls = lambda key: self.lent if key == self.lent.id else None
        routes = TwilioRoutes(
            house.manager,
            house.services.desks,
            house.settings,
            self.records,
            kept=self.records.kept,
            placer=self.placer,
            statuses=self.statuses,
            guard=guard,
        )
        operations = OperationRoutes(Health(), figures, "text/plain", MetricsSettings())
        limiter = Limiter(1_000.0, 10_000, guard)
        self.server = HttpServer(HostPort("127.0.0.1", 0), guard, operations, [routes], limiter=limiter)
        self.account = house.settings.applications["shop"].account_sid("shop")
        self.base = f"/2010-04-01/Accounts/{self.account}"
        self.path = f"{self.base}/Calls/{call_sid(self.scene.name)}.json"
        self.good = basic(self.account, SECRET)
        self.client: TestClient[Any, Any]

    async def post(self, path: str, who: dict[str, str], **form: str) -> tuple[int, Any]:
        answer = await self.client.post(path, data=form, headers=who)
        return answer.status, await answer.json()

    async def with_package(self, ask: Callable[[Client], T], word: str = SECRET) -> T:
        """Let the twilio package ask."""
        client = Client(self.account, word, http_client=Here(str(self.client.make_url("")).rstrip("/")))
        return await asyncio.to_thread(ask, client)

    def token(self, *scopes: str) -> str:
        token, text = new_token("test", scopes, 1.0)
        self.store.tokens.add(token)
        return text

    def record(self, short_id: int, name: str = "shop", **fields: Any) -> CallRecord:
        """A call that is over."""
        path = [{"element": "app", "type": "transfer_to_voice_application", "application": name}]
        about: dict[str, Any] = {
            "id": str(uuid.UUID(int=short_id)), "short_id": short_id, "direction": "inbound",
            "started_at": 1_000.0 + short_id, "caller": "+15550100", "called": "100", "cause": "user_hung_up",
            "answered_at": 1_001.0 + short_id, "ended_at": 1_011.0 + short_id, "path": path,
        }  # fmt: skip
        found = CallRecord(**{**about, **fields})
        self.records.over.append(found)
        return found


def basic(user: str, word: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{word}".encode()).decode()}


@asynccontextmanager
async def opened(folder: Path, application: str = "shop", settings: str = SETTINGS) -> AsyncIterator[Office]:
    found = Office(folder, application, settings)
    async with TestClient(TestServer(found.server.application())) as found.client:
        yield found
    found.statuses.close()
    found.store.close()


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path) as found:
        yield found


# A call in progress


async def test_a_call_is_shown_moved_to_a_document_and_ended(office: Office) -> None:
    scene, good, path = office.scene, office.good, office.path
    status, told = await office.post(path.replace("/CA", "/CA0", 1)[:-6] + ".json", good, Status="completed")
    assert status == 404
    found = await (await office.client.get(path, headers=good)).json()
    assert (found["sid"], found["status"]) == (call_sid(scene.name), "in-progress")
    assert (found["account_sid"], found["to"]) == (office.account, "100")
    status, told = await office.post(path, good)
    assert (status, told["code"]) == (400, 21218)
    assert (await office.post(path, good, Status="ringing"))[0] == 400
    assert (await office.post(path, good, Url="nowhere"))[0] == 400
    status, _ = await office.post(path, good, Twiml="<Response><Say>Instead</Say><Pause length='60'/></Response>")
    assert status == 200
    assert scene.element == "document"
    assert scene.call.machine.steps[-1].details["application"] == "shop"
    status, told = await office.post(path, good, Url="https://app.test/other?a=1", Method="GET")
    assert status == 200
    request = scene.house.outside.asked[-1]
    assert request.url.startswith("https://app.test/other?a=1&CallSid=CA")
    assert (request.method, request.application) == ("GET", "shop")
    status, told = await office.post(path, good, Status="completed")
    assert (status, told["status"]) == (200, "completed")
    scene.house.settled()
    assert scene.house.record.cause == "ended_by_api"


async def test_wrong_passwords_are_refused_and_slowed_down(office: Office) -> None:
    bad = [{}, basic(office.account, "wrong"), basic("AC" + "0" * 32, SECRET), {"Authorization": "Basic ???"}]
    for who in bad:
        status, told = await office.post(office.path, who, Status="completed")
        assert (status, told["code"]) == (401, 20003)
    statuses = [(await office.client.get(office.path, headers=bad[1])).status for _ in range(30)]
    assert statuses[-1] == 429
    # Who shares the address, and knows the word, is heard all the same.
    assert (await office.client.get(office.path, headers=office.good)).status == 200


async def test_a_token_stands_for_the_password_as_far_as_it_is_good(office: Office) -> None:
    reads, places = office.token("calls:read"), office.token("calls")
    assert (await office.client.get(office.path, headers=basic(office.account, reads))).status == 200
    assert (await office.post(office.path, basic(office.account, reads), Status="completed"))[0] == 401
    assert (await office.client.get(office.path, headers=basic(office.account, places))).status == 401
    form = {"To": "100", "Url": "https://app.test/x"}
    assert (await office.post(f"{office.base}/Calls.json", basic(office.account, places), **form))[0] == 201
    # What is lent with a call is no password.
    assert (await office.client.get(office.path, headers=basic(office.account, office.lent_text))).status == 401
    # Nor is the token of an agent, who sees his own calls and no others.
    agent, text = new_token("anna", [], 1.0, roles=["agent"], agent="anna")
    office.store.tokens.add(agent)
    assert (await office.client.get(office.path, headers=basic(office.account, text))).status == 401
    assert (await office.client.get(f"{office.base}/Calls.json", headers=basic(office.account, text))).status == 401


async def test_an_account_does_not_reach_calls_of_others(tmp_path: Path) -> None:
    async with opened(tmp_path, "crm") as office:
        office.scene.accepted()
        status, _ = await office.post(office.path, office.good, Status="completed")
        assert (status, office.scene.element) == (404, "app")
        assert (await office.client.get(office.path, headers=office.good)).status == 404
        listed = await (await office.client.get(f"{office.base}/Calls.json", headers=office.good)).json()
        assert listed["calls"] == []


async def test_two_with_one_account_and_secrets_of_their_own_reach_their_own_calls_alone(tmp_path: Path) -> None:
    other, account = "f" * 32, "AC" + "1" * 32
    more = f"  till: {{protocol: twiml, url: 'https://app.test/till', secret: {other}, account: {account}}}\n"
    settings = SETTINGS.replace("retry: never}", f"retry: never, account: {account}}}") + more
    async with opened(tmp_path, "shop", settings) as office:
        for secret, status in ((SECRET, 200), (other, 404), ("e" * 32, 401)):
            assert (await office.client.get(office.path, headers=basic(account, secret))).status == status


async def test_a_form_that_cannot_be_read_is_refused(office: Office) -> None:
    for charset, body in (("nonsense", b"a=b"), ("utf-8", b"a=%ff&b=\xff")):
        headers = {**office.good, "Content-Type": f"application/x-www-form-urlencoded; charset={charset}"}
        answer = await office.client.post(office.path, data=body, headers=headers)
        assert (answer.status, (await answer.json())["code"]) == (400, 20001)


# The twilio package


async def test_the_package_creates_a_call(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "ivr.audit")
    call = await office.with_package(
        lambda client: client.calls.create(
            to="+1 (555) 010-0123",
            from_="+15550111",
            url="https://app.test/answered",
            method="GET",
            fallback_url="https://app.test/sorry",
            timeout=20,
            send_digits="12wW3#",
            machine_detection="DetectMessageEnd",
            record=True,
            status_callback="https://app.test/status",
            status_callback_event=["initiated", "completed"],
            status_callback_method="GET",
        )
    )
    assert (call.sid, call.status, call.direction) == (call_sid(PLACED), "queued", "outbound-api")
    (said,) = [record.getMessage() for record in caplog.records if record.name == "ivr.audit"]
    assert said.startswith(
        f"POST /2010-04-01/Accounts/{office.account}/Calls.json: 201 for the account of shop, request"
    )
    assert (call.account_sid, call._from) == (office.account, "+15550111")
    (wanted,) = office.placer.asked
    assert wanted.to == "+15550100123"
    assert wanted.properties == {"document": "https://app.test/answered"}
    assert wanted.fields == {
        "ring_timeout": 20.0, "validity": 1.0, "from": "+15550111", "machine_detection": "beep", "record_call": True,
    }  # fmt: skip
    assert wanted.document == {
        "application": "shop", "method": "GET", "detection": "beep", "placed": True,
        "fallback": "https://app.test/sorry", "keys": "12www3#",
    }  # fmt: skip
    assert StatusWish(**wanted.status) == StatusWish(
        "shop", office.account, "https://app.test/status", "GET", ("initiated", "completed"),
        "+15550111", "+15550100123",
    )  # fmt: skip
    feed = office.scene.house.services.feed
    sent = office.scene.post.sent
    for kind, data in (("call.started", {}), ("call.ringing", {}), ("call.ended", {"outcome": "busy"})):
        feed.tell(kind, data, PLACED)
    assert all(f"CallStatus={status}" in it.url for it, status in zip(sent, ("initiated", "busy"), strict=True))
    assert all(request.url.startswith("https://app.test/status?CallSid=CA") for request in sent)
    assert len(office.statuses) == 0


@pytest.mark.parametrize(
    ("to", "target"), [("sip:anna@pbx.test", "sip:anna@pbx.test"), ("client:200", "phone:200"), ("*98", "*98")]
)
async def test_whom_it_calls(office: Office, to: str, target: str) -> None:
    told = await office.with_package(
        lambda client: client.calls.create(
            to=to, from_="100", twiml="<Response/>", status_callback="https://app.test/status"
        )
    )
    (wanted,) = office.placer.asked
    assert wanted.to == target
    assert wanted.document.get("to", target) == wanted.status["to"] == told.to == to


@pytest.mark.parametrize(
    ("code", "form"),
    [
        (21201, {"Url": "https://app.test/"}),
        (21211, {"To": "{{ x }}", "Url": "https://app.test/"}),
        (21211, {"To": "sip:a b@c", "Url": "https://app.test/"}),
        (21212, {"To": "1", "From": "{{ x }}", "Url": "https://app.test/"}),
        (21205, {"To": "1"}),
        (21205, {"To": "1", "Url": "ftp://app.test/"}),
        (21205, {"To": "1", "Url": "https://app.test/", "FallbackUrl": "x"}),
        (12100, {"To": "1", "Twiml": "hello"}),
        (21218, {"To": "1", "Url": "https://app.test/", "Timeout": "soon"}),
        (21218, {"To": "1", "Url": "https://app.test/", "SendDigits": "1x"}),
        (21220, {"To": "1", "Url": "https://app.test/", "MachineDetection": "maybe"}),
        (21403, {"To": "1", "Url": "https://app.test/", "Method": "PUT"}),
        (21609, {"To": "1", "Url": "https://app.test/", "StatusCallback": "x"}),
        (21626, {"To": "1", "Url": "https://app.test/", "StatusCallback": "http://a/", "StatusCallbackEvent": "x"}),
    ],
)
async def test_forms_that_do_not_hold(office: Office, code: int, form: dict[str, str]) -> None:
    status, told = await office.post(f"{office.base}/Calls.json", office.good, **form)
    assert (status, told["code"]) == (400, code)
    assert not office.placer.asked


async def test_no_room_for_another_call(office: Office) -> None:
    office.placer.full = True
    with pytest.raises(TwilioRestException) as refused:
        await office.with_package(lambda client: client.calls.create(to="1", from_="2", url="https://app.test/"))
    assert (refused.value.status, refused.value.code) == (429, 20429)


async def test_the_package_fetches_and_updates_and_ends_a_call(office: Office) -> None:
    sid = call_sid(office.scene.name)
    call = await office.with_package(lambda client: client.calls(sid).fetch())
    assert (call.sid, call.status, call.end_time) == (sid, "in-progress", None)
    assert isinstance(call.start_time, datetime)
    await office.with_package(lambda client: client.calls(sid).update(twiml="<Response><Pause length='9'/></Response>"))
    assert office.scene.element == "document"
    ended = await office.with_package(lambda client: client.calls(sid).update(status="completed"))
    assert ended.status == "completed"
    office.scene.house.settled()
    office.records.over.append(office.scene.house.record)
    over = await office.with_package(lambda client: client.calls(sid).fetch())
    assert (over.status, over.sid) == ("completed", sid)
    assert over.end_time is not None
    assert int(over.duration) >= 0
    with pytest.raises(TwilioRestException) as gone:
        await office.with_package(lambda client: client.calls(sid).update(status="completed"))
    assert gone.value.status == 404


async def test_the_package_lists_calls_in_pages(office: Office) -> None:
    for number in range(100, 107):
        office.record(number)
    office.record(120, "other")
    # Those of others aside, those in progress before those that are over.
    found = await office.with_package(lambda client: client.calls.list(page_size=3))
    sids = [call.sid for call in found]
    assert set(sids) == {call_sid(office.scene.name), *(call_sid(str(uuid.UUID(int=n))) for n in range(100, 107))}
    assert sids[:2] == [call_sid(str(uuid.UUID(int=n))) for n in (106, 105)]
    assert len(sids) == 8
    assert len(await office.with_package(lambda client: client.calls.list(limit=4, page_size=2))) == 4


async def test_the_package_filters_calls(office: Office) -> None:
    office.record(100, called="200")
    office.record(101, caller="+49301234", answered_at=None)
    day = 86_400
    office.record(102, started_at=20_000.0 * day + 5, answered_at=20_000.0 * day + 6, ended_at=20_000.0 * day + 70)
    told = {"direction": "outbound", "answered_at": None, "details": {"attempts": [{"outcome": "busy"}]}}
    office.record(103, "nobody", **{**told, "details": {**told["details"], "application": "shop"}})  # type: ignore[dict-item]

    async def numbers(**wanted: Any) -> list[int]:
        found = await office.with_package(lambda client: client.calls.list(**wanted))
        return [uuid.UUID(call.sid[2:]).int for call in found if call.sid != call_sid(office.scene.name)]

    assert await numbers(to="200") == [100]
    office.record(104, called="200", details={"called_as": "client:200"})
    office.record(105, called="anna", details={"called_as": "sip:anna@pbx.test"})
    assert await numbers(to="200") == [100]
    assert await numbers(to="client:200") == [104]
    assert await numbers(to="sip:anna@pbx.test") == [105]
    found = await office.with_package(lambda client: client.calls(call_sid(str(uuid.UUID(int=104)))).fetch())
    assert found.to == "client:200"
    assert await numbers(from_="+49 30 1234") == [101]
    assert await numbers(status="canceled") == [101]
    assert await numbers(status="busy") == [103]
    when = datetime.fromtimestamp(20_000 * day, UTC)
    assert await numbers(start_time=when.date()) == [102]
    assert await numbers(start_time_after=when) == [102]
    assert 102 not in await numbers(start_time_before=when)
    assert await numbers(end_time_after=when) == [102]
    assert await numbers(parent_call_sid="CA" + "0" * 32) == []
    for when in ("soon", "9999-12-31"):
        bad = await office.client.get(f"{office.base}/Calls.json?StartTime={when}", headers=office.good)
        assert (bad.status, (await bad.json())["code"]) == (400, 20001)
    bad = await office.client.get(f"{office.base}/Calls.json?PageSize=0", headers=office.good)
    assert bad.status == 400


# Recordings


async def test_recordings_are_there_for_who_knows_their_name(office: Office, tmp_path: Path) -> None:
    folder = office.scene.house.settings.recordings
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "one.wav"
    path.write_bytes(b"RIFF")
    name, call = "6f8f2f4e-3f5f-4bb0-9d0a-1a1f2c7f1d55", office.scene.name
    office.records.files[name] = RecordingRecord(
        id=name, call_id=call, kind="voicemail", name="one.wav", path=str(path), started_at=1.0, seconds=2.0
    )
    base = f"{office.base}/Recordings/{recording_sid(name, SECRET)}"
    for suffix in ("", ".wav"):
        answer = await office.client.get(base + suffix)
        assert (answer.status, await answer.read(), answer.content_type) == (200, b"RIFF", "audio/wav")
    answer = await office.client.get(base + ".json")
    assert (await answer.json())["duration"] == "2"
    assert (await office.client.get(base + ".mp3")).status == 404
    assert (await office.client.get(base[:-1] + "0")).status == 404
    assert (await office.client.get(base.replace(office.account, "AC" + "0" * 32))).status == 404
    # The id of a recording is no secret: the feed tells it.
    by_id = f"{office.base}/Recordings/RE{name.replace('-', '')}"
    assert (await office.client.get(by_id)).status == 404
    (listed,) = await office.with_package(lambda client: client.calls(call_sid(call)).recordings.list())
    assert (listed.sid, listed.call_sid) == (recording_sid(name, SECRET), call_sid(call))
    elsewhere = tmp_path / "elsewhere.wav"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert (await office.client.get(base)).status == 404


@given(st.uuids(), st.text(max_size=40))
def test_recordings_have_names_that_do_not_follow_from_their_ids(key: uuid.UUID, secret: str) -> None:
    sid = recording_sid(str(key), secret)
    assert re.fullmatch("RE[0-9a-f]{32}", sid)
    assert recording_id(sid, secret) == str(key)
    assert sid != f"RE{key.hex}"
    assert recording_id(sid, secret + "x") != str(key)
