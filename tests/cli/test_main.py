from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ivr import __version__
from ivr.cli.main import COMMANDS, cli

PACKAGE = Path(__file__).resolve().parents[2] / "ivr" / "cli"


@pytest.fixture
def run() -> CliRunner:
    return CliRunner()


def present() -> list[str]:
    return [name for name in COMMANDS if (PACKAGE / f"{name}.py").exists() or (PACKAGE / name).is_dir()]


def test_help_lists_the_commands_that_are_there(run: CliRunner) -> None:
    result = run.invoke(cli, ["--help"])
    assert result.exit_code == 0
    listed = [line.split()[0] for line in result.output.partition("Commands:\n")[2].splitlines() if line.strip()]
    assert listed == present()


@pytest.mark.parametrize("name", present())
def test_every_command_explains_itself(run: CliRunner, name: str) -> None:
    result = run.invoke(cli, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"Usage: cli {name}")


@pytest.mark.parametrize("arguments", [["nonsense"], ["calls", "--nonsense"], ["calls", "--limit", "0"], ["trace"]])
def test_wrong_usage_ends_with_2(run: CliRunner, arguments: list[str]) -> None:
    assert run.invoke(cli, arguments).exit_code == 2


def test_a_faulty_configuration_ends_with_1_and_every_fault(run: CliRunner, tmp_path: Path) -> None:
    path = tmp_path / "ivr.yaml"
    path.write_text("spech: 1\nsip: 3\n")
    for arguments in (["--config", str(path), "calls"], ["calls", "--config", str(path)]):
        result = run.invoke(cli, arguments)
        assert result.exit_code == 1
        assert result.stderr.splitlines() == [
            f"{path}:1: spech: unknown key, did you mean speech?",
            f"{path}:2: sip: must be a mapping of keys (found 3)",
        ]


def test_version(run: CliRunner) -> None:
    assert run.invoke(cli, ["--version"]).output == f"ivr, version {__version__}\n"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom ivr.cli.main import cli\n"
        "try: cli(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'pydantic', 'sqlalchemy', 'numpy', 'aiohttp', 'asyncio', 'yaml'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "[]"
