"""What goes wrong around a daemon: configuration, flows, prompts, disk, ports, signals, death. Each ends clearly."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.interop.conftest import RTP_PORTS, make_config
from tests.kit.caller import RawCaller
from tests.kit.daemon import Daemon
from tests.kit.processes import children
from tests.kit.sound import CLEAR, found_pieces, read_wav, speechlike, ulaw
from tests.kit.waiting import wait_until

pytestmark = pytest.mark.interop

FLOWS = {
    "voicemail": """
        elements:
          start: {type: start_incoming_call, numbers: ["100"], next: message}
          message: {type: record_voicemail, name: message, max_duration: 60s, max_silence: 0, beep: false, next: done,
                    branches: {error: sorry}}
          sorry: {type: play, file: played.wav, next: done}
          done: {type: hang_up}
    """,
    "quiet": """
        elements:
          start: {type: start_incoming_call, numbers: ["101"], next: wait}
          wait: {type: collect, max_digits: 1, wait: 60s, next: done, branches: {no_match: done}}
          done: {type: hang_up}
    """,
    "music": """
        elements:
          start: {type: start_incoming_call, numbers: ["102"], next: sound}
          sound: {type: play, file: played.wav, loop: 20, next: done}
          done: {type: hang_up}
    """,
    "missing": """
        elements:
          start: {type: start_incoming_call, numbers: ["103"], next: gone}
          gone: {type: play, file: gone.wav, next: sound}
          sound: {type: play, file: played.wav, next: done}
          done: {type: hang_up}
    """,
}
ANOTHER = """
    elements:
      start: {type: start_incoming_call, numbers: ["104"], next: done}
      done: {type: hang_up}
"""
BROKEN = """
    elements:
      start: {type: start_incoming_call, numbers: ["104"], next: nowhere}
      done: {type: hang_up}
"""


LIMIT_OF_ONE_SOURCE = 5
"""Calls a second: fewer than the test can start."""


def make_daemon(folder: Path, change: Callable[[str], str] = lambda text: text) -> Daemon:
    """A daemon in `folder`, its configuration passed through `change`."""
    config = make_config(folder, FLOWS)
    config.write_text(change(config.read_text()))
    return Daemon(config)


def serve(config: Path) -> subprocess.CompletedProcess[str]:
    """`ivr serve` that is expected to end by itself."""
    command = [sys.executable, "-m", "ivr", "--config", str(config), "serve"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def sockets_of(pid: int) -> int:
    """How many sockets a process has: of the media workers, the one with calls has the most."""
    return sum("socket:" in str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir())


def kill(pid: int) -> None:
    """Kill a process of a daemon of ours, without giving it a chance."""
    os.kill(pid, signal.SIGKILL)


@contextmanager
def talking(caller: RawCaller, samples: np.ndarray[Any, np.dtype[np.float64]]) -> Iterator[None]:
    """Speak in a thread while the body runs."""
    thread = threading.Thread(target=caller.speak, args=(ulaw(samples),))
    thread.start()
    try:
        yield
    finally:
        thread.join()


def path_of(record: dict[str, Any]) -> list[tuple[str, str]]:
    """Elements with their branches."""
    return [(step["element"], step["branch"]) for step in record["path"]]


# Before calls


def test_a_bad_configuration_is_told_with_its_line(tmp_path: Path) -> None:
    config = make_config(tmp_path / "it", FLOWS, extra="surprise: 1\nretention: {recordings_age: soon}\n")
    lines = config.read_text().splitlines()
    done = serve(config)
    assert done.returncode == 1
    for word in ("surprise", "recordings_age"):
        number = next(n for n, line in enumerate(lines, 1) if word in line)
        assert any(f"{config}:{number}" in line and word in line for line in done.stderr.splitlines()), done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_flow_is_told_with_its_place(tmp_path: Path) -> None:
    config = make_config(tmp_path / "it", {**FLOWS, "broken": BROKEN})
    done = serve(config)
    assert done.returncode == 1
    told = next(line for line in done.stderr.splitlines() if "broken.yaml" in line)
    for part in ("broken.yaml:3", "start", "next", "nowhere"):
        assert part in told, told
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    config = make_config(tmp_path / "it", FLOWS)
    port = int(config.read_text().split("udp:127.0.0.1:")[1].split("'")[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port))
        done = serve(config)
    assert done.returncode == 1
    assert str(port) in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


# While calls are taken


def test_a_bad_flow_never_replaces_a_good_one(tmp_path: Path) -> None:
    with make_daemon(tmp_path / "it") as daemon:
        (daemon.folder / "flows" / "new.yaml").write_text(BROKEN)
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: "nothing is taken up anew" in daemon.log(), "a refusal in the log")
        assert "new.yaml:3" in daemon.log()
        with RawCaller(daemon.sip_port) as caller:
            caller.call("101")
        (daemon.folder / "flows" / "new.yaml").write_text(ANOTHER)
        with RawCaller(daemon.sip_port) as caller:
            assert caller.try_call("104").status in (401, 404)
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: f"{len(FLOWS) + 1} flows in force" in daemon.log(), "the new flows")
        with RawCaller(daemon.sip_port) as caller:
            caller.call("104")
            assert caller.ended.wait(5)


def test_a_missing_prompt_does_not_end_the_call(tmp_path: Path) -> None:
    with make_daemon(tmp_path / "it") as daemon:
        with RawCaller(daemon.sip_port) as caller:
            caller.call("103")
            caller.be_silent(2.0)
        record = daemon.records(1)[-1]
        assert path_of(record)[:2] == [("start", "next"), ("gone", "audio_played")]
        assert record["path"][2]["element"] == "sound"
        assert "gone.wav" in daemon.log()
        assert len(caller.packets) > 50


@contextmanager
def full_disk(folder: Path) -> Iterator[bool]:
    """A file system of 64 kB at `folder`; False where mounting is not permitted."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def leave_a_long_message(daemon: Daemon) -> dict[str, Any]:
    """Speak 6 s (96 kB) into number 100, then stay until the daemon hangs up; the record."""
    with RawCaller(daemon.sip_port) as caller:
        caller.call("100")
        with talking(caller, speechlike(9.0, 5)):
            assert caller.ended.wait(15)
        count = sum(packet.payload_type == 0 for packet in caller.packets)
        assert count > 150, "the apology was not played"
    return daemon.records(1)[-1]


