from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from ivr.cli.main import cli
from ivr.settings import load_settings


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(config), "prompts", *arguments])


@pytest.fixture
def folder(config_file: Path) -> Path:
    """The prompts folder with a good prompt."""
    prompts = load_settings(config_file, {}).prompts
    prompts.mkdir(parents=True, exist_ok=True)
    sound = 0.3 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    (prompts / "en").mkdir()
    soundfile.write(prompts / "en" / "welcome.wav", sound, 16000)
    (prompts / ".hidden").write_text("not a prompt")
    return prompts


def test_list(config_file: Path, folder: Path) -> None:
    result = run(config_file, "list")
    assert result.exit_code == 0, result.output
    assert "1.00 s" in result.output and "en/welcome.wav" in result.output and "hidden" not in result.output
    rows = json.loads(run(config_file, "list", "--json").output)
    assert rows == [{"name": "en/welcome.wav", "bytes": 32044, "seconds": 1.0, "fault": None}]


def test_check_finds_what_cannot_be_played(config_file: Path, folder: Path, tmp_path: Path) -> None:
    assert run(config_file, "check").exit_code == 0
    (folder / "bad.mp3").write_text("bad")
    (folder / "out.wav").symlink_to("/etc/hostname")
    result = run(config_file, "check")
    assert result.exit_code == 1
    assert "bad.mp3: not a sound file that can be read" in result.output
    assert "out.wav lies outside the prompts folder" in result.output
    assert "1 of 3 prompts can be played" in result.output
    assert run(config_file, "check", str(folder / "en")).exit_code == 0
    assert run(config_file, "check", str(tmp_path / "none")).exit_code == 2


def test_check_without_a_folder(config_file: Path, folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
    result = run(config_file, "check")
    assert result.exit_code == 1 and "there is no prompts folder" in result.output


def test_warm_fills_the_cache(config_file: Path, folder: Path) -> None:
    result = run(config_file, "warm", "--text", "Hello", "--text", "Good bye", "--language", "en")
    assert result.exit_code == 0, result.output
    assert "3 of 3 prompts ready" in result.output
    assert len(list(load_settings(config_file, {}).cache.rglob("*.s16"))) == 3


def test_convert_and_join(config_file: Path, folder: Path, tmp_path: Path) -> None:
    source, out = str(folder / "en" / "welcome.wav"), tmp_path / "out.ulaw"
    result = run(config_file, "convert", source, str(out), "--normalise")
    assert result.exit_code == 0, result.output
    assert "1.00 s  -20.0 dBFS" in result.output and out.stat().st_size == 8000
    again = run(config_file, "convert", source, str(out))
    assert again.exit_code == 2 and "--force replaces it" in again.output
    assert run(config_file, "convert", source, str(out), "--force").exit_code == 0
    joined = tmp_path / "joined.wav"
    result = run(
        config_file, "join", source, source, "-o", str(joined), "--gap", "0.5", "--trim", "--fade-in", "0.1",
        "--fade-out", "0.1", "--rate", "16000", "--level", "-12",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert soundfile.info(joined).duration == pytest.approx(2.5, abs=0.02)
    failed = run(config_file, "convert", str(folder / ".hidden"), str(tmp_path / "x.wav"))
    assert failed.exit_code == 1 and "not a sound file" in failed.output
