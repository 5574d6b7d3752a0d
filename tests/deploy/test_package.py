"""The wheel holds what a running daemon needs, and works where the repository is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "ivr", "media")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that no build folder stays behind."""
    copy = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        else:
            shutil.copy(ROOT / name, copy / name)
    target = tmp_path_factory.mktemp("wheel")
    pip(["wheel", "-qq", "--no-deps", "--wheel-dir", str(target), str(copy)])
    (built,) = target.glob("*.whl")
    return built


def pip(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    subprocess.run(command, check=True, timeout=110)


def test_every_module_and_data_file_is_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("ivr", "media"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".typed") and "__pycache__" not in path.parts:
                assert path.relative_to(ROOT).as_posix() in names
    assert not {name for name in names if name.startswith(("tests/", "config/"))}


def test_the_wheel_holds_the_compiled_batch(wheel: Path) -> None:
    assert any(name.startswith("media/_batch.") for name in zipfile.ZipFile(wheel).namelist())


def test_an_installed_copy_makes_its_store_and_shows_its_commands(wheel: Path, tmp_path: Path) -> None:
    pip(["install", "-qq", "--no-deps", "--target", str(tmp_path / "site"), str(wheel)])
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    code = (
        "from ivr.store import Store\n"
        f"store = Store.open('sqlite:///{tmp_path}/ivr.db')\n"
        "print(store.next_short_id(), __import__('ivr').__file__)\n"
        "store.close()\n"
    )
    run = [sys.executable, "-P", "-c", code]
    output = subprocess.run(run, env=environ, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert output.split() == ["1", str(tmp_path / "site" / "ivr" / "__init__.py")]
    helped = subprocess.run(
        [sys.executable, str(tmp_path / "site" / "bin" / "ivr"), "--help"],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "serve" in helped.stdout
