"""The same menu written with the `twilio` package, which builds the documents and checks the signatures.

pip install twilio
IVR_SECRET=… python with_package.py 5001
"""

from __future__ import annotations

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

LONGEST = 256 * 1024
VALIDATOR = RequestValidator(os.environ["IVR_SECRET"])


def voice(_: dict[str, str]) -> VoiceResponse:
    response = VoiceResponse()
    gather = Gather(num_digits=1, action="/menu", timeout=5)
    gather.say("Press 1 to leave a message, 2 to speak with a colleague.")
    response.append(gather)
    response.redirect("/voice")
    return response


def menu(form: dict[str, str]) -> VoiceResponse:
    response = VoiceResponse()
    match form.get("Digits"):
        case "1":
            response.say("Please speak after the beep.")
            response.record(max_length=60, timeout=3, action="/recorded")
            response.say("There was nothing to be heard.")
        case "2":
            dial = Dial(timeout=20, action="/dialled")
            dial.client("200")
            response.append(dial)
        case _:
            response.say("That is not possible.")
            response.redirect("/voice")
    return response


def recorded(form: dict[str, str]) -> VoiceResponse:
    response = VoiceResponse()
    response.say(f"Thank you for {form.get('RecordingDuration', '0')} seconds.")
    response.hangup()
    return response


def dialled(form: dict[str, str]) -> VoiceResponse:
    response = VoiceResponse()
    if form.get("DialCallStatus") == "completed":
        response.hangup()
    else:
        response.say("Nobody is there.")
        response.redirect("/voice")
    return response


PAGES = {"/voice": voice, "/menu": menu, "/recorded": recorded, "/dialled": dialled}


class Pages(BaseHTTPRequestHandler):
    """Answers signed requests with documents."""

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), LONGEST)).decode()
        form = dict(parse_qsl(body, keep_blank_values=True))
        url = f"http://{self.headers['Host']}{self.path}"
        page = PAGES.get(self.path.partition("?")[0])
        if not VALIDATOR.validate(url, form, self.headers.get("X-Twilio-Signature", "")):
            self.answer(403, "")
        else:
            self.answer(404 if page is None else 200, str(page(form)) if page is not None else "")

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
