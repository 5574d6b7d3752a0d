from __future__ import annotations

import json
import os
import wave
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ivr.cli.main import cli


def run(config: Path, *arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["--config", str(config), "say", *arguments], input=text)


def test_a_text_becomes_a_file(config_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "hello.wav"
    result = run(config_file, "Hello and welcome", "-o", str(out))
    assert result.exit_code == 0, result.output
    with wave.open(str(out)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (8000, 1, 2)
        seconds = sound.getnframes() / 8000
    assert 0.7 < seconds < 3
    assert result.output == f"{out}  {seconds:.2f} s\n"


def test_options_reach_the_voice(config_file: Path, tmp_path: Path) -> None:
    slow, fast = tmp_path / "slow.wav", tmp_path / "fast.wav"
    options = ["--language", "de", "--voice", "female", "--engine", "espeak-ng", "--json"]
    first = run(config_file, "Guten Tag", "-o", str(slow), "--rate", "0.7", *options)
    second = run(config_file, "-", "-o", str(fast), "--rate", "1.5", *options, text="Guten Tag")
    assert json.loads(first.output)["path"] == str(slow)
    assert json.loads(first.output)["seconds"] > 1.4 * json.loads(second.output)["seconds"]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["Hello"], 2, "say where to"),
        (["Hello", "-o", "x.wav", "--engine", "nobody"], 2, "is not one of"),
        (["Hello", "-o", "x.wav", "--language", "xx"], 1, "there is no voice for the language 'xx'"),
        (["Hello", "-o", "x.wav", "--engine", "command"], 1, "speech.command names no program"),
        (["", "-o", "x.wav"], 1, "nothing to speak"),
        (["Hello", "-o", "no/such/x.wav"], 1, "cannot be written"),
    ],
)
def test_faults(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], status: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(config_file, *arguments)
    assert result.exit_code == status
    assert words in result.output


def test_play_uses_a_player_or_says_that_there_is_none(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    player = tmp_path / "bin" / "aplay"
    player.parent.mkdir()
    player.write_text(f'#!/bin/sh\ncp "$2" {tmp_path}/heard.wav\n')
    player.chmod(0o755)
    monkeypatch.setenv("PATH", f"{player.parent}{os.pathsep}{os.environ['PATH']}")
    result = run(config_file, "Hello", "--play")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "heard.wav").stat().st_size > 4000
    player.write_text("#!/bin/sh\nexit 7\n")
    assert "status 7" in run(config_file, "Hello", "--play").output
    monkeypatch.setattr("ivr.cli.say.PLAYERS", ())
    result = run(config_file, "Hello", "--play")
    assert result.exit_code == 1 and "no program to play it" in result.output
