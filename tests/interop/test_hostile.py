"""The torture messages of RFC 4475 and RFC 5118 against the live daemon, over UDP and TCP: it judges them right."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.conftest import daemon_on_both
from tests.kit.daemon import Daemon
from tests.kit.hostile import PROVING

pytestmark = pytest.mark.interop

TORTURE_RIGHT = 41
"""Of 42 messages."""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon that listens on UDP and TCP; for each test its own, else it knows the messages already."""
    with daemon_on_both(tmp_path) as running:
        yield running


def _tool(*arguments: str) -> str:
    if not PROVING.exists():
        pytest.skip(f"{PROVING} is not part of this copy: tests/sip/torture has cases of ours")
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=110, check=True).stdout


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_torture_messages(daemon: Daemon, tmp_path: Path, transport: str) -> None:
    result = tmp_path / "torture.json"
    target = f"127.0.0.1:{daemon.sip_port}"
    script = str(PROVING / "torture" / "run_torture.py")
    report = _tool(script, "--target", target, "--transport", transport, "--json", str(result), "--wait", "0.2")
    judged = json.loads(result.read_text())
    assert all(case["alive"] for case in judged), report
    assert sum(case["ok"] for case in judged) >= TORTURE_RIGHT, report
    assert "Traceback" not in daemon.log()
