"""`ivr lines`: what the daemon tells of its lines, as a table."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ivr.cli.main import cli

LINES = "lines:\n  pbx: {type: sip_trunk, host: h}\n  old: {type: modem, port: /dev/ttyACM0}\n"


def line(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "usable": True,
        "registered": None,
        "answers": None,
        "reason": "",
        "since": time.time() - 65.2,
        "round_trip": None,
        "addresses": [],
        "hardware": None,
        **more,
    }


def run(config: Path, monkeypatch: pytest.MonkeyPatch, lines: list[dict[str, Any]] | None, *options: str) -> Result:
    config.write_text(config.read_text() + LINES)
    monkeypatch.setattr("ivr.cli.lines.ask", lambda listen, path: None if lines is None else {"lines": lines})
    return CliRunner().invoke(cli, ["--config", str(config), "lines", *options])


def test_lines_as_a_table(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        line("pbx", registered=True, answers=True, round_trip=0.0123),
        line("old", hardware="Conexant CX93010", round_trip=0.001),
    ]
    result = run(config_file, monkeypatch, lines)
    assert result.exit_code == 0
    head, first, second = result.output.splitlines()
    assert head.split() == ["line", "type", "usable", "for", "what"]
    assert first.split() == ["pbx", "sip_trunk", "yes", "0:01:05", "registered,", "answers", "after", "12", "ms"]
    assert second.split() == ["old", "modem", "yes", "0:01:05", "Conexant", "CX93010"]


def test_a_line_that_cannot_be_used_is_a_fault(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(config_file, monkeypatch, [line("old", usable=False, reason="unplugged", hardware="")])
    assert result.exit_code == 1
    assert result.output.splitlines()[1].split() == ["old", "modem", "no", "0:01:05", "unplugged"]


def test_lines_as_json(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(config_file, monkeypatch, [line("gone")], "--json")
    assert json.loads(result.output)[0]["name"] == "gone"


def test_nothing_to_list(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(config_file, monkeypatch, []).output == "no line is configured\n"


def test_another_daemon(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(config_file, monkeypatch, None)
    assert result.exit_code == 1
    assert "tells nothing of lines" in result.output
