from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ivr.cli import call as module
from ivr.cli.main import cli


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "ivr.yaml"
    path.write_text("http: {listen: '127.0.0.1:1'}\n")
    return str(path)


def run(config: str, *arguments: str) -> Any:
    return CliRunner().invoke(cli, ["-c", config, "call", *arguments])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "a number is missing"),
        (("100", "--flow", "a", "--say", "b"), "--say"),
        (("100", "--var", "a-b=1"), "NAME=VALUE"),
        (("100", "--var", "name"), "NAME=VALUE"),
        (("100", "--detect", "always"), "always"),
    ],
)
def test_what_cannot_be_asked_for(config: str, arguments: tuple[str, ...], text: str) -> None:
    found = run(config, *arguments)
    assert found.exit_code == 2
    assert text in found.output


def test_nobody_is_there_to_leave_a_call_to(config: str) -> None:
    found = run(config, "100", "--no-wait")
    assert found.exit_code == 1
    assert "no daemon answers" in found.output


class Answers:
    """A daemon that tells of one call, further at each look."""

    def __init__(self, *told: dict[str, Any]) -> None:
        self.told = list(told)
        self.body: Any = None

    def ask(self, _: object, path: str, body: Any = None, token: str | None = None) -> Any:
        if body is not None:
            self.body = body
            return {"id": "c-1"}
        if path == "/v1/calls":
            return {"calls": []}
        return self.told.pop(0) if len(self.told) > 1 else self.told[0]


def told(state: str, path: list[dict[str, Any]] | None = None, **attempt: Any) -> dict[str, Any]:
    attempts = [{"attempt": 1, "to": "100", "line": "pbx", **attempt}] if attempt else []
    return {"state": state, "cause": None, "details": {"attempts": attempts}, "path": path or []}


def watched(config: str, monkeypatch: pytest.MonkeyPatch, answers: Answers, *more: str) -> Any:
    monkeypatch.setattr(module, "ask", answers.ask)
    monkeypatch.setattr(module, "read_token", lambda path: "t")
    monkeypatch.setattr(module, "LOOK_EVERY", 0.0)
    return run(config, "100", *more)


def test_a_call_that_is_answered(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    step = {"element": "talk", "left_at": 1.0, "branch": "next"}
    answers = Answers(
        told("waiting"),
        told("ringing", at=1.0, ringing_at=2.0),
        told("answered", at=1.0, ringing_at=2.0, answered_at=3.0, outcome="answered"),
        told(
            "ended", [step], at=1.0, ringing_at=2.0, answered_at=3.0, outcome="answered", answerer="human",
            confidence=0.9,
        ),
    )  # fmt: skip
    found = watched(config, monkeypatch, answers, "--flow", "a", "--var", "n=1", "--detect", "fast", "--ring", "20s")
    assert found.exit_code == 0, found.output
    lines = [line.split(" s  ", 1)[1] for line in found.output.splitlines()]
    assert lines == ["calling 100 by line pbx", "ringing", "answered", "human (90%)", "talk -> next", "over: None"]
    assert answers.body == {
        "to": "100", "flow": "a", "properties": {"n": "1"}, "machine_detection": "fast", "record_call": False,
        "ring_timeout": "20s",
    }  # fmt: skip


def test_a_call_that_is_not(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(told("ended", at=1.0, outcome="busy", status="busy", sip_code=486))
    found = watched(config, monkeypatch, answers)
    assert found.exit_code == 1
    assert "busy: busy (486)" in found.output


def test_as_json(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(told("ended", at=1.0, outcome="answered"))
    found = watched(config, monkeypatch, answers, "--json")
    assert json.loads(found.output)["state"] == "ended"
    assert json.loads(watched(config, monkeypatch, answers, "--json", "--no-wait").output) == {"id": "c-1"}
