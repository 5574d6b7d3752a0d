"""Registration and calls through a real Kamailio by UDP, TCP and TLS, both ways; and what our own listeners do."""

from __future__ import annotations

import shutil
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.interop.conftest import make_config
from tests.kit import sipp
from tests.kit.certificate import make_certificate
from tests.kit.daemon import Daemon
from tests.kit.kamailio import HOST, PASSWORD, Kamailio

pytestmark = pytest.mark.interop

ACCOUNTS = {"udp": "4711", "tcp": "4712", "tls": "4713"}
OUT = {"udp": "801", "tcp": "802", "tls": "803"}
"""Numbers whose flows call the account of their transport through the proxy, which sends the call back to us."""

FLOWS = {
    "registered": """
        elements:
          start: {type: start_incoming_call, numbers: ["4711", "4712", "4713"], next: done}
          done: {type: hang_up}
    """,
} | {
    f"out_{kind}": f"""
        elements:
          start: {{type: start_incoming_call, numbers: ["{OUT[kind]}"], next: call}}
          call: {{type: forward_call, to: "{account}", line: by_{kind}, timeout: 10s, after: return,
                  branches: {{returned: done, no_answer: done, busy: done, call_not_forwarded: done}}}}
          done: {{type: hang_up}}
    """
    for kind, account in ACCOUNTS.items()
}


@dataclass
class Pair:
    """A proxy, and a daemon that is registered with it."""

    proxy: Kamailio
    daemon: Daemon
    tcp_port: int
    wss_port: int
    certificate: Path
    """Of the daemon, with its key."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("kamailio")
    (folder / "proxy").mkdir()
    proxy = Kamailio(folder / "proxy")
    lines = "".join(
        f"  by_{kind}: {{type: sip_trunk, host: {HOST}, transport: {kind},"
        f" port: {proxy.tls_port if kind == 'tls' else proxy.port},"
        f" register: {{user: '{account}', password: {PASSWORD}}}}}\n"
        for kind, account in ACCOUNTS.items()
    )
    config = make_config(folder / "daemon", FLOWS, extra=f"lines:\n{lines}")
    text = config.read_text().splitlines()
    ports = free_port(), free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)
    udp, tcp, wss = (f"{kind}:127.0.0.1:{port}" for kind, port in zip(("udp", "tcp", "wss"), ports, strict=True))
    certificate = make_certificate(folder / "daemon", "pbx.example.net")
    text[0] = (
        f"sip: {{listen: ['{udp}', '{tcp}', '{wss}'], trusted: [127.0.0.0/8],"
        f" tls: {{certificate: {certificate}, ca: {proxy.authority}}}}}"
    )
    config.write_text("\n".join(text) + "\n")
    with proxy, Daemon(config) as daemon:
        proxy.wait_for(*(f"REGISTERED {kind} {account}" for kind, account in ACCOUNTS.items()))
        yield Pair(proxy, daemon, ports[1], ports[2], certificate)


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_a_call_out_and_back_in_through_the_proxy(pair: Pair, tmp_path: Path, kind: str) -> None:
    before = len(pair.daemon.records(0))
    result = sipp.run("server_hangs_up", pair.daemon.sip_port, OUT[kind], tmp_path)
    assert result.returncode == 0, f"{sipp.explain(tmp_path, result)}\n{pair.proxy.log()}\n{pair.daemon.log()}"
    account = ACCOUNTS[kind]
    records = {record["called"]: record for record in pair.daemon.records(before + 2)[before:]}
    assert records[account]["cause"] == "ended_by_flow"
    assert records[OUT[kind]]["cause"] == "ended_by_flow"
    # Both ways by the transport of the line: our requests, and our answers to those of the proxy.
    pair.proxy.wait_for(f"REQUEST {kind} INVITE {account}", f"REPLY {kind} 200 {account}")
    assert pair.daemon.get("/v1/calls") == {"calls": []}


def test_a_call_over_tcp_by_sipp(pair: Pair, tmp_path: Path) -> None:
    before = len(pair.daemon.records(0))
    result = sipp.run("server_hangs_up", pair.tcp_port, "4711", tmp_path, transport="t1")
    assert result.returncode == 0, sipp.explain(tmp_path, result)
    assert pair.daemon.records(before + 1)[-1]["cause"] == "ended_by_flow"


def shown(port: int) -> bytes:
    """The certificate that a listener shows."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), 5) as plain, context.wrap_socket(plain) as secured:
        return secured.getpeercert(binary_form=True) or b""


def test_a_new_certificate_is_taken_up_on_sighup(pair: Pair, tmp_path: Path) -> None:
    old = shown(pair.wss_port)
    shutil.copy(make_certificate(tmp_path, "pbx.example.net"), pair.certificate)
    pair.daemon.signal(signal.SIGHUP)
    deadline = time.monotonic() + 10
    while shown(pair.wss_port) == old:
        assert time.monotonic() < deadline, pair.daemon.log()
        time.sleep(0.05)
