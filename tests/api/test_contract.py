"""A whole daemon does what its document says: every path of it is there, and answers as its models say."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from ivr.api.openapi import document
from ivr.api.parts import all_endpoints
from ivr.settings import load_settings
from tests.conftest import free_port
from tests.kit.daemon import Daemon

CONFIG = """
sip: {{listen: ["udp:127.0.0.1:{sip}"]}}
http: {{listen: "127.0.0.1:0"}}
media: {{ports: "32560-32599", workers: 1}}
agents: {{anna: {{phones: ["tel:+4930123"]}}}}
queues: {{support: {{}}}}
webhooks: {{crm: {{url: "https://crm.example/hook", secret: 0123456789abcdef, events: [no.such]}}}}
"""
VALUES = {
    "name": "anna", "number": "1", "id": "1", "flow": "none", "queue": "support", "agent": "anna",
    "account": f"AC{'0' * 32}", "sid": f"CA{'0' * 32}", "suffix": "",
}  # fmt: skip
"""Of the names in paths."""
STREAMS = ("/v1/events",)
"""Answers that do not end."""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("contract")
    (folder / "flows").mkdir()
    config = folder / "ivr.yaml"
    config.write_text(CONFIG.format(sip=free_port()))
    with Daemon(config) as daemon:
        yield daemon


def ask(daemon: Daemon, method: str, path: str, body: object = None) -> tuple[int, str, bytes]:
    request = urllib.request.Request(daemon.http + path, method=method)
    token = load_settings(daemon.config).token_file.read_text()
    request.add_header("Authorization", f"Bearer {token}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers.get_content_type(), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get_content_type(), error.read()


def test_a_daemon_does_what_its_document_says(daemon: Daemon) -> None:
    found: dict[str, Any] = daemon.get("/v1/openapi.json")
    declared = document(all_endpoints())
    assert found["paths"] == declared["paths"]
    assert found["components"] == declared["components"]
    wrong = []
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            if path in STREAMS and method == "get":
                continue
            where = path
            for name, value in VALUES.items():
                where = where.replace(f"{{{name}}}", value)
            where = where.replace("Recordings/CA", "Recordings/RE")
            body = {} if "requestBody" in operation else None
            status, kind, text = ask(daemon, method.upper(), where, body)
            wrong += [f"{method} {path}: {fault}" for fault in faults(found, operation, status, kind, text)]
    assert wrong == []


def faults(found: Any, operation: Any, status: int, kind: str, text: bytes) -> Iterator[str]:
    responses = operation["responses"]
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
