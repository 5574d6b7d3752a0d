"""A voice application of the protocol `events`: takes a call, asks for a number, says it, and gives the call back.

    IVR_SECRET=… python app.py 5000

Python's standard library alone. The same secret stands in the configuration of the runtime:

    applications:
      callers: {url: "http://127.0.0.1:5000/calls", secret: !secret IVR_SECRET}
    http: {allow: ["127.0.0.1:5000"]}
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import queue
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOLERANCE = 300
"""Seconds that a signature may be old: who has caught a request cannot send it for ever."""
LONGEST = 256 * 1024
SECRET = os.environ["IVR_SECRET"].encode()


def signed(body: bytes, header: str) -> bool:
    """Whether `Ivr-Signature: t=…,v1=…` is that of this body, and fresh."""
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    at = parts.get("t", "")
    if not at.isdecimal() or abs(time.time() - int(at)) > TOLERANCE:
        return False
    wanted = hmac.new(SECRET, at.encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, parts.get("v1", ""))


class Call(threading.Thread):
    """One call: told what happens by `events`, it asks for what is to happen next."""

    def __init__(self, offer: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self.id: str = offer["call"]["id"]
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._seen: set[str] = set()
        self._control = offer["data"]["control"]
        self._data = offer["data"]["custom_data"]

    def told(self, event: dict[str, Any]) -> None:
        """An event; one that is delivered twice counts once."""
        if event["id"] not in self._seen:
            self._seen.add(event["id"])
            self.events.put(event)

    def ask(self, verb: str, **fields: Any) -> dict[str, Any]:
        """Ask for something: `say`, `play`, `collect`, `record`, `stop`, `hangup`, `release`…"""
        request = urllib.request.Request(
            f"{self._control['url']}/{verb}",
            json.dumps(fields).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self._control['token']}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return dict(json.load(answer) if answer.status != 204 else {})

    def wait_for(self, kind: str) -> dict[str, Any]:
        """The data of the next event of a kind; ConnectionError once the call is over, or where it was not done."""
        while True:
            event = self.events.get(timeout=600)
            if event["type"] in ("call.ended", "call.taken_back"):
                raise ConnectionError("the caller is gone")
            if event["data"].get("error"):
                raise ConnectionError(event["data"]["error"])
            if event["type"] == kind:
                return dict(event["data"])

    def run(self) -> None:
        try:
            self.wait_for("call.accepted")
            self.talk()
        except (ConnectionError, urllib.error.URLError, queue.Empty) as error:
            print(f"call {self.id}: {error}", flush=True)

    def talk(self) -> None:
        """What the caller goes through."""
        self.ask("say", text="Welcome to the application.")
        self.ask("collect", prompt="Please key in your number, then the hash key.", max_digits=8, attempts=2)
        found = self.wait_for("digits.collected")
        if found["status"] != "collected":
            self.ask("say", text="Goodbye.", wait=True)
            self.ask("hangup")
            return
        digits = found["digits"]
        self.ask("say", text=f"You have keyed in {' '.join(digits)}.", wait=True)
        self.ask("release", variables={"number": digits, "order": self._data.get("order", "")})


CALLS: dict[str, Call] = {}


class Events(BaseHTTPRequestHandler):
    """Takes signed events."""

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(min(length, LONGEST))
        if not signed(body, self.headers.get("Ivr-Signature", "")):
            self.answer(403, {"error": "not signed"})
            return
        event = json.loads(body)
        name = event["call"]["id"]
        if event["type"] == "call.offered":
            call = CALLS[name] = Call(event)
            call.start()
            # Accepted at once. To think about it longer: answer 202, then POST …/accept or …/reject with the token.
            self.answer(200, {"accept": True})
            return
        self.answer(200, {})
        if name in CALLS:
            CALLS[name].told(event)
        if event["type"] in ("call.ended", "call.taken_back", "call.released"):
            CALLS.pop(name, None)

    def answer(self, status: int, data: dict[str, Any]) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Numbers and digits belong into no log."""


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 5000), Events) as server:
        print(f"listening on {server.server_address[1]}", flush=True)
        server.serve_forever()
