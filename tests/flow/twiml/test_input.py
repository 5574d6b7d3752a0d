"""Gather and Record in simulated calls: keys, messages, and what actions and callbacks are told of them."""

from __future__ import annotations

import pytest

from ivr.flow.ports import Record, StopPlay
from tests.flow.twiml.kit import FLOW, Application, query


def test_gather_with_keys_during_the_prompt() -> None:
    app = Application().answer('<Gather numDigits="2" action="/menu"><Say>Press</Say><Say>again</Say></Gather>')
    app.call.wait(0.5).press("42")
    assert app.call.commands(StopPlay)
    assert app.asked.url == "https://app.test/menu"
    assert app.params["Digits"] == "42"
    app.answer("<Hangup/>")
    assert app.call.machine.finished


def test_gather_ends_by_its_key_and_says_so() -> None:
    app = Application().answer('<Gather finishOnKey="*"><Say>x</Say></Gather>')
    app.call.wait(3.0).press("123*")
    assert (app.params["Digits"], app.params["FinishedOnKey"]) == ("123", "*")
    assert app.asked.url == "https://app.test/voice"


def test_gather_without_input_goes_on_or_asks_all_the_same() -> None:
    app = Application().answer('<Gather timeout="2"/><Say>Nothing</Say>')
    app.call.wait(2.1)
    assert app.said == ["Nothing"]
    app = Application().answer('<Gather timeout="2" actionOnEmptyResult="true" method="GET" action="/e?a=1"/>')
    app.call.wait(2.1)
    assert query(app.asked.url)["a"] == ["1"]
    assert app.params["Digits"] == ""
    assert app.asked.method == "GET"


def test_gathered_keys_stay_out_of_the_trace_where_asked() -> None:
    app = Application(FLOW.replace("filler: none", "filler: none\n    reporting: masked").replace('"4711"', '"1"'))
    app.answer('<Gather numDigits="4"/>')
    app.call.press("4711")
    assert app.params["Digits"] == "4711"
    assert app.asked.secret
    assert "4711" not in str(app.call.machine.path())


def test_speech_is_said_to_be_missing_and_keys_work() -> None:
    app = Application().answer('<Gather input="speech dtmf" numDigits="1" hints="yes"><Say>x</Say></Gather>')
    assert any("speech" in error for error in app.errors)
    app.call.press("1")
    assert app.params["Digits"] == "1"


def test_record_and_its_parameters() -> None:
    app = Application().answer('<Record maxLength="20" action="/done" recordingStatusCallback="/status"/>')
    record = app.call.commands(Record)[-1]
    assert (record.max_duration, record.max_silence, record.beep) == (20.0, 5.0, True)
    app.call.speak(3.0)
    assert app.asked.url == "https://app.test/done"
    params = app.params
    assert params["RecordingDuration"] == "3"
    assert params["RecordingUrl"].startswith("https://ivr.test/2010-04-01/Accounts/AC1111")
    assert params["RecordingUrl"].endswith(params["RecordingSid"])
    assert app.told()[-1]["RecordingStatus"] == "completed"
    app.answer("<Hangup/>")


def test_an_empty_recording_calls_no_action() -> None:
    app = Application().answer('<Record timeout="2" playBeep="false" action="/done"/><Say>Nothing said</Say>')
    app.call.wait(3.0)
    assert app.said == ["Nothing said"]
    assert app.requests == 1


def test_a_key_ends_a_recording_and_is_told() -> None:
    app = Application().answer('<Record action="/done" finishOnKey="5"/>')
    app.call._advance_until(True)
    app.call.call.speak(60)
    app.call.wait(2.0).press("1").press("5").wait(0.2)
    assert app.params["Digits"] == "5"


def test_a_caller_who_hangs_up_while_recording_is_told_of() -> None:
    app = Application().answer('<Record action="/done"/>')
    app.call._advance_until(True)
    app.call.call.speak(60)
    app.call.wait(2.0).hang_up()
    app.call.wait(3.0)
    told = app.told()[-1]
    assert told["Digits"] == "hangup"
    assert told["CallStatus"] == "completed"
    assert app.call.machine.cause == "transferred"
    assert app.call.machine.finished


def test_callbacks_of_a_recording_hear_what_they_want_to() -> None:
    events = 'recordingStatusCallback="/status" recordingStatusCallbackEvent="absent"'
    app = Application().answer(f'<Record timeout="2" playBeep="false" {events}/>')
    app.call.wait(3.0)
    assert [data["RecordingStatus"] for data in app.told()] == ["absent"]
    app = Application().answer(f'<Record action="/done" {events}/>')
    app.call.speak(3.0)
    assert app.told() == []
    assert app.asked.url == "https://app.test/done"


@pytest.mark.parametrize("url", ["ftp://x/", "http://[/"])
def test_a_callback_that_leads_nowhere_costs_no_action(url: str) -> None:
    app = Application().answer(f'<Record action="/done" recordingStatusCallback="{url}"/>')
    app.call.speak(3.0)
    assert app.asked.url == "https://app.test/done"
    assert "not a URL" in app.errors[0]


def test_that_the_beginning_of_a_message_is_told_nobody_is_said() -> None:
    app = Application().answer(
        '<Record recordingStatusCallback="/s" recordingStatusCallbackEvent="in-progress absent"/>'
    )
    assert app.errors == ["recordingStatusCallbackEvent: that a message begins is told nobody"]
