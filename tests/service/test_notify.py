"""What the service manager hears."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.service import ServiceManager


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(2.0)
        yield sock


def manager(heard: socket.socket, **more: str) -> ServiceManager:
    return ServiceManager({"NOTIFY_SOCKET": heard.getsockname(), **more})


def test_a_reload_is_told_with_its_moment(heard: socket.socket) -> None:
    before = time.monotonic_ns() // 1000
    service = manager(heard)
    service.reloading()
    state, moment = heard.recv(200).decode().split("\n")
    assert state == "RELOADING=1"
    assert before <= int(moment.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
    service.ready()
    assert heard.recv(200) == b"READY=1"


def test_a_status_is_told_once_and_in_one_line(heard: socket.socket) -> None:
    service = manager(heard)
    service.status("12 calls,\nall well")
    service.status("12 calls, all well")
    service.stopping()
    assert heard.recv(200) == b"STATUS=12 calls, all well"
    assert heard.recv(200) == b"STOPPING=1"


def test_nobody_listens(tmp_path: Path) -> None:
    ServiceManager({}).ready()
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()


def test_an_abstract_socket() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        name = f"ivr-test-{os.getpid()}"
        sock.bind(f"\0{name}")
        sock.settimeout(2.0)
        ServiceManager({"NOTIFY_SOCKET": f"@{name}"}).well()
        assert sock.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_how_often_the_watchdog_wants_to_hear(environ: dict[str, str], seconds: float | None) -> None:
    assert ServiceManager(environ).watchdog == seconds
