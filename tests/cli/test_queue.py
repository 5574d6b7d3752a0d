"""`ivr queue`, on an interface with the rules of the centre behind it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ivr.api import AgentRoutes, QueueRoutes, RoutingRoutes
from ivr.center.house import kept_between
from ivr.center.rules import events as happened
from ivr.cli.live import NoDaemonError
from ivr.cli.main import cli
from ivr.cli.watching import watch
from ivr.settings import Settings
from ivr.store import Store
from tests.kit.desks import WALL, TestDesk
from tests.kit.served import Served

CENTER = """
time_zone: UTC
agents:
  anna: {name: Anna Berg, phones: ["200"], queues: [sales]}
  ben: {phones: ["201"], first_status: unavailable}
queues: {sales: {name: Sales}}
statuses: {lunch: away}
routes: [{name: vip, when: [{fact: tags, contains: vip}], queue: sales, priority: 9}]
"""


class Center(Served):
    """With a centre."""

    desk: TestDesk

    def parts(self, settings: Settings, store: Store) -> Sequence[Any]:
        self.desk = TestDesk(settings, store)
        office = self.desk.office
        return (
            AgentRoutes(office),
            QueueRoutes(office, partial(kept_between, store), lambda: WALL + self.desk.now - 1000.0),
            RoutingRoutes(office),
        )

    def do(self, what: Callable[[TestDesk], Any]) -> None:
        """Have something done in the interface's thread."""
        done = threading.Event()
        self.loop.call_soon_threadsafe(lambda: (what(self.desk), done.set()))
        assert done.wait(10)

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(cli, ["--config", str(self.config), "queue", *arguments])

    def told(self, *arguments: str, code: int = 0) -> str:
        done = self.run(*arguments)
        assert done.exit_code == code, done.output
        return done.output

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.told(*arguments, "--json", code=code))


@pytest.fixture
def center(config_file: Path) -> Iterator[Center]:
    config_file.write_text(config_file.read_text() + CENTER)
    with Center(config_file) as served:
        served.do(lambda desk: desk.join("c1", "sales"))
        served.do(lambda desk: desk.join("c2", "sales"))
        served.do(lambda desk: desk.pass_time(75.0))
        yield served


def test_queues(center: Center) -> None:
    lines = center.told("list").splitlines()
    assert lines[0].split()[:4] == ["queue", "open", "waiting", "longest"]
    assert lines[1].split()[:4] == ["sales", "yes", "2", "0:01:15"]
    assert center.told() == center.told("list")
    assert [queue["id"] for queue in center.json("list")] == ["sales", "default"]
    assert center.json()[0]["now"]["waiting"] == 2


def test_a_queue(center: Center) -> None:
    text = center.told("show", "sales")
    assert text.startswith("Sales (sales): open, agents by longest_idle\n2 wait, 0 talk")
    assert " 40 " in text and "c1" not in text and "waiting" in text
    rows = center.json("show", "sales")["callers"]
    assert [(row["caller"], row["short_id"]) for row in rows] == [("c1", 40), ("c2", 41)]
    assert "there is no queue nowhere" in center.told("show", "nowhere", code=1)


def test_agents_and_their_statuses(center: Center) -> None:
    assert "Anna Berg" in center.told("agents")
    assert [agent["id"] for agent in center.json("agents")] == ["anna", "ben"]
    assert "unavailable" in center.told("status", "ben")
    assert "available" in center.told("status", "ben", "available").splitlines()[1].split()
    assert center.json("status", "ben", "lunch")["now"]["group"] == "away"
    assert "there is no agent eve" in center.told("status", "eve", code=1)
    assert "nonsense" in center.told("status", "ben", "nonsense", code=1)
    assert center.run("status").exit_code == 2


def test_why_a_call_goes_where_it_goes(center: Center) -> None:
    text = center.told("explain", "tags=vip", "from=+4930123456")
    assert "route vip -> sales: matches" in text and "priority 9" in text
    found = center.json("explain", "tags=a", "tags=b", "profile.size=3")
    assert found["queue"] == "default" and found["routes"][0]["matched"] is False
    assert center.json("explain", "--call", "c1")["queue"] == "sales"
    assert center.json("explain", "--call", "41")["queue"] == "sales"
    assert "no queue has this call" in center.told("explain", "--call", "c9", code=1)
    assert center.run("explain", "vip").exit_code == 2
    center.told("explain", "--queue", "nowhere", code=1)


def test_a_report(center: Center) -> None:
    center.do(lambda desk: desk.receive(happened.CallerLeft("c2")))
    text = center.told("report", "sales", code=1)
    assert "queue sales, 2026-03-02 00:00 to 2026-03-02 09:01; aim: 80 % within 20 s" in text
    assert text.splitlines()[2].split()[:2] == ["03-02", "09:00"]
    found = center.json("report", "sales", "--interval", "all", code=1)
    assert (found["total"]["offered"], found["total"]["abandoned"]) == (2, 1)
    assert center.json("report", "sales", "--from", "2026-03-01", "--to", "2026-03-01")["total"]["offered"] == 0
    assert "not a moment" in center.told("report", "sales", "--from", "soon", code=1)


def test_call_backs(center: Center) -> None:
    assert center.told("callbacks") == "nobody is called back\n"
    center.do(lambda desk: desk.receive(happened.CallbackKept("c2", "b1", "+4930123456")))
    center.do(lambda desk: desk.receive(happened.CallerLeft("c2", "callback_scheduled")))
    text = center.told("callbacks", "sales")
    assert "b1" in text and "4930123456" not in text
    assert center.json("callbacks")[0]["callback"] == "b1"
    assert center.told("callbacks", "--cancel", "b1") == "b1 is not called back\n"
    assert center.json("callbacks") == []
    assert "there is no call back b1" in center.told("callbacks", "--cancel", "b1", code=1)


def test_no_daemon(config_file: Path) -> None:
    for arguments in (["list"], ["status", "anna", "away"], ["agents"]):
        done = CliRunner().invoke(cli, ["--config", str(config_file), "queue", *arguments])
        assert done.exit_code == 1 and "daemon" in done.output


def test_what_is_watched_is_shown_again_and_again(capsys: pytest.CaptureFixture[str]) -> None:
    looks = iter(([["1 waits"]], None, [["2 wait"]]))

    def look() -> Any:
        found = next(looks)
        if found is None:
            raise NoDaemonError("gone")
        return found[0]

    watch(look, lambda seconds: None, rounds=3)
    out = capsys.readouterr().out
    assert out.count("1 waits") == 2 and "2 wait" in out


def test_who_watches_hears_when_nobody_answers_for_long() -> None:
    first = iter([["x"]])

    def look() -> Any:
        for found in first:
            return found
        raise NoDaemonError("gone")

    with pytest.raises(NoDaemonError):
        watch(look, lambda seconds: None)
