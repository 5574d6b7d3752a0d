"""What applications are told: in order, at least once, over a restart, and after the daemon has died with a call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import pytest

from ivr.call.unfinished import AGAIN, ROUND, settle
from ivr.feed import Feed
from ivr.flow.ports import RequestDone, TellApplication
from ivr.handoff.applications import ApplicationDesk
from ivr.handoff.callstatus import CallStatuses, StatusWish
from ivr.handoff.letters import Letters
from ivr.outside.signatures import TWILIO_HEADER, form_of, twilio_signature
from ivr.settings import AiAgent, Application
from ivr.store import LAST_WORDS, SEEN, STATUS_CALLBACK, CallRecord, KeptWait, Store
from ivr.webhooks import Courier, Delivery, Failure, Target, verdict
from tests.handoff.test_applications import SECRET, SETTINGS, Post, Scene
from tests.kit.carrier import Carrier
from tests.kit.house import TRUNK, House

URL = "https://app.test/status"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{tmp_path}/ivr.db")
    yield store
    store.close()


class Web:
    """The other side, as a test says."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str]] = []
        self.tries: list[str] = []
        self.answer: Callable[[Delivery], Failure | None] = lambda delivery: None

    async def send(self, target: Target, delivery: Delivery, at: float) -> Failure | None:
        self.tries.append(delivery.id)
        failure = self.answer(delivery)
        if failure is None:
            self.got.append((delivery.url or target.url, delivery.type))
        return failure

    async def close(self) -> None:
        pass


def settings_of(**retry: Any) -> Any:
    crm = Application.model_validate({"url": "https://app.test/calls", "secret": SECRET, "retry": retry or {}})
    shop = Application.model_validate({"url": "https://app.test/voice", "secret": SECRET, "protocol": "twiml"})
    bot = AiAgent.model_validate({"url": "wss://bot.test/", "auth_token": SECRET})
    return SimpleNamespace(
        applications={"crm": crm, "shop": shop}, ai_agents={"bot": bot}, http=SimpleNamespace(public_url="http://x")
    )


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)


