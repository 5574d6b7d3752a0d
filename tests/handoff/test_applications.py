"""Calls at voice applications: offers, tokens, events and their order, and how calls come back. In virtual time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ivr.call.moving import goal_of
from ivr.flow import ports
from ivr.handoff.applications import ApplicationDesk
from ivr.handoff.letters import Letters
from ivr.sip import Answered, Ended, NameAddr, Uri
from ivr.webhooks import SIGNATURE_HEADER, verify
from tests.kit.carrier import Carrier
from tests.kit.house import CALLER, House

SECRET = "0123456789abcdef0123456789abcdef"
SETTINGS = f"""
lines:
  pbx: {{type: sip_trunk, host: 192.0.2.10}}
applications:
  crm: {{url: "https://app.test/calls", secret: "{SECRET}", timeout: 5s, idle: 20s, retry: {{times: 1, first: 1s}}}}
  shop: {{protocol: twiml, url: "https://app.test/voice", secret: "{SECRET}", retry: never}}
"""
FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: app}
  app:
    type: transfer_to_voice_application
    application: APP
    custom_data: {order: "4711"}
    filler: none
    branches: {call_not_transferred: sorry, returned: back, call_transferred: after}
  sorry: {type: play, text: Sorry, next: bye}
  back: {type: play, text: Back, next: bye}
  after: {type: set_variable, variables: {done: true}}
  bye: {type: hang_up}
"""
ELSEWHERE = """
elements:
  start: {type: start_from_flow, next: hello}
  hello: {type: play, text: Elsewhere, next: bye}
  bye: {type: hang_up}
"""


class Post:
    """Keeps requests; the test answers them."""

    def __init__(self) -> None:
        self.sent: list[ports.Request] = []
        self._open: list[Callable[[ports.RequestDone], None]] = []

    def request(self, command: ports.Request, done: Callable[[ports.RequestDone], None]) -> None:
        self.sent.append(command)
        self._open.append(done)

    def answer(self, status: int | None = 200, body: Any = None, error: Any = None) -> None:
        """Answer the oldest one that waits."""
        self._open.pop(0)(ports.RequestDone(0, status, {}, body, error, error or ""))

    @property
    def waiting(self) -> int:
        return len(self._open)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(command.body or b"{}") for command in self.sent]

    @property
    def types(self) -> list[str]:
        return [str(body["type"]) for body in self.bodies]


class Scene:
    """A caller whose flow has just offered him to an application."""

    def __init__(self, folder: Path, application: str = "crm", settings: str = SETTINGS, flow: str = FLOW) -> None:
        self.house = House(folder, {"main": flow.replace("APP", application), "elsewhere": ELSEWHERE}, settings)
        self.post = Post()
        self.carrier = Carrier(self.post)
        self.letters = Letters(self.house.settings, self.carrier)
        self.desk = ApplicationDesk(self.house.settings, self.post, self.letters, self.house.services, lambda: 1_000.0)
        self.house.services.desks.applications = self.desk
        self.house.outside.read_profile = lambda number, then: then({})  # type: ignore[method-assign]
        self.caller = self.house.party()
        self.caller.call("100")
        assert self.caller.got(Answered)
        self.call = next(iter(self.house.manager.calls.values()))
        self.name = self.call.report.id

    def accepted(self) -> Scene:
        self.post.answer(200, {"accept": True})
        self.house.run(0.1)
        return self

    def order(self, verb: str, **fields: Any) -> list[ports.InstructionDone]:
        found: list[ports.InstructionDone] = []
        self.house.manager.instruct(self.name, verb, fields, found.append)
        return found

    @property
    def element(self) -> str | None:
        return self.call.machine.element

    @property
    def result(self) -> Any:
        return self.call.machine.result

    def told(self) -> list[str]:
        return [event.type for event in self.house.services.feed.since(0) or [] if event.type.startswith("applic")]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


# Offers


