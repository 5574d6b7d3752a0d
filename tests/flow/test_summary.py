"""Elements in a few words."""

from __future__ import annotations

import pytest

from ivr.flow.elements import ELEMENTS
from ivr.flow.expressions import Scope
from ivr.flow.loader import parse_flow
from ivr.flow.summary import bare, summary

FLOW = """
variables: {texts: {hi: "Hello & <b>welcome</b>"}, due: ""}
elements:
  start: {type: start_incoming_call, numbers: ["100", "*"], line: pbx, next: hello}
  paid: {type: start_from_audience, event: order.paid, next: note}
  hello: {type: play, text: "{{ texts.hi }}", next: file}
  file: {type: play, file: hello.wav, next: other}
  other: {type: play, text: "Since {{ now }}", next: menu}
  menu: {type: collect, responses: {"1": sales, "2": sales}, attempts: 3, branches: {no_match: account}}
  account: {type: collect, min_digits: 4, max_digits: 8, save_as: account, next: pin}
  pin: {type: collect, min_digits: 4, max_digits: 4, next: one}
  one: {type: collect, max_digits: 1, next: many}
  many: {type: collect, min_digits: 2, next: any}
  any: {type: collect, next: message}
  message: {type: record_voicemail, max_duration: 30s, next: sales}
  sales: {type: forward_call, to: ["phone:200", "phone:201"], ring: in_turn, branches: {busy: bye, call_ended: note}}
  note: {type: set_variable, variables: {a: "{{ 1 + 2 }}", b: x}, next: ask}
  ask: {type: call_api, url: "https://a.example/{{ a }}", next: tell}
  tell: {type: notify, to: "a@example.com", subject: Hi, text: Hello, next: short}
  short: {type: pause, duration: 90s, next: long}
  long: {type: pause, duration: 2h, next: until}
  until: {type: pause, until: {weekday: [mon, tue], at: "09:00"}, next: date}
  date: {type: wait_for_date, date: "{{ due }}", before: 2d, next: event}
  event: {type: wait_for_event, event: paid, timeout: 1d, next: hours}
  hours: {type: hours, calendar: office, branches: {closed: split}, next: split}
  split: {type: split, ways: {a: 1, b: 3}, branches: {a: tag, b: tag}}
  tag: {type: tag, tags: [vip, "{{ a }}"], next: untag}
  untag: {type: untag, all: true, next: profile}
  profile: {type: update_profile, fields: {name: "{{ a }}", vip: true, old: null}, next: never}
  never: {type: do_not_contact, next: choose}
  choose: {type: branch, conditions: [{when: "a > 1", to: bye}], next: bye}
  bye: {type: hang_up, cause: busy}
"""


def test_summaries() -> None:
    flow = parse_flow(FLOW, "desk")
    found = {name: summary(element, flow.first) for name, element in flow.elements.items()}
    assert found == {
        "start": "100, any number on pbx",
        "paid": "event order.paid",
        "hello": "“Hello & <b>welcome</b>”",
        "file": "file hello.wav",
        "other": "Since {{ now }}",
        "menu": "3 attempts",
        "account": "4 to 8 digits, into account",
        "pin": "4 digits",
        "one": "1 digit",
        "many": "2 digits or more",
        "any": "digits",
        "message": "up to 30 s",
        "sales": "to phone:200, then phone:201",
        "note": "a = 1 + 2, b = x",
        "ask": "GET https://a.example/{{ a }}",
        "tell": "email to a@example.com",
        "short": "90 s",
        "long": "2 h",
        "until": "until mon, tue 09:00",
        "date": "for 2 d before due",
        "event": "for paid",
        "hours": "of office",
        "split": "a 25%, b 75%",
        "tag": "vip, a",
        "untag": "all",
        "profile": "name = a, vip = true, old = null",
        "never": "add the caller",
        "choose": "",
        "bye": "busy",
    }


def test_bare() -> None:
    assert bare(" {{ a + b }} ") == "a + b"
    assert bare("{{ a }}{{ b }}") == "{{ a }}{{ b }}"
    assert bare("plain") == "plain"


def test_calls_of_a_flow() -> None:
    flow = parse_flow(
        """
elements:
  start: {type: start_from_audience, next: call}
  call:
    type: start_outgoing_call
    window: {days: mon-tue, from: "09:00", to: "17:00"}
    retry: {times: 2}
    machine_detection: beep
    next: other
  other: {type: start_outgoing_call, to: "{{ profile.number }}", confirm: {prompt: Hi}, next: third}
  third: {type: start_outgoing_call, to: "100", window: {from: "09:00"}, machine_detection: fast, next: invite}
  invite: {type: transfer_to_flow, flow: desk, participant: "{{ profile.boss }}"}
""",
        "main",
    )
    assert [summary(element, flow.first) for element in flow.elements.values()][1:] == [
        "to the contact, mon, tue 09:00 to 17:00, 3 attempts, machines told by their beep",
        "to profile.number, confirmed by a key",
        "to 100, 09:00 to 24:00, machines told by greeting",
        "to flow desk, for profile.boss",
    ]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"type": "transfer_to_agent"}, "as the routes say"),
        ({"type": "transfer_to_agent", "queue": "{{ where }}"}, "queue where"),
        (
            {"type": "transfer_to_agent", "queue": "sales", "failover": [{"forward": "200"}, {"voicemail": True}]},
            "queue sales, then forward, voicemail",
        ),
        ({"type": "transfer_to_agent", "queue": "sales", "callback_first": True}, "call back, queue sales"),
        (
            {"type": "transfer_to_ai_agent", "agent": "front", "failover": [{"ai_agent": "b"}]},
            "to front, then ai agent",
        ),
        ({"type": "transfer_to_voice_application", "application": "crm"}, "to crm"),
        ({"type": "transfer_to_chat", "connector": "chat", "url": "/new"}, "chat: /new"),
    ],
)
def test_hand_offs(fields: dict[str, object], text: str) -> None:
    model = ELEMENTS[str(fields["type"])]
    assert summary(model.model_validate(fields), Scope({})) == text
