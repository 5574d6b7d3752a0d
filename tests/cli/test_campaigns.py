"""`ivr campaigns`, `ivr call --audience` and `ivr dnc`, on an interface with campaigns of which everybody answers."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from ivr.api import CampaignRoutes
from ivr.cli.live import NoDaemonError
from ivr.cli.main import cli
from ivr.cli.progress import _bar, follow, summary, told
from ivr.dialer import CampaignOffice
from ivr.flow import FlowSet, parse_flow
from ivr.settings import Settings
from ivr.store import Store
from tests.kit.flows_of_contacts import ContactFlows, Phone
from tests.kit.served import Served

FLOW = "elements: {start: {type: start_from_audience, next: end}, end: {type: tag, tags: [x]}}"
FLOWS = FlowSet({"survey": parse_flow(FLOW, "survey")})
SHOWN: dict[str, Any] = {
    "id": 7,
    "name": "spring",
    "flow": "survey",
    "state": "running",
    "options": {},
    "started_at": 1000.0,
    "ended_at": None,
    "contacts": 10,
    "duplicates": 1,
    "bad_rows": 2,
    "states": {"waiting": 4, "running": 2, "done": 4},
    "results": {"busy": 1, "answered": 2, "interrupted": 1},
    "attempts": 5,
    "calling": 1,
    "rate": 12,
    "speed": {"calls": 30, "per": "minute"},
    "problem": "",
    "eta": None,
}


class Dialling(Served):
    """With campaigns."""

    def parts(self, settings: Settings, store: Store) -> Sequence[Any]:
        self._flows = ContactFlows(store, self.loop, Phone(self._outcome), talk=0.01)
        self._dialler = self._flows.dialler_of(settings, lambda: FLOWS)
        return [CampaignRoutes(CampaignOffice(settings, store, self._dialler, lambda: FLOWS, self.loop.time))]

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[None]:
        await self._dialler.begin()
        self._flows.run()
        task = asyncio.create_task(self._dialler.run())
        yield
        task.cancel()

    @staticmethod
    def _outcome(number: str, attempt: int) -> str:
        return "busy" if number.endswith("1") else "answered"


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(config), *arguments])


@pytest.fixture
def served(config_file: Path) -> Iterator[Path]:
    with Dialling(config_file):
        yield config_file


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text("number;name\n+49301;Anna\n+49302;Bert\nabc;Carl\n+49301;again\n")
    return path


def test_an_audience_is_called_and_watched_to_the_end(served: Path, people: Path) -> None:
    done = run(
        served, "call", "--audience", str(people), "--flow", "survey", "--name", "spring", "--speed", "600/minute"
    )
    assert done.exit_code == 0, done.output
    assert "line 4, column number: 'abc' is no number" in done.output
    assert "campaign 1: 2 contacts, 1 numbers twice, 1 bad" in done.output
    assert "campaign 1 (spring), flow survey: finished" in done.output
    listed = run(served, "campaigns")
    assert listed.output.split() == [
        *("id", "name", "flow", "state", "contacts", "done", "answered", "running"),
        *("1", "spring", "survey", "finished", "2", "2", "1", "0"),
    ]
    rows = list(csv.DictReader(io.StringIO(run(served, "campaigns", "export", "1").output)))
    assert [(row["number"], row["name"], row["result"]) for row in rows] == [
        ("+49301", "Anna", "busy"),
        ("+49302", "Bert", "answered"),
    ]
    file = people.with_name("out.csv")
    assert run(served, "campaigns", "export", "1", "--result", "busy", "-o", str(file)).exit_code == 0
    assert len(file.read_text().splitlines()) == 2
    kept = file.read_text()
    assert run(served, "campaigns", "export", "1", "--result", "nonsense", "-o", str(file)).exit_code == 1
    assert file.read_text() == kept
    done = run(served, "campaigns", "export", "1", "-o", str(people / "x.csv"))
    assert done.exit_code == 1
    assert "Not a directory" in done.output
    assert isinstance(done.exception, SystemExit)


def test_json_is_all_of_the_standard_output(served: Path, people: Path) -> None:
    done = run(served, "call", "--audience", str(people), "--flow", "survey", "--speed", "600/minute", "--json")
    assert json.loads(done.stdout)["results"] == {"answered": 1, "busy": 1}
    assert json.loads(run(served, "campaigns", "--json").stdout)[0]["id"] == 1
    assert json.loads(run(served, "campaigns", "show", "1", "--json").stdout)["state"] == "finished"
    back = json.loads(run(served, "campaigns", "retry", "1", "--result", "busy", "--json").stdout)
    assert back["put_back"] == 1


def test_steering(served: Path, people: Path) -> None:
    late = ("--until", "2999-01-01T00:00:00+00:00", "--speed", "1/day", "--no-wait")
    made = run(served, "call", "--audience", str(people), "--flow", "survey", *late)
    assert made.exit_code == 0, made.output
    assert run(served, "campaigns", "pause", "1").output == "campaign 1 is paused\n"
    again = run(served, "campaigns", "pause", "1")
    assert (again.exit_code, again.stderr) == (1, "ivr: campaign 1 is paused, expected running\n")
    assert run(served, "campaigns", "resume", "1").output == "campaign 1 is running\n"
    assert run(served, "campaigns", "delete", "1").exit_code == 1
    assert run(served, "campaigns", "cancel", "1").output == "campaign 1 is cancelled\n"
    assert run(served, "campaigns", "watch", "1").exit_code == 0
    assert run(served, "campaigns", "show", "2").stderr == "ivr: there is no campaign 2\n"


def test_what_is_refused(served: Path, people: Path) -> None:
    audience = ("call", "--audience", str(people), "--flow")
    assert "there is no flow none" in run(served, *audience, "none").stderr
    assert "speed: expected calls and a period" in run(served, *audience, "survey", "--speed", "x").stderr
    strict = run(served, *audience, "survey", "--strict")
    assert (strict.exit_code, "1 rows are no contacts: nobody was added" in strict.stderr) == (1, True)
    assert "No such file" in run(served, "call", "--audience", "none.csv", "--flow", "survey").stderr
    assert run(served, "call", "--audience", str(people)).exit_code == 2
    assert run(served, "call", "123", "--speed", "1/day").exit_code == 2
    assert run(served, "call").exit_code == 2
    assert run(served, "campaigns").output == "no campaigns\n"


def test_without_a_daemon(config_file: Path, people: Path) -> None:
    for arguments in (("campaigns",), ("campaigns", "pause", "1"), ("call", "--audience", str(people), "--flow", "x")):
        done = run(config_file, *arguments)
        assert done.exit_code == 1
        assert "no daemon" in done.stderr


def test_the_figures_for_people() -> None:
    assert summary(SHOWN) == "running 4/10  12/min, 1 on the line, answered 2, busy 1, interrupted 1"
    lines = told({**SHOWN, "problem": "there is no flow survey"})
    assert lines[0] == "campaign 7 (spring), flow survey: running"
    assert lines[1] == "it was paused by itself: there is no flow survey"
    assert "at most 30 calls a minute" in lines
    assert "10 contacts: 4 wait, 2 are under way (1 on the line), 4 are done after 5 calls" in lines
    assert "  answered         2" in lines
    assert "1 numbers came more than once" in lines


def test_a_bar_moves_on_a_terminal() -> None:
    out = io.StringIO()
    shows = _bar(Console(file=out, force_terminal=True, width=100, highlight=False, markup=False))
    next(shows)
    shows.send(SHOWN)
    shows.close()
    assert "running" in out.getvalue()
    assert "4/10" in out.getvalue()


def test_a_daemon_that_starts_again_is_waited_for() -> None:
    done = {**SHOWN, "state": "finished", "states": {"waiting": 0, "running": 0, "done": 10}}
    answers: list[Any] = [NoDaemonError("gone"), NoDaemonError("gone"), done]
    slept: list[float] = []

    def look() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert follow(SHOWN, look, slept.append, quiet=True) is done
    assert len(slept) == 3

    def gone() -> Any:
        raise NoDaemonError("gone")

    with pytest.raises(NoDaemonError):
        follow(SHOWN, gone, slept.append, quiet=True)


def test_the_list(config_file: Path, tmp_path: Path) -> None:
    assert run(config_file, "dnc", "list").output == "nobody is on the list\n"
    assert run(config_file, "dnc", "add", "+49 30 1", "--reason", "asked").output == "+49301 is now on the list\n"
    assert run(config_file, "dnc", "add", "+49301").output == "+49301 is already on the list\n"
    file = tmp_path / "list.csv"
    file.write_text("number\n+49301\n+49302\nabc\n")
    done = run(config_file, "dnc", "import", str(file))
    assert (done.exit_code, done.stdout) == (1, "1 numbers are new on the list, 1 were there, 1 rows were bad\n")
    assert "line 4, column number" in done.stderr
    checked = run(config_file, "dnc", "check", "+49301")
    assert (checked.exit_code, checked.output) == (1, "+49301 must not be called: asked\n")
    assert run(config_file, "dnc", "check", "+49303").output == "+49303 may be called\n"
    assert [e["number"] for e in json.loads(run(config_file, "dnc", "list", "--json").output)] == ["+49301", "+49302"]
    assert run(config_file, "dnc", "remove", "+49301").exit_code == 0
    assert run(config_file, "dnc", "remove", "+49301").exit_code == 1


def test_the_list_knows_a_number_however_it_is_written(config_file: Path) -> None:
    run(config_file, "dnc", "add", "030 1234567")
    config_file.write_text(config_file.read_text() + "\noutbound_policy: {country: DE}\n")
    assert run(config_file, "dnc", "check", "+49301234567").exit_code == 1
    assert run(config_file, "dnc", "add", "030 1234568").output == "+49301234568 is now on the list\n"
    assert run(config_file, "dnc", "check", "0049301234568").exit_code == 1
    assert run(config_file, "dnc", "remove", "+49301234567").exit_code == 0
    assert run(config_file, "dnc", "check", "0301234567").exit_code == 0
