"""Registration and calls through a real Kamailio by UDP, TCP and TLS, both ways; and what our own listeners do."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from ivr.sip import Request, Response, parse_message
from ivr.sip.digest import authorize
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


class Browser:
    """A phone 200 in a browser, as far as SIP goes."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._cseq = 0

    async def send(self, method: str, number: str, more: str = "", body: str = "", tag: str = "") -> str:
        """Send a request; its URI."""
        uri = "sip:pbx.example.net" if method == "REGISTER" else f"sip:{number}@pbx.example.net"
        await self._socket.send_str(
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bK{method}{self._cseq}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:200@pbx.example.net>;tag=me\r\nTo: <sip:{number}@pbx.example.net>{tag}\r\n"
            f"Call-ID: ws-{number}\r\nCSeq: {self._cseq} {method}\r\n"
            f"Contact: <sip:200@df7jal23ls0d.invalid;transport=ws>\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}"
        )
        return uri

    async def receive(self) -> Request | Response:
        """What comes next."""
        return parse_message((await self._socket.receive_str(timeout=10)).encode())

    async def ask(self, method: str, number: str, more: str = "", body: str = "") -> Response:
        """Send a request, again with the password when that is asked for; the final answer."""
        password = ""
        for _ in range(2):
            self._cseq += 1
            uri = await self.send(method, number, password + more, body)
            while not isinstance(answer := await self.receive(), Response) or answer.status < 200:
                pass
            if method == "INVITE":
                await self.send("ACK", number, tag=f";tag={answer.to.tag}")
            if answer.status != 401:
                break
            challenges = answer.get_all("WWW-Authenticate")
            value = authorize(challenges, method, uri, "200", "secret-200", body.encode(), cnonce="c")
            password = f"Authorization: {value}\r\n"
        return answer


async def test_a_phone_by_websocket_registers_and_calls(pair: Pair) -> None:
    url = f"wss://127.0.0.1:{pair.wss_port}/"
    sdp = (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {free_port()} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    )
    async with aiohttp.ClientSession() as session, session.ws_connect(url, protocols=("sip",), ssl=False) as socket:
        browser = Browser(socket)
        assert (await browser.ask("REGISTER", "200")).status == 200
        assert (await browser.ask("INVITE", "4711", "Content-Type: application/sdp\r\n", sdp)).status == 200
        bye = await browser.receive()
        assert isinstance(bye, Request) and bye.method == "BYE"
    await asyncio.sleep(0.25)  # aiohttp closes what TLS goes by some turns of the loop after the session