def test_a_full_disk_ends_the_recording_not_the_call(tmp_path: Path) -> None:
    with full_disk(tmp_path / "it" / "var" / "recordings") as mounted:
        if not mounted:
            pytest.skip("mounting a file system is not permitted here: the next test limits the file instead")
        with make_daemon(tmp_path / "it") as daemon:
            record = leave_a_long_message(daemon)
            assert ("message", "error") in path_of(record)
            assert record["cause"] == "ended_by_flow"
            assert "Traceback" not in daemon.log()


@pytest.mark.heavy  # a full disk, which is tried each time, ends the same way
def test_a_file_that_cannot_grow_ends_the_recording_not_the_call(tmp_path: Path) -> None:
    with make_daemon(tmp_path / "it") as daemon:
        for pid in children(daemon.process.pid):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (60_000, 60_000))
        record = leave_a_long_message(daemon)
        assert ("message", "error") in path_of(record)
        assert record["cause"] == "ended_by_flow"
        assert "Traceback" not in daemon.log()


def test_calls_beyond_the_ports_are_refused_and_others_go_on(tmp_path: Path) -> None:
    def few_ports(text: str) -> str:
        first = int(text.split("ports: '")[1].split("-")[0])
        return text.replace(f"{first}-{first + RTP_PORTS - 1}", f"{first}-{first + 5}")

    with make_daemon(tmp_path / "it", few_ports) as daemon:
        callers = [RawCaller(daemon.sip_port) for _ in range(4)]
        for caller in callers:
            caller.__enter__()
        try:
            for caller in callers[:3]:
                caller.call("102")
            refused = callers[3].try_call("102")
            assert refused.status == 503
            assert int(refused.headers["retry-after"]) > 0
            counts = [len(caller.packets) for caller in callers[:3]]
            callers[0].be_silent(0.5)
            for caller, count in zip(callers, counts, strict=False):
                assert len(caller.packets) - count > 20, "the sound stopped"
            assert callers[0].hang_up() == 200

            def taken() -> bool:
                with RawCaller(daemon.sip_port) as again:
                    return again.try_call("102").status == 200

            wait_until(taken, "the port that became free")
        finally:
            for caller in callers:
                caller.__exit__()


