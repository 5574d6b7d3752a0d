from __future__ import annotations

import json
from typing import Any

import pytest

from ivr.errors import FlowLoadError
from ivr.flow.expressions import Sensitive
from ivr.flow.ports import Play, Request, RequestDone, StopPlay
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


# What is sent


def test_a_body_is_json_with_expressions_anywhere() -> None:
    call = talk(
        URL + 'orders\nbody: {account: "{{ account }}", list: [1, "{{ 2 + 3 }}", null, true], who: "Mr {{ item }}"}'
    )
    sent = request(call)
    assert (sent.method, sent.headers) == ("POST", {"content-type": "application/json"})
    assert json.loads(sent.body or b"") == {"account": "0815", "list": [1, 5, None, True], "who": "Mr a/b ?&"}


@pytest.mark.parametrize(
    ("content_type", "body", "sent"),
    [
        ("application/x-www-form-urlencoded", '{a: "{{ item }}", b: [1, 2], c: null}', "a=a%2Fb+%3F%26&b=1&b=2&c="),
        ("application/x-www-form-urlencoded", '"a={{ item }}&b=1"', "a=a%2Fb+%3F%26&b=1"),
        ("application/xml", "\"<a b='{{ item }}'>{{ 1 < 2 }}</a>\"", "<a b='a/b ?&amp;'>true</a>"),
        ("application/json; charset=utf-8", """'{"a": "{{ quote }}"}'""", '{"a": "say \\"hi\\""}'),
        ("application/vnd.x+json", '{a: "{{ 1 }}"}', '{"a": 1}'),
        ("text/csv", '"{{ account }};{{ item }}"', "0815;a/b ?&"),
        ("application/json", '"{{ [1, account] }}"', '[1, "0815"]'),
    ],
)
def test_bodies_are_written_for_their_content_type(content_type: str, body: str, sent: str) -> None:
    flow = (FLOW % f'{URL}\n    headers: {{Content-Type: "{content_type}"}}\n    body: {body}').replace(
        "variables: {", "variables: {quote: 'say \"hi\"', "
    )
    call = Talk(flow).start()
    assert (request(call).body or b"").decode() == sent
    assert request(call).headers == {"content-type": content_type}


def test_text_without_a_content_type_is_plain() -> None:
    sent = request(talk(f'{URL}\nmethod: PUT\nbody: "Konto {{{{ account }}}}"'))
    assert (sent.method, sent.body) == ("PUT", b"Konto 0815")
    assert sent.headers["content-type"].startswith("text/plain")


def test_values_in_a_url_stay_in_their_place() -> None:
    call = talk(f"{URL}a/{{{{ item }}}}?q={{{{ item }}}}&x={{{{ account }}}}")
    assert request(call).url == "https://api.example/a/a%2Fb%20%3F%26?q=a%2Fb%20%3F%26&x=0815"


FORM = "url: https://x.example/\nheaders: {content-type: application/x-www-form-urlencoded}\n"


@pytest.mark.parametrize(
    "fields",
    [
        'url: "https://x.example/p?n={{ settings.odd }}"',
        f'{FORM}body: {{n: "{{{{ settings.odd }}}}"}}',
        f'{FORM}body: "n={{{{ settings.odd }}}}"',
        'url: https://x.example/\nbody: {n: "{{ settings.odd }}"}',
        'url: https://x.example/\nbody: "n {{ settings.odd }}"',
    ],
)
def test_text_that_no_bytes_stand_for_is_sent_as_question_marks(fields: str) -> None:
    call = talk(fields, settings={"odd": "a\ud800b"})
    sent = request(call)
    assert "a%3Fb" in sent.url or any(word in (sent.body or b"") for word in (b"a%3Fb", b"a?b"))


def test_a_url_may_begin_with_an_expression() -> None:
    call = talk('url: "{{ settings.api }}/x/{{ item }}"', settings={"api": "https://h.example/v1"})
    assert request(call).url == "https://h.example/v1/x/a%2Fb%20%3F%26"


