"""A daemon that is killed forgets no event that it has kept, and tells of the calls that it died with."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from ivr.outside.signatures import TWILIO_HEADER, form_of, twilio_signature
from ivr.webhooks import SIGNATURE_HEADER, verify
from tests.conftest import free_port
from tests.kit.daemon import Daemon

SECRET = "0123456789abcdef"
CONFIG = """
sip: {{listen: ["udp:127.0.0.1:{sip}"]}}
http: {{listen: "127.0.0.1:0", allow: ["127.0.0.1"]}}
media: {{ports: "32520-32559", workers: 1}}
webhooks:
  crm:
    url: "http://127.0.0.1:{port}/hook"
    secret: {secret}
    events: [webhook.test]
    retry: {{first: 100ms, longest: 200ms}}
applications:
  shop: {{protocol: twiml, url: "http://127.0.0.1:{port}/voice", secret: {secret}, account: {account}}}
lines:
  pbx: {{type: sip_trunk, host: 127.0.0.1, port: {silent}}}
"""
ACCOUNT = "AC" + "1" * 32
EVENTS = 6


class Receiver:
    """Takes events, in a thread of its own."""

    def __init__(self, port: int) -> None:
        self.got: list[dict[str, Any]] = []
        self.statuses: list[str] = []
        """Of calls, as their StatusCallback tells them."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/status":
                    form = form_of(body)
                    signed = twilio_signature(SECRET, f"http://127.0.0.1:{port}/status", form)
                    assert self.headers[TWILIO_HEADER] == signed
                    receiver.statuses.append(dict(form)["CallStatus"])
                else:
                    assert verify(SECRET, body, self.headers[SIGNATURE_HEADER], time.time())
                    receiver.got.append(json.loads(body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def until(true: Any) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def place(daemon: Daemon, port: int) -> None:
    """Have somebody called who never answers, over the calls resource."""
    form = {"To": "+15550100", "Twiml": "<Response/>", "StatusCallback": f"http://127.0.0.1:{port}/status"}
    events = [("StatusCallbackEvent", name) for name in ("initiated", "completed")]
    key = base64.b64encode(f"{ACCOUNT}:{SECRET}".encode()).decode()
    request = Request(
        f"{daemon.http}/2010-04-01/Accounts/{ACCOUNT}/Calls.json",
        urlencode([*form.items(), *events]).encode(),
        {"Authorization": f"Basic {key}"},
    )
    with urlopen(request, timeout=30) as answer:
        assert answer.status == 201


def test_events_outlive_a_kill(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_STREAM)
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    config = tmp_path / "ivr.yaml"
    (tmp_path / "flows").mkdir()
    config.write_text(
        CONFIG.format(sip=free_port(), port=port, secret=SECRET, account=ACCOUNT, silent=silent.getsockname()[1])
    )
    with Daemon(config) as daemon:
        place(daemon, port)
        sent = [daemon.post("/v1/webhooks/crm/test")["id"] for _ in range(EVENTS)]
        until(lambda: [one["waiting"] for one in daemon.get("/v1/webhooks")["webhooks"]] == [EVENTS, 1])
        time.sleep(0.5)  # they are kept a tenth of a second after they happened
        daemon.kill()
    receiver = Receiver(port)
    try:
        with Daemon(config) as daemon:
            until(lambda: len(receiver.got) >= EVENTS)
            until(lambda: daemon.get("/v1/webhooks")["webhooks"][0]["waiting"] == 0)
            until(lambda: len(receiver.statuses) == 2)
        assert [event["id"] for event in receiver.got] == sent
        assert receiver.statuses == ["initiated", "failed"]
    finally:
        receiver.close()
        silent.close()
