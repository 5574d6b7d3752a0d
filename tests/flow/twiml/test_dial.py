"""Dial in simulated calls: recordings, keys and documents for the called party, what it says of itself to callbacks."""

from __future__ import annotations

from typing import Any

import pytest

from ivr.flow.ports import CallRecorded, Forward, ForwardAnswered, ForwardDone, ForwardRinging, JoinQueue
from ivr.flow.twiml import recording_sid
from tests.flow.twiml.kit import Application

KEY = "6f8f2f4e-3f5f-4bb0-9d0a-1a1f2c7f1d55"


def dialled(app: Application) -> Forward:
    found: Forward = app.call.commands(Forward)[-1]
    return found


def talked(app: Application, seconds: float = 8.0, target: str = "tel:100") -> Forward:
    """The called party answers, and leaves after so long."""
    forward = dialled(app)
    app.call.send(ForwardAnswered(forward.id, target))
    app.call.wait(seconds).send(ForwardDone(forward.id, "returned", target, 200, "OK", seconds))
    return forward


@pytest.mark.parametrize(
    ("record", "ringing"),
    [
        ("true", False),
        ("record-from-answer", False),
        ("record-from-answer-dual", False),
        ("record-from-ringing", True),
        ("record-from-ringing-dual", True),
    ],
)
def test_a_recording_is_named_in_the_action_and_told_of(record: str, ringing: bool) -> None:
    app = Application().answer(
        f'<Dial record="{record}" action="/after" recordingStatusCallback="/rec" '
        'recordingStatusCallbackEvent="in-progress completed">100</Dial>'
    )
    forward = dialled(app)
    assert (forward.record_name is not None, forward.record_ringing) == (True, ringing)
    app.call.send(ForwardAnswered(forward.id, "tel:100"))
    app.call.send(CallRecorded(forward.id, "begun", KEY))
    app.call.wait(8.0).send(ForwardDone(forward.id, "returned", "tel:100", 200, "OK", 8.0))
    assert app.requests == 1, "the action waits for the recording"
    app.call.send(CallRecorded(forward.id, "done", KEY, "/x.wav", 8.2))
    params = app.params
    sid = recording_sid(KEY, "")
    assert (params["RecordingSid"], params["RecordingDuration"]) == (sid, "8")
    assert params["RecordingUrl"] == f"https://ivr.test/2010-04-01/Accounts/AC{'1' * 32}/Recordings/{sid}"
    assert (params["DialCallStatus"], params["DialBridged"]) == ("completed", "true")
    told = app.told()
    assert [data["RecordingStatus"] for data in told] == ["in-progress", "completed"]
    assert {data["RecordingSource"] for data in told} == {"DialVerb"}
    assert told[-1]["RecordingChannels"] == "2"


def test_a_recording_of_a_caller_who_leaves_is_told_all_the_same() -> None:
    app = Application().answer('<Dial record="true" action="/after" recordingStatusCallback="/rec">100</Dial>')
    forward = dialled(app)
    app.call.send(ForwardAnswered(forward.id, "tel:100"))
    app.call.send(CallRecorded(forward.id, "begun", KEY))
    app.call.wait(3.0).hang_up()
    app.call.send(CallRecorded(forward.id, "done", KEY, "/x.wav", 3.0))
    told = app.told()
    assert [("RecordingStatus" in data, "DialCallStatus" in data) for data in told] == [(True, False), (False, True)]
    assert told[-1]["RecordingDuration"] == "3"
    assert app.call.machine.finished


def test_nothing_was_recorded_or_nobody_says_so() -> None:
    app = Application().answer('<Dial record="true" action="/after" recordingStatusCallback="/r" '
                               'recordingStatusCallbackEvent="absent">100</Dial>')  # fmt: skip
    forward = talked(app)
    app.call.send(CallRecorded(forward.id, "done"))
    assert "RecordingUrl" not in app.params
    app = Application().answer('<Dial record="record-from-answer" action="/after">100</Dial>')
    forward = dialled(app)
    app.call.send(CallRecorded(forward.id, "begun", KEY))
    talked(app)
    app.call.wait(5.1)
    assert "RecordingUrl" not in app.params
    assert app.asked.url == "https://app.test/after"


def test_a_value_of_record_that_is_not_known_is_said() -> None:
    app = Application().answer('<Dial record="loudly">100</Dial>')
    assert dialled(app).record_name is None
    assert app.errors == ["record: 'loudly' is not known, nothing is recorded"]


def test_a_star_hangs_up_where_asked() -> None:
    assert not dialled(Application().answer("<Dial>100</Dial>")).star_leaves
    assert dialled(Application().answer('<Dial hangupOnStar="true">100</Dial>')).star_leaves