def test_while_a_secret_is_exchanged_both_are_good(tmp_path: Path) -> None:
    new = "fedcba9876543210fedcba9876543210"
    both = SETTINGS.replace(f'secret: "{SECRET}", timeout', f'secret: "{new}", previous_secret: "{SECRET}", timeout')
    (request,) = Scene(tmp_path, settings=both).post.sent
    for secret in (new, SECRET):
        assert verify(secret, request.body or b"", request.headers[SIGNATURE_HEADER.lower()], 1_000.0)


def test_an_offer_is_signed_and_says_what_is_offered(scene: Scene) -> None:
    (request,) = scene.post.sent
    body = scene.post.bodies[0]
    assert request.url == "https://app.test/calls"
    assert verify(SECRET, request.body or b"", request.headers[SIGNATURE_HEADER.lower()], 1_000.0)
    assert not verify(SECRET, (request.body or b"") + b" ", request.headers[SIGNATURE_HEADER.lower()], 1_000.0)
    assert body["type"] == "call.offered"
    assert body["call"]["id"] == scene.name
    assert body["data"]["custom_data"] == {"order": "4711"}
    assert body["data"]["packet"]["version"] == 1
    control = body["data"]["control"]
    assert control["url"].endswith(f"/v1/calls/{scene.name}")
    assert scene.desk.token(control["token"].split("_")[1]) is not None


def test_accepted_in_the_answer(scene: Scene) -> None:
    scene.accepted()
    assert scene.post.types == ["call.offered", "call.accepted"]
    assert scene.order("say", text="Hello") == []
    assert scene.house.port.playing is not None
    assert scene.told() == ["application.offered", "application.accepted"]


def test_accepted_by_a_request(scene: Scene) -> None:
    scene.post.answer(202)
    assert scene.desk.accept(scene.name)
    assert not scene.desk.accept(scene.name)
    assert not scene.desk.reject(scene.name, "")
    assert scene.element == "app"


@pytest.mark.parametrize("body", [{"accept": False, "reason": "closed"}, "by request"])
def test_rejected(scene: Scene, body: Any) -> None:
    if body == "by request":
        scene.post.answer(202)
        assert scene.desk.reject(scene.name, "closed")
    else:
        scene.post.answer(200, body)
    assert scene.element == "sorry"
    assert scene.result["reason"] == "rejected"
    assert scene.call.machine.steps[1].details["text"] == "closed"
    assert not scene.desk.accept(scene.name)


def test_nothing_is_heard_in_time(scene: Scene) -> None:
    scene.post.answer(200, {})
    scene.house.run(4.0)
    assert scene.element == "app"
    scene.house.run(1.1)
    assert scene.result["reason"] == "timeout"
    assert scene.post.types[-1] == "offer.expired"
    assert not scene.desk.accept(scene.name)


@pytest.mark.parametrize(
    ("status", "body", "error", "reason"),
    [
        (404, None, None, "http_error"),
        (500, None, "bad_answer", "http_error"),
        (404, "<html>", "too_large", "http_error"),
        (None, None, "refused", "http_error"),
        (None, None, "too_large", "bad_answer"),
        (200, {"accept": "yes"}, None, "bad_answer"),
        (200, ["accept"], None, "bad_answer"),
        (200, "<html>", None, "bad_answer"),
        (None, None, "timeout", "timeout"),
    ],
)
def test_answers_that_are_of_no_use(scene: Scene, status: Any, body: Any, error: Any, reason: str) -> None:
    scene.post.answer(status, body, error)
    if status is not None and status >= 500:
        scene.house.run(1.1)
        scene.post.answer(status, body, error)
    assert scene.element == "sorry"
    assert scene.result["reason"] == reason
    told = [event for event in scene.house.services.feed.since(0) or [] if event.type == "application.rejected"][-1]
    assert told.data["text"] == scene.call.machine.steps[1].details.get("text", "")
    if status is not None and status >= 400:
        assert told.data["text"] == f"the answer has status {status}"


def test_tries_again_within_the_time(scene: Scene) -> None:
    scene.post.answer(503)
    assert scene.element == "app"
    scene.house.run(1.1)
    assert scene.post.types == ["call.offered"] * 2
    scene.post.answer(None, error="network")
    assert scene.result["reason"] == "http_error"


