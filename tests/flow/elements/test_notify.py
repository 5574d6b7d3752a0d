from __future__ import annotations

import json

import pytest

from ivr.errors import FlowLoadError
from ivr.flow.custom import element_types
from ivr.flow.loader import parse_flow
from ivr.flow.ports import MailDone, Request, RequestDone, SendMail
from ivr.settings import parse_settings
from tests.kit.flow import Talk

CONFIG = """
connectors:
  sms:
    url: https://sms.example/
    elements:
      send:
        fields: {to: {required: true}, text: {required: true}}
        request: {path: send, body: {to: "{{ to }}", text: "{{ text }}"}}
        branches: {queued: {status: 202, fallback: success}}
      call: {fields: {number: {}}, request: {path: call}}
      strict: {fields: {to: {}, text: {}, code: {required: true}}, request: {path: strict}}
"""
TYPES = element_types(parse_settings(CONFIG, None, {}))
FLOW = """
variables: {who: "duty@example.com, other@example.com", pin: "1234", state: ""}
sensitive: [pin]
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: tell}
  tell:
    type: notify
    to: "{{ who }}"
    text: "{{ call.from }} called."
    %s
    next: told
    branches: {error: failed}
  told: {type: set_variable, variables: {state: "{{ result.status }}"}, next: bye}
  failed: {type: set_variable, variables: {state: "{{ result.error }}"}, next: bye}
  bye: {type: hang_up}
"""


def talk(fields: str = "", flow: str = FLOW) -> Talk:
    return Talk(parse_flow(flow % fields, "main", types=TYPES)).start()


def mail(call: Talk) -> SendMail:
    found: SendMail = call.commands(SendMail)[-1]
    return found


def test_a_mail_does_not_hold_the_caller_up() -> None:
    call = talk().finish()
    sent = mail(call)
    assert sent.to == ("duty@example.com", "other@example.com")
    assert (sent.subject, sent.text, sent.secret) == ("main", "+15550199 called.", False)
    assert call.path == ["start", "tell", "told", "bye"] and call.elapsed == 0
    assert call.machine.variables["state"] == "sent"


def test_the_answer_of_the_mail_server_completes_the_trace() -> None:
    call = talk().finish()
    assert not call.machine.settled
    call.send(MailDone(mail(call).id, "the server refused the recipients (550)"))
    entry = call.details("tell")["mails"][0]
    assert entry["error"].endswith("(550)") and call.machine.settled


def test_a_subject_is_one_line() -> None:
    call = talk('subject: "A\\n  call\\r\\nBcc: x@example.com"')
    assert mail(call).subject == "A call Bcc: x@example.com"


def test_waits_where_asked() -> None:
    call = talk("wait: true\n    filler: {text: Wait.}").wait(3.0)
    assert call.machine.element == "tell" and call.said == ["Wait."]
    call.send(MailDone(mail(call).id)).finish()
    assert call.path[2] == "told"
    call = talk("wait: true")
    call.send(MailDone(mail(call).id, "no")).finish()
    assert call.path[2] == "failed" and call.machine.variables["state"] == "no"
    call = talk("wait: true").finish()
    assert call.path[2] == "failed" and call.elapsed >= 60


def test_a_caller_who_hangs_up_meanwhile_ends_the_wait() -> None:
    call = talk("wait: true").wait(1.0).hang_up().finish()
    assert call.path == ["start", "tell"] and call.branches[-1] == "user_hung_up"


def test_secrets_make_the_mail_secret() -> None:
    call = talk(flow=FLOW.replace("called.", "{{ pin }}"))
    assert mail(call).secret and "1234" not in json.dumps(call.machine.path())


def test_without_recipients_it_fails() -> None:
    call = talk(flow=FLOW.replace("{{ who }}", "{{ state }}")).finish()
    assert call.path[2] == "failed" and not call.commands(SendMail)


def test_by_a_connector() -> None:
    call = talk("by: sms.send").finish()
    request: Request = call.commands(Request)[0]
    assert json.loads(request.body or b"")["text"] == "+15550199 called."
    assert call.path[2] == "told" and call.elapsed == 0


@pytest.mark.parametrize(("status", "way"), [(200, "told"), (202, "told"), (400, "failed"), (None, "failed")])
def test_by_a_connector_that_is_waited_for(status: int | None, way: str) -> None:
    call = talk("by: sms.send\n    wait: true")
    call.send(RequestDone(call.commands(Request)[0].id, status)).finish()
    assert call.path[2] == way


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("by: sms.sent", "there is no element sms.sent of a connector"),
        ("by: call_api", "there is no element call_api of a connector"),
        ("by: sms.call", "has no fields to and text"),
        ("by: sms.strict", "for its field code"),
    ],
)
def test_connectors_that_cannot_be_used(fields: str, words: str) -> None:
    with pytest.raises(FlowLoadError, match=words):
        talk(fields)


def test_a_connector_takes_one_recipient() -> None:
    with pytest.raises(FlowLoadError, match="one recipient"):
        talk("by: sms.send", FLOW.replace('"{{ who }}"', '["1", "2"]'))