def test_keys_for_the_called_party() -> None:
    app = Application().answer(
        '<Dial><Number sendDigits="wW12#">100</Number><Number sendDigits="x">101</Number></Dial>'
    )
    assert dict(dialled(app).keys) == {"tel:100": "www12#"}
    assert app.errors == ["sendDigits: up to 64 of 0-9 * # A-D, w and W"]


def test_a_document_for_the_called_party() -> None:
    app = Application().answer(
        '<Dial callerId="+15550111"><Number url="/screen?a=1" method="GET">+15550100</Number>'
        '<Sip url="https://other.test/w">sip:anna@pbx.test</Sip><Client>200</Client></Dial>'
    )
    forward = dialled(app)
    assert set(forward.screens) == {"tel:+15550100", "sip:anna@pbx.test"}
    screen = forward.screens["tel:+15550100"]
    assert (screen.url, screen.method) == ("https://app.test/screen?a=1", "GET")
    assert screen.params["ParentCallSid"] == app.params["CallSid"]
    assert (screen.params["To"], screen.params["Direction"]) == ("+15550100", "outbound-dial")
    assert screen.params["CallSid"] not in (
        app.params["CallSid"],
        forward.screens["sip:anna@pbx.test"].params["CallSid"],
    )


def test_each_called_party_has_callbacks_of_its_own() -> None:
    events = 'statusCallbackEvent="initiated ringing answered completed"'
    app = Application().answer(
        f'<Dial action="/after"><Number statusCallback="/one" {events}>100</Number>'
        f'<Number statusCallback="/two" {events} statusCallbackMethod="GET">101</Number></Dial>'
    )
    forward = dialled(app)
    app.call.send(ForwardRinging(forward.id, "tel:100")).send(ForwardRinging(forward.id, "tel:101"))
    talked(app, target="tel:101")
    for number, count in (("100", 3), ("101", 4)):
        numbers = [data["SequenceNumber"] for data in app.told() if data["To"] == number]
        assert numbers == [str(place) for place in range(count)], "each call has a count of its own"
    by_number: dict[str, list[str]] = {}
    for data in app.told():
        by_number.setdefault(str(data["To"]), []).append(str(data["CallStatus"]))
    assert by_number == {
        "100": ["initiated", "ringing", "canceled"],
        "101": ["initiated", "ringing", "in-progress", "completed"],
    }
    of_winner = {data["CallSid"] for data in app.told() if data["To"] == "101"}
    assert of_winner == {app.params["DialCallSid"]}


def test_those_whose_turn_did_not_come_are_not_told_of() -> None:
    app = Application().answer(
        '<Dial sequential="true"><Number statusCallback="/one">100</Number>'
        '<Number statusCallback="/two">101</Number></Dial>'
    )
    talked(app)
    assert [data["To"] for data in app.told()] == ["100"]


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ('<Dial referUrl="/r">100</Dial>', "referUrl is not used"),
        ('<Dial ringTone="us">100</Dial>', "ringTone is not used"),
        ('<Dial><Number machineDetection="Enable">100</Number></Dial>', "machineDetection is not used"),
        ('<Dial><Number amdStatusCallback="/a">100</Number></Dial>', "amdStatusCallback is not used"),
        ('<Dial><Sip username="a" password="b">sip:a@b</Sip></Dial>', "password is not used here: lines"),
        ("<Dial><Conference>room</Conference></Dial><Dial>100</Dial>", "<Conference> in a Dial is not supported"),
        ('<Dial><Number url="ftp://x">100</Number></Dial>', "not a URL"),
        ('<Dial callReason="x">100</Dial>', "callReason is not used"),
    ],
)
def test_what_is_not_there_is_said_and_the_rest_is_done(document: str, error: str) -> None:
    app = Application().answer(document)
    assert any(error in told for told in app.errors), app.errors
    assert dialled(app).targets
    data: dict[str, Any] = app.told("error")[0]
    assert data["ErrorCode"].isdecimal()
    assert data["CallbackSource"] == "error"


def test_nobody_is_taken_out_of_a_queue_and_nobody_waits_in_it() -> None:
    app = Application().answer('<Dial action="/after"><Queue url="/about">support</Queue></Dial>')
    assert not app.call.commands(JoinQueue)
    assert app.errors == ["nobody is taken out of a queue by a Dial: queues ring their agents here"]
    assert (app.params["DialCallStatus"], app.params["DialBridged"]) == ("failed", "false")
    app = Application().answer("<Dial><Queue>support</Queue><Number>100</Number></Dial>")
    assert dialled(app).targets == ("tel:100",)


def test_a_conference_alone_leads_to_the_action() -> None:
    app = Application().answer('<Dial action="/after"><Conference>room</Conference></Dial>')
    assert (app.params["DialCallStatus"], app.params["DialBridged"]) == ("failed", "false")
