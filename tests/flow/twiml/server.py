"""A web application as people write them with the twilio package: a server of the standard library, in a process of its
own. Prints its port; refuses what is not signed; keeps what it was asked and gives it under /log.

    python server.py AUTH_TOKEN
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlsplit

from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

VALIDATOR = RequestValidator(sys.argv[1])
LOG: list[dict[str, object]] = []


def voice(_: dict[str, str]) -> VoiceResponse:
    response = VoiceResponse()
    response.say("Welcome", voice="alice", language="en-GB")
    gather = Gather(num_digits=1, action="/menu", method="POST", timeout=3)
    gather.say("Press 1 for a message, 2 for a colleague")
    gather.pause(length=1)
    response.append(gather)
    response.redirect("/voice?again=1")
    return response


def menu(params: dict[str, str]) -> VoiceResponse:
    response = VoiceResponse()
    if params.get("Digits") == "1":
        response.say("Speak after the beep")
        response.record(action="/recorded", max_length=20, timeout=3, finish_on_key="#")
        response.say("I heard nothing")
    elif params.get("Digits") == "2":
        dial = Dial(timeout=12, action="/dialled", caller_id="+15550111", record="record-from-answer")
        dial.number(
            "+15550100", status_callback="/status", status_callback_event="initiated ringing answered completed"
        )
        response.append(dial)
    else:
        response.reject()
    return response


def recorded(params: dict[str, str]) -> VoiceResponse:
    response = VoiceResponse()
    response.say(f"{params['RecordingDuration']} seconds")
    response.hangup()
    return response


def dialled(params: dict[str, str]) -> VoiceResponse:
    response = VoiceResponse()
    response.say(f"It was {params['DialCallStatus']}")
    response.enqueue("support", action="/queued", wait_url="/wait")
    return response


PAGES = {"/voice": voice, "/menu": menu, "/recorded": recorded, "/dialled": dialled, "/status": None}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, text: str, kind: str = "text/xml") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if self.path == "/log":
            self.answer(200, json.dumps(LOG), "application/json")
        else:
            self.serve({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.serve(dict(parse_qsl(body, keep_blank_values=True)), body)

    def serve(self, form: dict[str, str], body: str = "") -> None:
        url = f"http://{self.headers['Host']}{self.path}"
        signature = self.headers.get("X-Twilio-Signature", "")
        is_json = "bodySHA256" in self.path
        if not VALIDATOR.validate(url, body if is_json else form, signature):
            self.answer(403, "not signed", "text/plain")
            return
        parts = urlsplit(self.path)
        params = {**{name: values[-1] for name, values in parse_qs(parts.query).items()}, **form}
        LOG.append({"path": parts.path, **params})
        page = PAGES.get(parts.path)
        self.answer(200, str(page(params)) if page is not None else "<Response/>")


with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
