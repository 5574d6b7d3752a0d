"""A daemon calls SIPp, which answers in every way that called sides have; each takes its branch."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ivr.settings import load_settings
from tests.conftest import free_port
from tests.interop.conftest import make_config
from tests.kit import sipp
from tests.kit.daemon import Daemon
from tests.kit.sipp_callee import Callee
from tests.kit.sound import CLEAR, found_pieces, speechlike, ulaw

pytestmark = pytest.mark.interop

FLOW = """
variables: {line: ""}
elements:
  start: {type: start_from_audience, save: {line: line}, next: dial}
  dial:
    type: start_outgoing_call
    line: "{{ line }}"
    ring_timeout: 3s
    record_call: true
    early_media: EARLY
    branches: {call_answered: sound, no_answer: missed, busy: taken, declined: refused, call_ended: failed}
  sound: {type: play, file: played.wav, branches: {user_hung_up: left}, next: bye}
  bye: {type: hang_up}
  left: {type: tag, tags: [left]}
  missed: {type: tag, tags: [missed]}
  taken: {type: tag, tags: [taken]}
  refused: {type: tag, tags: [refused]}
  failed: {type: tag, tags: [failed]}
"""
TAKES = """
variables: {name: ""}
elements:
  begin: {type: start_incoming_call, numbers: ["100"], next: bye}
  bye: {type: hang_up}
"""
FLOWS = {"takes": TAKES, "out": FLOW.replace("EARLY", "heard"), "deaf": FLOW.replace("EARLY", "ignored")}
HEARD = speechlike(2.0, 11)
"""What the called side says."""

CALLEES: dict[str, tuple[str | int | float, ...]] = {
    "busy": (180, 486),
    "declined": (180, 603),
    "unavailable": (480,),
    "times_out": (180, 0.3, 408),
    "rings_for_ever": (180, "cancelled", 487),
    "crosses": (180, "cancelled", 200, "ack", "bye"),
    "no_route": (404,),
    "nobody_anywhere": (604,),
    "moved": ("302 Contact: <sip:elsewhere@192.0.2.1>",),
    "network_says_busy": ('503 Reason: Q.850;cause=17;text="User busy"',),
    "full": ("503 Retry-After: 30",),
    "answers": (180, 200, "ack", 0.3, "sound", 2.3, "hangs up"),
    "stands_in": (200, "ack", 0.2, "hangs up"),
    "hangs_up": (180, 200, "ack", 0.5, "hangs up"),
    "early": (183, "sound", 1.3, 486),
    "early_ignored": (183, 0.2, 486),
    "cli_busy": (180, 486),
    "cli_answers": (180, 0.3, 200, "ack", "bye"),
}
BY_COMMAND = ("cli_busy", "cli_answers")
"""Those that `ivr call` calls."""
EXPECTED: dict[str, tuple[str, str, int | None, str]] = {
    "busy": ("taken", "busy", 486, "busy"),
    "declined": ("refused", "declined", 603, "declined"),
    "unavailable": ("missed", "no_answer", 480, "unavailable"),
    "times_out": ("missed", "no_answer", 408, "no_answer"),
    "rings_for_ever": ("missed", "no_answer", None, "no_answer"),
    "crosses": ("missed", "no_answer", None, "no_answer"),
    "no_route": ("failed", "failed", 404, "unknown_number"),
    "nobody_anywhere": ("failed", "failed", 604, "unknown_number"),
    "moved": ("failed", "failed", 302, "moved"),
    "network_says_busy": ("taken", "busy", 503, "busy"),
    "silent": ("failed", "failed", None, "no_response"),
    "answers": ("left", "answered", 200, ""),
    "full": ("left", "answered", 200, ""),
    "hangs_up": ("left", "answered", 200, ""),
    "early": ("taken", "busy", 486, "busy"),
    "early_ignored": ("taken", "busy", 486, "busy"),
}


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, dict[str, dict[str, Any]], Path]]:
    """Every callee is called once, all at the same time: the records by name of the line, and the callees' folder."""
    folder = tmp_path_factory.mktemp("called")
    callees = {name: Callee(folder / name, *steps) for name, steps in CALLEES.items()}
    for callee in callees.values():
        sipp.write_pcap(callee.folder / "rtp.pcap", sipp.tone_packets(np.frombuffer(ulaw(HEARD), np.uint8)))
    ports = {name: callee.port for name, callee in callees.items()} | {"silent": free_port()}
    lines = "".join(
        f"  {name}: {{type: sip_trunk, host: 127.0.0.1, port: {port}"
        f"{', failover: [stands_in]' if name == 'full' else ''}}}\n"
        for name, port in ports.items()
    )
    with contextlib.ExitStack() as stack:
        for callee in callees.values():
            stack.enter_context(callee)
        for callee in callees.values():
            callee.until_listening()
        daemon = stack.enter_context(Daemon(make_config(folder / "ivr", FLOWS, extra=f"lines:\n{lines}")))
        ids = {}
        for name in EXPECTED:
            flow = "deaf" if name == "early_ignored" else "out"
            body = {"to": "+15550100", "flow": flow, "properties": {"line": name}, "payload": {"asked": name}}
            ids[name] = daemon.post("/v1/calls", body)["id"]
        daemon.records(len(ids), 20.0)
        records = {name: daemon.get(f"/v1/calls/{one}") for name, one in ids.items()}
        for name, callee in callees.items():
            if name in BY_COMMAND:
                continue
            assert callee.finished() == 0, f"{name}\n{callee.explain()}\n{daemon.log()}"
        yield daemon, records, folder


