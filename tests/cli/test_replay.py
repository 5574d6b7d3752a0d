"""`ivr replay`: a call out of the store, against versions, files and the folder."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ivr.cli.main import cli
from ivr.flow.loader import parse_flow
from ivr.flow.model import FlowSet
from ivr.flow.sim import Given, SimulatedCall, parse_script
from ivr.settings import load_settings
from ivr.store import CallRecord, Store, Version
from tests.kit.records import record_of

DESK = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: welcome}
  welcome: {type: play, text: "For sales press 1.", interruptible: true, next: menu}
  menu: {type: collect, responses: {"1": sales, "2": bye}, branches: {no_match: bye}}
  sales: {type: play, text: Sales., next: bye}
  bye: {type: hang_up}
"""
OTHER = DESK.replace('"1": sales', '"1": support').replace("sales:", "support:")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration with one flow, a store with two versions of it, and a call that ran the first."""
    (tmp_path / "ivr.yaml").write_text("flows: flows/\nstore: sqlite:///ivr.db\nhttp: {listen: '127.0.0.1:1'}\n")
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "desk.yaml").write_text(OTHER)
    flow = parse_flow(DESK, "desk")
    given = Given(time=datetime(2026, 3, 2, 12, 0).astimezone())
    call = SimulatedCall(flow, FlowSet({"desk": flow}), given)
    record = record_of(parse_script([{"at": "welcome", "press": "1", "after": "1s"}]).run(call))
    store = Store.open(load_settings(tmp_path / "ivr.yaml", {}).store)
    versions = [
        Version("desk", number, parse_flow(text, "desk").version, text, 1.0) for number, text in ((1, DESK), (2, OTHER))
    ]
    store.versions.apply(versions, [], 1.0)
    for short_id, number in ((1, 1), (2, None)):
        kept = {**record, "id": f"c{short_id}", "short_id": short_id, "flow_number": number}
        kept["details"] = {**record["details"], "flows": {"desk": {"version": flow.version, "number": number}}}
        store.writer.call_ended(CallRecord(**kept))
    store.close()
    return tmp_path


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(folder / "ivr.yaml"), "replay", *arguments])


def data(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_the_same_version_goes_the_same_way(folder: Path) -> None:
    result = run(folder, "1")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1] == "the same path: start -> welcome -> menu -> sales -> bye"
    assert data(run(folder, "c1", "--json"))["same"] is True


def test_another_version(folder: Path) -> None:
    result = run(folder, "1", "--version", "2")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1:] == [
        "the same until menu: start -> welcome -> menu",
        "first divergence at desk/menu: there is no element sales any more",
        "  recorded  1 -> sales",
        "  now       1 -> support",
    ]


@pytest.mark.parametrize("way", ["file", "present"])
def test_a_file_and_the_folder(folder: Path, way: str) -> None:
    file = folder / "flows" / "desk.yaml"
    arguments = ["--present"] if way == "present" else ["--flow-file", str(file)]
    found = data(run(folder, "1", "--json", *arguments))
    assert found["same"] is False
    assert found["divergence"]["element"] == "menu"
    assert found["recorded"] == ["start", "welcome", "menu", "sales", "bye"]
    file.write_text(DESK)
    assert run(folder, "1", *arguments).exit_code == 0


def test_a_version_that_is_not_kept(folder: Path) -> None:
    result = run(folder, "2")
    assert result.exit_code == 1
    assert "which the call ran, is not kept" in result.output
    assert "--present, --version or --flow-file" in result.output
    (folder / "flows" / "desk.yaml").write_text(DESK)
    assert run(folder, "2").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["9"], 1, "there is no call 9"),
        (["1", "--version", "7"], 1, "there is no version 7 of flow desk in the store"),
        (["1", "--version", "1", "--present"], 2, "one of --flow-file, --version and --present"),
        (["1", "--flow-file", "nowhere.yaml"], 2, "does not exist"),
        ([], 2, "Missing argument"),
    ],
)
def test_what_cannot_be_done_is_said(folder: Path, arguments: list[str], code: int, text: str) -> None:
    result = run(folder, *arguments)
    assert result.exit_code == code
    assert text in result.output


def test_a_file_of_another_flow(folder: Path) -> None:
    other = folder / "other.yaml"
    other.write_text(DESK)
    result = run(folder, "1", "--flow-file", str(other))
    assert (result.exit_code, "did not go through a flow other" in result.output) == (1, True)


def test_a_flow_that_has_no_such_beginning(folder: Path) -> None:
    (folder / "flows" / "desk.yaml").write_text(DESK.replace("start:", "begin:"))
    result = run(folder, "1", "--present")
    assert (result.exit_code, result.output) == (1, "ivr: flow desk has no element start, at which the call began\n")


@pytest.mark.parametrize("option", [(), ("--present",), ("--version", "1")])
def test_a_call_that_was_placed_without_a_flow_cannot_be_run_again(folder: Path, option: tuple[str, ...]) -> None:
    store = Store.open(load_settings(folder / "ivr.yaml", {}).store)
    made = {"element": "call", "type": "play", "flow": "(call)", "entered_at": 1.0, "left_at": 2.0, "branch": "next"}
    record = CallRecord(
        id="c9", short_id=9, direction="outbound", started_at=1.0, ended_at=3.0, cause="ended_by_flow", flow="(call)",
        flow_version="built-in", path=[made], details={"flows": {"(call)": {"version": "built-in", "number": None}}},
    )  # fmt: skip
    store.writer.call_ended(record)
    store.close()
    result = run(folder, "9", *option)
    assert result.exit_code == 1 and not result.stdout
    assert "a flow made for it alone" in result.stderr and isinstance(result.exception, SystemExit)