def test_an_application_that_is_not_there(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "nobody")
    assert scene.element == "sorry"
    assert scene.result["reason"] == "http_error"


def test_the_caller_leaves_before_the_answer(scene: Scene) -> None:
    scene.caller.hang_up()
    scene.post.answer(200, {"accept": True})
    assert scene.post.types == ["call.offered", "call.ended"]
    assert not scene.desk.accept(scene.name)
    scene.house.settled()
    assert scene.house.record.cause == "user_hung_up"


# Control


def test_results_are_events_in_their_order(scene: Scene) -> None:
    scene.accepted()
    scene.order("say", text="One")
    scene.house.play_out()
    done = scene.order("collect", max_digits=2)
    scene.house.press("42")
    assert scene.post.types[2:] == ["say.finished", "digits.collected"]
    assert [body["sequence"] for body in scene.post.bodies[1:]] == [1, 2, 3]
    assert scene.post.bodies[-1]["data"]["digits"] == "42"
    assert done[0].result["digits"] == "42"
    feed = [event for event in scene.house.services.feed.since(0) or [] if event.type == "digits.collected"]
    assert "42" not in json.dumps([dict(event.data) for event in feed])


def test_a_sound_that_cannot_be_had_says_why(scene: Scene) -> None:
    scene.accepted()
    scene.house.services.sounds.missing.add("https://app.test/none.wav")  # type: ignore[attr-defined]
    done = scene.order("play", url="https://app.test/none.wav")
    scene.house.run(1.0)
    assert scene.post.types[-1] == "play.finished"
    told = scene.post.bodies[-1]["data"]
    assert (told["status"], told["error"]) == ("failed", None)
    assert told["reason"] == done[0].result["reason"] != ""


def test_masked_digits_stay_masked(scene: Scene) -> None:
    scene.accepted()
    scene.order("collect", max_digits=4, reporting="masked")
    scene.house.press("4711")
    assert scene.post.bodies[-1]["data"]["digits"] == "xxxx"
    scene.caller.hang_up()
    scene.house.settled()
    assert "4711" not in json.dumps([step for step in scene.house.record.path], default=str).replace('"4711"', "", 1)


def test_a_message_is_told_by_its_id_and_not_by_its_place(scene: Scene) -> None:
    scene.accepted()
    scene.order("record", beep=False)
    scene.house.port.recorded("max_duration", 3.0)
    scene.house.run(0.1)
    told = scene.post.bodies[-1]["data"]
    assert (told["status"], told["duration"]) == ("recorded", 3.0)
    scene.caller.hang_up()
    scene.house.settled()
    assert [row.id for row in scene.house.books.recordings] == [told["recording"]]
    feed = [event for event in scene.house.services.feed.since(0) or [] if event.type == "message.recorded"]
    assert feed and feed[0].data["recording"] == told["recording"]


def test_hanging_up(scene: Scene) -> None:
    scene.accepted()
    scene.order("hang_up")
    scene.house.run(0.5)
    assert scene.caller.got(Ended)
    assert scene.post.types[-2:] == ["call.ended", "call.hung_up"] or "call.ended" in scene.post.types
    scene.house.settled()
    assert scene.house.record.cause == "ended_by_api"
    assert scene.house.record.path[-1]["element"] == "after"


def test_a_caller_who_leaves_while_the_application_has_the_call(scene: Scene) -> None:
    scene.accepted()
    scene.caller.hang_up()
    assert scene.post.types[-1] == "call.ended"
    assert scene.post.bodies[-1]["id"].endswith(":ended")  # as it is where the daemon died, and another one tells of it
    scene.house.settled()
    assert scene.house.record.path[1]["branch"] == "call_transferred"
    assert scene.house.record.cause == "transferred"


def test_given_back_with_what_was_found_out(scene: Scene) -> None:
    scene.accepted()
    assert scene.desk.release(scene.name, {"customer": "Anna"})
    assert scene.element == "back"
    assert scene.result["reason"] == "released"
    assert scene.result["variables"] == {"customer": "Anna"}
    assert not scene.desk.release(scene.name, {})
    assert not scene.desk._tokens


