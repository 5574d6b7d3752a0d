"""`ivr check`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ivr.cli.main import cli

GOOD = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: hello}
  hello: {type: play, file: none.wav}
"""
BAD = "elements: {start: {type: start_incoming_call, numbers: [100]}}"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "good.yaml").write_text(GOOD)
    (tmp_path / "ivr.yaml").write_text("flows: flows/\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", "ivr.yaml", "check", *arguments])


def test_good(house: Path) -> None:
    result = run()
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "flows/good.yaml:4: warning T001 element hello file: there is no prompt file none.wav (put it into the folder)",
        "flows/good.yaml:4: info F002 element hello branches.audio_played: branch audio_played is not named: "
        "the call is hung up there",
    ]
    assert "1 flows checked: 0 errors, 1 warning" in result.stderr


def test_bad(house: Path) -> None:
    (house / "flows" / "bad.yaml").write_text(BAD)
    result = run()
    assert result.exit_code == 1
    assert "flows/bad.yaml:1: error F001 element start numbers.0: quote the digits, found 100" in result.stdout
    assert run("good").exit_code == 0
    assert run("bad").exit_code == 1


def test_a_file_outside_the_folder(house: Path) -> None:
    (house / "other.yaml").write_text(BAD.replace("[100]", '["100"]'))
    result = run("other.yaml")
    assert result.exit_code == 1
    assert "other.yaml:1: error F001 element start numbers: another flow has this number" in result.stdout
    assert run("flows/good.yaml").exit_code == 0


def test_json(house: Path) -> None:
    (house / "flows" / "bad.yaml").write_text(BAD)
    result = run("--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["ok"] is False
    assert found["flows"] == 2
    assert {"code": "F001", "severity": "error", "line": 1}.items() <= found["findings"][0].items()


def test_the_configuration_is_checked_too(house: Path) -> None:
    (house / "ivr.yaml").write_text("sipp: {}\n")
    result = run()
    assert result.exit_code == 1
    assert "ivr.yaml:1: error C001 sipp: unknown key" in result.stdout
    assert "flows/good.yaml:4: info F002" in result.stdout


def test_what_is_not_there(house: Path) -> None:
    assert run("nope").exit_code == 2
    assert CliRunner().invoke(cli, ["--config", "none.yaml", "check"]).exit_code == 1
