"""What all tests share: free ports, and configurations of their own."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from ivr.settings import Settings, parse_settings

FIRST_RTP_PORT = 30_000
RTP_PORTS = 400
"""A range apart from that of the example configuration, so that tests run beside a daemon."""


FREE_PORTS = range(10_000, 20_000, 2)
"""Below those that the kernel gives to sockets without a wish (32768 and up), so that none of these takes a port
between the moment it is chosen and the moment its program binds it. Even ones: a phone may take the next for TLS."""
_next_port = itertools.count(os.getpid() * 1907)
"""Processes that run side by side begin far apart: SIPp takes ports beside the one that it is given."""


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port of loopback that nobody has, and that is not given out again soon."""
    for number in itertools.islice(_next_port, len(FREE_PORTS)):
        port = FREE_PORTS[number % len(FREE_PORTS)]
        with socket.socket(socket.AF_INET, kind) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError(f"no port between {FREE_PORTS.start} and {FREE_PORTS.stop} is free")


REAL_TIME = {
    "api/test_contract.py": pytest.mark.patient,
    "cli/test_demo.py": pytest.mark.patient,
    "cli/test_handoffs.py": pytest.mark.patient,
    "deploy": pytest.mark.patient,
    "devices/modem/test_hardware.py": pytest.mark.patient,
    "devices/modem/test_live.py": pytest.mark.patient,
    "docs/test_tutorials.py": pytest.mark.patient,
    "drills": pytest.mark.alone,
    "examples/test_live.py": pytest.mark.patient,
    "handoff/test_ai_live.py": pytest.mark.patient,
    "handoff/test_ai_vices.py": pytest.mark.patient,
    "interop": pytest.mark.alone,
    "interop/test_campaigns.py": pytest.mark.patient,
    "interop/test_console.py": pytest.mark.patient,
    "interop/test_console_page.py": pytest.mark.patient,
    "interop/test_queue.py": pytest.mark.patient,
    "interop/test_agents.py": pytest.mark.patient,
    "interop/test_applications.py": pytest.mark.patient,
    "interop/test_outside.py": pytest.mark.patient,
    "interop/test_pyvoip.py": pytest.mark.patient,
    "interop/test_restarts.py": pytest.mark.patient,
    "interop/test_secrecy.py": pytest.mark.patient,
    "interop/test_sipp.py": pytest.mark.patient,
    "interop/test_soundcard_line.py": pytest.mark.patient,
    "interop/test_two_runtimes.py": pytest.mark.patient,
    "media/test_pool.py": pytest.mark.alone,
    "media/test_streams.py": pytest.mark.alone,
    "webhooks/test_kill.py": pytest.mark.patient,
}
"""Tests in real time, with ports of their own. All others run side by side on every core; of these, one runs after the
other: those that measure and must not be crowded, and beside them those that mostly wait."""


def pytest_configure() -> None:
    """Have property tests try the same examples each time: what must pass before a change lands fails for what has
    changed alone. ``HYPOTHESIS_PROFILE=default``, which ``deploy/test.sh --heavy`` sets, tries others. No example has a
    deadline: they must hold on a busy machine too."""
    settings.register_profile("default", deadline=None)
    settings.register_profile("same", settings.get_profile("default"), derandomize=True)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def _lane_of(path: Path) -> pytest.MarkDecorator | None:
    here = Path(__file__).parent
    places = (place.relative_to(here).as_posix() for place in (path, *path.parents) if place.is_relative_to(here))
    return next((REAL_TIME[place] for place in places if place in REAL_TIME), None)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Of a run of one lane leave out the files that have nothing in it: to read them all takes a core for 15 s, while
    the other lane measures already."""
    lane = str(config.option.markexpr).partition(" ")[0]
    if lane not in ("alone", "patient") or collection_path.suffix != ".py":
        return None
    mark = _lane_of(collection_path)
    has_some = f"mark.{lane}" in collection_path.read_text() if mark is None else mark.name == lane
    return None if has_some else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests in real time."""
    for item in items:
        mark = _lane_of(item.path)
        if mark is not None:
            item.add_marker(mark)


@pytest.fixture
def udp_port() -> int:
    """A free UDP port on loopback."""
    return free_port()


@pytest.fixture
def tcp_port() -> int:
    """A free TCP port on loopback."""
    return free_port(socket.SOCK_STREAM)


@pytest.fixture
def config_file(tmp_path: Path, udp_port: int, tcp_port: int) -> Path:
    """A configuration file in a folder of its own, on free ports, with phones 200 and 201 (password secret-200)."""
    path = tmp_path / "ivr.yaml"
    (tmp_path / "flows").mkdir()
    (tmp_path / "prompts").mkdir()
    path.write_text(
        f"sip: {{listen: ['udp:127.0.0.1:{udp_port}']}}\n"
        f"http: {{listen: '127.0.0.1:{tcp_port}'}}\n"
        f"media: {{ports: '{FIRST_RTP_PORT}-{FIRST_RTP_PORT + RTP_PORTS - 1}', workers: 1}}\n"
        "speech: {engine: espeak-ng, language: en}\n"
        "phones:\n"
        "  '200': {password: secret-200, name: Front desk}\n"
        "  '201': {password: secret-201, name: Workshop}\n"
        "settings: {company: Example Ltd, pbx: 127.0.0.1}\n"
        "limits: {drain_timeout: 2s}\n"
    )
    return path


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[[str], Settings]:
    """Settings of a YAML text, as if it stood in the test's folder."""

    def make(text: str) -> Settings:
        return parse_settings(text, tmp_path / "ivr.yaml", {})

    return make