Called = tuple[Daemon, dict[str, dict[str, Any]], Path]


@pytest.mark.parametrize("name", list(EXPECTED))
def test_each_takes_its_branch(called: Called, name: str) -> None:
    _, records, _ = called
    record = records[name]
    last, outcome, code, word = EXPECTED[name]
    attempt = record["details"]["attempts"][-1]
    assert record["state"] == "ended"
    assert record["path"][-1]["element"] == last
    assert (attempt["outcome"], attempt.get("sip_code"), attempt.get("status", "")) == (outcome, code, word)
    assert record["direction"] == "outbound"
    assert record["details"]["payload"] == {"asked": name}


def test_a_line_that_is_full_is_followed_by_the_next(called: Called) -> None:
    _, records, _ = called
    assert records["full"]["line"] == "stands_in"
    assert records["full"]["cause"] == "user_hung_up"


def test_the_trace_shows_both_lines(called: Called) -> None:
    daemon, records, _ = called
    path = f"{daemon.http}/v1/messages?call_id={records['full']['sip_call_id']}"
    token = load_settings(daemon.config).token_file.read_text()
    request = urllib.request.Request(path, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        texts = [message["text"] for message in json.load(answer)["messages"]]
    assert sum(text.startswith("INVITE ") for text in texts) == 2
    assert sum(text.startswith("BYE ") for text in texts) == 1


def test_nothing_is_left(called: Called) -> None:
    daemon, _, _ = called
    assert daemon.get("/v1/calls") == {"calls": []}


def test_the_command_watches_a_call(called: Called) -> None:
    daemon, _, folder = called
    command = [sys.executable, "-m", "ivr", "--config", str(folder / "ivr" / "ivr.yaml"), "call", "+15550100"]
    words = {
        "cli_busy": ["--flow", "out", "--var", "line=cli_busy"],
        "cli_answers": ["--flow", "takes", "--line", "cli_answers", "--var", "name=Anna", "--record", "--json"],
    }
    with contextlib.ExitStack() as stack:
        started = {
            name: stack.enter_context(
                subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            )
            for name, more in words.items()
        }
        told = {name: (*process.communicate(timeout=30), process.returncode) for name, process in started.items()}
    out, error, code = told["cli_busy"]
    assert code == 1, error
    for text in ("calling +15550100 by line cli_busy", "ringing", "busy: busy (486)", "over: ended_by_flow"):
        assert text in out
    out, error, code = told["cli_answers"]
    assert code == 0, f"{error}\n{daemon.log()}"
    record = json.loads(out)
    assert [step["element"] for step in record["path"]] == ["start", "dial", "talk", "begin", "bye"]
    assert (record["flow"], record["cause"], record["state"]) == ("takes", "ended_by_flow", "ended")


def _recording(folder: Path, record: dict[str, Any]) -> list[Path]:
    return sorted((folder / "ivr" / "var" / "recordings").glob(f"*{record['short_id']}*.wav"))


def test_both_sides_are_heard_and_recorded(called: Called) -> None:
    _, records, folder = called
    (path,) = _recording(folder, records["answers"])
    sound = read_stereo(path)
    assert found_pieces(HEARD, sound[0]) >= CLEAR
    assert found_pieces(speechlike(4.0, 7)[:12000], sound[1]) >= CLEAR


def test_early_media_is_recorded_where_it_is_heard(called: Called) -> None:
    _, records, folder = called
    (path,) = _recording(folder, records["early"])
    assert found_pieces(HEARD[:8000], read_stereo(path)[0]) >= CLEAR
    assert not _recording(folder, records["early_ignored"])


def read_stereo(path: Path) -> Any:
    import wave

    with wave.open(str(path)) as file:
        assert file.getnchannels() == 2
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return samples.reshape(-1, 2).T.astype(np.float64)


@pytest.mark.heavy
def test_a_daemon_that_is_killed_while_it_rings_calls_nobody_again(tmp_path: Path) -> None:
    with Callee(tmp_path / "callee", 180, 60.0) as callee:
        callee.until_listening()
        lines = f"lines:\n  pbx: {{type: sip_trunk, host: 127.0.0.1, port: {callee.port}}}\n"
        config = make_config(
            tmp_path / "ivr", {"out": FLOW.replace("EARLY", "heard").replace("3s", "30s")}, extra=lines
        )
        with Daemon(config) as daemon:
            call = daemon.post("/v1/calls", {"to": "+15550100", "flow": "out", "properties": {"line": "pbx"}})
            deadline = time.monotonic() + 10
            while daemon.get(f"/v1/calls/{call['id']}")["state"] != "ringing":
                assert time.monotonic() < deadline
                time.sleep(0.05)
            daemon.kill()
        with Daemon(config) as daemon:
            (record,) = daemon.records(1)
            assert record["id"] == call["id"]
            assert [one["status"] for one in record["details"]["attempts"]] == ["interrupted"]
            assert record["path"][-1]["element"] == "failed"
