"""transfer_to_chat: the packet and a text for another system."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from ivr.flow.elements.transfer_to_chat import TransferToChatElement
from ivr.flow.ports import Play, Request
from tests.kit.flow import Talk


def chat(fields: str = 'url: "https://chat.example/new"', before: str = "", **options: Any) -> Talk:
    extra = "".join(f"\n    {line}" for line in fields.splitlines())
    return Talk(
        f"""
variables: {{ticket: "", pin: "1", name: Ada}}
sensitive: [pin]
shareable: [name]
elements:
  start: {{type: start_incoming_call, numbers: ["100"], next: {"over" if before else "chat"}}}
  over: {{type: hang_up, next: chat}}
  chat:
    type: transfer_to_chat{extra}
    next: good
    branches: {{error: bad, user_hung_up: gone}}
  good: {{type: tag, tags: good}}
  bad: {{type: tag, tags: bad}}
  gone: {{type: tag, tags: gone}}
""",
        **options,
    ).start()


def sent(call: Talk) -> tuple[Request, dict[str, Any]]:
    [request] = call.commands(Request)
    return request, json.loads(request.body or b"")


def test_the_packet_and_the_text_are_posted() -> None:
    call = chat(
        """connector: chat
url: new
headers: {X-Case: "7"}
text: "Hello {{ name }}, go on here."
tags: [chat]
origin: Desk
metadata: {a: "1"}
timeout: 3s
save: {ticket: $.id}"""
    )
    request, body = sent(call)
    assert (request.method, request.url, request.connector, request.timeout) == ("POST", "new", "chat", 3.0)
    assert request.headers == {"x-case": "7", "content-type": "application/json"}
    assert not request.secret
    assert (body["text"], body["tags"]) == ("Hello Ada, go on here.", ["chat"])
    assert body["packet"]["variables"] == {"name": "Ada"}
    assert (body["packet"]["origin"], body["packet"]["metadata"], body["packet"]["tags"]) == (
        "Desk",
        {"a": "1"},
        ["chat"],
    )
    call.call.answer_request(201, {"id": "T7"})
    assert call.path[-1] == "good"
    assert call.machine.variables["ticket"] == "T7"
    assert call.machine.result["status"] == 201


@pytest.mark.parametrize("status", [404, 500])
def test_what_is_not_taken(status: int) -> None:
    call = chat()
    call.call.answer_request(status)
    assert call.path[-1] == "bad"


def test_it_may_stand_after_the_end_of_the_call() -> None:
    call = chat(before="hang up")
    call.wait(5.0)
    assert call.commands(Play) == []
    call.call.answer_request(200)
    assert call.path[-1] == "good"


def test_a_secret_leaves_not() -> None:
    request, body = sent(chat('url: "https://chat.example/new"\ntext: "PIN {{ pin }}"'))
    assert body["text"] == "xxxx"
    assert b'"1"' not in (request.body or b"").replace(b'"version": 1', b"")


def test_the_caller_hears_something_and_may_leave() -> None:
    call = chat().wait(2.0)
    assert call.said == ["music"]
    call.hang_up()
    assert call.path[-1] == "gone"


def test_it_needs_an_address() -> None:
    with pytest.raises(ValidationError, match="url or a connector"):
        TransferToChatElement.model_validate({"type": "transfer_to_chat", "text": "Hello"})


def test_a_url_that_cannot_be_asked_is_an_error() -> None:
    call = chat('url: "{{ 1 / 0 }}"')
    assert call.path[-1] == "bad"
    assert call.machine.result["error"] == "refused"
