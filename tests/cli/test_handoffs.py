"""`ivr demo --handoffs`, and the sentences that it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ivr.cli.handoffs import sentence
from tests.kit.sipp import require
from tests.kit.sound import read_wav


@pytest.mark.interop
@pytest.mark.heavy  # each hand-off is tried by itself, too
def test_three_callers_are_handed_over(tmp_path: Path) -> None:
    require("espeak-ng")
    command = [sys.executable, "-m", "ivr", "demo", "--handoffs", "--keep", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=False, cwd=tmp_path)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    told = iter(done.stdout.splitlines())
    for expected in (
        "the desk shows: Order 4711",
        "Anna answers after",
        "the AI agent front has the caller",
        "gives the call back: transfer_requested",
        "Anna answers after",
        "the application menu has the caller",
        "the call is over",
        "can be deleted",
    ):
        assert any(expected in line for line in told), f"{expected}:\n{done.stdout}"
    for sound in re.findall(r"both sides: (.*?\.wav)", done.stdout):
        assert abs(read_wav(Path(sound))[:, 0]).max() > 3000, f"{sound}: the caller heard nothing"


@pytest.mark.parametrize(
    ("event", "data", "said"),
    [
        ("queue.joined", {"queue": "sales", "position": 2}, "> the caller waits in the queue sales, place 2"),
        ("ai.ended", {"agent": "front", "reason": "completed"}, "> the AI agent gives the call back: completed"),
        (
            "agent.offered",
            {"agent": "anna", "origin": "Order 7", "packet": {"call": {"short_id": 3}, "tags": ["vip"]}},
            "> Anna's phone rings; the desk shows: Order 7 · call 3 · vip",
        ),
        ("call.ended", {"cause": "user_hung_up", "seconds": 3.25}, "  the call is over: user_hung_up, 3.2 s"),
        ("agent.status", {"agent": "anna"}, None),
    ],
)
def test_events_are_said_for_people(event: str, data: dict[str, object], said: str | None) -> None:
    assert sentence(event, {"data": data}) == said


def test_staying_is_for_the_demonstration_of_hand_offs() -> None:
    command = [sys.executable, "-m", "ivr", "demo", "--stay"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "--stay goes with --handoffs" in done.stderr) == (2, True)
