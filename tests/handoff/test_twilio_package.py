"""The twilio package as the other side: it builds documents, checks signatures, and ends calls."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from ivr.flow.ports import (
    ApplicationTerms,
    Forward,
    ForwardAnswered,
    ForwardDone,
    JoinQueue,
    OfferApplication,
    Record,
    Request,
    TellApplication,
)
from ivr.flow.twiml import call_sid
from ivr.handoff.letters import LAST_WORD, Letters
from ivr.outside import HttpClient
from ivr.outside.signatures import form_of, signed_body_query, twilio_signature
from ivr.settings import parse_settings
from ivr.webhooks import Sender
from media import allow_listed
from tests.flow.twiml.kit import FLOW
from tests.handoff.test_applications import Post
from tests.kit.carrier import Carrier
from tests.kit.flow import Talk

TOKEN = "0123456789abcdef0123456789abcdef"
SERVER = Path(__file__).parent.parent / "flow" / "twiml" / "server.py"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, str(SERVER), TOKEN], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.terminate()
    process.wait(10)
    process.stdout.close()


class Existing:
    """An application that was written for Twilio, and a simulated caller in front of it."""

    def __init__(self, base: str) -> None:
        self.base = base
        text = f"applications: {{shop: {{protocol: twiml, url: '{base}/voice', secret: '{TOKEN}', retry: never}}}}"
        self.settings = parse_settings(f"http: {{allow: ['127.0.0.0/8']}}\n{text}", None, {})
        self.client = HttpClient(self.settings)
        self.call = Talk(FLOW).start()
        self.sender = Sender(allow_listed(["127.0.0.0/8"]))
        self._carrier = Carrier(Post())
        self._letters = Letters(self.settings, self._carrier)
        self._sent = self._told = 0
        offer = self.call.commands(OfferApplication)[-1]
        application = self.settings.applications["shop"]
        self.call.send(
            ApplicationTerms(
                offer.id,
                "shop",
                application.account_sid("shop"),
                application.url,
                "http://127.0.0.1:8080",
                tries=0,
            )
        )

    async def __aenter__(self) -> Existing:
        await self.exchange()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()
        await self.sender.close()

    async def _ask(self, request: Request) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.client.request(request, answer.set_result)
        return await asyncio.wait_for(answer, 30.0)

    async def exchange(self) -> None:
        """Carry requests to the server, callbacks first, until the call asks for nothing."""
        while True:
            told = self.call.commands(TellApplication)[self._told :]
            self._told += len(told)
            for command in told:
                if command.url is not None and command.type != LAST_WORD:
                    self._letters.callback("call-1", command, command.url)
                    target, delivery = self._carrier.taken[-1]
                    assert await self.sender.send(target, delivery, 1_000.0) is None
            requests = self.call.commands(Request)[self._sent :]
            if not requests:
                return
            for request in requests:
                self._sent += 1
                self.call.send(await self._ask(request))

    async def go(self, seconds: float) -> None:
        self.call.wait(seconds)
        await self.exchange()

    def asked(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.load(urllib.request.urlopen(f"{self.base}/log", timeout=5))
        mine = call_sid(self.call.machine.call.id)
        return [entry for entry in found if mine == entry.get("ParentCallSid", entry["CallSid"])]


async def test_a_message_for_an_existing_application(server: str) -> None:
    async with Existing(server) as app:
        assert app.call.said == ["Welcome"]
        await app.go(2.0)
        assert app.call.said[-1] == "Press 1 for a message, 2 for a colleague"
        app.call.press("1")
        await app.exchange()
        assert app.call.said[-1] == "Speak after the beep"
        await app.go(2.0)
        assert app.call.commands(Record)[-1].max_duration == 20.0
        app.call.speak(4.0)
        await app.exchange()
        assert app.call.said[-1] == "4 seconds"
        await app.go(2.0)
        assert app.call.machine.finished
        entry = app.asked()[-1]
        assert entry["path"] == "/recorded"
        assert str(entry["RecordingUrl"]).startswith("http://127.0.0.1:8080/2010-04-01/Accounts/AC")


async def test_silence_leads_round_and_a_colleague_is_called(server: str) -> None:
    async with Existing(server) as app:
        await app.go(2.0)
        await app.go(2.0 + 1.0 + 3.0)
        assert app.call.said.count("Welcome") == 2
        await app.go(2.0)
        app.call.press("2")
        await app.exchange()
        forward = app.call.commands(Forward)[-1]
        assert forward.targets == ("tel:+15550100",)
        assert forward.record_name is not None
        app.call.send(ForwardAnswered(forward.id, forward.targets[0]))
        app.call.wait(5.0)
        app.call.send(ForwardDone(forward.id, "returned", forward.targets[0], 200, "OK", 5.0))
        await app.exchange()
        assert app.call.said[-1] == "It was completed"
        statuses = [entry["CallStatus"] for entry in app.asked() if entry["path"] == "/status"]
        assert statuses == ["initiated", "in-progress", "completed"]
        await app.go(2.0)
        assert app.call.commands(JoinQueue)[-1].queue == "support"


@pytest.mark.parametrize(
    "url",
    [
        "https://app.test/voice",
        "https://app.test:8443/voice?a=b&c=d",
        "http://app.test:80/voice",
        "http://app.test/ü?x=%20",
    ],
)
def test_signatures_hold_with_and_without_port(url: str) -> None:
    validator = RequestValidator(TOKEN)
    form = {"Digits": "12", "From": "+4930", "Empty": "", "Ü": "ß"}
    signature = twilio_signature(TOKEN, url, list(form.items()))
    assert validator.validate(url, form, signature)
    assert validator.validate(url.replace("https://app.test/", "https://app.test:443/"), form, signature)
    assert not validator.validate(url, {**form, "Digits": "13"}, signature)
    assert not RequestValidator("other").validate(url, form, signature)


def test_signature_of_a_body_that_is_no_form() -> None:
    body = b'{"type": "error"}'
    url = f"https://app.test/errors?{signed_body_query(body)}"
    assert hashlib.sha256(body).hexdigest() in url
    assert RequestValidator(TOKEN).validate(url, body.decode(), twilio_signature(TOKEN, url))
    assert not RequestValidator(TOKEN).validate(url, "{}", twilio_signature(TOKEN, url))


async def test_a_body_that_is_no_form_is_signed_as_sent(server: str) -> None:
    async with Existing(server) as app:
        body = json.dumps({"CallSid": "x"}).encode()
        headers = {"content-type": "application/json"}
        done = await app._ask(Request(1, "POST", f"{server}/status?a=1", headers, body, application="shop"))
        assert done.status == 200
        done = await app._ask(Request(2, "POST", f"{server}/status", headers, body))
        assert done.status == 403
        done = await app._ask(Request(3, "GET", f"{server}/status?b=2&CallSid=x", application="shop"))
        assert done.status == 200


def test_forms_are_read_as_they_are_sent() -> None:
    assert form_of(b"a=1&b=&a=%2B2") == [("a", "1"), ("b", ""), ("a", "+2")]
    assert form_of(None) == []
