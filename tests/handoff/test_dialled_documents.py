"""Dial of a document in calls of real SIP stacks: keys and documents for the called party, the star, recordings."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from ivr.flow.ports import Request, RequestDone
from ivr.sip import Ended
from tests.handoff.test_applications import SETTINGS, Scene
from tests.kit.house import TRUNK, Party
from tests.kit.media import FakePort


class Dialled:
    """A caller whose application has somebody called."""

    def __init__(self, folder: Path, document: str) -> None:
        self.scene = Scene(folder, "shop", SETTINGS + 'outbound_policy: {guests: ["+1555*"]}\n')
        self.house = self.scene.house
        self.callee: Party = self.house.party(TRUNK)
        self.answer(f"<Response>{document}</Response>")

    @property
    def asked(self) -> list[Request]:
        return [command for command in self.house.outside.asked if isinstance(command, Request)]

    @property
    def params(self) -> dict[str, str]:
        return dict(parse_qsl((self.asked[-1].body or b"").decode()))

    def answer(self, body: str, status: int = 200) -> None:
        """Answer what was asked for last."""
        self.house.outside.answer(RequestDone(self.asked[-1].id, status, {"content-type": "text/xml"}, body))
        self.house.run(0.5)

    @property
    def legs(self) -> tuple[FakePort, FakePort]:
        """Of the caller, and of who is called."""
        ports = [port for port in self.house.pool.ports if not port.released]
        return ports[0], ports[-1]

    @property
    def together(self) -> bool:
        caller, called = self.legs
        return caller.bridged is called

    def told(self) -> list[dict[str, str]]:
        """What callbacks hear."""
        return [dict(parse_qsl((request.body or b"").decode())) for request in self.scene.post.sent]


def test_keys_are_sent_before_the_two_are_connected(tmp_path: Path) -> None:
    dialled = Dialled(tmp_path, '<Dial><Number sendDigits="w12">+15550100</Number></Dial>')
    dialled.callee.answer()
    assert dialled.legs[1].digits == ""
    assert not dialled.together
    dialled.house.run(1.0)
    assert dialled.legs[1].digits == "12"
    assert dialled.together


def test_the_called_party_hears_a_document_and_is_connected_at_its_end(tmp_path: Path) -> None:
    dialled = Dialled(tmp_path, '<Dial><Number url="/screen">+15550100</Number></Dial>')
    caller_sid = dialled.params["CallSid"]
    dialled.callee.answer()
    assert dialled.asked[-1].url == "https://app.test/screen"
    params = dialled.params
    assert (params["ParentCallSid"], params["CallStatus"]) == (caller_sid, "in-progress")
    assert (params["To"], params["Direction"]) == ("+15550100", "outbound-dial")
    assert params["CallSid"] != caller_sid
    dialled.answer("<Response><Say>A caller for you</Say></Response>")
    assert dialled.legs[1].heard() == ["A caller for you"]
    assert not dialled.together
    dialled.legs[1].played()
    dialled.house.run(0.5)
    assert dialled.together


@pytest.mark.parametrize("accepts", [True, False])
def test_the_called_party_takes_the_call_by_a_key(tmp_path: Path, accepts: bool) -> None:
    dialled = Dialled(tmp_path, '<Dial action="/after"><Number url="/screen">+15550100</Number></Dial>')
    dialled.callee.answer()
    gather = '<Gather numDigits="1" action="/key" timeout="5"><Say>Press 1</Say></Gather><Hangup/>'
    dialled.answer(f"<Response>{gather}</Response>")
    if accepts:
        dialled.house.press("1", dialled.legs[1])
        assert (dialled.asked[-1].url, dialled.params["Digits"]) == ("https://app.test/key", "1")
        dialled.answer("<Response/>")
        assert dialled.together
        return
    dialled.legs[1].played()
    dialled.house.run(6.0)
    assert dialled.callee.got(Ended)
    assert dialled.asked[-1].url == "https://app.test/after"
    assert (dialled.params["DialCallStatus"], dialled.params["DialBridged"]) == ("busy", "false")


def test_a_document_that_cannot_be_had_loses_nobody(tmp_path: Path) -> None:
    dialled = Dialled(tmp_path, '<Dial><Number url="/screen">+15550100</Number></Dial>')
    dialled.callee.answer()
    dialled.answer("oops", 500)
    assert dialled.together


def test_a_verb_that_does_not_stand_there_is_told(tmp_path: Path) -> None:
    dialled = Dialled(tmp_path, '<Dial><Number url="/screen">+15550100</Number></Dial>')
    dialled.callee.answer()
    dialled.answer("<Response><Dial>1</Dial></Response>")
    assert dialled.together
    errors = [e for e in dialled.house.services.feed.since(0) or [] if e.type == "application.error"]
    assert [error.data["error"] for error in errors] == ["this verb does not stand in such a document"]


def test_who_hangs_up_in_the_middle_of_a_document(tmp_path: Path) -> None:
    dialled = Dialled(tmp_path, '<Dial action="/after"><Number url="/screen">+15550100</Number></Dial>')
    dialled.callee.answer()
    dialled.answer("<Response><Say>A caller for you</Say></Response>")
    dialled.callee.hang_up()
    assert dialled.params["DialCallStatus"] == "no-answer"
    dialled = Dialled(tmp_path / "two", '<Dial><Number url="/screen">+15550100</Number></Dial>')
    dialled.callee.answer()
    dialled.scene.caller.hang_up()
    assert dialled.callee.got(Ended)
    dialled.answer("<Response><Say>too late</Say></Response>")
    dialled.house.settled()


def test_a_document_that_never_ends_is_given_up(tmp_path: Path) -> None:
    dialled = Dialled(tmp_path, '<Dial action="/after"><Number url="/screen">+15550100</Number></Dial>')
    dialled.callee.answer()
    dialled.answer("<Response><Say loop='0'>For ever</Say></Response>")
    dialled.house.run(121.0)
    assert dialled.asked[-1].url == "https://app.test/after"
    assert dialled.params["DialCallStatus"] == "no-answer"


@pytest.mark.parametrize("star", [True, False])
def test_a_star_of_the_caller_ends_the_talk_where_asked(tmp_path: Path, star: bool) -> None:
    document = f'<Dial action="/after" hangupOnStar="{str(star).lower()}">+15550100</Dial>'
    dialled = Dialled(tmp_path, document)
    dialled.callee.answer()
    assert dialled.together
    dialled.house.press("1", dialled.legs[0])
    assert dialled.together
    dialled.house.press("*", dialled.legs[0])
    dialled.house.run(0.5)
    assert bool(dialled.callee.got(Ended)) is star
    if star:
        assert (dialled.asked[-1].url, dialled.params["DialCallStatus"]) == ("https://app.test/after", "completed")


@pytest.mark.parametrize("record", ["record-from-answer", "record-from-ringing-dual"])
def test_a_recording_is_closed_before_the_action_is_asked(tmp_path: Path, record: str) -> None:
    document = f'<Dial action="/after" record="{record}" recordingStatusCallback="/rec">+15550100</Dial>'
    dialled = Dialled(tmp_path, document)
    caller = dialled.legs[0]
    assert bool(caller.running) is (record != "record-from-answer")
    dialled.callee.answer()
    assert len(caller.running) == 1
    dialled.house.run(4.0)
    dialled.callee.hang_up()
    assert not caller.running
    params = dialled.params
    assert dialled.asked[-1].url == "https://app.test/after"
    assert params["RecordingUrl"].endswith(params["RecordingSid"])
    assert [told["RecordingStatus"] for told in dialled.told()] == ["completed"]


def test_a_recording_of_a_caller_who_leaves_is_told_of(tmp_path: Path) -> None:
    dialled = Dialled(tmp_path, '<Dial action="/after" record="true" recordingStatusCallback="/rec">+15550100</Dial>')
    dialled.callee.answer()
    dialled.house.run(4.0)
    dialled.scene.caller.hang_up()
    dialled.house.settled()
    recorded, action = dialled.told()
    assert recorded["RecordingStatus"] == "completed"
    assert action["RecordingSid"] == recorded["RecordingSid"]
    assert action["DialCallStatus"] == "completed"
