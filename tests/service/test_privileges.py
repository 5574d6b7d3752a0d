"""A daemon that root starts and that is root no more: really done, where the tests run as root."""

from __future__ import annotations

import logging
import os
import pwd
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.errors import ConfigError
from ivr.service import privileges
from ivr.settings import parse_settings
from tests.conftest import free_port
from tests.drills.harness import children
from tests.kit.daemon import Daemon

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: done}
  done: {type: hang_up}
"""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that everybody may look into; those of pytest are for their owner."""
    path = Path(tempfile.mkdtemp(prefix="ivr-test-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def readable() -> list[str]:
    """A command before the daemon's that lets everybody see the interpreter, where it is in a home folder of root."""
    home = next((path for path in Path(sys.executable).resolve().parents if not path.stat().st_mode & 0o001), None)
    if home is None:
        return []
    inner = Path(sys.executable).resolve().relative_to(home).parts[0]
    script = (
        f'mkdir -p "$0"/seen && mount --bind {home}/{inner} "$0"/seen && mount -t tmpfs -o mode=755 tmpfs {home} && '
        f'mkdir {home}/{inner} && mount --bind "$0"/seen {home}/{inner} && exec "$@"'
    )
    return ["unshare", "-m", "sh", "-c", script]


def test_a_filter_of_system_calls_may_be_stricter(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def denied(kept: object, inheritable: object) -> None:
        raise OSError(1, "capset: Operation not permitted")

    monkeypatch.setattr(privileges, "_set_capabilities", denied)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    privileges.forget()
    assert "the right to bind low ports stays" in caplog.text


def low_port() -> int:
    """One below 1024 that is free, for UDP."""
    for port in range(1023, 600, -1):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port below 1024 is free")


def config(folder: Path, more: str) -> Path:
    (folder / "flows").mkdir()
    (folder / "flows" / "main.yaml").write_text(FLOW)
    path = folder / "ivr.yaml"
    first = 30_200 + os.getpid() % 59 * 40
    path.write_text(
        f"sip: {{listen: ['udp:127.0.0.1:{low_port()}']}}\n"
        f"http: {{listen: '127.0.0.1:{free_port(socket.SOCK_STREAM)}'}}\n"
        f"media: {{ports: '{first}-{first + 39}', workers: 1}}\nspeech: {{engine: espeak-ng}}\n" + more
    )
    return path


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@needs_root
def test_the_daemon_and_its_workers_become_nobody_and_keep_what_they_need(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    prefix = [*command, str(folder)] if (command := readable()) else []
    with Daemon(config(folder, "user: nobody\n"), prefix=prefix) as daemon:
        for pid in (daemon.process.pid, *children(daemon.process.pid)):
            found = status(pid)
            assert found["Uid"].split() == [str(nobody.pw_uid)] * 4
            assert found["Gid"].split() == [str(nobody.pw_gid)] * 4
            assert found["Groups"].split() == [str(nobody.pw_gid)]
            assert found["NoNewPrivs"] == "1"
            # Real-time priority alone, where the system allows no limit of it instead.
            assert int(found["CapEff"], 16) in (0, 1 << 23)
        workers = [os.sched_getscheduler(pid) for pid in children(daemon.process.pid)]
        assert os.SCHED_RR in workers, "the media worker has its priority without being root"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.settimeout(5)
            peer.connect(("127.0.0.1", daemon.sip_port))
            host, port = peer.getsockname()
            peer.send(
                f"OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bK1\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:a@{host}>;tag=1\r\nTo: <sip:127.0.0.1>\r\n"
                "Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n".encode()
            )
            assert peer.recv(4096).startswith(b"SIP/2.0 200")
        owners = {path.stat().st_uid for path in (folder / "var").rglob("*")}
        assert owners == {nobody.pw_uid}
        assert "runs as root" not in daemon.log()


@needs_root
def test_a_daemon_that_stays_root_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        privileges.drop(parse_settings("", Path("/etc/ivr/ivr.yaml"), {}))
        assert "the daemon runs as root" in caplog.text
        caplog.clear()
        privileges.drop(parse_settings("user: root\n", Path("/etc/ivr/ivr.yaml"), {}))
        assert caplog.text == "", "somebody has decided it"


@needs_root
@pytest.mark.parametrize(
    ("more", "fault"),
    [("user: no-such-user", "no such user"), ("{user: nobody, group: no-such-group}", "no such group")],
)
def test_nobody_that_is_known(more: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        privileges.drop(parse_settings(f"{more}\n", Path("/etc/ivr/ivr.yaml"), {}))


@needs_root
def test_folders_of_root_are_told_before_the_first_call(folder: Path) -> None:
    path = config(folder, "user: nobody\n")
    (folder / "var" / "cache").mkdir(parents=True)
    with pytest.raises(AssertionError, match="cannot be written by nobody: chown it"), Daemon(path):
        pass


def test_somebody_else_cannot_become_the_user(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: pwd.getpwnam("nobody").pw_uid)
    with caplog.at_level(logging.WARNING):
        privileges.drop(parse_settings("user: nobody\n", Path("/etc/ivr/ivr.yaml"), {}))
        assert caplog.text == ""
        privileges.drop(parse_settings("user: root\n", Path("/etc/ivr/ivr.yaml"), {}))
    assert "only root can become root" in caplog.text
