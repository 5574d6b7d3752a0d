from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ivr.errors import ConfigError, FlowLoadError
from ivr.flow.custom import ElementTypes, element_types
from ivr.flow.graph import dot_source
from ivr.flow.loader import parse_flow
from ivr.flow.ports import Play, Request, RequestDone
from ivr.flow.schema import flow_schema
from ivr.settings import Settings, parse_settings
from tests.kit.flow import Talk

CONFIG = """
connectors:
  crm:
    url: https://crm.example/api
    token: geheim
    timeout: 7s
    elements:
      send_sms:
        description: Sends a short message.
        fields:
          to: {required: true, description: Number of the person.}
          text: {required: true}
          urgent: {type: boolean, default: false}
          parts: {type: number, default: 1}
          extra: {type: any}
        request:
          method: POST
          path: "people/{{ to }}/messages?from={{ call.to }}"
          headers: {X-Company: "{{ settings.company }}"}
          body: {text: "{{ text }}", urgent: "{{ urgent }}", parts: "{{ parts }}", extra: "{{ extra }}"}
        save: {message_id: $.id, state: $.state}
        branches:
          queued: {status: 202, fallback: success, description: It goes out later.}
          unknown_number: {status: [404, 422]}
          blocked: {status: 2xx, when: "result.state == 'blocked' and not urgent"}
"""
FLOW = """
variables: {number: "+49 30 1", pin: "1234", id: "", words: "hi", many: {a: [1]}}
sensitive: [pin]
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: send}
  send:
    type: crm.send_sms
    to: "{{ number }}"
    text: "{{ words }}"
    %s
    next: good
    branches: {error: bad, unknown_number: unknown}
  good: {type: hang_up}
  bad: {type: hang_up}
  unknown: {type: hang_up}
"""


@pytest.fixture
def types() -> ElementTypes:
    return element_types(parse_settings(CONFIG, None, {}))


def talk(types: ElementTypes, fields: str = "", flow: str = FLOW) -> Talk:
    return Talk(parse_flow(flow % fields, "main", types=types), settings={"company": "Example"}).start()


def sent(call: Talk) -> Request:
    found: Request = call.commands(Request)[-1]
    return found


def answer(call: Talk, status: int | None = 200, body: Any = None, **more: Any) -> Talk:
    return call.send(RequestDone(sent(call).id, status, body=body, **more))


def test_it_sends_the_request_of_the_configuration(types: ElementTypes) -> None:
    call = talk(types, 'urgent: true\n    parts: "{{ 1 + 1 }}"\n    extra: "{{ many }}"\n    save: {id: message_id}')
    request = sent(call)
    assert (request.connector, request.method, request.timeout) == ("crm", "POST", 7.0)
    assert request.url == "people/%2B49%2030%201/messages?from=100"
    assert request.headers == {"x-company": "Example", "content-type": "application/json"}
    assert json.loads(request.body or b"") == {"text": "hi", "urgent": True, "parts": 2, "extra": {"a": [1]}}
    answer(call, 200, {"id": "m1", "state": "sent"}).finish()
    assert call.path[-1] == "good" and call.machine.variables["id"] == "m1"


@pytest.mark.parametrize(
    ("status", "body", "fields", "branch", "way"),
    [
        (200, {"state": "sent"}, "", "success", "good"),
        (202, None, "", "queued", "good"),
        (200, {"state": "blocked"}, "", "blocked", "bad"),
        (200, {"state": "blocked"}, "urgent: true", "success", "good"),
        (422, None, "", "unknown_number", "unknown"),
        (403, None, "", "client_error", "bad"),
        (500, None, "", "server_error", "bad"),
        (None, None, "", "error", "bad"),
    ],
)
def test_its_branches(types: ElementTypes, status: int | None, body: Any, fields: str, branch: str, way: str) -> None:
    call = answer(talk(types, fields), status, body).finish()
    assert (call.branches[1], call.path[-1]) == (branch, way)


def test_secrets_follow_into_the_request(types: ElementTypes) -> None:
    call = talk(types, flow=FLOW.replace("{{ words }}", "Your PIN is {{ pin }}."))
    assert sent(call).secret
    assert "1234" not in json.dumps(call.machine.path())


def test_it_can_go_on_at_once_and_try_again(types: ElementTypes) -> None:
    call = talk(types, "wait: false").finish()
    assert call.branches[1] == "success" and len(call.commands(Request)) == 1
    call = talk(types, "retry: {times: 1, wait: 2s}\n    filler: {text: Wait.}")
    answer(call, 503).wait(2.5)
    assert len(call.commands(Request)) == 2 and call.said == ["Wait."]
    answer(call, 200).finish()
    assert call.branches[1] == "success"