@pytest.mark.parametrize(
    ("fields", "settings"),
    [
        ('url: "https://h/{{ settings.x }}/y"', {"x": ".."}),
        ('url: "https://h/"\nheaders: {X: "{{ settings.x }}"}', {"x": "a\r\nb"}),
        ('url: "https://h/"\nbody: {a: "{{ 1 / 0 }}"}', {}),
        ('url: "https://h/"\nbody: {a: "{{ nowhere }}"}', {}),
        ('url: "https://h/"\nbody: "{{ settings.x }}"', {"x": "a" * 300_000}),
        ('url: "https://h/{{ settings.x }}"', {"x": "a" * 5_000}),
        ('url: "https://h/"\nheaders: {content-type: text/csv}\nbody: [1]', {}),
        ('url: "https://h/"\nheaders: {content-type: application/x-www-form-urlencoded}\nbody: [1]', {}),
    ],
)
def test_what_cannot_be_sent_takes_the_error_branch(fields: str, settings: dict[str, Any]) -> None:
    call = talk(fields, settings=settings).finish()
    assert not call.commands(Request) and call.notes
    assert call.path[2] == "bad" and call.machine.variables["state"] == "refused"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("url: api.example/x", "must begin with http"),
        ("url: file:///etc/passwd", "must begin with http"),
        ("url: https://u:p@x/", "no user and password in the url"),
        ("method: GET", "needs a url or a connector"),
        ("connector: crm\nurl: https://x/", "begins after its base URL"),
        ("method: GET\nurl: https://x/\nbody: {}", "a GET has no body"),
        ("method: HEAD\nurl: https://x/", "not one of the values allowed"),
        ("url: https://x/\nheaders: {Host: evil}", "belongs to the connection"),
        ("url: https://x/\nheaders: {'a b': c}", "not the name of a header"),
        ("url: https://x/\ntimeout: 3m", "too large"),
        ("url: https://x/\nsave: {balance: balance}", "not a JSONPath"),
        ('url: https://x/\nsave: {balance: "$.a|$.b"}', "more than looking values up"),
        ("url: https://x/\nwait: false\nsave: {balance: $.a}", "save needs the answer"),
        ("url: https://x/\nwait: false\nretry: {}", "retry needs the answer"),
        ("url: https://x/\nretry: {times: 11}", "too large"),
        ("url: https://x/\nretry: {after: [4xx]}", "not one of the values allowed"),
        ("url: https://x/\nbody: {a: '{{ 1 +'}", "has no }}"),
        ("url: https://x/\nfiller: {txt: x}", "unknown field"),
    ],
)
def test_faults_are_told_with_their_line(fields: str, words: str) -> None:
    with pytest.raises(FlowLoadError, match=words) as caught:
        talk(fields)
    assert all(fault.element == "ask" and fault.line for fault in caught.value.faults)


# Waiting


def test_the_caller_hears_the_filler_until_the_answer() -> None:
    call = talk(f"{URL}\nfiller: {{text: One moment.}}").wait(3.0)
    (play,) = call.commands(Play)
    assert play.loop == 0 and call.said == ["One moment."]
    answer(call).finish()
    assert [command.id for command in call.commands(StopPlay)] == [play.id]
    assert call.elapsed == 3.0


@pytest.mark.parametrize(("filler", "said"), [("music", ["music"]), ("none", [])])
def test_other_fillers(filler: str, said: list[str]) -> None:
    assert talk(f"{URL}\nfiller: {filler}").wait(3.0).said == said


def test_a_quick_answer_is_not_announced() -> None:
    call = talk(URL).wait(0.9)
    answer(call).finish()
    assert not call.said


def test_a_caller_who_hangs_up_leaves_at_once_and_the_trace_learns_the_answer() -> None:
    call = talk(URL).wait(3.0).hang_up()
    assert call.machine.finished and call.branches[-1] == "user_hung_up"
    assert not call.machine.settled
    answer(call, 200, body={})
    assert call.details("ask")["requests"][0]["status"] == 200 and call.machine.settled


def test_another_end_of_the_call() -> None:
    assert talk(URL).hang_up("network").branches[-1] == "call_ended"


def test_keys_pressed_meanwhile_are_kept() -> None:
    call = talk(URL).press("1")
    assert [key.digit for key in call.machine._ctx.keys] == ["1"]


def test_an_answer_that_never_comes_is_an_error() -> None:
    call = talk(f"{URL}\ntimeout: 3s").finish()
    assert call.path[2] == "bad" and call.machine.variables["state"] == "timeout"
    assert 3.0 < call.elapsed < 10.0


