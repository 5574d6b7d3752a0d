"""TwiML documents in simulated calls: what callers hear, what applications are asked and told."""

from __future__ import annotations

import pytest

from ivr.flow.expressions import Sensitive
from ivr.flow.ports import (
    AiAgentDone,
    ApplicationDone,
    Forward,
    ForwardAnswered,
    ForwardDone,
    ForwardRinging,
    HangUp,
    JoinQueue,
    Moved,
    Play,
    QueueJoined,
    SendKeys,
    StartAiAgent,
    StopPlay,
)
from ivr.flow.twiml import call_id, call_sid
from ivr.settings import WaitingStrategy
from tests.flow.twiml.kit import FLOW, Application
from tests.kit.flow import make_flow


def test_the_first_request_names_the_call_and_what_the_flow_hands_over() -> None:
    app = Application()
    assert (app.asked.method, app.asked.url, app.asked.application) == ("POST", "https://app.test/voice", "shop")
    params = app.params
    assert params["CallSid"] == call_sid(app.call.machine.call.id)
    assert params["AccountSid"] == "AC" + "1" * 32
    assert params["CallStatus"] == "in-progress"
    assert params["Direction"] == "inbound"
    assert params["ApiVersion"] == "2010-04-01"
    assert params["To"] == "100"
    assert params["order"] == "4711"
    assert '"version":1' in params["HandOver"]


def test_names_of_calls_lead_back_to_them() -> None:
    name = "6f8f2f4e-3f5f-4bb0-9d0a-1a1f2c7f1d55"
    assert call_sid(name) == "CA6f8f2f4e3f5f4bb09d0a1a1f2c7f1d55"
    assert call_id(call_sid(name)) == name
    assert call_id("CA12") is call_id("MZ6f8f2f4e3f5f4bb09d0a1a1f2c7f1d55") is None


def test_say_play_pause_and_the_end_of_the_document() -> None:
    app = Application().answer(
        '<Say voice="woman" language="de" loop="2">Hallo</Say><Pause length="3"/><Play>/music.mp3</Play>'
    )
    play = app.call.commands(Play)[-1]
    assert (play.loop, play.prompts[0].language, play.prompts[0].voice.gender) == (2, "de", "female")
    app.call.wait(4.0)
    assert app.said == ["Hallo"]
    app.call.wait(2.9)
    assert app.said == ["Hallo"]
    app.call.wait(0.1)
    assert app.said == ["Hallo", "https://app.test/music.mp3"]
    app.call.finish()
    assert app.call.machine.cause == "transferred"
    assert app.call.branches[-1] == "call_transferred"
    assert app.result["talk_time"] > 0


def test_texts_are_no_expressions_and_long_ones_are_said_in_pieces() -> None:
    app = Application().answer("<Say>{{ call.from }}</Say><Hangup/>")
    assert app.said == ["{{ call.from }}"]
    app = Application().answer(f"<Say>{'Long words. ' * 200}</Say><Hangup/>")
    app.call.finish()
    assert len(app.said) == 3
    assert all(len(text) <= 1000 for text in app.said)


def test_ssml_is_read_as_its_words() -> None:
    app = Application().answer('<Say>One <break time="1s"/> <emphasis>two</emphasis></Say>')
    assert app.said == ["One two"]


def dialled(app: Application) -> Forward:
    found: Forward = app.call.commands(Forward)[-1]
    return found


