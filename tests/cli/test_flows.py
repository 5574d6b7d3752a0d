from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ivr.api import CallRoutes, EventRoutes, FlowRoutes, Guard, HttpServer, OperationRoutes, Sight, local_token
from ivr.call.events import EventHub
from ivr.cli.main import cli
from ivr.feed import Concerns
from ivr.settings import HostPort, MetricsSettings, Settings, load_settings
from ivr.store import Store
from ivr.tasks import TaskSet
from ivr.versions import FlowKeeper, LiveFlows
from tests.api.conftest import FLOW, Calls, Health, figures


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration of nothing but a folder; nobody listens on its HTTP port."""
    (tmp_path / "flows").mkdir()
    path = tmp_path / "ivr.yaml"
    path.write_text('http: {listen: "127.0.0.1:1"}\nstore: "sqlite:///ivr.db"\ncache: cache\n')
    return path


def write(config: Path, text: str, head: str = "", number: str = "100") -> None:
    path = config.parent / "flows" / "reception.yaml"
    path.write_text(FLOW.format(text=text, number=number, head=head))


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(config), "flows", *arguments])


def lines(config: Path, *arguments: str) -> list[str]:
    result = run(config, *arguments)
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def test_without_a_daemon_the_store_is_changed(config: Path) -> None:
    write(config, "One.")
    later = "no daemon runs: it holds from the next start on"
    assert lines(config, "reload") == ["reception: version 1 is active", later]
    write(config, "Two.", head="canary: 10%")
    assert lines(config, "reload") == ["reception: version 1 is active, 0.1 of the calls try version 2", later]
    assert lines(config, "activate", "reception@2") == ["reception: version 2 is active", later]
    assert lines(config, "rollback", "reception") == ["reception: version 1 is active", later]
    assert lines(config, "activate", "reception@2", "--canary", "25%")[0].endswith("0.25 of the calls try version 2")
    head, row = lines(config)
    assert head.split() == ["flow", "active", "candidate", "share", "versions", "calls"]
    assert row.split() == ["reception", "1", "2", "25%", "2"]
    assert json.loads("\n".join(lines(config, "--json")))["flows"][0]["share"] == 0.25
    assert lines(config, "list") == lines(config)


def test_versions_are_listed_shown_and_compared(config: Path) -> None:
    write(config, "One.")
    run(config, "reload")
    write(config, "Two.")
    run(config, "reload")
    _head, first, second = lines(config, "versions", "reception")
    assert (first.split()[0], second.split()[0]) == ("reception@1", "reception@2")
    assert [v["number"] for v in json.loads("\n".join(lines(config, "versions", "reception", "--json")))] == [1, 2]
    shown = lines(config, "show", "reception@1")
    assert shown[0].startswith("# reception@1  ")
    assert any("One." in line for line in shown)
    assert json.loads("\n".join(lines(config, "show", "reception@1", "--json")))["number"] == 1
    assert lines(config, "diff", "reception", "1", "2") == ['~ element hello: text: "One." -> "Two."']
    assert lines(config, "diff", "reception", "1", "1") == ["nothing that a caller would notice"]
    found = json.loads("\n".join(lines(config, "diff", "reception", "1", "2", "--json")))
    assert found["fields"][0]["words"] is True


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["activate", "reception"], 2, "names no version, expected FLOW@N"),
        (["activate", "reception@x"], 2, "names no version"),
        (["activate", "reception@9"], 1, "there is no version 9 of reception"),
        (["activate", "reception@1", "--canary", "0%"], 2, "not a share"),
        (["rollback", "reception"], 1, "no version of reception was active before 1"),
        (["rollback", "nobody"], 1, "there is no flow nobody"),
        (["show", "reception@9"], 1, "there is no version 9 of reception"),
        (["versions", "nobody"], 1, "there is no flow nobody"),
        (["diff", "reception", "1", "9"], 1, "there is no version 9 of reception"),
    ],
)
def test_what_cannot_be_done_is_said(config: Path, arguments: list[str], code: int, text: str) -> None:
    write(config, "One.")
    run(config, "reload")
    result = run(config, *arguments)
    assert (result.exit_code, text in result.output) == (code, True), result.output


def test_a_bad_folder_changes_nothing(config: Path) -> None:
    write(config, "One.")
    run(config, "reload")
    (config.parent / "flows" / "reception.yaml").write_text("elements: {a: {type: ply}}")
    result = run(config, "reload")
    assert result.exit_code == 1
    assert "did you mean play?" in result.output
    assert lines(config)[1].split()[1] == "1"


def test_no_flows(config: Path) -> None:
    assert lines(config) == ["no flows"]


# With a daemon


@contextmanager
def daemon(config: Path) -> Iterator[Settings]:
    """The daemon's part that listens, in a thread."""
    settings = load_settings(config, {})
    store = Store.open(settings.store)
    started, stop = threading.Event(), threading.Event()
    address: list[HostPort] = []

    async def serve() -> None:
        keeper, tasks = FlowKeeper(settings, store.versions), TaskSet()
        live = LiveFlows(keeper, keeper.load(), (), lambda flows: None)
        hub = EventHub(store, tasks.spawn, lambda: 1.0)
        with local_token(settings.token_file) as token:
            operations = OperationRoutes(Health(), figures, "text/plain", MetricsSettings())
            guarded = Guard(store, token)
            calls = Calls()
            parts = (FlowRoutes(live, calls), CallRoutes(calls, Sight(Concerns(), lambda queue: ())), EventRoutes(hub))
            server = HttpServer(HostPort("127.0.0.1", 0), guarded, operations, parts)
            await server.start()
            address.append(server.address)
            started.set()
            await asyncio.to_thread(stop.wait)
            await server.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(20)
    config.write_text(config.read_text().replace("127.0.0.1:1", str(address[0])))
    try:
        yield settings
    finally:
        stop.set()
        thread.join()
        store.close()


def test_the_running_daemon_makes_the_change(config: Path) -> None:
    write(config, "One.")
    with daemon(config):
        write(config, "Two.")
        assert lines(config, "reload") == ["reception: version 2 is active"]
        assert lines(config, "rollback", "reception") == ["reception: version 1 is active"]
        assert lines(config)[1].split() == ["reception", "1", "2"]
        result = run(config, "activate", "reception@9")
        assert (result.exit_code, result.output) == (1, "ivr: there is no version 9 of reception\n")
        write(config, "Bad.", number='100"]\n  x: {type: ply}\n  y: {type: play, text: ["')
        result = run(config, "reload")
        assert result.exit_code == 1
        assert "what is there does not hold" in result.output
        assert "reception.yaml:" in run(config).output


def test_a_token_of_somebody_else_is_told(config: Path) -> None:
    write(config, "One.")
    with daemon(config) as settings:
        text = settings.token_file.read_text()
        settings.token_file.unlink()
        result = run(config, "reload")
        assert (result.exit_code, "its token cannot be read" in result.output) == (1, True)
        settings.token_file.write_text(text)
