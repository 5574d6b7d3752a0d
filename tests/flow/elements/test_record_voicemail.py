"""record_voicemail: what is kept, what is deleted, and which branch that takes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ivr.flow.elements.record_voicemail import RecordVoicemailElement
from ivr.flow.ports import CallEnded, DeliverVoicemail, DiscardRecording, Record, RecordDone, StopRecord
from tests.kit.flow import Talk


def talk(fields: str = "") -> Talk:
    return Talk(
        f"""
variables: {{message: ""}}
sensitive: [secret]
elements:
  start: {{type: start_incoming_call, numbers: ["100"], next: record}}
  record:
    {{type: record_voicemail, save_as: message, {fields} next: good, branches: {{user_hung_up: left}}}}
  good: {{type: hang_up}}
  left: {{type: set_variable, variables: {{done: "{{{{ result.status }}}}"}}}}
"""
    ).start()


def result(call: Talk) -> Any:
    return call.machine._ctx.result


def test_defaults() -> None:
    command = talk().commands(Record)[0]
    assert (command.max_duration, command.max_silence, command.beep, command.format) == (120.0, 5.0, True, "wav")
    assert command.name == "voicemail-7"


def test_silence_ends_it() -> None:
    call = talk().speak(8.0)
    assert call.branches[1] == "voicemail_recorded"
    assert call.machine.variables["message"] == "voicemail-7.wav"
    assert result(call)["duration"] == 8.0
    assert call.details("record")["reason"] == "silence"


def test_an_escape_digit_ends_it_and_is_no_input_of_what_follows() -> None:
    call = talk().wait(3.0).press("5").wait(1.0).press("#")
    assert call.machine.finished
    assert call.details("record")["reason"] == "key"
    assert len(call.commands(StopRecord)) == 1
    assert not call.machine._ctx.keys


def test_no_escape_digit() -> None:
    call = talk('escape_digits: "",').wait(3.0).press("#")
    assert not call.machine.finished
    assert not call.commands(StopRecord)


def test_a_short_one_is_deleted() -> None:
    call = talk().speak(0.5)
    assert call.branches[1] == "nothing_recorded"
    assert call.path[-1] == "good"
    assert call.machine.variables["message"] == ""
    assert result(call)["status"] == "nothing_recorded"
    assert [command.id for command in call.commands(DiscardRecording)] == [1]


def test_what_was_said_until_the_caller_hung_up_is_kept() -> None:
    call = talk().wait(4.0).hang_up()
    assert call.branches[1] == "user_hung_up"
    assert call.machine.variables["message"] == "voicemail-7.wav"
    assert call.machine.variables["done"] == "recorded"
    assert call.machine.finished
    assert call.machine.cause == "user_hung_up"


def test_a_recorder_that_never_answers_holds_nothing_up() -> None:
    call = talk()
    call.lose_recording()
    call.wait(1.0).press("#").finish()
    assert call.branches[1] == "error"
    call = talk()
    call.lose_recording()
    call.send(CallEnded("network")).finish()
    assert call.branches[1] == "call_ended"
    call = talk()
    call.lose_recording()
    call.finish()
    assert call.branches[1] == "error"


def test_a_file_that_cannot_be_written_takes_the_error_branch_not_the_call() -> None:
    call = talk("max_silence: 0,")
    call.send(RecordDone(1, "rec.wav", 3.0, "failed", "no space left"))
    assert call.branches[1] == "error"
    assert call.path[-1] == "good"
    assert result(call)["status"] == "error"
    assert result(call)["recording"] == "rec.wav"


def test_early_media_is_answered() -> None:
    call = Talk(
        """
elements:
  start: {type: start_incoming_call, numbers: ["100"], answer: early_media, next: record}
  record: {type: record_voicemail}
"""
    ).start()
    assert call.names == ["EarlyMedia", "Answer", "Record"]


@pytest.mark.parametrize(
    "fields", [{"max_duration": 0}, {"escape_digits": "x"}, {"escape_digits": 1}, {"format": "mp3"}]
)
def test_refuses(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RecordVoicemailElement.model_validate({"type": "record_voicemail", **fields})


def test_no_sensitive_value_in_a_file_name() -> None:
    call = Talk(
        """
variables: {secret: "4711"}
sensitive: [secret]
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: record}
  record: {type: record_voicemail, name: "from-{{ secret }}"}
"""
    ).start()
    assert call.commands(Record)[0].name == "voicemail-7"


@pytest.mark.parametrize(
    ("fields", "whose"),
    [("queue: sales,", ("sales", "")), ("agent: anna,", ("", "anna")), ('queue: "s{{ 1 }}",', ("s1", ""))],
)
def test_a_message_goes_to_a_mailbox(fields: str, whose: tuple[str, str]) -> None:
    (command,) = talk(fields).speak(8.0).commands(DeliverVoicemail)
    assert (command.queue, command.agent) == whose
    assert (command.recording, command.seconds) == ("voicemail-7.wav", 8.0)


def test_what_was_said_until_the_caller_hung_up_goes_there_too() -> None:
    call = talk("queue: sales,").wait(4.0).hang_up()
    assert len(call.commands(DeliverVoicemail)) == 1


def test_what_is_deleted_or_nobodys_goes_nowhere() -> None:
    assert not talk("queue: sales,").wait(0.5).press("#").commands(DeliverVoicemail)
    assert not talk().speak(8.0).commands(DeliverVoicemail)
