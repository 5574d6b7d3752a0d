"""Callers of an application who wait in a real queue and hear documents meanwhile, in virtual time."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from ivr.flow.ports import Request, RequestDone
from ivr.handoff.applications import ApplicationDesk
from ivr.handoff.letters import Letters
from tests.flow.twiml.kit import FLOW
from tests.handoff.test_applications import SECRET, Post
from tests.kit.carrier import Carrier
from tests.kit.house import DESK, Party
from tests.kit.queue_house import QueueHouse

MORE = f"applications: {{shop: {{protocol: twiml, url: 'https://app.test/voice', secret: '{SECRET}', retry: never}}}}\n"
ENQUEUE = '<Enqueue action="/left" waitUrl="/wait">default</Enqueue>'
WAIT = "<Play loop='0'>/music.mp3</Play>"


class Waiting:
    """A caller whose application lets him wait; anna serves the queue."""

    def __init__(self, folder: Path) -> None:
        self.house = QueueHouse(folder, {"main": FLOW}, {"anna": "200"}, more=MORE)
        services = self.house.services
        post = Post()
        letters = Letters(self.house.settings, Carrier(post))
        services.desks.applications = ApplicationDesk(self.house.settings, post, letters, services, lambda: 1.0)
        self.caller: Party = self.house.party()
        self.caller.call("100")

    @property
    def asked(self) -> Request:
        return [command for command in self.house.outside.asked if isinstance(command, Request)][-1]

    @property
    def params(self) -> dict[str, str]:
        return dict(parse_qsl((self.asked.body or b"").decode()))

    def answer(self, verbs: str) -> None:
        headers = {"content-type": "text/xml"}
        self.house.outside.answer(RequestDone(self.asked.id, 200, headers, f"<Response>{verbs}</Response>"))
        self.house.run(0.5)


@pytest.fixture
def waiting(tmp_path: Path) -> Waiting:
    found = Waiting(tmp_path)
    found.house.run(0.1)
    return found


def test_an_agent_takes_who_hears_a_document(waiting: Waiting) -> None:
    house = waiting.house
    anna = house.phone("200", DESK)
    house.choose("anna", "away")
    waiting.answer(ENQUEUE)
    assert waiting.asked.url == "https://app.test/wait"
    assert (waiting.params["QueuePosition"], waiting.params["CurrentQueueSize"]) == ("1", "1")
    assert (waiting.params["QueueTime"], waiting.params["AvgQueueTime"]) == ("0", "0")
    waiting.answer(WAIT)
    caller = house.pool.ports[0]
    assert caller.heard() == ["music.mp3"]
    house.run(20.0)
    house.choose("anna", "available")
    house.run(1.0)
    anna.answer()
    assert caller.heard() == []
    house.run(5.0)
    anna.hang_up()
    assert waiting.asked.url == "https://app.test/left"
    assert waiting.params["QueueResult"] == "bridged"
    assert 20 <= int(waiting.params["QueueTime"]) <= 23
    assert house.desk.center.look("default")[1] >= 20.0
    assert house.desk.center.look("nowhere") == (0, 0.0)


def test_leave_takes_him_out_of_the_queue(waiting: Waiting) -> None:
    house = waiting.house
    house.phone("200", DESK)
    house.choose("anna", "away")
    waiting.answer(ENQUEUE)
    assert house.desk.center.look("default")[0] == 1
    waiting.answer("<Leave/>")
    assert waiting.params["QueueResult"] == "leave"
    assert not house.desk.center.callers()
    waiting.answer("<Hangup/>")
    house.settled()


def test_who_hangs_up_in_the_middle_of_a_document(waiting: Waiting) -> None:
    house = waiting.house
    house.phone("200", DESK)
    house.choose("anna", "away")
    waiting.answer(ENQUEUE)
    waiting.answer(WAIT)
    waiting.caller.hang_up()
    assert not house.desk.center.callers()
    house.settled()