def test_without_waiting_the_flow_goes_on_and_the_trace_learns_the_answer() -> None:
    call = talk(f"{URL}\nwait: false").finish()
    assert call.path[2] == "good" and call.elapsed == 0.0
    assert "status" not in call.details("ask")["requests"][0]
    answer(call, 503)
    assert call.details("ask")["requests"][0]["status"] == 503


# Trying again


def test_tries_again_with_growing_pauses_under_one_filler() -> None:
    call = talk(f"{URL}\nretry: {{times: 2, wait: 2s, backoff: 3}}\nfiller: {{text: Wait.}}")
    for pause in (2.0, 6.0):
        answer(call, 503).wait(pause - 0.1)
        before = len(call.commands(Request))
        call.wait(0.2)
        assert len(call.commands(Request)) == before + 1
    answer(call, 200, body={"money": 1}).finish()
    assert call.path[2] == "good" and call.machine._ctx.result["tries"] == 3  # type: ignore[index]
    assert call.said == ["Wait."] and len({sent.id for sent in call.commands(Request)}) == 3


@pytest.mark.parametrize(
    ("after", "done", "again"),
    [
        ("[network, 5xx]", {"status": 500}, True),
        ("[network, 5xx]", {"status": None, "error": "timeout"}, True),
        ("[network, 5xx]", {"status": None, "error": "network"}, True),
        ("[network, 5xx]", {"status": None, "error": "refused"}, False),
        ("[network, 5xx]", {"status": 404}, False),
        ("[network, 5xx]", {"status": 200, "error": "too_large"}, False),
        ("[network]", {"status": 500}, False),
        ("[5xx]", {"status": None, "error": "network"}, False),
    ],
)
def test_after_what_it_tries_again(after: str, done: dict[str, Any], again: bool) -> None:
    call = talk(f"{URL}\nretry: {{times: 1, wait: 0, after: {after}}}")
    answer(call, **done).wait(0.1)
    assert (len(call.commands(Request)) == 2) is again


def test_a_caller_who_hangs_up_between_two_tries() -> None:
    call = talk(f"{URL}\nretry: {{wait: 5s}}")
    answer(call, 500).wait(1.0).hang_up()
    assert call.branches[-1] == "user_hung_up" and len(call.commands(Request)) == 1


# Secrets


def test_a_secret_makes_request_and_answer_secret() -> None:
    call = talk(f"{URL}?pin={{{{ pin }}}}\nsave: {{name: $.name}}")
    assert request(call).secret
    answer(call, 200, {"name": "4711", "echo": "1234"}).finish()
    assert call.machine.variables["name"] == "4711"
    assert isinstance(call.machine._ctx.result["body"], Sensitive)  # type: ignore[index]
    assert "1234" not in json.dumps(call.machine.path()) and "4711" not in json.dumps(call.machine.path())


@pytest.mark.parametrize("place", ['headers: {X: "{{ pin }}"}', 'body: {a: ["{{ pin }}"]}', 'body: "PIN {{ pin }}"'])
def test_secrets_anywhere_in_a_request(place: str) -> None:
    assert request(talk(f"{URL}\n{place}")).secret


def test_what_is_saved_in_a_sensitive_variable_is_sensitive() -> None:
    call = talk(f"{URL}\nsave: {{pin: $.pin}}")
    assert not request(call).secret
    answer(call, 200, {"pin": "9876"}).finish()
    assert isinstance(call.machine.variables["pin"], Sensitive)
    assert isinstance(call.machine._ctx.result["body"], Sensitive)  # type: ignore[index]


def test_headers_are_kept_by_name_in_any_case() -> None:
    call = talk(f"{URL}\nsave_headers: {{name: X-Id, when: X-None}}")
    answer(call, 200, headers={"x-id": "7"}).finish()
    assert (call.machine.variables["name"], call.machine.variables["when"]) == ("7", None)


def test_outside_a_call_nothing_is_played() -> None:
    flow = (
        (FLOW % URL)
        .replace("next: ask}", "next: over}")
        .replace("  good:", "  over: {type: hang_up, next: ask}\n  good:", 1)
    )
    call = Talk(flow).start().wait(5.0)
    assert call.machine.element == "ask" and not call.said
    answer(call).finish()
    assert call.path[-1] == "bye"
