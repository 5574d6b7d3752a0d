"""`ivr test --explore`: what is printed, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ivr.cli.main import cli

FAULTY = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: ask}
  ask: {type: play, text: For sales press 1., interruptible: true, next: menu}
  menu: {type: collect, responses: {"1": bye}, branches: {no_input: bye}}
  bye: {type: hang_up, prompt: Goodbye.}
"""
CLEAN = FAULTY.replace('"100"', '"101"').replace("{no_input: bye}", "{no_match: bye, no_input: bye}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ivr.yaml").write_text("flows: flows/\n")
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "faulty.yaml").write_text(FAULTY)
    (tmp_path / "flows" / "clean.yaml").write_text(CLEAN)
    return tmp_path


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(folder / "ivr.yaml"), "test", "--explore", *arguments])


def test_a_fault_is_told_with_its_case(folder: Path) -> None:
    result = run(folder, "faulty")
    assert result.exit_code == 1
    head, taken, _, told, *case = result.stdout.splitlines()
    assert head.startswith("faulty: 1 fault (")
    assert head.endswith(" states; nothing is left to try)")
    assert taken == "  6 of 6 branches were taken"
    assert told.startswith("  lost caller at menu: the caller is hung up: branch no_match of menu leads nowhere")
    assert case[:5] == [
        '    - name: "hangs the caller up at menu"',
        "      when:",
        '        - {press: "*"}',
        "      expect: {lost: false}",
        "",
    ]


def test_no_fault_is_exit_code_0(folder: Path) -> None:
    result = run(folder, "clean")
    assert result.exit_code == 0
    assert result.stdout.startswith("clean: no faults (")


def test_all_flows(folder: Path) -> None:
    result = run(folder)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "2 flows, 1 fault"


def test_json(folder: Path) -> None:
    clean, faulty = json.loads(run(folder, "--json").stdout)
    assert (clean["findings"], clean["complete"]) == ([], True)
    (finding,) = faulty["findings"]
    assert (finding["kind"], finding["element"], finding["script"]) == ("lost_caller", "menu", [{"press": "*"}])
    assert finding["path"] == ["start", "ask", "menu"]
    assert faulty["branches"] == {"taken": 6, "all": 6, "missed": []}
