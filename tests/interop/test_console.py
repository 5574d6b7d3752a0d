"""The console in a real browser, at a daemon with real phones."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.interop.conftest import RTP_PORTS, free_range
from tests.kit.browser import CHROMIUM, browser
from tests.kit.daemon import Daemon

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: chromium)"),
    pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz (Debian: graphviz)"),
]

FLOW = """
description: Sales desk
variables: {topic: "<b id='bold'>a new roof</b>"}
shareable: [topic]
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: sales}
  sales:
    {type: transfer_to_agent, queue: sales, origin: Sales desk, record_call: true, branches: {call_not_forwarded: bye}}
  bye: {type: hang_up}
"""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    (tmp_path / "flows").mkdir()
    (tmp_path / "prompts").mkdir()
    (tmp_path / "flows" / "desk.yaml").write_text(FLOW)
    first = free_range()
    config = tmp_path / "ivr.yaml"
    config.write_text(
        f"sip: {{listen: ['udp:127.0.0.1:{free_port()}']}}\n"
        "http: {listen: '127.0.0.1:0'}\n"
        f"media: {{ports: '{first}-{first + RTP_PORTS - 1}', workers: 1}}\n"
        "speech: {engine: espeak-ng, language: en}\n"
        "phones: {'200': {password: secret-200}, '300': {password: secret-300}}\n"
        "agents: {anna: {name: Anna Berg, phones: ['200'], queues: [sales], wrap_up: 60s, first_status: available}}\n"
        "queues: {sales: {name: Sales}}\n"
        "dispositions: {sold: Sold, again: Call again}\n"
        "limits: {drain_timeout: 1s}\n"
    )
    with Daemon(config) as running:
        yield running


@contextlib.contextmanager
def phone(daemon: Daemon, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A phone in a process of its own."""
    command = [sys.executable, "-m", "ivr", "--config", str(daemon.config), "phone", *arguments, "--silent", "--plain"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def token(daemon: Daemon, *arguments: str) -> str:
    command = [sys.executable, "-m", "ivr", "--config", str(daemon.config), "token", "create", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]


def asked(daemon: Daemon, path: str) -> dict[str, object]:
    with urllib.request.urlopen(f"{daemon.http}{path}") as answer:
        found: dict[str, object] = json.load(answer)
        return found


async def test_a_call_on_every_page(daemon: Daemon, tmp_path: Path) -> None:
    pictures = Path(os.environ.get("IVR_PICTURES", tmp_path))
    own = token(daemon, "--name", "anna", "--role", "agent", "--agent", "anna")
    async with browser(tmp_path / "profile") as page:
        await page.go(f"{daemon.http}/")
        await page.sees("No calls")
        await page.until("document.querySelector('#live.on')")
        with phone(daemon, "--as", "200", "--answer", "auto"):
            await page.run("location.hash = '#queues'")
            await page.until("document.querySelector('.dot.good')", 20)
            await page.run("location.hash = '#calls'")
            await page.sees("No calls")
            with phone(daemon, "100", "--as", "300") as caller:
                # Told by events: nothing here is loaded anew.
                await page.until("document.querySelector('td.where b')?.innerText === 'sales'", 20)
                await page.until("document.querySelector('td.party')?.innerText === 'Anna Berg'", 20)
                await page.picture(pictures / "console-calls.png")
                await page.run("document.querySelector('tr.link').click()")
                await page.sees("The way so far")
                await page.until("document.querySelector('.drawing .here')")
                await page.picture(pictures / "console-call.png")

                await page.run("location.hash = '#queues'")
                await page.sees("In a call")
                await page.picture(pictures / "console-queues.png")

                await page.run("location.hash = '#desk/anna'")
                await page.sees("Sign in to see what is known of it")
                await page.click("Sign in")
                await page.write("#token", "ivr_nobody_knows_this_one")
                await page.run("document.getElementById('signing-go').click()")
                await page.sees("his token is not good")
                await page.write("#token", own)
                await page.run("document.getElementById('signing-go').click()")
                await page.sees("Sales desk")
                await page.sees("<b id='bold'>a new roof</b>")
                assert await page.run("document.getElementById('bold')") is None
                await page.picture(pictures / "console-desk.png")
                caller.terminate()
                await page.sees("How did it end?")
            await page.click("Sold")
            await page.sees("No call")
            await page.click("Away")
            await page.until("document.querySelector('button.chosen')?.innerText.trim() === 'Away'")
            agents = asked(daemon, "/v1/agents")["agents"]
            assert isinstance(agents, list)
            assert (agents[0]["now"]["group"], agents[0]["now"]["phase"]) == ("away", "idle")
        await page.run("location.hash = '#recordings'")
        await page.sees("Not for this token")
        managed = token(daemon, "--name", "boss", "--role", "manager")
        await page.click("Sign out")
        await page.sees("Sign in to see this")
        await page.click("Sign in")
        await page.write("#token", managed)
        await page.run("document.getElementById('signing-go').click()")
        await page.click("Listen")
        await page.until("document.querySelector('audio')?.duration > 0.2")
        await page.picture(pictures / "console-recordings.png")
        refused = [fault for fault in page.faults if "401" not in fault and "403" not in fault]
        assert refused == []
