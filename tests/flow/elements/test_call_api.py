from __future__ import annotations

from typing import Any

import pytest

from ivr.flow.ports import Request, RequestDone
from tests.kit.flow import Talk

FLOW = """
variables: {account: "0815", pin: "1234", balance: 0, name: "", when: "", item: "a/b ?&", tries: 0, state: ""}
sensitive: [pin]
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: ask}
  ask:
    type: call_api
    %s
    next: good
    branches: {client_error: client, error: bad}
  good: {type: set_variable, variables: {state: "{{ result.status }}"}, next: bye}
  client: {type: set_variable, variables: {state: "client"}, next: bye}
  bad: {type: set_variable, variables: {state: "{{ result.error }}"}, next: bye}
  bye: {type: hang_up}
"""
URL = "url: https://api.example/"


def talk(fields: str, **options: Any) -> Talk:
    return Talk(FLOW % fields.replace("\n", "\n    "), **options).start()


def request(call: Talk) -> Request:
    found: Request = call.commands(Request)[-1]
    return found


def answer(call: Talk, status: int | None = 200, body: Any = None, **more: Any) -> Talk:
    return call.send(RequestDone(request(call).id, status, body=body, **more))


def test_asks_and_keeps_single_values() -> None:
    call = talk(f"{URL}accounts/{{{{ account }}}}\nsave: {{balance: $.money.amount, name: $.names, when: $.nothing}}")
    sent = request(call)
    assert (sent.method, sent.url, sent.body) == ("GET", "https://api.example/accounts/0815", None)
    answer(call, 200, {"money": {"amount": 12.5}, "names": ["a"]}).finish()
    assert call.path == ["start", "ask", "good", "bye"]
    variables = call.machine.variables
    assert (variables["balance"], variables["name"], variables["when"]) == (12.5, None, None)
    assert variables["state"] == 200


@pytest.mark.parametrize(
    ("done", "way", "state"),
    [
        ({"status": 204}, "good", 204),
        ({"status": 404}, "client", "client"),
        ({"status": 404, "error": "bad_answer"}, "client", "client"),
        ({"status": 503}, "bad", None),
        ({"status": 304}, "bad", None),
        ({"status": None, "error": "timeout"}, "bad", "timeout"),
        ({"status": 200, "error": "too_large"}, "bad", "too_large"),
    ],
)
def test_branches_by_class_of_status(done: dict[str, Any], way: str, state: str) -> None:
    call = talk(URL)
    answer(call, **done).finish()
    assert call.path[2] == way and call.machine.variables["state"] == state


def test_server_error_has_a_branch_of_its_own() -> None:
    flow = (FLOW % URL).replace("client_error: client", "server_error: client")
    call = Talk(flow).start()
    answer(call, 500).finish()
    assert call.path[2] == "client"
    call = Talk(flow).start()
    answer(call, 400).finish()
    assert call.path[2] == "bad"
