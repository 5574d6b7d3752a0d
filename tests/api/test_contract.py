"""A whole daemon does what its document says: every path of it is there, answers as its models say whatever it is
asked, and lets in whom the table of roles names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from ivr.api.access import allowed
from ivr.api.openapi import document
from ivr.api.parts import all_endpoints
from ivr.settings import load_settings
from ivr.store import Store, new_token
from tests.conftest import free_port
from tests.kit.asking import Asker, Maker
from tests.kit.daemon import Daemon

CONFIG = """
sip: {{listen: ["udp:127.0.0.1:{sip}"]}}
http: {{listen: "127.0.0.1:0", requests_per_second: 100000, burst: 100000}}
media: {{ports: "32440-32479", workers: 1}}
phones: {{"200": {{password: secret}}}}
agents: {{anna: {{phones: ["tel:+4930123"]}}}}
queues: {{support: {{}}}}
webhooks: {{crm: {{url: "https://crm.example/hook", secret: 0123456789abcdef, events: [no.such]}}}}
"""
FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: bye}
  bye: {type: hang_up}
"""
VALUES = {
    "name": "anna", "number": "1", "id": "1", "flow": "front", "queue": "support", "agent": "anna",
    "account": f"AC{'0' * 32}", "sid": f"CA{'0' * 32}", "suffix": "",
}  # fmt: skip
"""Of the names in paths."""
STREAMS = ("/v1/events",)
"""Answers that do not end."""
SEEDS = [(1, 4), pytest.param(2, 40, marks=pytest.mark.heavy)]
"""Of what is asked by chance, and how often of each operation, besides the plainest request."""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("contract")
    (folder / "flows").mkdir()
    (folder / "flows" / "front.yaml").write_text(FLOW)
    config = folder / "ivr.yaml"
    config.write_text(CONFIG.format(sip=free_port()))
    with Daemon(config) as daemon:
        yield daemon


@pytest.fixture
def own(daemon: Daemon) -> Iterator[Asker]:
    """Asks with the daemon's own token."""
    asker = Asker(daemon.http, load_settings(daemon.config).token_file.read_text())
    yield asker
    asker.close()


def where_to(path: str) -> str:
    for name, value in VALUES.items():
        path = path.replace(f"{{{name}}}", value)
    return path.replace("Recordings/CA", "Recordings/RE")


def operations(found: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            if path not in STREAMS or method != "get":
                yield method.upper(), path, operation


@pytest.mark.parametrize(("seed", "requests"), SEEDS)
def test_a_daemon_does_what_its_document_says(daemon: Daemon, own: Asker, seed: int, requests: int) -> None:
    found: dict[str, Any] = daemon.get("/v1/openapi.json")
    declared = document(all_endpoints())
    assert found["paths"] == declared["paths"]
    assert found["components"] == declared["components"]
    make, wrong = Maker(found, seed), []
    for method, path, operation in operations(found):
        plain = where_to(path), b"{}" if "requestBody" in operation else None, {"Content-Type": "application/json"}
        made = [make.request(path, operation, VALUES) for _ in range(requests)]
        for target, body, headers in (plain, *made):
            told = own.ask(method, target, body, headers)
            wrong += [f"{method} {target} {body!r}: {fault}" for fault in faults(found, operation, *told)]
    assert not wrong, "\n".join(wrong)


def test_a_daemon_lets_in_whom_the_table_names(daemon: Daemon, own: Asker) -> None:
    store = Store.open(load_settings(daemon.config).store)
    askers: dict[tuple[str, ...], Asker] = {}
    for roles in (("agent",), ("manager",), ("analytics",), ()):
        token, text = new_token("-".join(roles), [], 1.0, roles=roles, agent="anna" if "agent" in roles else None)
        store.tokens.add(token)
        askers[roles] = Asker(daemon.http, text)
    stranger = Asker(daemon.http)
    for endpoint in all_endpoints():
        if endpoint.plain_path in STREAMS or endpoint.scope is None:
            continue
        target, body = where_to(endpoint.plain_path), b"[" if endpoint.body is not None else None
        headers = {"Content-Type": "application/json"}
        for roles, asker in askers.items():
            status, _, text_ = asker.ask(endpoint.method, target, body, headers)
            may = allowed(endpoint, roles)
            assert status != 401
            assert (status == 403) == (not may) or (may == "own" and b"own agent" in text_), (endpoint.path, roles)
        status, _, _ = stranger.ask(endpoint.method, target, body, {**headers, "X-Forwarded-For": "203.0.113.7"})
        assert status in (401, 429)
    for asker in (*askers.values(), stranger):
        asker.close()
    store.close()


def faults(found: Any, operation: Any, status: int, headers: Any, text: bytes) -> Iterator[str]:
    kind, responses = headers.get_content_type(), operation["responses"]
    if not headers["X-Request-Id"]:
        yield "has no id"
    answer = responses.get(str(status))
    if answer is None:
        yield f"answers {status}: {text[:200]!r}"
        return
    content = answer.get("content", {})
    if kind not in content and content:
        yield f"answers {kind} with {status}"
    elif kind.endswith("json"):
        schema = {**content[kind]["schema"], "components": found["components"]}
        validator = jsonschema.Draft202012Validator(schema)
        for error in validator.iter_errors(json.loads(text)):
            yield f"{status}: {error.json_path}: {error.message[:200]}"
