"""`POST /v1/calls/ID/transfer` on a real daemon: one caller is sent from everywhere to everywhere else, and is not
lost; what cannot be is refused in words, and leaves him where he is."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from ivr.settings import load_settings
from tests.conftest import free_port
from tests.interop.conftest import make_config
from tests.interop.test_applications import EXAMPLES, MAIN, OTHER, SECRET, example
from tests.kit.bot import Bot
from tests.kit.callee import Callee
from tests.kit.caller import RawCaller
from tests.kit.daemon import Daemon
from tests.kit.waiting import wait_until

pytestmark = [pytest.mark.interop, pytest.mark.heavy]

PLACES: dict[str, tuple[dict[str, str], str]] = {
    "flow": ({"flow": "other"}, "play"),
    "forward": ({"to": "+15550100"}, "forward_call"),
    "waiting": ({"queue": "empty"}, "transfer_to_agent"),
    "agent": ({"queue": "staffed"}, "transfer_to_agent"),
    "bot": ({"ai_agent": "parrot"}, "transfer_to_ai_agent"),
    "application": ({"application": "callers"}, "transfer_to_voice_application"),
}
"""Where a call can be: how it is sent there, and which element has it then."""
MORE = """
lines:
  carrier: {{type: sip_trunk, host: 127.0.0.1, port: {carrier}}}
agents:
  anna: {{phones: ["tel:+15550200"], queues: [staffed], wrap_up: 0s}}
  zoe: {{phones: ["201"], queues: [empty]}}
queues:
  empty: {{join_when_empty: always}}
  staffed: {{}}
ai_agents:
  parrot: {{url: "{bot}"}}
applications:
  callers: {{url: "http://127.0.0.1:{app}/calls", secret: "{secret}"}}
