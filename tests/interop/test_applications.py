"""A real daemon that hands calls to the example applications, and to one that behaves badly; callers on the line."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from ivr.cli.main import cli
from ivr.flow.twiml import call_sid
from tests.conftest import free_port
from tests.interop.conftest import make_config
from tests.kit.caller import RawCaller
from tests.kit.daemon import Daemon
from tests.kit.processes import resident
from tests.kit.waiting import wait_until

pytestmark = pytest.mark.interop

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
SECRET = "0123456789abcdef0123456789abcdef"
EVIL = ROOT.parent / "shared" / "proving" / "drills" / "evil_http.py"

FLOW = """
variables: {number: ""}
elements:
  start: {type: start_incoming_call, numbers: ["NUMBER"], next: app}
  app:
    type: transfer_to_voice_application
    application: APPLICATION
    custom_data: {order: "4711"}
    timeout: 3s
    branches: {call_not_transferred: kept, returned: kept}
  kept: {type: set_variable, variables: {number: "{{ result.reason }}"}, next: bye}
  bye: {type: hang_up}
"""


MAIN = """
elements:
  start: {type: start_incoming_call, numbers: ["110"], next: wait}
  wait: {type: play, file: played.wav, loop: 100, next: bye}
  bye: {type: hang_up}
"""
OTHER = """
variables: {who: nobody}
elements:
  start: {type: start_from_flow, next: wait}
  wait: {type: play, file: played.wav, loop: 100, next: bye}
  bye: {type: hang_up}
"""


@contextmanager
def example(path: Path) -> Iterator[int]:
    """An example server; its port."""
    process = subprocess.Popen(
        [sys.executable, str(path), "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "IVR_SECRET": SECRET},
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        yield int(line.split()[-1])
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def configured(folder: Path, applications: dict[str, str], more: dict[str, str] | None = None) -> Path:
    """A flow for each application: 100, 101…, and `more`."""
    flows = {
        **(more or {}),
        **{
            name: FLOW.replace("NUMBER", str(100 + at)).replace("APPLICATION", name)
            for at, name in enumerate(applications)
        },
    }
    told = "applications:\n" + "".join(
        f"  {name}: {{{fields}, secret: '{SECRET}'}}\n" for name, fields in applications.items()
    )
    config = make_config(folder, flows, extra=told)
    config.write_text(config.read_text().replace("http: {", "http: {allow: ['127.0.0.0/8'], "))
    return config


def live(daemon: Daemon, number: str = "") -> dict[str, Any]:
    """The call in progress."""
    rows = wait_until(lambda: daemon.get("/v1/calls")["calls"], "a call")
    found: dict[str, Any] = daemon.get(f"/v1/calls/{rows[-1]['id']}")
    return found


def instructions(daemon: Daemon) -> list[str]:
    rows = daemon.get("/v1/calls")["calls"]
    if not rows:
        return []
    path = daemon.get(f"/v1/calls/{rows[-1]['id']}")["path"]
    return [entry["verb"] for step in path for entry in step.get("instructions", [])]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with both example applications: 100 and 101; and a flow that no application has: 110."""
    with (
        example(EXAMPLES / "voice-application" / "app.py") as events,
        example(EXAMPLES / "twiml" / "plain.py") as documents,
        Daemon(
            configured(
                tmp_path_factory.mktemp("applications") / "it",
                {
                    "callers": f"url: 'http://127.0.0.1:{events}/calls'",
                    "shop": f"protocol: twiml, url: 'http://127.0.0.1:{documents}/voice'",
                },
                {"main": MAIN, "other": OTHER},
            )
        ) as running,
    ):
        yield running


def newest(daemon: Daemon, flow: str) -> dict[str, Any]:
    """The record of the newest call of a flow that is over."""
    found: list[dict[str, Any]] = wait_until(
        lambda: [record for record in daemon.records(1) if record["flow"] == flow], f"the record of {flow}"
    )
    return found[-1]


def test_the_example_of_events_takes_a_number_and_gives_the_call_back(daemon: Daemon) -> None:
    with RawCaller(daemon.sip_port) as caller:
        caller.call("100")
        wait_until(lambda: "collect" in instructions(daemon), "the question")
        # Keys that come before the prompt of the collect begins are not meant for it.
        wait_until(lambda: any("keys" not in e and e.get("played") for e in entries(daemon, "collect")), "its prompt")
        caller.press("4711#")
        assert caller.ended.wait(20)
        record = newest(daemon, "callers")
        step = record["path"][1]
        assert step["branch"] == "returned" and step["outcome"] == "released"
        assert [entry["verb"] for entry in step["instructions"]] == ["say", "collect", "say"]
        assert step["instructions"][1]["digits"] == "4711"
        assert SECRET not in json.dumps(record) + daemon.log()