class Run:
    """One run of a daemon over a store."""

    def __init__(self, store: Store, web: Web, **retry: Any) -> None:
        self.courier = Courier(store.deliveries, web)
        self.letters = Letters(settings_of(**retry), self.courier)
        self.task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Run:
        await self.courier.begin()
        self.task = asyncio.create_task(self.courier.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.task is not None
        self.task.cancel()
        await self.courier.close()

    @property
    def waiting(self) -> dict[str, int]:
        return {state.name: state.waiting for state in self.courier.states() if state.waiting}


def callback(url: str = URL, method: Any = "POST", **data: str) -> TellApplication:
    return TellApplication("shop", "callback", data, url, method)


async def test_events_outlive_the_daemon_and_keep_their_order(store: Store) -> None:
    web = Web()
    web.answer = lambda delivery: Failure("no connection")
    async with Run(store, web) as run:
        for number in range(3):
            run.letters.event("crm", "call-1", f"call-1:1:{number}", f"event-{number}", "{}")
        assert run.waiting == {"applications/crm": 3}
    web.answer = lambda delivery: None
    async with Run(store, web) as run:
        await until(lambda: len(web.got) == 3)
        assert web.got == [("https://app.test/calls", f"event-{number}") for number in range(3)]
        await until(lambda: not run.waiting)
        assert not await run.courier.dead_counts()


async def test_what_is_not_wanted_is_a_dead_letter_at_once_and_holds_up_nothing(store: Store) -> None:
    web = Web()
    web.answer = lambda delivery: verdict(410) if delivery.id == "a" else None
    async with Run(store, web) as run:
        for name in ("a", "b"):
            run.letters.event("crm", "call-1", name, name, "{}")
        await until(lambda: web.got)
        assert web.tries == ["a", "b"]
        (dead,) = await run.courier.dead("applications/crm", 10)
        assert (dead.id, dead.lane, dead.problem) == ("a", "call-1", "status 410")
        web.answer = lambda delivery: None
        assert await run.courier.revive("applications/crm") == 1
        await until(lambda: len(web.got) == 2)


async def test_what_cannot_be_delivered_in_time_is_a_dead_letter(store: Store) -> None:
    web = Web()
    web.answer = lambda delivery: verdict(503)
    async with Run(store, web, deliver_for="0s") as run:
        run.letters.event("crm", "call-1", "a", "call.ended", "{}")
        await until(lambda: web.tries)
        await until(lambda: not run.waiting)
        assert await run.courier.dead_counts() == {"applications/crm": 1}


async def test_a_callback_whose_server_is_down_holds_up_no_other_server(store: Store) -> None:
    web = Web()
    web.answer = lambda delivery: Failure("no answer in time") if "down" in (delivery.url or "") else None
    async with Run(store, web) as run:
        for number in range(60):
            run.letters.callback(f"call-{number}", callback("https://down.test/x"), "https://down.test/x")
        await until(lambda: web.tries)
        run.letters.callback("call-0", callback(), URL)
        await until(lambda: web.got)
        assert web.got == [(URL, "callback")]


def sent(folder: Path, command: TellApplication) -> Any:
    post = Post()
    carrier = Carrier(post)
    Letters(settings_of(), carrier).callback("call-1", command, command.url or "", "x")
    assert carrier.ids == ["call-1:x"]
    return post.sent[0]


def test_callbacks_are_signed_as_twilio_does(tmp_path: Path) -> None:
    request = sent(tmp_path, callback(CallStatus="completed", To="+1 5"))
    assert (request.method, request.body) == ("POST", b"CallStatus=completed&To=%2B1+5")
    wanted = twilio_signature(SECRET, URL, form_of(request.body))
    assert request.headers[TWILIO_HEADER.lower()] == wanted
    request = sent(tmp_path, callback(URL + "?a=1", "GET", CallStatus="completed"))
    assert (request.method, request.url, request.body) == ("GET", f"{URL}?a=1&CallStatus=completed", None)
    assert request.headers[TWILIO_HEADER.lower()] == twilio_signature(SECRET, request.url)


def test_who_is_not_configured_is_told_nothing() -> None:
    carrier = Carrier(Post())
    letters = Letters(settings_of(), carrier)
    letters.callback("call-1", TellApplication("nobody", "callback", {}, URL), URL)
    letters.callback("call-1", TellApplication("ai_agents/nobody", "callback", {}, URL), URL)
    assert carrier.ids == []
    assert letters.endpoints == {
        "ai_agent:bot": "ai_agents/bot", "application:crm": "applications/crm", "application:shop": "applications/shop",
    }  # fmt: skip


# Last words


def died(house: House) -> list[CallRecord]:
    """What the store has of calls that are up."""
    house.run(AGAIN + ROUND + 0.1)
    return list(house.books.going.values())


async def told_after(folder: Path, record: CallRecord) -> list[Any]:
    """What applications hear when the next daemon begins."""
    post = Post()
    letters = Letters(settings_of(), Carrier(post))
    desk = ApplicationDesk(settings_of(), post, letters, SimpleNamespace(), lambda: 9.0)
    store = Store.open(f"sqlite:///{folder}/next.db")
    try:
        store.writer.call_started(record)
        assert store.writer.flush(20.0)
    finally:
        store.close()
    store = Store.open(f"sqlite:///{folder}/next.db")
    try:
        assert await settle(store, Feed(lambda: 9.0), lambda key, summary: None, desk.cut_off) == 1
        assert store.writer.flush(20.0)
        (kept,) = store.reader.calls()
        assert LAST_WORDS not in kept.details
    finally:
        store.close()
    return post.sent


@pytest.mark.parametrize("accepted", [True, False])
async def test_an_events_application_hears_that_a_call_was_cut_off(tmp_path: Path, accepted: bool) -> None:
    scene = Scene(tmp_path)
    if accepted:
        scene.accepted().order("stop")
    (record,) = died(scene.house)
    (request,) = await told_after(tmp_path, record)
    body = json.loads(request.body)
    assert (body["type"], body["application"], body["call"]["id"]) == ("call.ended", "crm", scene.name)
    assert body["sequence"] == (3 if accepted else 1)
    # The record may be older than the newest events: the end has no number that one of them may have.
    assert body["id"].startswith(scene.name) and body["id"].endswith(":ended")
    assert (body["data"]["cause"], body["data"]["answered"]) == ("system", True)


def test_a_call_that_was_given_back_has_no_last_words(tmp_path: Path) -> None:
    scene = Scene(tmp_path).accepted()
    assert scene.call.report.last_words
    scene.desk.release(scene.name, {})
    assert not scene.call.report.last_words


LEG = 'statusCallback="/leg" statusCallbackEvent="answered completed"'
DIAL = f"<Response><Dial><Number {LEG}>+15550100</Number></Dial></Response>"
POLICY = 'outbound_policy: {guests: ["+1555*"]}\n'
STATUSES = SETTINGS.replace("retry: never", f'retry: never, status_callback: "{URL}"') + POLICY


@pytest.mark.parametrize("answered", [True, False])
async def test_callbacks_of_a_dialled_number_and_of_the_call_itself(tmp_path: Path, answered: bool) -> None:
    scene = Scene(tmp_path, "shop", STATUSES)
    wall, began = scene.house.services.wall(), scene.house.now
    scene.house.services.wall = lambda: wall + scene.house.now - began  # type: ignore[method-assign]
    callee = scene.house.party(TRUNK)
    request = scene.house.outside.asked[-1]
    xml = {"content-type": "text/xml"}
    scene.house.outside.answer(RequestDone(request.id, 200, xml, DIAL))
    scene.house.run(0.5)
    callee.ring()
    if answered:
        callee.answer()
        scene.house.run(30.0)
    (record,) = died(scene.house)
    told = [dict(parse_qsl(one.body.decode())) for one in await told_after(tmp_path, record)]
    of_leg = next(one for one in told if "ParentCallSid" in one)
    of_call = next(one for one in told if "ParentCallSid" not in one)
    assert of_leg["CallStatus"] == ("completed" if answered else "failed")
    assert abs(int(of_leg["CallDuration"]) - (30 if answered else 0)) <= 3
    assert (of_call["CallStatus"], of_call["CallSid"]) == ("completed", of_leg["ParentCallSid"])
    assert len(told) == 2
    report = scene.call.report
    assert report.last_words
    callee.hang_up() if answered else callee.refuse(486)
    scene.caller.hang_up()
    scene.house.settled()
    ends = [dict(parse_qsl((one.body or b"").decode())).get("CallStatus") for one in scene.post.sent]
    assert sorted(status or "" for status in ends if status not in ("in-progress", "ringing")) == (
        ["completed", "completed"] if answered else ["busy", "completed"]
    )
    assert not report.last_words


# Calls of the calls resource


def wish(**changes: Any) -> dict[str, Any]:
    return {
        "application": "shop", "account": "AC1", "url": URL, "method": "POST",
        "events": ["initiated", "completed"], "from_": "1", "to": "2", **changes,
    }  # fmt: skip


def placed(store: Store, details: dict[str, Any], node: str = "local") -> None:
    store.waits.add(
        KeptWait(
            id="w1", call_id="call-1", node=node, flow="x", version=0, events=[], after_event=0, wake_at=None,
            created_at=1.0, last_step_at=1.0, snapshot={"record": {"id": "call-1", "details": details}},
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answered", "ended", "status", "seconds"),
    [
        (True, {"cause": "system", "outcome": "not_dialled"}, "completed", "12"),
        (False, {"cause": "system", "outcome": "not_dialled"}, "failed", "0"),
        (False, {"answered": True, "seconds": 7.4}, "completed", "7"),
    ],
)
def test_who_placed_a_call_hears_of_it_after_a_restart(
    store: Store, answered: bool, ended: dict[str, Any], status: str, seconds: str
) -> None:
    placed(store, {STATUS_CALLBACK: wish(), "application": "shop"})
    post, feed = Post(), Feed(lambda: 9.0)
    statuses = CallStatuses(feed, Letters(settings_of(), Carrier(post)), lambda: 9.0)
    record = CallRecord(
        id="call-1", short_id=1, direction="outbound", started_at=1.0, answered_at=2.0 if answered else None,
        details={SEEN: 14.0},
    )  # fmt: skip
    statuses.begin(store.waits.watched("local"), [record] if answered else [])
    feed.tell("call.ended", ended, "call-1")
    (told,) = [dict(parse_qsl((one.body or b"").decode())) for one in post.sent]
    assert (told["CallStatus"], told["CallDuration"]) == (status, seconds)
    assert (told["AccountSid"], told["From"], told["To"]) == ("AC1", "1", "2")
    assert len(statuses) == 0


def test_waits_that_nobody_watches_or_of_other_nodes_are_left(store: Store) -> None:
    placed(store, {"application": "shop", "payload": {"note": f'"{STATUS_CALLBACK}"'}})
    assert store.waits.watched("local") == {}
    assert store.waits.watched("other") == {}


async def test_a_placed_call_that_is_up_has_a_record(tmp_path: Path, store: Store) -> None:
    """Its flow's own row does not say that somebody has answered."""
    placed(store, {STATUS_CALLBACK: wish()})
    store.writer.call_started(
        CallRecord(
            id="call-1", short_id=1, direction="outbound", started_at=1.0, answered_at=2.0,
            details={SEEN: 14.0, STATUS_CALLBACK: wish()},
        )
    )  # fmt: skip
    assert store.writer.flush(20.0)
    (found,) = store.reader.cut_off("local")
    assert found.goes_on and found.record.answered_at == 2.0
    assert StatusWish(**{**wish(), "events": ("completed",)}).events == ("completed",)
