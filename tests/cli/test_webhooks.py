"""`ivr webhooks`: what it asks, and what it shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ivr.cli import webhooks
from ivr.cli.main import cli

STATE = {
    "name": "crm", "waiting": 2, "oldest": 1_772_000_000.0, "enabled": True, "paused": False,
    "troubled": True, "problem": "status 500",
    "delivered": 7, "failed": 3, "lost": 0, "dead": 1,
}  # fmt: skip
LETTER = {
    "number": 4, "id": "run-4", "type": "call.ended", "call": "c", "made_at": 1_772_000_000.0,
    "dead_at": 1_772_000_100.0, "attempts": 20, "problem": "status 422",
}  # fmt: skip


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What a daemon is asked, which answers."""
    found: list[tuple[str, Any]] = []

    def fetch(listen: object, path: str, token: str | None) -> bytes | None:
        found.append((path, None))
        if path.startswith("/v1/webhooks/none"):
            return None
        return json.dumps({"dead": [LETTER]} if "/dead" in path else {"webhooks": [STATE]}).encode()

    def ask(listen: object, path: str, body: object, token: str | None) -> Any:
        found.append((path, body))
        return {"count": 1, "id": "run-9"}

    monkeypatch.setattr(webhooks, "fetch", fetch)
    monkeypatch.setattr(webhooks, "ask", ask)
    monkeypatch.setattr(webhooks, "read_token", lambda path: "token")
    return found


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(config), "webhooks", *arguments])


def test_how_they_fare(config_file: Path, asked: list[tuple[str, Any]]) -> None:
    shown = run(config_file)
    assert shown.exit_code == 0 and "status 500" in shown.output
    assert json.loads(run(config_file, "--json").output) == [STATE]
    assert run(config_file, "list").output == shown.output


def test_dead_letters(config_file: Path, asked: list[tuple[str, Any]]) -> None:
    assert "status 422" in run(config_file, "dead", "crm").output
    assert json.loads(run(config_file, "dead", "crm", "--limit", "5", "--json").output) == [LETTER]
    assert asked[-1] == ("/v1/webhooks/crm/dead?limit=5", None)
    assert run(config_file, "retry", "crm").output == "1 are tried again\n"
    assert asked[-1] == ("/v1/webhooks/crm/dead/retry", {})
    assert run(config_file, "delete", "crm", "--id", "run-4").output == "1 are deleted\n"
    assert asked[-1] == ("/v1/webhooks/crm/dead/delete", {"ids": ["run-4"]})
    assert run(config_file, "test", "crm").output == "event run-9 is on its way\n"
    missing = run(config_file, "dead", "none")
    assert (missing.exit_code, missing.output) == (1, "ivr: there is no such webhook\n")


def test_without_a_daemon(config_file: Path) -> None:
    result = run(config_file, "retry", "crm")
    assert (result.exit_code, "does not run" in result.output) == (1, True)


def test_one_is_paused_and_resumed(config_file: Path, asked: list[tuple[str, Any]]) -> None:
    assert run(config_file, "pause", "crm").output == "crm is paused\n"
    assert run(config_file, "resume", "crm").output == "crm goes on\n"
    assert asked == [("/v1/webhooks/crm/pause", {}), ("/v1/webhooks/crm/resume", {})]