def test_dial_and_its_action() -> None:
    app = Application().answer('<Dial timeout="10" callerId="+15550111" action="/after">+1 (555) 0100</Dial>')
    forward = dialled(app)
    assert (forward.targets, forward.timeout, forward.from_) == (("tel:+15550100",), 10.0, "+15550111")
    assert forward.chosen == {"tel:+15550100"}
    app.call.send(ForwardRinging(forward.id, "tel:+15550100"))
    app.call.wait(1.0).send(ForwardAnswered(forward.id, "tel:+15550100"))
    app.call.wait(20.0).send(ForwardDone(forward.id, "returned", "tel:+15550100", 200, "OK", 20.0))
    params = app.params
    assert (params["DialCallStatus"], params["DialCallDuration"], params["DialBridged"]) == ("completed", "20", "true")
    assert params["DialCallSid"].startswith("CA")
    app.answer("<Say>Thanks</Say>")
    assert app.said[-1] == "Thanks"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("busy", "busy"), ("no_answer", "no-answer"), ("failed", "failed"), ("declined", "busy")],
)
def test_dial_that_nobody_takes(outcome: str, status: str) -> None:
    app = Application().answer("<Dial><Number>100</Number></Dial><Say>Nobody</Say>")
    app.call.send(ForwardDone(dialled(app).id, outcome, "tel:100", 486))  # type: ignore[arg-type]
    assert app.said == ["Nobody"]
    app = Application().answer('<Dial action="/after">100</Dial>')
    app.call.send(ForwardDone(dialled(app).id, outcome, "tel:100", 486))  # type: ignore[arg-type]
    assert app.params["DialCallStatus"] == status


def test_dial_several_kinds_and_status_callbacks_in_order() -> None:
    app = Application().answer(
        '<Dial><Number statusCallback="/s" statusCallbackEvent="initiated ringing answered completed">100</Number>'
        "<Sip>sip:anna@pbx.example</Sip><Client>200</Client><Conference>room</Conference></Dial>"
    )
    forward = dialled(app)
    assert forward.targets == ("tel:100", "sip:anna@pbx.example", "phone:200")
    assert any("Conference" in error for error in app.errors)
    app.call.send(ForwardRinging(forward.id, "tel:100"))
    app.call.wait(2.0).send(ForwardAnswered(forward.id, "tel:100"))
    app.call.wait(8.0).send(ForwardDone(forward.id, "returned", "tel:100", 200, "OK", 8.0))
    told = app.told()
    assert [data["CallStatus"] for data in told] == ["initiated", "ringing", "in-progress", "completed"]
    assert [data["SequenceNumber"] for data in told] == ["0", "1", "2", "3"]
    assert {data["ParentCallSid"] for data in told} == {app.params["CallSid"]}
    assert told[-1]["CallDuration"] == "8"


def test_a_caller_who_leaves_a_dial() -> None:
    app = Application().answer('<Dial action="/after">100</Dial>')
    app.call.wait(1.0).hang_up()
    told = app.told()[-1]
    assert told["DialCallStatus"] == "canceled"
    assert app.call.machine.finished


def test_answer_on_bridge_leaves_the_call_ringing() -> None:
    flow = FLOW.replace('numbers: ["100"],', 'numbers: ["100"], answer: early_media,')
    app = Application(flow)
    assert app.params["CallStatus"] == "ringing"
    app.answer('<Dial answerOnBridge="true">100</Dial>')
    assert "Answer" not in app.call.names
    app.call.send(ForwardAnswered(dialled(app).id, "tel:100"))
    assert "Answer" in app.call.names


def test_reject_of_a_call_that_is_not_answered() -> None:
    flow = FLOW.replace('numbers: ["100"],', 'numbers: ["100"], answer: early_media,')
    for reason, status in (("busy", 486), ("rejected", 603), ("", 603)):
        app = Application(flow).answer(f'<Reject reason="{reason}"/>')
        assert app.call.commands(HangUp)[-1].sip_status == status
        assert "Answer" not in app.call.names


def test_redirects_and_their_end() -> None:
    app = Application().answer("<Redirect>/two?x=1&amp;y=2</Redirect>")
    assert app.asked.url == "https://app.test/two?x=1&y=2"
    app.answer('<Redirect method="GET">../three</Redirect>')
    assert app.asked.url.startswith("https://app.test/three?CallSid=")
    app = Application()
    for _ in range(30):
        if app.call.machine.element != "app":
            break
        app.answer("<Redirect/>")
    assert app.said == ["Back"]
    assert app.result["reason"] == "bad_answer"


