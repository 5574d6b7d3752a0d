"""A campaign against SIPp, which answers, is busy, declines, rings for ever, and cannot: both have the same books."""

from __future__ import annotations

import csv
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import free_port
from tests.interop.conftest import make_config
from tests.kit.daemon import Daemon
from tests.kit.sipp import HOST, SCENARIOS, require

pytestmark = pytest.mark.interop

FLOW = """
elements:
  start: {type: start_from_audience, next: call}
  call: {type: start_outgoing_call, line: carrier, ring_timeout: 1s, next: bye}
  bye: {type: hang_up}
"""
RESULTS = ("answered", "busy", "declined", "no_answer", "failed")


def config(folder: Path, port: int) -> Path:
    line = f"lines:\n  carrier: {{type: sip_trunk, host: 127.0.0.1, port: {port}}}\n"
    return make_config(folder / "daemon", {"survey": FLOW}, extra=line)


def campaign(folder: Path, count: int, speed: int) -> tuple[dict[str, Any], dict[str, int], dict[str, int]]:
    """What the daemon says of a campaign that is over, what its contacts are by CSV, and what SIPp counted."""
    port = free_port()
    path, figures = config(folder, port), folder / "sipp.csv"
    line = [require("sipp"), "-sf", str(SCENARIOS / "callee.xml"), "-i", HOST, "-p", str(port), "-m", str(count)]
    line += ["-mp", str(free_port() & ~1), "-nostdin", "-trace_err", "-trace_stat", "-stf", str(figures)]
    line += ["-fd", "1", "-timeout", f"{60 + count // speed}s", "-timeout_error"]
    with (folder / "sipp.log").open("wb") as log, Daemon(path) as daemon:
        sipp = subprocess.Popen(line, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
        try:
            contacts = [{"number": f"+4930{n:06}"} for n in range(count)]
            body = {"flow": "survey", "speed": f"{speed * 60}/minute", "contacts": contacts}
            key = daemon.post("/v1/campaigns", body)["id"]
            deadline = time.monotonic() + 30 + 2 * count / speed
            while (shown := daemon.get(f"/v1/campaigns/{key}"))["state"] != "finished":
                assert time.monotonic() < deadline, (shown, daemon.log()[-3000:])
                time.sleep(0.1)
            assert sipp.wait(20) == 0, (folder / "sipp.log").read_text(errors="replace")[-3000:]
        finally:
            if sipp.poll() is None:
                sipp.kill()
                sipp.wait()
    with figures.open() as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    counted = {name: int(last[f"{name}(C)"]) for name in RESULTS}
    return shown, counted, {"calls": int(last["TotalCallCreated"]), "failed": int(last["FailedCall(C)"])}


def check(folder: Path, count: int, speed: int) -> None:
    shown, counted, calls = campaign(folder, count, speed)
    assert calls == {"calls": count, "failed": 0}
    assert shown["results"] == counted == dict.fromkeys(RESULTS, count // len(RESULTS))
    assert sum(shown["results"].values()) == shown["contacts"] == count
    assert (shown["attempts"], shown["states"]) == (count, {"waiting": 0, "running": 0, "done": count})


def test_sixty_contacts_end_with_exact_books(tmp_path: Path) -> None:
    check(tmp_path, 60, 40)


@pytest.mark.heavy
@pytest.mark.timeout(180)
def test_a_thousand_contacts_end_with_exact_books(tmp_path: Path) -> None:
    check(tmp_path, 1000, 40)
