"""The page about the simulator: the session happens as it is shown, and the script is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from ivr.cli.main import cli
from ivr.flow.loader import load_folder
from ivr.flow.sim import SimulatedCall, parse_script

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "simulator.md").read_text()
_BLOCK = re.compile(r"^```(session|yaml script)\n(.*?)^```$", re.M | re.S)
_TYPED = re.compile(r"\] > ?(.*)$")


def block(kind: str) -> str:
    [found] = [text for name, text in _BLOCK.findall(PAGE) if name == kind]
    return str(found)


def test_the_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command, *shown = block("session").splitlines()
    typed = [match[1] for line in shown if (match := _TYPED.search(line))]
    (tmp_path / "ivr.yaml").write_text(f"flows: {ROOT / 'config' / 'flows'}\n")
    monkeypatch.chdir(tmp_path)
    arguments = command.removeprefix("$ ivr ").split()
    result = CliRunner().invoke(cli, ["--config", "ivr.yaml", *arguments], input="\n".join([*typed, ""]))
    assert result.exit_code == 0, result.output
    assert [line.rstrip() for line in result.stdout.splitlines()] == shown


def test_the_script() -> None:
    flows = load_folder(ROOT / "config" / "flows")
    found = parse_script(yaml.safe_load(block("yaml script"))).run(SimulatedCall(flows["reception"], flows))
    assert found.unused_steps == ()
    assert found.cause == "user_hung_up"
    assert found.path[-2:] == ["record", "menu_text"]
