"""What stands in logs, records, traces and figures after calls with everything that is nobody's business, at DEBUG."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import socket
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.settings import load_settings
from ivr.sip.digest import authorize
from tests.drills.crowd import Crowd
from tests.interop.conftest import make_config
from tests.kit.daemon import Daemon

pytestmark = pytest.mark.interop

PHONE_SECRET, TRUNK_SECRET = "secret-200", "horse-battery-9"
PIN = "739150"
CALLER, CALLED, OUTSIDE = "+4930555123", "108", "+4930777888"
KEY = "WnD7c1ksDGs+dIefCEo8omPg4uO8DYIinNGL5yxQ"
"""30 octets of SDES, base64."""
CONNECTOR_TOKEN = "bearer-of-bad-news"

FLOWS = {
    "pin": f"""
        variables: {{pin: ""}}
        sensitive: [pin]
        elements:
          start: {{type: start_incoming_call, numbers: ["{CALLED}"], next: ask}}
          ask: {{type: collect, max_digits: 6, wait: 10s, save_as: pin, next: tell, branches: {{no_match: done}}}}
          tell: {{type: call_api, url: "http://127.0.0.1:9/", method: POST, body: "{{{{ pin }}}}",
                 headers: {{X-Pin: "{{{{ pin }}}}"}}, next: out, branches: {{error: out}}}}
          out: {{type: forward_call, to: "tel:{OUTSIDE}", timeout: 1s, next: done,
                branches: {{call_not_forwarded: done}}}}
          done: {{type: hang_up}}
    """
}


@contextlib.contextmanager
def registrar() -> Iterator[tuple[int, list[str]]]:
    """A trunk that challenges each REGISTER once and takes the next; what it was told in Authorization."""
    told: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.2)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    data, peer = server.recvfrom(4096)
                except TimeoutError:
                    continue
                text = data.decode()
                if not text.startswith("REGISTER "):
                    continue
                kept = re.findall(r"^(?:Via|From|To|Call-ID|CSeq): .*\r\n", text, re.M)
                found = re.search(r"^(?:Proxy-)?Authorization: (.*)\r\n", text, re.M)
                line, more = "401 Unauthorized", 'WWW-Authenticate: Digest realm="t", nonce="n0nce", qop="auth"\r\n'
                if found is not None:
                    told.append(found[1])
                    line, more = "200 OK", "Expires: 3600\r\n"
                server.sendto(f"SIP/2.0 {line}\r\n{''.join(kept)}{more}Content-Length: 0\r\n\r\n".encode(), peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1], told
        finally:
            over.set()
            thread.join()


def fetch(daemon: Daemon, path: str) -> str:
    request = urllib.request.Request(daemon.http + path)
    request.add_header("Authorization", f"Bearer {load_settings(daemon.config).token_file.read_text()}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        text: str = answer.read().decode("utf-8", "replace")
    return text


def digest_of(header: str) -> str:
    found = re.search(r'response="([0-9a-f]+)"', header)
    assert found is not None
    return found[1]


async def test_secrets_keys_and_numbers_stand_nowhere(tmp_path: Path) -> None:
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    with registrar() as (port, told):
        config = make_config(
            tmp_path / "it",
            FLOWS,
            extra="log: {level: debug}\n"
            f"lines:\n  pbx: {{type: sip_trunk, host: 127.0.0.1, port: {port}, match: [127.0.77.0/24],\n"
            f"        register: {{user: '4711', password: {TRUNK_SECRET}}}}}\n"
            f"connectors: {{crm: {{url: 'http://127.0.0.1:9', token: {CONNECTOR_TOKEN}}}}}\n",
        )
        config.write_text(config.read_text().replace("workers: 1", "workers: 1, srtp: optional"))
        with Daemon(config) as daemon:
            async with Crowd(daemon.sip_port, "127.0.0.9") as crowd:
                first = crowd.call("200")
                assert await first.dial("201") == 401
                assert first.reply is not None
                challenge = first.reply.headers["www-authenticate"]
                target = f"sip:201@127.0.0.1:{daemon.sip_port}"
                digests = []
                for password in (PHONE_SECRET, "wrong-guess-17"):
                    header = authorize([challenge], "INVITE", target, "200", password, cnonce="c0ffee")
                    digests.append(digest_of(header))
                    await crowd.call("200").dial("201", f"Authorization: {header}")
                call = crowd.call(CALLER)
                crypto = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"
                offer = call.sdp().replace("RTP/AVP", "RTP/SAVP") + crypto
                assert await call.dial(CALLED, body=offer) == 200
                for key in PIN:
                    body = f"Signal={key}\r\nDuration=160\r\n"
                    info = call.request("INFO", call.target, "Content-Type: application/dtmf-relay", body=body)
                    assert (await crowd.transact(call, info)).status == 200
                own = re.findall(r"inline:([A-Za-z0-9+/=]+)", call.reply.body if call.reply else "")
                digests += [digest_of(header) for header in told]
                assert len(digests) >= 3
                record = next(one for one in daemon.records(2) if one["caller"] == CALLER)
                names = ("/metrics", "/v1/calls", "/v1/messages?call_id=" + call.call_id, "/v1/bans", "/v1/flows")
                seen = {name: fetch(daemon, name) for name in names}
            live = daemon.log()
        places = {
            "log": live + daemon.log(),
            "record": json.dumps(record),
            **seen,
            **{path.name: path.read_bytes().decode("latin1") for path in (tmp_path / "it" / "var").rglob("*.db*")},
            "guard": (tmp_path / "it" / "var" / "guard.json").read_text(),
        }
    assert [step["element"] for step in record["path"]][:4] == ["start", "ask", "tell", "out"]
    assert own, "the sound was encrypted"
    secrets = [PHONE_SECRET, TRUNK_SECRET, CONNECTOR_TOKEN, KEY, "wrong-guess-17", PIN, *own, *digests]
    found = {(name, secret) for name, text in places.items() for secret in secrets if secret in text}
    assert not found
    for number in (CALLER, OUTSIDE):
        assert number not in places["log"], "numbers are personal"
        assert number not in places["/metrics"]
    assert " DEBUG " in places["log"]
