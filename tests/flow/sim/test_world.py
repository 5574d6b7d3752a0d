"""The world around simulated calls: recordings, forwards, HTTP, mail, profiles and events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ivr.flow.sim import MONDAY_NOON, ForwardAnswer, Given, HttpAnswer, MailAnswer, PastEvent, SpeechModel, Stubs
from tests.flow.sim.kit import call, walk

# Recordings


def test_a_recording_ends_in_silence_and_is_as_long_as_what_was_said() -> None:
    found = walk([{"press": "2"}, {"speak": "4s"}])
    step = found.steps[3]
    # A beep of 0.4 s, 4 s of speech, 3 s of silence.
    assert (step.branch, step.entered_at, step.left_at) == ("voicemail_recorded", 2.0, pytest.approx(9.4))
    assert (step.details["duration"], step.details["reason"]) == (4.0, "silence")
    assert found.variables()["message"] == "voicemail-1.wav"
    assert (found.said[1].kind, found.said[1].heard) == ("recording", 4.0)


def test_who_says_nothing_leaves_no_recording() -> None:
    found = walk([{"press": "2"}])
    assert found.steps[3].branch == "nothing_recorded"
    assert found.steps[3].details["duration"] == 0.0


def test_a_key_ends_a_recording() -> None:
    found = walk([{"press": "2"}, {"speak": "4s"}, {"press": "#"}])
    assert (found.steps[3].details["duration"], found.steps[3].details["reason"]) == (4.0, "key")


def test_what_was_said_until_the_caller_hung_up_is_kept() -> None:
    found = walk([{"press": "2"}, {"speak": "4s"}, {"hang_up_after": "1s"}])
    assert (found.steps[3].branch, found.steps[3].details["duration"]) == ("user_hung_up", 5.0)
    assert found.variables()["message"] == "voicemail-1.wav"


def test_hanging_up_during_the_beep() -> None:
    found = walk([{"press": "2"}, {"hang_up": "record", "after": "0.1s"}])
    assert (found.steps[3].branch, found.steps[3].details["status"]) == ("user_hung_up", "nothing_recorded")


def test_a_recording_that_cannot_be_written() -> None:
    found = walk([{"press": "2"}], stubs=Stubs(failing_recordings=frozenset({"record"})))
    assert found.steps[3].details["status"] == "error"


# Prompts


def test_a_prompt_that_cannot_be_played_is_passed_over() -> None:
    source = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: a}
  a: {type: play, file: none.wav, next: b}
  b: {type: play, file: some.wav, loop: 2, next: bye}
  bye: {type: hang_up}
"""
    found = walk([], source, speech=SpeechModel(files={"some.wav": 1.25}, missing=frozenset({"none.wav"})))
    assert [(said.text, said.heard) for said in found.said] == [("some.wav", 2.5)]
    assert found.steps[1].details["ended"] == "failed"


def test_a_sensitive_text_is_not_shown() -> None:
    source = """
variables: {pin: "4711"}
sensitive: [pin]
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: a}
  a: {type: play, text: "It is {{ pin }}", next: bye}
  bye: {type: hang_up}
"""
    assert [said.text for said in walk([], source).said] == ["(sensitive)"]


# Forwards


def forwarded(*answers: ForwardAnswer, then: str = "", **options: Any) -> Any:
    return walk([{"press": "1"}], stubs=Stubs(forwards=answers), **options)


def test_somebody_answers_and_leaves() -> None:
    found = forwarded()
    [made] = found.forwards
    assert (made.outcome, made.target, made.answered_at, made.talk_time) == ("forwarded", "phone:200", 7.0, 30.0)
    assert (found.cause, found.path[-1], found.steps[-1].branch) == ("forwarded", "sales", "call_forwarded")
    assert found.silences == []


def test_the_caller_leaves_first() -> None:
    found = forwarded(ForwardAnswer(talk=4.0, leaves="caller"))
    assert (found.forwards[0].talk_time, found.cause) == (4.0, "forwarded")


def test_targets_in_turn() -> None:
    found = forwarded(ForwardAnswer("phone:200", "busy"), ForwardAnswer("phone:201", after=2.0))
    assert (found.forwards[0].target, found.forwards[0].answered_at) == ("phone:201", 2.0 + 1.0 + 2.0)
    found = forwarded(ForwardAnswer("phone:200", "busy"), ForwardAnswer("phone:201", "no_answer"))
    step = found.steps[3]
    assert (step.branch, step.details["sip_code"], step.left_at) == ("busy", 486, 2.0 + 1.0 + 10.0)


def test_an_answer_for_the_element_is_that_of_all_targets() -> None:
    found = forwarded(ForwardAnswer("sales", "declined", after=2.0, sip_code=607))
    assert (found.steps[3].branch, found.steps[3].details["sip_code"], found.steps[3].left_at) == ("declined", 607, 6.0)


@pytest.mark.parametrize("result", ["answered", "busy"])
def test_what_comes_after_the_time_out_is_no_answer(result: Any) -> None:
    found = forwarded(ForwardAnswer("sales", result, after=20.0))
    assert (found.steps[3].branch, found.steps[3].details["sip_code"]) == ("no_answer", 408)


SCREENED = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: sales}
  sales:
    type: forward_call
    to: phone:200
    whisper: {text: A call}
    accept_key: "1"
    max_duration: 20s
    after: return
    branches: {returned: bye, no_answer: bye}
  bye: {type: hang_up}
