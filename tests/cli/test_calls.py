from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ivr.cli.live import DaemonError, ask
from ivr.cli.main import cli
from ivr.settings import HostPort, load_settings
from ivr.store import CallRecord, Store

CALL = CallRecord(
    id="3f2a",
    short_id=1,
    direction="inbound",
    started_at=1_772_000_000.0,
    answered_at=1_772_000_000.5,
    ended_at=1_772_000_012.0,
    caller="+15550199",
    called="100",
    flow="reception",
    flow_version="9c1",
    cause="user_hung_up",
    sip_status=200,
    path=[
        {"element": "start", "type": "start_incoming_call", "entered_at": 1_772_000_000.0, "branch": "next"},
        {"element": "menu", "type": "collect", "entered_at": 1_772_000_003.25, "branch": "1", "digits": "1"},
    ],
    hand_offs=[{"target": "phone:200", "result": "busy"}],
    quality={"mos": 4.4},
)


@pytest.fixture
def filled(config_file: Path) -> Path:
    """Configuration of a store with one call that ended and one in progress."""
    store = Store.open(load_settings(config_file, {}).store)
    store.writer.call_ended(CALL)
    store.writer.call_started(CallRecord(id="77", short_id=2, direction="inbound", started_at=1_772_000_100.0))
    store.close()
    return config_file


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(config), *arguments])


def test_calls_as_a_table(filled: Path) -> None:
    result = run(filled, "calls")
    assert result.exit_code == 0
    head, first, second = result.output.splitlines()
    assert head.split() == ["id", "started", "from", "to", "flow", "seconds", "ended"]
    assert first.split()[-2:] == ["in", "progress"]
    assert second.split()[3:] == ["+15550199", "100", "reception", "11.5", "user_hung_up"]


def test_calls_as_json(filled: Path) -> None:
    calls = json.loads(run(filled, "calls", "--json", "--cause", "user_hung_up").output)
    assert [call["id"] for call in calls] == ["3f2a"]
    assert calls[0]["path"] == CALL.path


def test_calls_of_a_time_without_any(filled: Path) -> None:
    assert run(filled, "calls", "--since", "1ms").output == "no calls\n"
    assert run(filled, "calls", "--since", "soon").exit_code == 2


def test_without_a_store_there_is_a_clear_error(config_file: Path) -> None:
    result = run(config_file, "calls")
    assert (result.exit_code, result.output[:30]) == (1, "ivr: there are no records yet:")


@pytest.mark.parametrize("name", ["1", "3f2a"])
def test_trace(filled: Path, name: str) -> None:
    result = run(filled, "trace", name)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == "call 1  3f2a"
    assert lines[2] == "flow reception (version 9c1), user_hung_up, SIP 200"
    assert lines[3] == "answered after 0.5 s, talked 11.5 s"
    assert lines[5].split() == ["3.25", "menu", "collect", "->", "1", 'digits="1"']
    assert lines[6:] == ['handed off: target="phone:200", result="busy"', "quality: mos=4.4"]


def test_trace_as_json(filled: Path) -> None:
    assert json.loads(run(filled, "trace", "1", "--json").output)["cause"] == "user_hung_up"


def test_trace_of_no_call(filled: Path) -> None:
    result = run(filled, "trace", "99")
    assert (result.exit_code, result.output) == (1, "ivr: there is no call 99 in the store, and no daemon to ask\n")


def test_trace_of_a_call_in_progress_without_a_daemon_shows_what_is_known(filled: Path) -> None:
    result = run(filled, "trace", "2")
    assert result.exit_code == 0
    assert "in progress" in result.output


class Daemon(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answers: dict[str, tuple[int, Any]] = {
            "/v1/calls/77": (200, {"id": "77", "live": True}),
            "/broken": (200, "{"),
            "/failing": (500, {}),
        }
        status, body = answers.get(self.path, (404, {}))
        self.send_response(status)
        self.end_headers()
        self.wfile.write((body if isinstance(body, str) else json.dumps(body)).encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def daemon() -> Iterator[HostPort]:
    with HTTPServer(("127.0.0.1", 0), Daemon) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield HostPort("0.0.0.0", server.server_port)
        server.shutdown()
        thread.join()


def test_the_daemon_is_asked_about_live_calls(daemon: HostPort) -> None:
    assert ask(daemon, "/v1/calls/77") == {"id": "77", "live": True}
    assert ask(daemon, "/v1/calls/78") is None
    with pytest.raises(DaemonError, match="answers 500"):
        ask(daemon, "/failing")
    with pytest.raises(DaemonError, match="no daemon answers"):
        ask(daemon, "/broken")


def test_no_daemon_is_told(tcp_port: int) -> None:
    with pytest.raises(DaemonError, match=f"no daemon answers at 127.0.0.1:{tcp_port}"):
        ask(HostPort("127.0.0.1", tcp_port), "/v1/calls/1")
