"""Calls that an application places over the calls resource: the document that they begin with, who hears of them."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from ivr.call.moving import document_flow
from ivr.flow.ports import Request, RequestDone
from ivr.handoff.applications import ApplicationDesk
from ivr.handoff.callstatus import CallStatuses, StatusWish
from ivr.handoff.letters import Letters
from ivr.store import STATUS_CALLBACK
from tests.handoff.test_applications import SETTINGS, Post
from tests.kit.carrier import Carrier
from tests.kit.house import TRUNK
from tests.kit.placing import Placing

URL = "https://app.test/answered"


class Placed:
    """A call that `shop` has asked for."""

    def __init__(
        self,
        folder: Path,
        document: str = URL,
        events: Any = ("completed",),
        number: str = "+15550100",
        **run: Any,
    ) -> None:
        settings = SETTINGS + 'outbound_policy: {deny: ["+4999*"]}\n'
        self.calls = Placing(folder, {}, settings)
        self.house = self.calls.house
        services = self.house.services
        self.post = Post()
        letters = Letters(self.house.settings, Carrier(self.post))
        desk = ApplicationDesk(self.house.settings, self.post, letters, services, services.wall)
        services.desks.applications = desk
        self.house.outside.read_profile = lambda number, then: then({})  # type: ignore[method-assign]
        self.statuses = CallStatuses(services.feed, letters, services.wall)
        self.callee = self.house.party(TRUNK)
        run = {"application": "shop", "placed": True, **run}
        fields = {"ring_timeout": 20.0, "validity": 1.0, "line": "pbx"}
        if run.get("detection", "off") != "off":
            fields["machine_detection"] = run["detection"]
        properties = {"number": number, "document": document}
        wait = self.calls.starts.call({"document": run, "fields": fields}, properties, 0)
        wish = StatusWish("shop", "AC" + "1" * 32, "https://app.test/status", events=events, to="+15550100")
        self.statuses.watch(wait.call_id, wish)
        record = wait.snapshot["record"]
        record = {**record, "details": {**record["details"], STATUS_CALLBACK: asdict(wish)}}
        self.calls.begin(replace(wait, snapshot={**wait.snapshot, "record": record}))

    @property
    def asked(self) -> list[Request]:
        """Documents that were asked for."""
        return [command for command in self.house.outside.asked if isinstance(command, Request)]

    def answer(self, body: str, status: int = 200) -> None:
        """Answer what was asked for last."""
        headers = {"content-type": "text/xml"}
        self.house.outside.answer(RequestDone(self.asked[-1].id, status, headers, body))
        self.house.run(0.1)

    def told(self) -> list[dict[str, str]]:
        """What the StatusCallback hears."""
        found = [request for request in self.post.sent if request.url == "https://app.test/status"]
        return [dict(parse_qsl((request.body or b"").decode())) for request in found]


def test_the_document_is_asked_for_when_somebody_answers(tmp_path: Path) -> None:
    placed = Placed(tmp_path, events=("initiated", "ringing", "answered", "completed"), method="GET", keys="12")
    placed.callee.ring()
    placed.callee.answer()
    placed.house.run(1.0)
    (request,) = placed.asked
    assert request.url.startswith(f"{URL}?CallSid=CA")
    assert "Direction=outbound-api" in request.url
    assert "CallStatus=in-progress" in request.url
    assert placed.house.port.digits == "12"
    placed.answer("<Response><Pause length='5'/></Response>")
    placed.house.run(8.0)
    told = placed.told()
    assert [entry["CallStatus"] for entry in told] == ["initiated", "ringing", "in-progress", "completed"]
    assert [entry["SequenceNumber"] for entry in told] == ["0", "1", "2", "3"]
    assert int(told[-1]["CallDuration"]) >= 5
    assert told[-1]["Duration"] == "1"
    placed.calls.settled()
    assert len(placed.statuses) == 0
    assert placed.calls.record.details["attempts"][0]["outcome"] == "answered"
    assert placed.calls.record.path[-1]["application"] == "shop"


def test_documents_name_who_was_asked_for_as_he_was_asked_for(tmp_path: Path) -> None:
    placed = Placed(tmp_path, to="client:200")
    placed.callee.answer()
    placed.answer('<Response><Gather action="/keys" numDigits="1"/></Response>')
    placed.house.press("1")
    placed.answer("<Response><Pause length='5'/></Response>")
    goal = document_flow("shop", "https://app.test/other")
    placed.house.manager.move(next(iter(placed.house.manager.calls)), goal.flow, goal.entry, "shop", goal.variables)
    asked = [dict(parse_qsl((request.body or b"").decode())) for request in placed.asked]
    assert [request.url.rpartition("/")[2] for request in placed.asked] == ["answered", "keys", "other"]
    assert {(params["To"], params["Called"]) for params in asked} == {("client:200", "client:200")}
    placed.house.run(1.0)
    placed.callee.hang_up()
    placed.calls.settled()


def test_a_document_that_came_with_the_request_needs_no_server(tmp_path: Path) -> None:
    placed = Placed(tmp_path, "<Response><Say>Hello {{ call.to }}</Say></Response>")
    placed.callee.answer()
    assert placed.asked == []
    assert placed.house.port.heard() == ["Hello {{ call.to }}"]
    placed.house.play_out()
    placed.house.run(1.0)
    placed.calls.settled()


def test_the_fallback_is_asked_where_there_is_no_document(tmp_path: Path) -> None:
    placed = Placed(tmp_path, fallback="https://app.test/sorry")
    placed.callee.answer()
    placed.answer("oops", 500)
    assert placed.asked[-1].url == "https://app.test/sorry"
    placed.answer("<Response/>")
    placed.house.run(1.0)
    placed.calls.settled()


@pytest.mark.parametrize(("code", "status"), [(486, "busy"), (603, "busy"), (480, "no-answer"), (404, "failed")])
def test_nobody_takes_the_call(tmp_path: Path, code: int, status: str) -> None:
    placed = Placed(tmp_path)
    placed.callee.refuse(code)
    placed.house.run(2.0)
    (told,) = placed.told()
    assert (told["CallStatus"], told["CallDuration"]) == (status, "0")
    placed.calls.settled()


def test_a_call_that_is_forbidden_is_told_as_failed(tmp_path: Path) -> None:
    placed = Placed(tmp_path, number="+49991")
    (told,) = placed.told()
    assert told["CallStatus"] == "failed"
    placed.calls.settled()


def test_where_a_status_goes_is_kept_and_shown_to_nobody(tmp_path: Path) -> None:
    placed = Placed(tmp_path)
    placed.callee.answer()
    placed.house.run(0.5)
    manager = placed.house.manager
    (call,) = manager.calls.values()
    kept = call.so_far()
    assert kept is not None and kept.details[STATUS_CALLBACK]["url"] == "https://app.test/status"
    shown = manager.trace(call.report.id)
    assert shown is not None and STATUS_CALLBACK not in shown["details"]
    placed.answer("<Response/>")
    placed.house.run(2.0)
    placed.calls.settled()
    assert placed.calls.record.ended_at is not None
    assert STATUS_CALLBACK not in placed.calls.record.details