def test_loops_with_sound_go_on() -> None:
    app = Application()
    for _ in range(60):
        app.answer("<Say>Menu</Say><Redirect/>")
        app.call.wait(2.0)
    assert app.call.machine.element == "app"
    assert len(app.said) == 60


def test_verbs_that_are_not_supported_are_said_and_skipped() -> None:
    app = Application().answer("<Sms>x</Sms><Dance/><Pay/><Say>On</Say>")
    assert app.said == ["On"]
    assert len(app.errors) == 3
    assert [entry.get("error") is not None for entry in app.call.details("app")["twiml"]] == [True, True, True, False]


@pytest.mark.parametrize(
    ("verb", "error", "name"),
    [
        ('<Pay chargeAmount="1"/>', "payments are not supported", "Pay"),
        ("<Prompt/>", "payments are not supported", "Prompt"),
        ("<Sms>x</Sms>", "messages are not supported", "Sms"),
        ("<Message>x</Message>", "messages are not supported", "Message"),
        ("<Conference>x</Conference>", "conferences are not supported", "Conference"),
        ("<Queue>x</Queue>", "Queue stands in a Dial", "Queue"),
        ("<Leave/>", "nobody waits in a queue here", "Leave"),
        ("<Connect><ConversationRelay url='wss://x'/></Connect>", "<ConversationRelay> in a Connect", "Connect"),
        ("<Connect><VirtualAgent/></Connect>", "<VirtualAgent> in a Connect", "Connect"),
        ("<Connect/>", "<nothing> in a Connect", "Connect"),
        ("<Start><Siprec/></Start>", "<Siprec> in a Start", "Start"),
        ("<Start><Transcription/></Start>", "<Transcription> in a Start", "Start"),
        ("<Stop><Siprec/></Stop>", "<Siprec> in a Stop", "Stop"),
        ("<Gather input='speech' timeout='0'/>", "speech is not recognised", "Gather"),
        ("<Gather input='dtmf speech' timeout='0'/>", "speech is not recognised", "Gather"),
        ("<Gather partialResultCallback='/p' timeout='0'/>", "speech is not recognised", "Gather"),
        ("<Gather timeout='0'><Dial>1</Dial></Gather>", "<Dial> does not stand in a Gather", "Gather"),
        ("<Say voice='Polly.Joanna'>x</Say>", "this voice is not there", "Say"),
        ("<Enqueue workflowSid='WW1'/>", "workflowSid is not used", "Enqueue"),
    ],
)
def test_each_thing_that_is_not_there_has_an_error_of_its_own(verb: str, error: str, name: str) -> None:
    app = Application(status_callback="https://app.test/status").answer(f"{verb}<Say>On</Say>")
    (told,) = [data for data in app.told("error") if error in str(data["ErrorMessage"])]
    assert (told["Verb"], told["CallbackSource"], told["Level"]) == (name, "error", "WARNING")
    assert told["ErrorCode"].isdecimal()
    assert any(error in note for note in app.call.notes)
    if name != "Enqueue":
        app.call.wait(2.0)
        assert app.said[-1] == "On"


def test_a_recording_is_not_written_down() -> None:
    app = Application().answer("<Record transcribe='true' transcribeCallback='/t'/>")
    why = "is not used here: recordings are not written down here"
    assert app.errors == [f"{name} {why}" for name in ("transcribe", "transcribeCallback")]


