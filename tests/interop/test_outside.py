"""A real daemon whose flows ask a web service and send mail, with a caller on the line."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.interop.conftest import make_config
from tests.kit.caller import RawCaller
from tests.kit.daemon import Daemon
from tests.kit.smtp import SmtpServer
from tests.kit.waiting import wait_until

pytestmark = pytest.mark.interop

FLOW = """
variables: {pin: "1234", balance: 0}
sensitive: [pin]
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: ask}
  ask:
    type: bank.balance
    account: "{{ call.from }}"
    pin: "{{ pin }}"
    filler: {file: played.wav}
    save: {balance: amount}
    next: tell
    branches: {error: bye}
  tell:
    type: notify
    to: duty@example.com
    subject: "Balance {{ balance }}"
    text: "Asked by {{ call.from }}."
    wait: true
    next: bye
    branches: {error: bye}
  bye: {type: hang_up}
"""
CLOSED = """
elements:
  start: {type: start_incoming_call, numbers: ["101"], next: ask}
  ask: {type: call_api, url: "http://127.0.0.2:%d/", next: bye, branches: {error: bye}}
  bye: {type: hang_up}
"""
EXTRA = """
connectors:
  bank:
    url: http://127.0.0.1:%d/bank/
    token: geheim
    elements:
      balance:
        fields: {account: {required: true}, pin: {required: true}}
        request: {path: balance, body: {account: "{{ account }}", pin: "{{ pin }}"}}
        save: {amount: $.amount}
mail: {server: 127.0.0.1, port: %d, tls: none, from: ivr@example.com}
"""


class Bank:
    """Answers after `delay` seconds."""

    def __init__(self) -> None:
        self.delay = 0.0
        self.asked: list[tuple[str, Any, str | None]] = []

    async def balance(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, await request.json(), request.headers.get("authorization")))
        await asyncio.sleep(self.delay)
        return web.json_response({"amount": 12.5})

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[int]:
        app = web.Application()
        app.router.add_post("/bank/balance", self.balance)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()


@contextmanager
def peers() -> Iterator[tuple[Bank, int, SmtpServer]]:
    """A bank and a mail server in a thread of their own."""
    bank, mail = Bank(), SmtpServer()
    ready, stop = threading.Event(), asyncio.Event()
    found: dict[str, Any] = {}

    async def main() -> None:
        async with mail, bank.serve() as port:
            found.update(port=port, loop=asyncio.get_running_loop())
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert ready.wait(10)
    try:
        yield bank, found["port"], mail
    finally:
        found["loop"].call_soon_threadsafe(stop.set)
        thread.join(10)


def configured(folder: Path, port: int, mail: int) -> Path:
    config = make_config(folder, {"main": FLOW, "closed": CLOSED % port}, extra=EXTRA % (port, mail))
    config.write_text(config.read_text().replace("http: {", f"http: {{allow: ['127.0.0.1:{port}'], "))
    return config


def test_a_flow_asks_and_tells_while_the_caller_listens(tmp_path: Path) -> None:
    with peers() as (bank, port, mail), Daemon(configured(tmp_path / "it", port, mail.port)) as daemon:
        bank.delay = 2.0
        with RawCaller(daemon.sip_port) as caller:
            caller.call("100")
            assert caller.ended.wait(15)
            heard = caller.heard()
        [record] = daemon.records(1)
        assert [step["element"] for step in record["path"]] == ["start", "ask", "tell", "bye"]
        assert len(heard) > 4000  # half a second of the filler at least
        path, body, authorization = bank.asked[0]
        assert (path, body, authorization) == (
            "/bank/balance", {"account": "caller", "pin": "1234"}, "Bearer geheim"
        )  # fmt: skip
        assert "Subject: Balance 12.5" in mail.mails[0][2] and mail.mails[0][1] == ["duty@example.com"]
        told = json.dumps(record) + daemon.log()
        assert "1234" not in told and "geheim" not in told


def test_a_caller_who_hangs_up_leaves_at_once_and_private_addresses_are_closed(tmp_path: Path) -> None:
    with peers() as (bank, port, mail), Daemon(configured(tmp_path / "it", port, mail.port)) as daemon:
        bank.delay = 3.0
        with RawCaller(daemon.sip_port) as caller:
            caller.call("100")
            wait_until(lambda: bank.asked, "the request")
            assert caller.hang_up() == 200
        [record] = daemon.records(1)
        assert record["cause"] == "user_hung_up" and record["path"][-1]["branch"] == "user_hung_up"
        assert record["path"][-1]["left_at"] - record["path"][-1]["entered_at"] < 2.5
        with RawCaller(daemon.sip_port) as caller:
            caller.call("101")
            assert caller.ended.wait(10)
        [record] = [each for each in daemon.records(2) if each["flow"] == "closed"]
        assert record["path"][1]["requests"][0]["error"] == "refused"
