"""`sh deploy/run.sh` as a new user starts it, on a machine where another PBX has port 5060."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90.0
"""For a cold start on a busy machine; a warm one takes about two."""

installed = any((ROOT / ".venv").glob(".ivr-*")) or "CI" in os.environ


@pytest.mark.skipif(not installed, reason="deploy/test.sh has not made .venv: run.sh would install packages into it")
def test_the_front_desk_comes_up_on_another_port_and_stops_when_told() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        with contextlib.suppress(OSError):  # somebody has it already: as good
            taken.bind(("127.0.0.1", 5060))
        process = subprocess.Popen(["sh", "deploy/run.sh"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        watchdog = threading.Timer(START_SECONDS, process.kill)
        watchdog.start()
        try:
            assert process.stdout is not None
            told = []
            for line in process.stdout:
                told.append(line.rstrip("\n"))
                if line.startswith("ready "):
                    break
            process.send_signal(signal.SIGTERM)
            process.stdout.read()
            assert process.wait() == 0, told
        finally:
            watchdog.cancel()
            process.kill()
            process.stdout.close()
    port = told[-1].partition("sip=udp:127.0.0.1:")[2].partition(" ")[0]
    assert port in ("5070", "5080")
    assert f"port 5060 is in use (another PBX?): taking {port}" in told
    assert f"The front desk answers at  sip:100@127.0.0.1:{port}" in told
    assert any(line.startswith("Press 1 for English") for line in told)