"""


def test_whisper_and_key_come_before_the_talk() -> None:
    found = walk([], SCREENED)
    # 5 s until the answer, 2 s of whisper, 1 s until the key; then at most 20 s.
    assert (found.forwards[0].answered_at, found.forwards[0].talk_time) == (8.0, 20.0)
    assert (found.forwards[0].whisper, found.steps[1].branch) == ("A call", "returned")
    found = walk([], SCREENED, stubs=Stubs(forwards=(ForwardAnswer(accepts=False),)))
    assert (found.steps[1].branch, found.steps[1].left_at) == ("no_answer", 5.0 + 2.0 + 15.0)


def test_a_blind_transfer() -> None:
    source = SCREENED.replace("after: return", "mode: refer").replace("returned: bye, ", "")
    found = walk([], source)
    assert (found.forwards[0].mode, found.forwards[0].outcome, found.cause) == ("refer", "forwarded", "forwarded")


def test_keys_are_not_the_flows_while_the_two_talk() -> None:
    found = call(SCREENED, stubs=Stubs(manual=True)).start()
    found.forward_result("answered")
    found.press("7").wait(3.0)
    assert "keys" not in found.steps[1].details
    found.forward_result("left").run()
    assert (found.steps[1].branch, found.forwards[0].talk_time) == ("returned", 3.0)


def test_by_hand() -> None:
    found = call(stubs=Stubs(manual=True)).start().press("1")
    assert found.waiting is not None
    assert (found.waiting.kind, found.waiting.element) == ("forward", "sales")
    found.forward_result("busy")
    assert found.path[-1] == "bye"
    assert found.forward_result("answered").forwards[0].outcome == "busy"


def test_the_caller_does_not_wait_for_an_answer() -> None:
    found = walk([{"press": "1"}, {"hang_up": "sales", "after": "2s"}])
    assert (found.forwards[0].outcome, found.cause, found.steps[-1].branch) == (
        "abandoned",
        "user_hung_up",
        "call_ended",
    )


# HTTP


def asked(*answers: HttpAnswer) -> Any:
    return walk([{"press": "4"}], stubs=Stubs(http=answers))


def test_requests_succeed_unless_somebody_says_otherwise() -> None:
    found = asked()
    [sent] = found.requests
    assert (sent.element, sent.method, sent.url, sent.status) == ("api", "GET", "https://x.example/%2B15550199", 200)
    assert found.steps[3].branch == "success"


def test_answers_by_element_url_and_method() -> None:
    for match in ("api", "https://x.example/*", "GET *"):
        assert asked(HttpAnswer(match, 404)).requests[0].status == 404
    assert asked(HttpAnswer("POST *", 404)).requests[0].status == 200


def test_answers_are_used_up_in_their_order() -> None:
    found = asked(HttpAnswer("api", 503, times=1), HttpAnswer("api", 200, {"a": 1}))
    assert [(sent.status, sent.at) for sent in found.requests] == [(503, 2.0), (200, 3.2)]


def test_no_answer() -> None:
    found = asked(HttpAnswer(error="network", times=1), HttpAnswer(after=60.0))
    assert [sent.error for sent in found.requests] == ["network", "timeout"]
    assert found.steps[3].branch == "error"
    assert [(silence.at, silence.element) for silence in found.silences] == [(2.0, "api")]


def test_answers_by_hand() -> None:
    found = call(stubs=Stubs(manual=True)).start().press("4")
    assert found.waiting is not None
    assert found.waiting.kind == "request"
    assert found.answer_request(404)
    assert not found.answer_request()
    assert found.path[-1] == "bye"


# What is kept, and events

OUTSIDE = """
variables: {got: null}
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: keep}
  keep: {type: update_profile, fields: {name: Ann}, next: again}
  again: {type: update_profile, fields: {age: 5}, next: never}
  never: {type: do_not_contact, action: add, reason: asked, next: bye}
  bye: {type: hang_up, next: paid}
  paid:
    type: wait_for_event
    event: paid
    include_past: true
    timeout: 2h
    save: {got: amount}
    next: mail
    branches: {timeout: mail}
  mail: {type: notify, by: email, to: a@b.example, subject: Hello, text: "{{ got }}"}
"""


def test_changes_events_and_mails() -> None:
    found = walk([{"event": "paid", "properties": {"amount": 7}}], OUTSIDE)
    assert [(change.element, change.changes) for change in found.profile_changes] == [
        ("keep", {"name": "Ann"}),
        ("again", {"age": 5}),
    ]
    assert [(change.action, change.number, change.element) for change in found.dnc] == [("add", "+15550199", "never")]
    assert found.variables()["got"] == 7
    assert [(mail.element, mail.text, mail.error) for mail in found.mails] == [("mail", "7", None)]
    assert [event.name for event in found.events_log if event.taken] == ["paid"]
    assert "call.ended" in [event.name for event in found.events_log]


def test_events_of_the_past() -> None:
    before = PastEvent("paid", MONDAY_NOON - timedelta(hours=1), {"amount": 1})
    just = PastEvent("paid", MONDAY_NOON, {"amount": 2})
    found = walk([], OUTSIDE, given=Given(events=(before, just)))
    assert found.variables()["got"] == 2


def test_a_mail_that_is_refused() -> None:
    found = walk([], OUTSIDE, stubs=Stubs(mails=(MailAnswer("mail", "no such mailbox"),)))
    assert found.mails[0].error == "no such mailbox"
    assert found.now == 7200.2