@pytest.mark.parametrize(
    ("body", "status", "kind", "reason"),
    [
        ("<Response><Say>x</Say>", 200, "text/xml", "bad_answer"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><Response>&a;</Response>", 200, "text/xml", "bad_answer"),
        ("<?xml version='1.0'?><Message/>", 200, "text/xml", "bad_answer"),
        ("<Response/>", 500, "text/xml", "http_error"),
        ("<Response/>", 404, "text/xml", "http_error"),
        ("<Response>" + "<Pause/>" * 1001 + "</Response>", 200, "text/xml", "bad_answer"),
        ("<Response>" + " " * 70_000 + "</Response>", 200, "text/xml", "bad_answer"),
        ("<Response>" + "<a>" * 10 + "</a>" * 10 + "</Response>", 200, "text/xml", "bad_answer"),
    ],
)
def test_without_a_document_the_flow_keeps_the_call(body: str, status: int, kind: str, reason: str) -> None:
    app = Application()
    app.call.call.answer_request(status, body, {"content-type": kind})
    assert app.said == ["Sorry"]
    assert app.result["reason"] == reason
    assert app.call.branches[1] == "call_not_transferred"


def test_json_is_no_document_and_time_runs_out() -> None:
    app = Application()
    app.call.call.answer_request(200, {"verb": "say"}, {"content-type": "application/json"})
    assert app.result["reason"] == "bad_answer"
    app = Application()
    app.call.call.answer_request(error="timeout")
    assert app.result["reason"] == "timeout"


def test_the_document_to_fall_back_to() -> None:
    app = Application(fallback_url="https://app.test/fallback")
    app.answer("oops", status=500)
    assert app.asked.url == "https://app.test/fallback"
    assert (app.params["ErrorCode"], app.params["ErrorUrl"]) == ("11200", "https://app.test/voice")
    app.answer("<Say>Fallback</Say>")
    assert app.said == ["Fallback"]


def test_an_application_that_fails_later_gives_the_call_back() -> None:
    app = Application().answer("<Say>Hello</Say><Redirect>/next</Redirect>")
    app.call.wait(2.0)
    app.answer("x", status=503)
    assert app.said == ["Hello", "Back"]
    assert app.result["reason"] == "http_error"
    assert app.call.branches[1] == "returned"


def test_tries_again_where_the_server_fails() -> None:
    app = Application(tries=2, retry_first=1.0)
    app.answer("x", status=503)
    app.call.wait(1.1)
    assert app.requests == 2
    app.answer("<Say>Better</Say>")
    assert app.said == ["Better"]


def test_it_has_the_call_only_for_so_long() -> None:
    app = Application(max_duration=10.0).answer('<Say loop="0">For ever</Say>')
    app.call.wait(10.0)
    assert app.said[-1] == "Back"
    assert app.result["reason"] == "max_duration"
    assert app.call.commands(StopPlay)


def test_the_status_callback_in_order() -> None:
    flow = FLOW.replace('numbers: ["100"],', 'numbers: ["100"], answer: early_media,')
    events = ("initiated", "ringing", "answered", "completed")
    app = Application(flow, status_callback="https://app.test/status", status_events=events)
    app.answer("<Say>Hello</Say>")
    app.call.finish()
    assert [data["CallStatus"] for data in app.told()] == ["queued", "ringing", "in-progress", "completed"]
    app = Application(status_callback="https://app.test/status")
    app.answer("<Say>Hello</Say>")
    app.call.wait(1.0).hang_up()
    assert [data["CallStatus"] for data in app.told()] == ["completed"]


@pytest.mark.parametrize(
    "verb",
    [
        '<Gather timeout="60"/>',
        '<Say loop="0">Hello</Say>',
        '<Connect><Stream url="wss://bot.test/x"/></Connect>',
        "<Enqueue>x</Enqueue>",
        '<Record playBeep="false"/>',
        "<Dial>100</Dial>",
    ],
)
def test_the_answer_is_told_when_the_call_is_answered(verb: str) -> None:
    flow = FLOW.replace('numbers: ["100"],', 'numbers: ["100"], answer: early_media,')
    app = Application(flow, status_callback="https://app.test/status", status_events=("answered", "completed"))
    assert not app.told()
    app.answer(verb)
    assert [data["CallStatus"] for data in app.told()] == ["in-progress"]


def test_the_answer_of_a_call_that_is_answered_already_is_told_at_once() -> None:
    app = Application(status_callback="https://app.test/status", status_events=("initiated", "answered"))
    assert [data["CallStatus"] for data in app.told()] == ["in-progress", "in-progress"]


def test_keys_are_sent() -> None:
    app = Application().answer('<Play digits="ww12#"/><Say>Sent</Say>')
    assert app.call.commands(SendKeys)[-1].keys == "ww12#"
    app.call.wait(1.0)
    assert app.said == []
    app.call.wait(1.0)
    assert app.said == ["Sent"]


def test_enqueue_waits_for_an_agent() -> None:
    app = Application().answer(
        '<Enqueue action="/after">support<Task priority="7">{"order": "4711", "no name": 1}</Task></Enqueue>'
    )
    join = app.call.commands(JoinQueue)[-1]
    assert (join.queue, join.priority) == ("support", 7)
    assert join.packet["metadata"] == {"order": "4711"}


def test_the_action_hears_of_a_caller_who_leaves_the_queue() -> None:
    document = '<Enqueue action="/after">x</Enqueue>'
    app = Application(status_callback="https://app.test/status").answer(document)
    join = app.call.commands(JoinQueue)[-1]
    app.call.send(QueueJoined(join.id, "x", 1, WaitingStrategy())).wait(7.0).hang_up()
    action, status = app.told()
    assert (action["QueueResult"], action["QueueTime"], action["CallStatus"]) == ("hangup", "7", "completed")
    assert status["CallbackSource"] == "call-progress-events"
    assert app.call.machine.finished


def test_connect_hands_the_sound_to_a_stream() -> None:
    app = Application().answer(
        '<Connect><Stream url="wss://bot.test/ws"><Parameter name="first" value="{{ x }}"/></Stream></Connect>'
    )
    start = app.call.commands(StartAiAgent)[-1]
    assert start.agent == "wss://bot.test/ws"
    assert start.parameters == {"first": "{{ x }}"}


def test_attributes_that_are_of_no_use_are_told_once() -> None:
    app = Application(status_callback="https://app.test/status")
    for _ in range(2):
        app.answer(
            '<Connect><Stream url="wss://bot.test/ws" track="inbound_track" colour="red">'
            '<Parameter name="a-b" value="x"/></Stream></Connect><Redirect/>'
        )
        start = app.call.commands(StartAiAgent)[-1]
        app.call.send(AiAgentDone(start.id, "completed"))
    assert start.parameters == {}
    assert [text for text in app.errors if "not used" in text] == ["colour is not used here"]
    assert sum("'a-b' is not passed on" in text for text in app.errors) == 2


def test_moved_away_in_the_middle() -> None:
    app = Application().answer('<Say loop="0">For ever</Say>')
    app.call.wait(1.0)
    target = make_flow("elements: {start: {type: start_from_flow, next: bye}, bye: {type: hang_up}}", "target")
    app.call.send(Moved(target, "start", "api"))
    assert len(app.call.commands(StopPlay)) == 1
    assert app.call.machine.finished


def test_an_application_of_which_nothing_is_known() -> None:
    app = Application.__new__(Application)
    from tests.kit.flow import Talk

    app.call = Talk(FLOW).start()
    offer = app.call.commands()[-1]
    app.call.send(ApplicationDone(offer.id, "http_error", "there is no application shop"))
    assert app.said == ["Sorry"]


def test_sensitive_custom_data_is_sent_and_not_shown() -> None:
    flow = FLOW.replace("elements:", "variables: {pin: '4711'}\nsensitive: [pin]\nelements:", 1)
    app = Application(flow.replace('{order: "4711"}', '{order: "{{ pin }}"}'))
    assert app.params["order"] == "4711"
    assert app.asked.secret
    assert "4711" not in str(app.call.machine.path())
    assert type(app.call.machine.variables["pin"]) is Sensitive