def entries(daemon: Daemon, verb: str) -> list[dict[str, Any]]:
    rows = daemon.get("/v1/calls")["calls"]
    path = daemon.get(f"/v1/calls/{rows[-1]['id']}")["path"] if rows else []
    return [entry for step in path for entry in step.get("instructions", []) if entry["verb"] == verb]


class Plain(TwilioHttpClient):
    """The package's client, on our server."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def request(  # type: ignore[override]
        self,
        method: str,
        url: str,
        params: Any = None,
        data: Any = None,
        headers: Any = None,
        auth: Any = None,
        **_: Any,
    ) -> Response:
        parts = urllib.parse.urlsplit(url)
        body = urllib.parse.urlencode(data).encode() if data else None
        query = "?" + urllib.parse.urlencode(params) if params else ""
        request = urllib.request.Request(self.base + parts.path + query, body, method=method)
        if body is not None:
            request.add_header("Content-Type", "application/x-www-form-urlencoded")
        request.add_header("Authorization", "Basic " + base64.b64encode(":".join(auth).encode()).decode())
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return Response(answer.status, answer.read().decode())
        except urllib.error.HTTPError as error:
            return Response(error.code, error.read().decode())


def test_the_example_of_twiml_and_the_rest_client_of_the_package(daemon: Daemon) -> None:
    with RawCaller(daemon.sip_port) as caller:
        caller.call("101")
        wait_until(lambda: verbs(daemon), "the menu")
        caller.press("1")
        wait_until(lambda: "Record" in verbs(daemon), "the recording")
        sid, own = call_sid(live(daemon)["id"]), account_of("shop")
        client = Client(own, SECRET, http_client=Plain(daemon.http))
        assert client.calls(sid).fetch().status == "in-progress"
        with pytest.raises(TwilioRestException) as refused:
            Client(own, "wrong" * 8, http_client=Plain(daemon.http)).calls(sid).fetch()
        assert (refused.value.status, refused.value.code) == (401, 20003)
        with pytest.raises(TwilioRestException) as missing:
            client.calls("CA" + "0" * 32).fetch()
        assert missing.value.status == 404
        client.calls(sid).update(twiml="<Response><Say>Moved by the client</Say><Pause length='30'/></Response>")
        wait_until(lambda: live(daemon)["path"][-1]["element"] == "document", "the document")
        assert client.calls(sid).update(status="completed").status == "completed"
        assert caller.ended.wait(10)
    record = newest(daemon, "shop")
    assert record["cause"] == "ended_by_api"
    assert "moved by shop" in [step["branch"] for step in record["path"]]
    over = client.calls(sid).fetch()
    assert (over.status, over.direction) == ("completed", "inbound")
    with pytest.raises(TwilioRestException):
        client.calls(sid).update(status="completed")
    placed = client.calls.create(to="client:nobody", from_="100", twiml="<Response><Say>Hello</Say></Response>")
    assert (placed.status, placed.direction) == ("queued", "outbound-api")
    wait_until(lambda: client.calls(placed.sid).fetch().status in ("failed", "no-answer"), "the end of the call")
    assert {placed.sid, sid} <= {call.sid for call in client.calls.list(limit=20)}


def account_of(name: str) -> str:
    from ivr.settings import Application

    fields = {"url": "http://x.test/", "secret": SECRET, "protocol": "twiml"}
    return Application.model_validate(fields).account_sid(name)


def verbs(daemon: Daemon) -> list[str]:
    rows = daemon.get("/v1/calls")["calls"]
    path = daemon.get(f"/v1/calls/{rows[-1]['id']}")["path"] if rows else []
    return [entry["verb"] for step in path for entry in step.get("twiml", [])]


def test_live_calls_are_moved_taken_and_told_what_to_do(daemon: Daemon) -> None:
    with RawCaller(daemon.sip_port) as caller:
        caller.call("110")
        call = live(daemon)["id"]

        def post(verb: str, **fields: Any) -> Any:
            return daemon.post(f"/v1/calls/{call}/{verb}", fields)

        with pytest.raises(urllib.error.HTTPError) as refused:
            post("say", text="Hello")
        assert refused.value.code == 409
        assert "take the call first" in refused.value.read().decode()
        for fields, status in (({"flow": "none"}, 404), ({"flow": "main"}, 422), ({"queue": "x"}, 404), ({}, 422)):
            with pytest.raises(urllib.error.HTTPError) as refused:
                post("transfer", **fields)
            assert refused.value.code == status
        assert live(daemon)["path"][-1]["element"] == "wait"
        assert post("record")["result"] == {}
        assert post("transfer", flow="other", variables={"who": "Anna"})["flow"] == "other"
        assert post("take")["element"] == "control"
        assert post("say", text="Hello there", wait=True)["result"]["status"] == "completed"
        asked = post("collect", prompt="Key", max_digits=2)["instruction"]
        wait_until(lambda: entries(daemon, "collect")[-1].get("played"), "the prompt")
        caller.press("42")
        wait_until(lambda: entries(daemon, "collect")[-1].get("digits") == "42", f"the digits of {asked}")
        assert post("release", flow="other")["element"] == "wait"
        assert post("digits", digits="1w2")["result"] == {}
        short = str(live(daemon)["short_id"])
        assert ivr(daemon, "calls", "transfer", short, "--flow", "other") == f"call {short} is at wait of other\n"
        assert "no flow nothing" in ivr(daemon, "calls", "transfer", short, "--flow", "nothing")
        assert ivr(daemon, "calls", "hangup", short) == f"call {short} is hung up\n"
        assert caller.ended.wait(10)
        record = newest(daemon, "main")
        assert record["cause"] == "ended_by_api"
        by = [step["branch"] for step in record["path"] if str(step["branch"]).startswith("moved by")]
        assert len(by) == 4


def ivr(daemon: Daemon, *arguments: str) -> str:
    return CliRunner().invoke(cli, ["--config", str(daemon.config), *arguments]).output


VICES = ("hang", "slow", "500", "badjson", "deepjson", "huge", "gzipbomb", "redir-meta", "redir-loop", "cut",
         "nolen", "header", "close")  # fmt: skip


@pytest.mark.skipif(not EVIL.exists(), reason="../shared/proving is not beside this copy")
@pytest.mark.heavy
@pytest.mark.parametrize("protocol", ["events", "twiml"])
def test_an_application_that_behaves_badly_costs_no_call(tmp_path: Path, protocol: str) -> None:
    port = free_port()
    evil = subprocess.Popen([sys.executable, str(EVIL), "--port", str(port)])
    try:
        applications = {
            f"app-{vice}": f"protocol: {protocol}, url: 'http://127.0.0.1:{port}/{vice}', timeout: 3s" for vice in VICES
        }
        with Daemon(configured(tmp_path / "it", applications)) as daemon:
            before = resident(daemon.process.pid)
            callers = [RawCaller(daemon.sip_port).__enter__() for _ in VICES]
            try:
                for at, caller in enumerate(callers):
                    caller.call(str(100 + at))
                for vice, caller in zip(VICES, callers, strict=True):
                    assert caller.ended.wait(12), vice
            finally:
                for caller in callers:
                    caller.__exit__()
            records = daemon.records(len(VICES))
            for record in records:
                step = record["path"][1]
                assert step["branch"] == "call_not_transferred", record["flow"]
                assert step["outcome"] in ("timeout", "http_error", "bad_answer"), record["flow"]
                assert step["left_at"] - step["entered_at"] < 8.0
                assert record["cause"] == "ended_by_flow"
            assert resident(daemon.process.pid) - before < 64 * 1024, "kB"
            refused = next(record for record in records if record["flow"] == "app-redir-meta")["path"][1]
            assert "not a public address" in json.dumps(refused)
    finally:
        evil.terminate()
        evil.wait(10)


class Leading(BaseHTTPRequestHandler):
    """An application whose documents are good, and lead to what behaves badly."""

    evil = ""

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        bad = f"{self.evil}/{self.path.rpartition('/')[2]}"
        body = (f"<Response><Play>{bad}</Play><Say>Still here</Say><Redirect>{bad}</Redirect></Response>").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.mark.skipif(not EVIL.exists(), reason="../shared/proving is not beside this copy")
@pytest.mark.heavy
def test_sounds_callbacks_and_documents_that_behave_badly_cost_no_call(tmp_path: Path) -> None:
    port = free_port()
    evil = subprocess.Popen([sys.executable, str(EVIL), "--port", str(port)])
    Leading.evil = f"http://127.0.0.1:{port}"
    try:
        with ThreadingHTTPServer(("127.0.0.1", 0), Leading) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            base = f"http://127.0.0.1:{server.server_address[1]}"
            applications = {
                f"app-{vice}": f"protocol: twiml, url: '{base}/{vice}', timeout: 3s, status_callback: "
                f"'{Leading.evil}/{vice}', status_events: [initiated, answered, completed]"
                for vice in VICES
            }
            with Daemon(configured(tmp_path / "it", applications)) as daemon:
                before = resident(daemon.process.pid)
                callers = [RawCaller(daemon.sip_port).__enter__() for _ in VICES]
                try:
                    for at, caller in enumerate(callers):
                        caller.call(str(100 + at))
                    for vice, caller in zip(VICES, callers, strict=True):
                        assert caller.ended.wait(60), vice
                finally:
                    for caller in callers:
                        caller.__exit__()
                for record in daemon.records(len(VICES)):
                    step = record["path"][1]
                    assert step["branch"] == "returned", record["flow"]
                    assert step["outcome"] in ("timeout", "http_error", "bad_answer"), record["flow"]
                    assert [entry["verb"] for entry in step["twiml"]] == ["Play", "Say", "Redirect"], record["flow"]
                assert resident(daemon.process.pid) - before < 64 * 1024, "kB"
            server.shutdown()
    finally:
        evil.terminate()
        evil.wait(10)
