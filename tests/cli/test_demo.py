"""`ivr demo`: a real call through the example front desk, with a daemon that it starts itself."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.kit.sipp import require
from tests.kit.sound import read_wav

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The example configuration on free ports, in a folder of its own."""
    shutil.copytree(ROOT / "config", tmp_path / "config", ignore=shutil.ignore_patterns("secrets", "var"))
    config = tmp_path / "config" / "ivr.yaml"
    text = config.read_text().replace("udp:127.0.0.1:5060", f"udp:127.0.0.1:{free_port()}")
    text = text.replace("127.0.0.1:8080", f"127.0.0.1:{free_port(socket.SOCK_STREAM)}")
    config.write_text(text.replace("20002-29999", "32202-32301"))
    (tmp_path / "config" / "secrets").mkdir()
    for name in ("PHONE_200", "PHONE_201"):
        (tmp_path / "config" / "secrets" / name).write_text("secret")
    return config


@pytest.mark.interop
def test_walks_through_the_front_desk(example: Path, tmp_path: Path) -> None:
    require("espeak-ng")
    command = [sys.executable, "-m", "ivr", "--config", str(example), "demo", "--keep", str(tmp_path / "kept")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    for element in ("choose_language", "welcome", "menu_text", "hours", "voicemail", "record", "saved"):
        assert re.search(rf"^ +\d+\.\d\d  {element} ", done.stdout, re.M), f"{element}:\n{done.stdout}"
    assert "ended_by_flow" in done.stdout or "user_hung_up" in done.stdout
    both = read_wav(next((tmp_path / "kept").glob("demo-*.wav")))
    assert both.shape[1] == 2
    assert len(both) > 20 * 8000
    for channel in (0, 1):
        assert abs(both[:, channel]).max() > 3000, f"channel {channel} is silent"
    messages = list((example.parent / "var" / "recordings").glob("*.wav"))
    assert len(messages) == 1
    assert len(read_wav(messages[0])) > 3 * 8000


@pytest.mark.interop
@pytest.mark.heavy  # the tutorials do it, too
def test_presses_the_keys_given(example: Path, tmp_path: Path) -> None:
    require("espeak-ng")
    command = [sys.executable, "-m", "ivr", "--config", str(example), "demo", "--keep", str(tmp_path / "kept")]
    command += ["--number", "102", "--press", "1", "--press", "1001", "--press", "2468"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert re.search(r"^ +\d+\.\d\d  balance ", done.stdout, re.M), done.stdout
    assert "ended_by_flow" in done.stdout


def test_what_is_no_key_is_a_fault_of_usage() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ivr", "demo", "--press", "1x"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "keys are of" in done.stderr
