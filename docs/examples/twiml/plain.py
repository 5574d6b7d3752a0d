"""A TwiML application without any package: a menu, a message, a colleague.

    IVR_SECRET=… python plain.py 5001

The same secret stands in the configuration of the runtime:

    applications:
      shop: {protocol: twiml, url: "http://127.0.0.1:5001/voice", secret: !secret IVR_SECRET}
    http: {allow: ["127.0.0.1:5001"]}
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

LONGEST = 256 * 1024
SECRET = os.environ["IVR_SECRET"].encode()


def signed(url: str, form: list[tuple[str, str]], header: str) -> bool:
    """Whether X-Twilio-Signature is that of this request: HMAC-SHA1 of the URL and the sorted parameters."""
    told = url + "".join(name + value for name, value in sorted(set(form)))
    wanted = base64.b64encode(hmac.new(SECRET, told.encode(), hashlib.sha1).digest()).decode()
    return hmac.compare_digest(wanted, header)


def voice(_: dict[str, str]) -> str:
    return """
        <Gather numDigits="1" action="/menu" timeout="5">
          <Say>Press 1 to leave a message, 2 to speak with a colleague.</Say>
        </Gather>
        <Redirect>/voice</Redirect>"""


def menu(form: dict[str, str]) -> str:
    match form.get("Digits"):
        case "1":
            return """<Say>Please speak after the beep.</Say>
                      <Record maxLength="60" timeout="3" action="/recorded"/>
                      <Say>There was nothing to be heard.</Say>"""
        case "2":
            return '<Dial timeout="20" action="/dialled"><Client>200</Client></Dial>'
    return "<Say>That is not possible.</Say><Redirect>/voice</Redirect>"


def recorded(form: dict[str, str]) -> str:
    seconds = escape(form.get("RecordingDuration", "0"))
    return f"<Say>Thank you for {seconds} seconds.</Say><Hangup/>"


def dialled(form: dict[str, str]) -> str:
    if form.get("DialCallStatus") == "completed":
        return "<Hangup/>"
    return "<Say>Nobody is there.</Say><Redirect>/voice</Redirect>"


PAGES = {"/voice": voice, "/menu": menu, "/recorded": recorded, "/dialled": dialled}


class Pages(BaseHTTPRequestHandler):
    """Answers signed requests with documents."""

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), LONGEST)).decode()
        form = parse_qsl(body, keep_blank_values=True)
        url = f"http://{self.headers['Host']}{self.path}"
        page = PAGES.get(self.path.partition("?")[0])
        if not signed(url, form, self.headers.get("X-Twilio-Signature", "")):
            self.answer(403, "")
        elif page is None:
            self.answer(404, "")
        else:
            self.answer(200, f'<?xml version="1.0" encoding="UTF-8"?><Response>{page(dict(form))}</Response>')

    def answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Numbers and digits belong into no log."""


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 5001), Pages) as server:
        print(f"listening on {server.server_address[1]}", flush=True)
        server.serve_forever()
