"""Findings about calls that a flow makes by itself, besides the examples of their codes."""

from __future__ import annotations

from tests.kit.lint import codes, lint

CALL = """
elements:
  start: {{type: start_from_audience, next: call}}
  call: {{type: start_outgoing_call, {fields}, next: hello, branches: {{call_ended: note}}}}
  hello: {{type: play, text: "Hello", next: bye}}
  bye: {{type: hang_up}}
  note: {{type: tag, tags: "{{{{ result.status }}}}"}}
"""


def test_a_flow_that_calls_has_no_findings() -> None:
    assert codes(CALL.format(fields="record_call: true")) == []


def test_the_failure_branches_see_the_result_and_no_caller() -> None:
    text = CALL.format(fields="record_call: true").replace("note: {type: tag, tags:", "note: {type: play, text:")
    assert codes(text) == ["S002"]


def test_voice_is_allowed_after_call_answered_and_not_after_the_hang_up() -> None:
    assert codes(CALL.format(fields="record_call: true").replace("hang_up}", "hang_up, next: note}")) == []
    text = CALL.format(fields="record_call: true").replace("hang_up}", "hang_up, next: more}")
    assert codes(text + '  more: {type: play, text: "More", next: bye}\n') == ["S002"]


def test_a_dead_end_after_the_answer() -> None:
    text = CALL.format(fields="record_call: true").replace('text: "Hello", next: bye', 'text: "Hello"')
    assert set(codes(text)) == {"G001", "G002"}


def test_hanging_up_on_a_machine_is_no_dead_end() -> None:
    text = CALL.format(fields="machine_detection: fast")
    assert codes(text) == []
    assert [finding.code for finding in lint(text)] == ["F002"]


def test_an_inserted_hang_up_after_the_answer_is_told() -> None:
    text = CALL.format(fields="record_call: true").replace(", next: hello, branches", ", branches")
    assert set(codes(text)) == {"G001", "G002"}


def test_lines_and_phones_of_calls_must_be_there() -> None:
    assert codes(CALL.format(fields="line: nowhere")) == ["T002"]
    assert codes(CALL.format(fields='to: "phone:299"')) == ["T003"]
    assert codes(CALL.format(fields='to: "phone:200"')) == []


def test_a_loop_of_calls_is_a_loop() -> None:
    text = CALL.format(fields="record_call: true").replace("call_ended: note", "call_ended: call")
    found = text.replace("next: hello, ", "next: call, ")
    assert "G005" in codes(found)


def test_a_message_after_the_beep_or_to_nobody() -> None:
    text = CALL.format(fields="machine_detection: beep").replace("{call_ended", "{voicemail: hello, call_ended")
    assert codes(text) == []
    assert codes(text.replace("beep", "fast")) == ["O004"]
    assert codes(text.replace("beep", "fast").replace("voicemail: hello", "voicemail: bye")) == []


def test_calls_that_come_over_a_half_duplex_line_cannot_be_forwarded() -> None:
    text = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], line: modem, next: desk}
  desk: {type: forward_call, to: "phone:200", branches: {call_not_forwarded: bye}}
  bye: {type: hang_up}
"""
    assert codes(text) == ["O006"]
    assert codes(text.replace("line: modem, ", "")) == []


def test_a_window_that_opens_somewhere() -> None:
    window = 'window: {from: "09:00", to: "17:00"}'
    assert codes(CALL.format(fields=f'to: "+18005550100", {window}')) == ["O005"]
    assert codes(CALL.format(fields=f'to: "+4930123456", {window}')) == []
    assert codes(CALL.format(fields=window)) == []