@pytest.mark.heavy
def test_one_address_cannot_take_all(tmp_path: Path) -> None:
    def one_address(text: str) -> str:
        limit = f"limits: {{calls_per_second_per_source: {LIMIT_OF_ONE_SOURCE}, "
        return text.replace(", trusted: [127.0.0.0/8]", "").replace("limits: {", limit)

    with make_daemon(tmp_path / "it", one_address) as daemon:
        statuses = []
        for _ in range(LIMIT_OF_ONE_SOURCE + 30):
            with RawCaller(daemon.sip_port) as caller:
                reply = caller.try_call("101")
                statuses.append(reply.status)
                if reply.status == 503:
                    assert int(reply.headers["retry-after"]) > 0
        assert statuses[:LIMIT_OF_ONE_SOURCE] == [200] * LIMIT_OF_ONE_SOURCE
        assert 503 in statuses
        with RawCaller(daemon.sip_port, host="127.0.0.8") as other:
            other.call("101")


def test_a_worker_that_dies_ends_its_calls_alone(tmp_path: Path) -> None:
    with make_daemon(tmp_path / "it") as daemon:
        with RawCaller(daemon.sip_port) as caller:
            caller.call("102")
            caller.be_silent(0.2)
            kill(max(children(daemon.process.pid), key=sockets_of))
            assert caller.ended.wait(5)
        record = daemon.records(1)[-1]
        assert record["cause"] in ("system", "network")

        def heard() -> bool:
            with RawCaller(daemon.sip_port) as again:
                if again.try_call("102").status != 200:
                    return False
                again.be_silent(0.5)
                return len(again.packets) > 10

        wait_until(heard, "calls by another worker")


# The end


def test_sigterm_lets_a_call_end_and_takes_no_new_one(tmp_path: Path) -> None:
    long = tmp_path / "it"
    with make_daemon(long, lambda text: text.replace("drain_timeout: 2s", "drain_timeout: 30s")) as daemon:
        with RawCaller(daemon.sip_port) as caller, RawCaller(daemon.sip_port) as late:
            caller.call("102")
            daemon.signal(signal.SIGTERM)
            wait_until(lambda: "stopping" in daemon.log(), "the stop in the log")
            refused = late.try_call("102")
            assert (refused.status, int(refused.headers["retry-after"]) > 0) == (503, True)
            count = len(caller.packets)
            caller.be_silent(0.5)
            assert len(caller.packets) - count > 10, "the sound stopped"
            assert caller.hang_up() == 200
            assert daemon.process.wait(10) == 0
        assert daemon.records(1)[-1]["cause"] == "user_hung_up"


def test_sigterm_ends_calls_that_last_too_long(tmp_path: Path) -> None:
    with make_daemon(tmp_path / "it", lambda text: text.replace("drain_timeout: 2s", "drain_timeout: 1s")) as daemon:
        with RawCaller(daemon.sip_port) as caller:
            caller.call("101")
            daemon.signal(signal.SIGTERM)
            assert caller.ended.wait(5)
            assert daemon.process.wait(10) == 0
        assert daemon.records(1)[-1]["cause"] == "system"


def test_a_killed_daemon_loses_half_a_second_of_a_recording_at_most(tmp_path: Path) -> None:
    said = speechlike(4.0, 9)
    with make_daemon(tmp_path / "it") as daemon:
        with RawCaller(daemon.sip_port) as caller:
            caller.call("100")
            caller.speak(ulaw(said))
            for pid in [daemon.process.pid, *children(daemon.process.pid)]:
                kill(pid)
            daemon.process.wait(5)
            caller.ended.set()
        files = list((daemon.folder / "var" / "recordings").glob("*.wav"))
        assert len(files) == 1, files
        kept = read_wav(files[0])[:, 0]
    # Besides what was not written yet, what the jitter buffer holds is not in it.
    assert len(kept) / 8000 > 4.0 - 0.5 - 0.1, len(kept)
    assert found_pieces(kept, said) >= CLEAR
