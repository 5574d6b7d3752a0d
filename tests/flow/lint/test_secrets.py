"""Secrets: sensitive values that are spoken, sent out, or stand where people read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.flow.custom import element_types
from ivr.flow.lint import check_flow
from ivr.flow.loader import parse_flow
from ivr.settings import Limits, parse_settings
from tests.kit.lint import WORLD, codes, lint

FLOW = """
variables: {pin: "1", made: "", open: "2"}
sensitive: [pin]
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: make}
  make: {type: set_variable, variables: {made: "{{ open + pin }}"}, next: one}
  one: {%s, next: bye%s}
  bye: {type: hang_up, prompt: "{{ open }}"}
"""
ERROR = ", branches: {error: bye}"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("type: play, text: '{{ open }}'", []),
        ("type: play, text: 'x {{ pin }}'", ["P001"]),
        ("type: play, text: '{{ made[0:2] }}'", ["P001"]),
        ("type: play, file: '{{ pin }}.wav'", ["P001"]),
        ("type: play, url: 'https://x/{{ pin }}'", ["P001"]),
        ("type: play, text: hello, language: '{{ pin }}'", []),
        ("type: pause, duration: 1, hold_music: {text: '{{ pin }}'}", ["P001"]),
        ("type: record_voicemail, name: '{{ pin }}'", ["P002"]),
        ("type: tag, tags: [a, '{{ pin }}']", ["P005"]),
        ("type: untag, tags: [a, '{{ pin }}']", []),
        ("type: do_not_contact, reason: '{{ made }}'", ["P005"]),
        ("type: set_variable, variables: {made: '{{ pin }}'}", []),
        ("type: branch, conditions: [{value: '{{ pin }}', is: '1', to: bye}]", []),
    ],
)
def test_where_secrets_may_stand(fields: str, expected: list[str]) -> None:
    assert codes(FLOW % (fields, "")) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("type: call_api, url: 'https://x/{{ pin }}'", [("P004", "url")]),
        ("type: call_api, url: 'https://x/', body: {a: [{b: '{{ made }}'}]}", [("P003", "body.a.0.b")]),
        ("type: call_api, url: 'https://x/', headers: {x-pin: '{{ pin }}'}", [("P003", "headers.x-pin")]),
        ("type: call_api, url: 'https://x/', filler: '{{ pin }}'", [("P001", "filler.text")]),
        ("type: notify, to: a@b.example, text: 'PIN {{ pin }}'", [("P003", "text")]),
    ],
)
def test_what_is_sent(fields: str, expected: list[tuple[str, str]]) -> None:
    assert [(each.code, each.field) for each in lint(FLOW % (fields, ERROR)) if each.code != "F002"] == expected


def test_a_forward() -> None:
    text = FLOW.replace(", next: bye%s", ", branches: {call_not_forwarded: bye}")
    found = lint(
        text % "type: forward_call, to: 'sip:{{ pin }}@x', headers: {X-Pin: '{{ pin }}'}, whisper: '{{ pin }}'"
    )
    assert [(each.code, each.field) for each in found] == [
        ("P001", "whisper.text"),
        ("P003", "to.0"),
        ("P003", "headers.X-Pin"),
    ]


COLLECT = """
variables: {pin: ""}
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: keys}
  keys: {type: collect, max_digits: 4, %s, next: tag, branches: {no_match: bye}}
  tag: {type: tag, tags: asked, next: say}
  say: {type: play, text: "{{ %s }}", next: bye}
  bye: {type: hang_up}
"""


@pytest.mark.parametrize(
    ("fields", "expression", "secret"),
    [
        ("save_as: pin", "pin", False),
        ("save_as: pin, sensitive: true", "pin", True),
        ("save_as: pin, sensitive: true", "result.digits", True),
        ("save_as: pin, sensitive: true", "pin + result.status", True),
        ("save_as: pin", "pin + result.digits", False),
    ],
)
def test_inputs(fields: str, expression: str, secret: bool) -> None:
    assert codes(COLLECT % (fields, expression)) == (["P001"] if secret else [])


CONNECTOR = """
connectors:
  sms:
    url: https://sms.example/
    elements: {send: {fields: {text: {required: true}}, request: {method: POST, path: m, body: {text: "{{ text }}"}}}}
"""


def test_elements_of_connectors_send_out_what_they_get() -> None:
    settings = parse_settings(CONNECTOR, Path("/etc/ivr/ivr.yaml"), {})
    text = FLOW % ("type: sms.send, text: '{{ pin }}'", ERROR)
    flow = parse_flow(text, "test", None, Limits(), element_types(settings))
    assert [(each.code, each.field) for each in check_flow(flow, WORLD)] == [("P003", "text")]
