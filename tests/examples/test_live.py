"""The examples with a real daemon, a real call and real requests to the web service beside them."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.kit.daemon import Daemon
from tests.kit.sipp import require

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 20.0

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, Path]]:
    """The daemon on the example flows, and what the web service prints."""
    require("espeak-ng")
    folder = tmp_path_factory.mktemp("live") / "examples"
    shutil.copytree(ROOT / "config" / "examples", folder, ignore=shutil.ignore_patterns("var", "__pycache__"))
    service_port = free_port(socket.SOCK_STREAM)
    config = folder / "ivr.yaml"
    text = config.read_text().replace("127.0.0.1:8090", f"127.0.0.1:{service_port}")
    text = text.replace("udp:127.0.0.1:5060", f"udp:127.0.0.1:{free_port()}")
    text = text.replace("127.0.0.1:8080", f"127.0.0.1:{free_port(socket.SOCK_STREAM)}")
    config.write_text(f'{text}\nmedia: {{ports: "32002-32101", workers: 1}}\n')
    printed = folder / "service.log"
    with printed.open("wb") as log:
        service = subprocess.Popen(
            [sys.executable, str(folder / "service.py"), "--port", str(service_port)],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            with Daemon(config) as daemon:
                yield daemon, printed
        finally:
            service.terminate()
            service.wait(10)


def ivr(daemon: Daemon, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ivr", "--config", str(daemon.config), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{daemon.log()}"
    return done.stdout


def test_a_balance_is_asked_for_over_http_and_said(examples: tuple[Daemon, Path]) -> None:
    daemon, printed = examples
    shown = ivr(daemon, "demo", "--number", "202", "--press", "1001", "--press", "2468")
    for element, branch in (("account", "collected"), ("ask_bank", "success"), ("say_balance", "audio_played")):
        assert re.search(rf"^ +\d+\.\d\d  {element} .*-> {branch}", shown, re.M), shown
    assert "2468" not in shown.partition("The way of the call")[2]
    assert "POST /bank/balance -> 200" in printed.read_text()


def test_an_event_begins_a_reminder_that_sends_an_sms(examples: tuple[Daemon, Path]) -> None:
    daemon, printed = examples
    token = ivr(daemon, "token", "create", "--name", "diary", "--scope", "events").split()[-1]
    properties = {"number": "+15550199", "date": time.strftime("%Y-%m-%d"), "time": "23:30"}
    daemon.post("/v1/events", {"name": "appointment.booked", "properties": properties}, token)
    deadline = time.monotonic() + START_SECONDS
    while "SMS to +15550199: Your appointment" not in printed.read_text():
        assert time.monotonic() < deadline, f"{printed.read_text()}\n{daemon.log()}"
        time.sleep(0.05)
