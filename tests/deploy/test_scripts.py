"""The shell scripts, piece by piece, with programs of our own in front of PATH."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ("deploy/lib.sh", "deploy/run.sh", "deploy/test.sh", "deploy/drills.sh")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder for programs of the test's own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def shell(code: str, programs: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", f". deploy/lib.sh\n{code}"],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{programs}:/usr/bin:/bin", "PYTHON": "", **environ},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_sound_posix_shell(script: str) -> None:
    subprocess.run(["sh", "-n", script], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    ("pythons", "chosen"),
    [
        ({"python3": "echo headers"}, "python3"),
        ({"python3": "exit 1", "python3.12": "echo headers"}, "python3.12"),  # an old one, or a version manager's shim
        ({"python3": "echo bare", "python3.13": "echo headers"}, "python3.13"),
        ({"python3": "echo bare", "python3.13": "", "python3.12": "", "python3.11": "exit 1"}, "python3"),
    ],
)
def test_the_first_python_that_can_is_taken(programs: Path, pythons: dict[str, str], chosen: str) -> None:
    for name, text in {"python3.11": "exit 1", "python3.12": "exit 1", "python3.13": "exit 1", **pythons}.items():
        program(programs, name, text)
    code = "find_python() { " + _body("find_python").replace("/usr/bin/python3", "") + " }\nfind_python"
    assert shell(code, programs).stdout.strip() == chosen


def _body(function: str) -> str:
    text = (ROOT / "deploy" / "lib.sh").read_text()
    return text.partition(f"{function}() {{\n")[2].partition("\n}\n")[0] + "\n"


def test_the_python_named_comes_first(programs: Path) -> None:
    program(programs, "mine", "echo headers")
    assert shell("find_python", programs, PYTHON="mine").stdout.strip() == "mine"


def test_packages_that_are_there_cost_nothing(programs: Path) -> None:
    program(programs, "dpkg-query", "echo installed")
    program(programs, "apt-get", "echo called; exit 1")
    result = shell("need_packages a b", programs)
    assert (result.returncode, result.stdout) == (0, "")


def test_missing_packages_are_installed_by_name(programs: Path) -> None:
    program(programs, "dpkg-query", 'case "$*" in *" b") echo installed ;; esac')
    program(programs, "id", "echo 0")
    program(programs, "apt-get", 'echo "$@" >&2')
    result = shell("need_packages a b c", programs)
    assert result.returncode == 0
    assert result.stdout == "installing: a c\n"
    assert result.stderr.splitlines()[-1].endswith("install -y --no-install-recommends a c")


def test_without_root_and_sudo_the_command_is_told(programs: Path) -> None:
    program(programs, "dpkg-query", "echo not-installed")
    program(programs, "id", "echo 1000")
    program(programs, "apt-get", "exit 1")
    result = shell("command() { case $2 in sudo) return 1 ;; esac; }\nneed_packages a b", programs)
    assert result.returncode == 1
    assert "apt-get install -y --no-install-recommends a b" in result.stderr


def test_without_apt_it_goes_on_and_says_what_is_needed(programs: Path) -> None:
    result = shell("command() { return 1; }\nneed_packages a b", programs)
    assert (result.returncode, result.stdout) == (0, "not a Debian system: these must be there by other means: a b\n")
