"""The example flows: nothing to find fault with, all their tests pass, and nothing breaks that nobody thought of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ivr.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "config" / "examples"
CONFIGS = [ROOT / "config" / "ivr.yaml", EXAMPLES / "ivr.yaml"]


def ivr(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(config), *arguments])


@pytest.fixture(params=CONFIGS, ids=["front-desk", "examples"])
def config(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("PHONE_200", "PHONE_201"):
        monkeypatch.setenv(name, "secret")
    found: Path = request.param
    return found


def test_the_checker_finds_nothing(config: Path) -> None:
    done = ivr(config, "check")
    assert done.exit_code == 0, done.output
    assert not [line for line in done.stdout.splitlines() if " info " not in line]


def test_their_tests_pass_and_take_nearly_every_branch(config: Path) -> None:
    done = ivr(config, "test", "--coverage", "--missing", "--fail-under", "95")
    assert done.exit_code == 0, done.output


@pytest.mark.timeout(300)
def test_the_explorer_finds_nothing(config: Path) -> None:
    done = ivr(config, "test", "--explore", "--seconds", "2")
    assert done.exit_code == 0, done.output


def test_each_example_is_in_the_table() -> None:
    table = re.findall(r"^\| (?:\d+|—) \| \[([\w-]+)\]\(flows/\1\.yaml\)", (EXAMPLES / "README.md").read_text(), re.M)
    flows = [path.stem for path in (EXAMPLES / "flows").glob("*.yaml") if not path.stem.endswith(".test")]
    assert sorted(table) == sorted(flows)
    assert all((EXAMPLES / "flows" / f"{name}.test.yaml").exists() for name in flows)
