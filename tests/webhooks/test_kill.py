"""A daemon that is killed forgets no event that it has kept."""

from __future__ import annotations

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from ivr.webhooks import SIGNATURE_HEADER, verify
from tests.conftest import free_port
from tests.kit.daemon import Daemon

SECRET = "0123456789abcdef"
CONFIG = """
sip: {{listen: ["udp:127.0.0.1:{sip}"]}}
http: {{listen: "127.0.0.1:0", allow: ["127.0.0.1"]}}
media: {{ports: "32520-32559", workers: 1}}
webhooks:
  crm: {{url: "http://127.0.0.1:{port}/hook", secret: {secret}, retry: {{first: 100ms, longest: 200ms}}}}
"""
EVENTS = 6


class Receiver:
    """Takes events, in a thread of its own."""

    def __init__(self, port: int) -> None:
        self.got: list[dict[str, Any]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
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


def test_events_outlive_a_kill(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_STREAM)
    config = tmp_path / "ivr.yaml"
    (tmp_path / "flows").mkdir()
    config.write_text(CONFIG.format(sip=free_port(), port=port, secret=SECRET))
    with Daemon(config) as daemon:
        sent = [daemon.post("/v1/webhooks/crm/test")["id"] for _ in range(EVENTS)]
        until(lambda: daemon.get("/v1/webhooks")["webhooks"][0]["waiting"] == EVENTS)
        time.sleep(0.5)  # they are kept a tenth of a second after they happened
        daemon.kill()
    receiver = Receiver(port)
    try:
        with Daemon(config) as daemon:
            until(lambda: len(receiver.got) >= EVENTS)
            until(lambda: daemon.get("/v1/webhooks")["webhooks"][0]["waiting"] == 0)
        assert [event["id"] for event in receiver.got] == sent
    finally:
        receiver.close()
