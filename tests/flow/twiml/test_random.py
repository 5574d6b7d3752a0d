"""Documents that nobody would write: whatever they say, the call comes to its end, and what was begun is ended."""

from __future__ import annotations

from random import Random
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.flow.ports import CancelForward, HangUp, LeaveQueue, Play, Request, StopPlay, StopRecord
from ivr.flow.twiml.document import MAX_BYTES, TwimlError, parse
from tests.flow.twiml.kit import Application

VERBS = [
    "Say", "Play", "Pause", "Gather", "Record", "Dial", "Enqueue", "Redirect", "Hangup", "Reject", "Refer", "Connect",
    "Leave", "Number", "Sip", "Client", "Queue", "Stream", "Parameter", "Conference", "Task", "Dance", "break",
    "Start", "Stop", "Recording", "Enqueue", "Dial",
]  # fmt: skip
ATTRIBUTES = [
    "action", "method", "timeout", "numDigits", "finishOnKey", "loop", "length", "digits", "url", "voice", "language",
    "maxLength", "playBeep", "callerId", "record", "answerOnBridge", "timeLimit", "name", "value", "priority", "input",
    "actionOnEmptyResult", "bargeIn", "reason", "statusCallback", "statusCallbackEvent", "sequential", "waitUrl",
    "maxQueueSize", "hangupOnStar", "sendDigits", "recordingStatusCallback", "recordingStatusCallbackEvent", "track",
    "waitUrl", "ringTone", "referUrl",
]  # fmt: skip
VALUES = [
    "", "0", "1", "2", "-1", "99999999999", "nan", "inf", "true", "false", "#", "*", "1234567890*#", "/next", "http://",
    "https://other.test/x", "file:///etc/passwd", "javascript:x", "{{ call.from }}", "wss://bot.test/", "dtmf speech",
    "GET", "POST", "record-from-answer", "initiated ringing answered completed", "sip:a@b.test", "+15550100", "woman",
    "de", "\u202e\u00e4", "w1w2", "999 999", "200", "support", '{"a": 1}', "busy",
]  # fmt: skip


def document(random: Random, depth: int = 0) -> str:
    """Some verbs, with attributes and nouns that fit or do not."""
    found = []
    for _ in range(random.randint(0, 4 if depth == 0 else 2)):
        name = random.choice(VERBS)
        count = random.randint(0, 3)
        shown = "".join(
            f" {key}={quoteattr(random.choice(VALUES))}" for key in dict.fromkeys(random.choices(ATTRIBUTES, k=count))
        )
        inner = document(random, depth + 1) if depth < 3 and random.random() < 0.4 else ""
        found.append(f"<{name}{shown}>{escape(random.choice(VALUES))}{inner}</{name}>")
    return "".join(found)


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=150)
def test_every_call_comes_to_its_end(seed: int) -> None:
    random = Random(seed)
    app = Application(fallback_url="https://app.test/fallback", max_duration=900.0)
    call = app.call
    for _ in range(random.randint(1, 25)):
        match random.choice(["answer"] * 4 + ["wait"] * 3 + ["press", "good", "bad", "speak", "500"]):
            case "answer" if call.commands(Request):
                call.call.answer_request(200, f"<Response>{document(random)}</Response>", {"content-type": "text/xml"})
            case "wait":
                call.wait(random.choice([0.0, 0.3, 2.0, 7.0, 40.0]))
            case "press":
                call.press(random.choice("0123456789*#"))
            case "good" | "bad" as outcome:
                connect(app, outcome)
            case "speak" if call.call.recording:
                call.call.speak(3.0)
            case "500":
                call.call.answer_request(500, "", {})
    if not call.machine.finished:
        call.hang_up()
    call.wait(12.0)
    assert call.machine.finished
    assert call.machine.fault is None, call.machine.fault
    assert len(call.commands(HangUp)) <= 1
    for stops in (StopPlay, StopRecord, CancelForward, LeaveQueue):
        ids = [command.id for command in call.commands(stops)]
        assert len(ids) == len(set(ids)), stops
    assert not [note for note in call.notes if "failed:" in note]
    urls = [command.url for command in call.commands(Request)]
    assert all(url.startswith(("http://", "https://")) for url in urls)
    prompts = [prompt for play in call.commands(Play) for prompt in play.prompts]
    assert all(prompt.kind in ("text", "tone", "url", "recording") for prompt in prompts)
    assert all(prompt.value.startswith(("http://", "https://")) for prompt in prompts if prompt.kind == "url")


def connect(app: Application, outcome: str) -> None:
    """Whoever is called, rung or connected does something."""
    call = app.call.call
    if outcome == "good":
        call.forward_result("answered").forward_result("left")
        call.agent_result("answered")
        call.agent_result("left")
        call.ai_result("completed")
    else:
        call.forward_result("busy")
        call.agent_result("closed")
        call.ai_result("endpoint_error")


@given(
    st.one_of(
        st.text(max_size=400),
        st.binary(max_size=400).map(lambda data: data.decode("latin-1")),
        st.integers(0, 2**32).map(lambda seed: document(Random(seed))),
    )
)
@settings(deadline=None)
def test_no_text_breaks_the_reader(text: str) -> None:
    for document in (
        text,
        f"<Response>{text}</Response>",
        f"<?xml version='1.0' encoding='utf-16'?><Response>{text}</Response>",
    ):
        try:
            verbs = parse(document)
        except TwimlError as error:
            assert str(error)
        else:
            assert all(verb.name for verb in verbs)


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE lolz [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><Response><Say>&b;</Say></Response>",
        "<!DOCTYPE x SYSTEM 'file:///etc/passwd'><Response/>",
        "<Response>" + "<Gather>" * 60 + "</Gather>" * 60 + "</Response>",
        "<Response>" + "<Say " + " ".join(f"a{number}='1'" for number in range(60)) + "/></Response>",
        "<Response>" + "x" * MAX_BYTES + "</Response>",
        "<Response><Say>half",
        "<response/>",
        "{}",
    ],
)
def test_what_no_document_may_be(text: str) -> None:
    with pytest.raises(TwimlError):
        parse(text)