def test_a_value_that_cannot_be_worked_out_takes_the_error_branch(types: ElementTypes) -> None:
    call = talk(types, flow=FLOW.replace("{{ words }}", "{{ 1 / 0 }}")).finish()
    assert call.path[-1] == "bad" and not call.commands(Request)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("tex: x", "unknown field, did you mean text?"),
        ("parts: many", "not a number"),
        ("urgent: maybe", "neither true nor false"),
        ("save: {id: mesage_id}", "there is no result mesage_id"),
        ("wait: false\n    save: {id: message_id}", "need the answer"),
    ],
)
def test_flows_are_checked_as_with_built_in_types(types: ElementTypes, fields: str, words: str) -> None:
    with pytest.raises(FlowLoadError, match=words) as caught:
        parse_flow(FLOW % fields, "main", types=types)
    assert all(fault.element == "send" and fault.line for fault in caught.value.faults)


def test_a_type_and_a_branch_that_are_not_there(types: ElementTypes) -> None:
    with pytest.raises(FlowLoadError, match=r"unknown type, did you mean crm\.send_sms\?"):
        parse_flow(FLOW.replace("crm.send_sms", "crm.sendsms") % "", "main", types=types)
    with pytest.raises(FlowLoadError, match="did you mean unknown_number"):
        parse_flow(FLOW.replace("unknown_number:", "unknown_numbr:") % "", "main", types=types)
    with pytest.raises(FlowLoadError, match="unknown type"):
        parse_flow(FLOW % "", "main")


def test_drawings_and_schemas_show_it(types: ElementTypes) -> None:
    flow = parse_flow(FLOW % "", "main", types=types)
    assert "unknown_number" in dot_source(flow)
    schema = flow_schema(types.models)["definitions"]["element.crm.send_sms"]
    assert schema["description"] == "Sends a short message."
    assert schema["properties"]["to"]["description"] == "Number of the person."
    assert set(schema["required"]) == {"type", "to", "text"}
    assert "queued" in schema["properties"]["branches"]["properties"]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("{{ to }}", "{{ too }}", "request.path: there is no field too, did you mean to?"),
        ("{{ text }}", "{{ text", "request.body: {{ has no }} after it"),
        ("{{ text }}", "{{ result.status }}", "request.body: there is no field result"),
        ("$.id", "$.id|$.x", "save.message_id: this JSONPath does more than looking values up"),
        ("message_id: $", "status: $", "save.status: every answer has a result of this name"),
        ("X-Company", "Host", "request.headers.Host: this header belongs to the connection"),
        ("queued:", "error:", "branches.error: every element of a connector has this branch"),
        ("result.state ==", "resul.state ==", "branches.blocked.when: there is no field resul, did you mean result?"),
        ("default: 1", "default: x", "fields.parts.default: not a value of the type number"),
        ("method: POST", "method: GET", "request.body: a GET has no body"),
    ],
)
def test_faults_of_the_configuration_have_their_place(tmp_path: Path, old: str, new: str, fault: str) -> None:
    file = tmp_path / "ivr.yaml"
    assert old in CONFIG
    file.write_text(CONFIG.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        element_types(parse_settings(file.read_bytes(), file, {}))
    (found,) = caught.value.faults
    assert str(found).partition("connectors.crm.elements.send_sms.")[2].startswith(fault)
    field = str(found.field).rpartition(".")[2]
    assert found.line is not None and field in file.read_text().splitlines()[found.line - 1]


@pytest.mark.parametrize(
    "text",
    [
        "{crm: {url: ftp://x/}}",
        "{crm: {url: 'https://u:p@x/'}}",
        "{crm: {url: 'https://x/', user: a}}",
        "{crm: {url: 'https://x/', user: a, password: b, token: c}}",
        "{'a b': {url: 'https://x/'}}",
        "{crm: {url: 'https://x/', elements: {send: {fields: {next: {}}}}}}",
        "{crm: {url: 'https://x/', elements: {send: {branches: {odd: {}}}}}}",
        "{crm: {url: 'https://x/', elements: {send: {branches: {odd: {status: 999}}}}}}",
        "{crm: {url: 'https://x/', headers: {'a b': c}}}",
    ],
)
def test_connectors_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_settings(f"connectors: {text}", None, {})


def test_secrets_of_connectors_are_not_shown() -> None:
    settings = parse_settings(CONFIG.replace("token: geheim", "token: geheim\n    headers: {X-Key: geheim}"), None, {})
    assert "geheim" not in repr(settings) and "geheim" not in settings.model_dump_json()
    with pytest.raises(ConfigError) as caught:
        parse_settings("connectors: {crm: {url: 'https://x/', token: [geheim], headers: {X: 4711}}}", None, {})
    assert "geheim" not in str(caught.value) and "4711" not in str(caught.value)


def test_settings_without_connectors_give_the_built_in_types() -> None:
    assert not [name for name in element_types(Settings()).models if "." in name and name.startswith("crm.")]


def test_the_caller_hears_nothing_for_a_quick_answer(types: ElementTypes) -> None:
    call = talk(types).wait(0.5)
    answer(call, 200).finish()
    assert not call.commands(Play)
