"""A flood against the live daemon: strangers are shut out, a trusted peer notices nothing, one is let in again."""

from __future__ import annotations

import json
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ivr.settings import load_settings
from tests.conftest import free_port
from tests.kit.daemon import Daemon

pytestmark = pytest.mark.interop

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: done}
  done: {type: hang_up}
"""
SOURCES = 10
PROBER = "127.0.9.9"
SECONDS, BURST = 1.6, 300
"""A burst of the sources together every 50 ms: 600 messages a second from each, three times what one may send."""
ANSWER_WAIT = 2.0


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "main.yaml").write_text(FLOW)
    config = tmp_path / "ivr.yaml"
    config.write_text(
        f"sip: {{listen: ['udp:127.0.0.1:{free_port()}'], trusted: [{PROBER}/32]}}\n"
        f"http: {{listen: '127.0.0.1:{free_port(socket.SOCK_STREAM)}'}}\n"
        "media: {ports: '32560-32599', workers: 1}\nspeech: {engine: espeak-ng}\n"
        "security: {bans: {floods: 1, probes: 100000}}\n"
    )
    with Daemon(config) as daemon:
        yield daemon


class Peer:
    """Somebody at an address of the loopback network."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(ANSWER_WAIT)
        self.host = host
        self.sent = 0

    def send(self) -> None:
        """One OPTIONS."""
        self.sent += 1
        host, port = self.socket.getsockname()
        self.socket.send(
            f"OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bK{self.sent}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:p@{host}>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: {self.sent}@{host}\r\n"
            f"CSeq: {self.sent} OPTIONS\r\nContent-Length: 0\r\n\r\n".encode()
        )

    def answered(self) -> bool:
        """Send one, and wait for its answer."""
        self.send()
        try:
            while f"\r\nCSeq: {self.sent} " not in self.socket.recv(4096).decode():
                pass
        except TimeoutError:
            return False
        return True


def bans(daemon: Daemon) -> list[dict[str, object]]:
    request = urllib.request.Request(f"{daemon.http}/v1/bans")
    request.add_header("Authorization", f"Bearer {load_settings(daemon.config).token_file.read_text()}")
    with urllib.request.urlopen(request, timeout=5) as answer:
        found: list[dict[str, object]] = json.load(answer)["bans"]
    return found


def test_a_flood_shuts_itself_out_and_nobody_else(daemon: Daemon) -> None:
    with ExitStack() as stack:
        flood = [Peer(f"127.0.10.{number + 1}", daemon.sip_port) for number in range(SOURCES)]
        prober, other = Peer(PROBER, daemon.sip_port), Peer("127.0.11.1", daemon.sip_port)
        for peer in (*flood, prober, other):
            stack.callback(peer.socket.close)
        probes = []
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            for number in range(BURST):
                flood[number % SOURCES].send()
            probes.append(prober.answered())
            time.sleep(0.04)
        assert all(probes)
        deadline = time.monotonic() + 5
        while len(found := bans(daemon)) < SOURCES and time.monotonic() < deadline:
            for peer in flood:
                for _ in range(100):
                    peer.send()
            time.sleep(0.05)
        assert {ban["source"] for ban in found} == {peer.host for peer in flood}
        assert {ban["reason"] for ban in found} == {"flood"}
        assert other.answered(), "a stranger who does not flood"
        assert f"ivr.guard: ban host={flood[0].host} reason=flood seconds=60 times=1" in daemon.log()
        daemon.post("/v1/bans/remove", {"source": flood[0].host})
        assert flood[0].answered()
        assert len(bans(daemon)) == SOURCES - 1
