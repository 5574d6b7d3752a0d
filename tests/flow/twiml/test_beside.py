"""Start and Stop in simulated calls: streams and recordings beside the call."""

from __future__ import annotations

import pytest

from ivr.flow.ports import (
    AiAgentDone,
    AiAgentStarted,
    CallRecorded,
    StartAiAgent,
    StartCallRecording,
    StartStream,
    StopCallRecording,
    StopStream,
)
from tests.flow.twiml.kit import Application

STREAM = "MZ" + "5" * 32
KEY = "6f8f2f4e-3f5f-4bb0-9d0a-1a1f2c7f1d55"


def test_a_stream_is_started_with_what_it_is_told() -> None:
    app = Application(secret="s" * 16).answer(
        '<Start><Stream url="wss://bot.test/x" name="ears" statusCallback="/stream" statusCallbackMethod="GET">'
        '<Parameter name="order" value="4711"/><Parameter name="no name" value="x"/></Stream></Start><Say>On</Say>'
    )
    command = app.call.commands(StartStream)[-1]
    assert (command.name, command.url) == ("ears", "wss://bot.test/x")
    assert command.sid.startswith("MZ")
    assert (command.account, command.secret) == ("AC" + "1" * 32, "s" * 16)
    assert dict(command.parameters) == {"order": "4711"}
    told = command.told
    assert (told.url, told.method, told.application) == ("https://app.test/stream", "GET", "shop")
    assert (told.data["StreamSid"], told.data["StreamName"]) == (command.sid, "ears")
    assert told.data["CallSid"] == app.params["CallSid"]
    assert app.said == ["On"], "the document goes on at once"
    assert len(app.errors) == 1


def test_a_stream_is_stopped_by_its_name() -> None:
    app = Application().answer('<Stop><Stream name="ears"/></Stop><Stop><Stream/></Stop><Pause length="60"/>')
    assert [command.name for command in app.call.commands(StopStream)] == ["ears", "stream"]


@pytest.mark.parametrize(
    ("track", "tracks"),
    [
        ("", ("inbound",)),
        ("inbound_track", ("inbound",)),
        ("outbound_track", ("outbound",)),
        ("both_tracks", ("inbound", "outbound")),
    ],
)
def test_each_track_can_be_had(track: str, tracks: tuple[str, ...]) -> None:
    app = Application().answer(f'<Start><Stream url="wss://x/" track="{track}"/></Start><Say>On</Say>')
    assert app.call.commands(StartStream)[-1].tracks == tracks
    assert app.said == ["On"] and not app.errors


def test_a_track_that_there_is_not_is_said() -> None:
    app = Application().answer('<Start><Stream url="wss://x/" track="mine"/></Start><Say>On</Say>')
    assert "'mine' is none of" in app.errors[0]
    assert not app.call.commands(StartStream)
    assert app.said == ["On"]


@pytest.mark.parametrize("url", ["", "https://x/", "wss://", "wss://x/?a=1", "wss://x:0/", "wss://[/"])
def test_streams_that_lead_nowhere_are_said(url: str) -> None:
    app = Application().answer(f'<Start><Stream url="{url}"/></Start><Say>On</Say>')
    assert "Stream needs a url" in app.errors[0]
    assert app.said == ["On"]


def test_the_whole_call_is_recorded_until_it_is_stopped() -> None:
    app = Application().answer(
        '<Start><Recording recordingStatusCallback="/rec" '
        'recordingStatusCallbackEvent="in-progress completed"/></Start>'
        '<Say>One</Say><Stop><Recording/></Stop><Pause length="60"/>'
    )
    command = app.call.commands(StartCallRecording)[-1]
    app.call.send(CallRecorded(command.id, "begun", KEY))
    app.call.wait(2.0)
    assert app.call.commands(StopCallRecording)
    app.call.send(CallRecorded(command.id, "done", KEY, "/x.wav", 2.0))
    told = app.told()
    assert [data["RecordingStatus"] for data in told] == ["in-progress", "completed"]
    assert (told[-1]["RecordingDuration"], told[-1]["RecordingSource"]) == ("2", "StartCallRecordingTwiML")


def test_a_recording_that_ends_with_the_call_is_told_of() -> None:
    app = Application().answer('<Start><Recording recordingStatusCallback="/rec"/></Start><Pause length="60"/>')
    command = app.call.commands(StartCallRecording)[-1]
    app.call.send(CallRecorded(command.id, "begun", KEY)).wait(5.0).hang_up()
    app.call.send(CallRecorded(command.id, "done", KEY, "/x.wav", 5.0))
    assert app.told()[-1]["RecordingStatus"] == "completed"
    assert app.call.machine.finished


def test_a_recording_beside_another_and_a_stop_without_one() -> None:
    app = Application().answer("<Stop><Recording/></Stop><Start><Recording/><Recording/></Start>")
    assert app.errors == ["no recording was started", "the call is being recorded already"]
    assert len(app.call.commands(StartCallRecording)) == 1


@pytest.mark.parametrize(
    ("started", "reason", "events"),
    [
        (True, "completed", ["stream-started", "stream-stopped"]),
        (True, "endpoint_closed", ["stream-started", "stream-error", "stream-stopped"]),
        (False, "not_started", ["stream-error"]),
    ],
)
def test_a_two_way_stream_tells_how_it_fares(started: bool, reason: str, events: list[str]) -> None:
    app = Application().answer('<Connect><Stream url="wss://bot.test/x" name="bot" statusCallback="/s"/></Connect>')
    command = app.call.commands(StartAiAgent)[-1]
    if started:
        app.call.send(AiAgentStarted(command.id, STREAM))
    app.call.send(AiAgentDone(command.id, reason, "why"))  # type: ignore[arg-type]
    told = app.told()
    assert [data["StreamEvent"] for data in told] == events
    sids = {data["StreamSid"] for data in told}
    assert len(sids) == 1 and (sids == {STREAM}) is started, "the name that the endpoint was told"
    assert {data["StreamName"] for data in told} == {"bot"}