def test_silent_for_too_long(scene: Scene) -> None:
    scene.accepted()
    scene.house.run(19.0)
    assert scene.element == "app"
    scene.house.run(1.5)
    assert scene.element == "back"
    assert scene.result["reason"] == "idle"
    assert scene.post.types[-1] == "call.taken_back"
    assert scene.post.bodies[-1]["data"] == {"reason": "idle"}
    assert not scene.desk._tokens


def test_the_call_for_too_long(tmp_path: Path) -> None:
    scene = Scene(tmp_path, settings=SETTINGS.replace("idle: 20s", "max_duration: 10s")).accepted()
    scene.house.run(10.5)
    assert scene.result["reason"] == "max_duration"
    assert scene.post.bodies[-1]["data"] == {"reason": "max_duration"}


AGAIN = FLOW.replace("returned: back", "returned: app")


@pytest.mark.parametrize("slow", [False, True])
def test_the_same_call_again_is_offered_behind_all_that_was_before(tmp_path: Path, slow: bool) -> None:
    scene = Scene(tmp_path, flow=AGAIN).accepted()
    scene.carrier.slow = True
    assert scene.desk.release(scene.name, {})
    scene.house.run(0.5)
    assert scene.post.types == ["call.offered", "call.accepted", "call.released"]
    if slow:  # the caller does not wait for ever
        scene.house.run(0.6)
    else:
        scene.carrier.slow = False
        scene.house.run(0.1)
    assert scene.post.types[3:] == ["call.offered"]
    scene.accepted()
    assert [body["sequence"] for body in scene.post.bodies] == [0, 1, 2, 3, 4]
    scene.caller.hang_up()
    assert scene.post.bodies[-1]["type"] == "call.ended"
    assert not scene.desk._numbers


def test_a_caller_who_leaves_before_the_call_is_offered_again(tmp_path: Path) -> None:
    scene = Scene(tmp_path, flow=AGAIN).accepted()
    scene.carrier.slow = True
    scene.desk.release(scene.name, {})
    scene.caller.hang_up()
    scene.house.run(2.0)
    assert "call.offered" not in scene.post.types[1:]
    assert not scene.desk._numbers and not len(scene.desk)


def test_moved_away_from_the_application(scene: Scene) -> None:
    scene.accepted()
    scene.order("say", text="A long text")
    goal = goal_of("flow", "elsewhere", scene.house.manager.flows, scene.house.settings)
    scene.house.manager.move(scene.name, goal.flow, goal.entry, "test")
    assert scene.element == "hello"
    assert [body["data"]["reason"] for body in scene.post.bodies if body["type"] == "call.taken_back"] == ["moved"]
    assert not scene.desk._tokens
    assert scene.call.machine.steps[1].branch == "moved by test"


# Documents


def test_the_name_of_a_caller_is_told(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "shop")
    assert "CallerName" not in (scene.house.outside.asked[-1].body or b"").decode()
    who = NameAddr(Uri("sip", "+15550100", CALLER[0]), "Anna Ash")
    scene.house.party(("192.0.2.3", 5060)).call("100", from_=who)
    assert "CallerName=Anna+Ash" in (scene.house.outside.asked[-1].body or b"").decode()


def test_twiml_goes_by_way_of_the_flow(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "shop")
    request = scene.house.outside.asked[-1]
    assert (request.url, request.application) == ("https://app.test/voice", "shop")
    account = scene.house.settings.applications["shop"].account_sid("shop")
    assert account in (request.body or b"").decode()
    found = scene.desk.credentials(scene.call)
    assert found is not None and found[0] == account
    scene.house.outside.answer(
        ports.RequestDone(request.id, 200, {"content-type": "text/xml"}, "<Response><Say>Hi</Say></Response>")
    )
    scene.house.play_out()
    assert len(scene.desk) == 0
    scene.house.settled()
    assert scene.house.record.cause == "transferred"


def test_it_has_the_call_no_more_when_the_flow_has(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "shop")
    request = scene.house.outside.asked[-1]
    scene.house.outside.answer(ports.RequestDone(request.id, 500))
    assert scene.element == "sorry"
    assert scene.desk.credentials(scene.call) is None
