"""A daemon: where it binds sound, and what it tells its service manager while it runs."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.daemon.configured import media_hosts
from ivr.settings import Listener
from tests.conftest import free_port
from tests.kit.daemon import Daemon

WAIT = 20.0
CONFIG = """
sip: {{listen: ["udp:127.0.0.1:{sip}"]}}
media: {{ports: "32162-32181", workers: 1}}
http: {{listen: "127.0.0.1:{http}"}}
log: {{file: log/ivr.log, format: json}}
"""


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(WAIT)
        yield sock


def until(manager: socket.socket, state: str) -> list[str]:
    """What is told up to a state."""
    told: list[str] = []
    deadline = time.monotonic() + WAIT
    while not told or not told[-1].startswith(state):
        assert time.monotonic() < deadline, told
        told.append(manager.recv(500).decode())
    return told


def test_a_life(manager: socket.socket, tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    config = tmp_path / "ivr.yaml"
    config.write_text(CONFIG.format(sip=free_port(), http=free_port(socket.SOCK_STREAM)))
    environ = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "900000"}
    with Daemon(config, environ) as daemon:
        assert "READY=1" in until(manager, "READY=1")
        until(manager, "STATUS=0 calls in progress")
        for _ in range(3):
            until(manager, "WATCHDOG=1")
        daemon.signal(signal.SIGHUP)
        assert "MONOTONIC_USEC=" in until(manager, "RELOADING=1")[-1]
        until(manager, "READY=1")
        daemon.signal(signal.SIGTERM)
        until(manager, "STOPPING=1")
    lines = (tmp_path / "log" / "ivr.log").read_text().splitlines()
    assert '"logger": "ivr.daemon"' in lines[-1]
    assert "ivr.daemon" not in daemon.log()


@pytest.mark.parametrize(
    ("hosts", "devices", "bound"),
    [
        (["192.0.2.1"], False, ("192.0.2.1", "")),
        (["192.0.2.1", "127.0.0.1"], False, ("0.0.0.0", "")),
        (["2001:db8::1"], False, ("2001:db8::1", "")),
        (["192.0.2.1", "2001:db8::1"], False, ("192.0.2.1", "2001:db8::1")),
        # Lines on hardware reach what is bound to any address of this machine; without IPv4 they need one more.
        (["192.0.2.1"], True, ("192.0.2.1", "")),
        (["0.0.0.0"], True, ("0.0.0.0", "")),
        (["2001:db8::1"], True, ("127.0.0.1", "2001:db8::1")),
    ],
)
def test_where_sound_is_bound(hosts: list[str], devices: bool, bound: tuple[str, str]) -> None:
    assert media_hosts([Listener("udp", host, 5060) for host in hosts], devices) == bound
