"""Torture messages, mutated INVITEs and bad RTP against the live daemon: it judges them right and stays alive."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.daemon import Daemon

pytestmark = pytest.mark.interop

PROVING = Path(__file__).resolve().parents[3] / "shared" / "proving"
TORTURE_RIGHT = 41
"""Of 42 messages, over UDP."""


def _tool(*arguments: str) -> str:
    if not PROVING.exists():
        pytest.skip(f"{PROVING} is not part of this copy: tests/sip/torture has cases of ours")
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=110, check=True).stdout


def test_torture_messages(daemon: Daemon, tmp_path: Path) -> None:
    result = tmp_path / "torture.json"
    target = f"127.0.0.1:{daemon.sip_port}"
    report = _tool(
        str(PROVING / "torture" / "run_torture.py"), "--target", target, "--json", str(result), "--wait", "0.6"
    )
    judged = json.loads(result.read_text())
    assert all(case["alive"] for case in judged), report
    assert sum(case["ok"] for case in judged) >= TORTURE_RIGHT, report


def test_mutated_invites(daemon: Daemon) -> None:
    report = json.loads(
        _tool(
            str(PROVING / "corpus" / "protos.py"),
            "--zip",
            str(PROVING / "corpus" / "protos_c07" / "protos_c07_open.zip"),
            "--target",
            f"127.0.0.1:{daemon.sip_port}",
            "--pid",
            str(daemon.process.pid),
        ).splitlines()[-1]
    )
    assert report["probes_lost"] == 0, report
    assert report["worst_probe_s"] < 1.0, report
    before, after = report["rss_kB"]
    assert after - before < 50_000, report
    assert daemon.process.poll() is None
    assert "Traceback" not in daemon.log()