"""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder, carrier = tmp_path_factory.mktemp("moving"), free_port()
    with ExitStack() as exits:
        exits.enter_context(Callee(carrier, folder / "book", talk=600.0, only="answered"))
        bot = exits.enter_context(Bot("echo"))
        app = exits.enter_context(example(EXAMPLES / "voice-application" / "app.py"))
        more = MORE.format(carrier=carrier, bot=bot.url, app=app, secret=SECRET)
        config = make_config(folder / "it", {"main": MAIN, "other": OTHER}, extra=more)
        config.write_text(config.read_text().replace("http: {", "http: {allow: ['127.0.0.0/8'], "))
        yield exits.enter_context(Daemon(config))


def ways(places: list[str]) -> Iterator[str]:
    """Places in an order in which each is left for each other one once (Hierholzer)."""
    left = {place: [other for other in places if other != place] for place in places}
    stack, found = [places[0]], []
    while stack:
        if left[stack[-1]]:
            stack.append(left[stack[-1]].pop())
        else:
            found.append(stack.pop())
    return reversed(found)


def transfer(daemon: Daemon, call: str, body: dict[str, Any]) -> tuple[int, Any]:
    request = urllib.request.Request(f"{daemon.http}/v1/calls/{call}/transfer", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    request.add_header("Authorization", f"Bearer {load_settings(daemon.config).token_file.read_text()}")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def row(daemon: Daemon, call: str) -> dict[str, Any]:
    return next((one for one in daemon.get("/v1/calls")["calls"] if one["id"] == call), {})


def there(daemon: Daemon, call: str, place: str) -> bool:
    """Whether the call is at a place, and whoever is there has it."""
    step = daemon.get(f"/v1/calls/{call}")["path"][-1]
    if step["type"] != PLACES[place][1]:
        return False
    callers = {
        one["caller"]: one
        for name in ("empty", "staffed")
        for one in daemon.get(f"/v1/queues/{name}/callers")["callers"]
    }
    match place:
        case "waiting":
            return callers.get(call, {}).get("state") == "waiting" and callers[call]["queue"] == "empty"
        case "agent":
            return callers.get(call, {}).get("agents") == ["anna"] and callers[call]["state"] == "talking"
        case _:
            return call not in callers


def test_from_everywhere_to_everywhere(daemon: Daemon) -> None:
    with RawCaller(daemon.sip_port) as caller:
        caller.call("110")
        call = wait_until(lambda: daemon.get("/v1/calls")["calls"], "a call")[-1]["id"]
        route = list(ways(list(PLACES)))
        assert len(route) == len(PLACES) * (len(PLACES) - 1) + 1
        before = "main"
        for place in route:
            status, told = transfer(daemon, call, PLACES[place][0])
            assert status == 200, (before, place, told)
            wait_until(lambda place=place: there(daemon, call, place), f"{before} -> {place}")
            assert not caller.ended.is_set()
            before = place
        record = daemon.get(f"/v1/calls/{call}")
        moved = [step for step in record["path"] if str(step.get("branch") or "").startswith("moved")]
        assert len(moved) == len(route)
        caller.hang_up()
    wait_until(lambda: not daemon.get("/v1/calls")["calls"], "the end")


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"queue": "nobody"}, 404, "there is no queue nobody"),
        ({"ai_agent": "nobody"}, 404, "there is no ai agent nobody"),
        ({"application": "nobody"}, 404, "there is no application nobody"),
        ({"flow": "nobody"}, 404, "there is no flow nobody"),
        ({"flow": "main"}, 422, "it has no start_from_flow"),
        ({"to": "agent:nobody"}, 404, "there is no agent nobody"),
        ({}, 422, "name exactly one of to, queue, flow, ai_agent, application"),
        ({"to": "+1555", "queue": "empty"}, 422, "name exactly one of"),
        ({"to": "+1555", "priority": 3}, 422, "priority goes with queue alone"),
    ],
)
def test_what_cannot_be_leaves_the_caller_where_he_is(
    daemon: Daemon, body: dict[str, Any], status: int, told: str
) -> None:
    with RawCaller(daemon.sip_port) as caller:
        caller.call("110")
        call = wait_until(lambda: daemon.get("/v1/calls")["calls"], "a call")[-1]["id"]
        found, problem = transfer(daemon, call, body)
        assert (found, told in problem["detail"]) == (status, True), problem
        assert row(daemon, call)["element"] == "wait"
        caller.hang_up()
    wait_until(lambda: not daemon.get("/v1/calls")["calls"], "the end")
    assert transfer(daemon, call, {"queue": "empty"})[0] == 404


def put(daemon: Daemon, path: str, body: dict[str, Any]) -> int:
    request = urllib.request.Request(daemon.http + path, json.dumps(body).encode(), method="PUT")
    request.add_header("Content-Type", "application/json")
    request.add_header("Authorization", f"Bearer {load_settings(daemon.config).token_file.read_text()}")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return int(answer.status)


def test_queues_and_agents_that_were_made_over_http_are_targets_too(daemon: Daemon) -> None:
    assert put(daemon, "/v1/queues/late", {"join_when_empty": "always"}) == 201
    assert put(daemon, "/v1/agents/ben", {"phones": ["tel:+15550300"], "queues": ["late"]}) == 201
    with RawCaller(daemon.sip_port) as caller:
        caller.call("110")
        call = wait_until(lambda: daemon.get("/v1/calls")["calls"], "a call")[-1]["id"]
        assert transfer(daemon, call, {"queue": "late"})[0] == 200
        wait_until(lambda: daemon.get("/v1/queues/late/callers")["callers"][0]["state"] == "talking", "ben")
        assert transfer(daemon, call, {"to": "agent:ben"})[0] == 200
        wait_until(lambda: row(daemon, call)["element_type"] == "forward_call", "the forward")
        wait_until(lambda: daemon.get("/v1/agents/ben")["now"]["phase"] in ("in_call", "on_other_call"), "ben again")
        caller.hang_up()
