"""Takes events from a webhook: checks who sends them, takes each one once, and answers at once.

    WEBHOOK_SECRET=… python receiver.py 8090

Needs Python alone. It prints the events; a real receiver puts them into a queue of its own here, and works later.
"""

import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE = 300  # seconds that a request may be old
MAX_BODY = 1 << 20
SEEN: dict[str, None] = {}  # ids of the last events: an event may come twice
REMEMBERED = 10_000


def is_genuine(secret: str, body: bytes, header: str, now: float) -> bool:
    """Whether the header Ivr-Signature is that of the body, and not too old."""
    fields = [part.strip().partition("=") for part in header.split(",")]
    sent = next((value for name, _, value in fields if name == "t"), "")
    if not sent.isdecimal() or abs(now - int(sent)) > TOLERANCE:
        return False
    wanted = hmac.new(secret.encode(), sent.encode() + b"." + body, hashlib.sha256).hexdigest()
    return any(hmac.compare_digest(value, wanted) for name, _, value in fields if name == "v1")


class Receiver(BaseHTTPRequestHandler):
    secret = ""

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        if length > MAX_BODY:
            return self.answer(413)
        body = self.rfile.read(length)
        if not is_genuine(self.secret, body, self.headers.get("Ivr-Signature", ""), time.time()):
            return self.answer(401)
        event = json.loads(body)
        if event["id"] not in SEEN:
            SEEN[event["id"]] = None
            if len(SEEN) > REMEMBERED:
                del SEEN[next(iter(SEEN))]
            print(event["type"], event["call"] or "", json.dumps(event["data"]), flush=True)
        return self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    Receiver.secret = os.environ["WEBHOOK_SECRET"]
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
