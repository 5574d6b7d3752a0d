"""`ivr test` and `ivr graph --coverage`."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from ivr.cli.main import cli

DESK = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: menu}
  menu: {type: collect, responses: {"1": yes_, "2": no_}, branches: {no_match: no_}}
  yes_: {type: play, text: "Yes."}
  no_: {type: play, text: "No."}
"""
CASES = """
- name: key 1
  when: [{press: "1"}]
  expect: {said: ["Yes."]}
- name: silence
  expect: {path: [start, menu, no_]}
"""
WRONG = """
- name: key 2
  when: [{press: "2"}]
  expect: {path: [start, menu, yes_]}
"""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "desk.yaml").write_text(DESK)
    (flows / "desk.test.yaml").write_text(CASES)
    (flows / "other.yaml").write_text(DESK.replace("100", "200"))
    (tmp_path / "ivr.yaml").write_text("flows: flows/\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", "ivr.yaml", *arguments])


def test_all_pass(house: Path) -> None:
    result = run("test")
    assert result.exit_code == 0
    assert result.stdout.startswith("flows/desk.test.yaml: 2 cases, ok\n2 cases: 2 passed in ")
    assert "ok    silence (ended_by_flow after" in run("test", "-v").stdout


def test_failures(house: Path) -> None:
    (house / "flows" / "other.test.yaml").write_text(WRONG)
    result = run("test")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[1] == "flows/other.test.yaml: 1 case, 1 of 1 failed"
    assert lines[2].startswith("  FAILED key 2 (ended_by_flow after")
    assert lines[3] == "    flows/other.test.yaml:4: the path goes to no_ instead of yes_"
    assert any(line.split() == [">", "yes_", "no_", "0", "s", "audio_played"] for line in lines)
    assert "      because menu (flows/other.yaml:4) was left by 2 after 0 s" in lines
    assert lines[-1].startswith("3 cases: 2 passed, 1 failed in ")
    told = run("test", "other", "-v").stdout.split("what happened:")[1]
    assert "caller presses 2" in told
    assert 'says "No."' in told


def test_choosing(house: Path) -> None:
    (house / "flows" / "other.test.yaml").write_text(WRONG)
    for what in ("desk", "flows/desk.yaml", "flows/desk.test.yaml"):
        assert run("test", what).exit_code == 0
    assert "3 cases" in run("test", "flows").stdout
    assert "3 cases" in run("test", "desk", "other", "desk").stdout
    assert "1 case: 1 passed" in run("test", "-k", "SILENCE").stdout
    assert "2 cases" in run("test", "-k", "silence", "-k", "key 1").stdout
    nothing = run("test", "-k", "none of them")
    assert nothing.exit_code == 1
    assert "no case was run" in nothing.stderr


@pytest.mark.parametrize("what", ["nope", "other", "ivr.yaml", "flows/none.yaml"])
def test_usage(house: Path, what: str) -> None:
    assert run("test", what).exit_code == 2


def test_cases_that_cannot_be_used(house: Path) -> None:
    (house / "flows" / "other.test.yaml").write_text("- name: a\n  expect: {path: [strat]}\n- {name: b}\n")
    (house / "flows" / "dest.test.yaml").write_text(WRONG)
    result = run("test")
    assert result.exit_code == 1
    assert "flows/other.test.yaml:2: expect.path.0: there is no element strat, did you mean start?" in result.stderr
    assert "flows/dest.test.yaml: tests of a flow that is not there, did you mean desk?" in result.stderr
    assert "3 cases: 3 passed, 2 faults in files of cases" in result.stdout
    (house / "flows" / "other.test.yaml").write_text("- nme: a\n")
    assert "flows/other.test.yaml:1: nme: unknown key, did you mean name?" in run("test").stderr
    (house / "flows" / "desk.test.yaml").unlink()
    (house / "flows" / "desk.yaml").unlink()
    assert run("test", "flows/desk.test.yaml").exit_code == 2
    (house / "flows" / "desk.test.yaml").write_text(CASES)
    assert run("test", "flows/desk.test.yaml").exit_code == 2


def test_flows_that_cannot_be_used(house: Path) -> None:
    (house / "flows" / "desk.yaml").write_text("x: 1")
    result = run("test")
    assert result.exit_code == 1
    assert "flows/desk.yaml:1: x: unknown key" in result.stderr


def test_coverage(house: Path) -> None:
    result = run("test", "desk", "--missing")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[-2].split()[:9] == ["desk", "4", "of", "4", "5", "of", "6", "83", "%"]
    assert lines[-1] == "  flows/desk.yaml:4: menu is never left by 2"
    both = run("test", "--coverage").stdout.splitlines()
    assert both[-1].split()[:9] == ["total", "4", "of", "8", "5", "of", "12", "41", "%"]


def test_fail_under(house: Path) -> None:
    assert run("test", "desk", "--fail-under", "80").exit_code == 0
    result = run("test", "--fail-under", "80")
    assert result.exit_code == 1
    assert "only 41.7 % of the branches were taken, 80 % are asked for" in result.stderr
    assert run("test", "--fail-under", "101").exit_code == 2


def test_json(house: Path) -> None:
    (house / "flows" / "other.test.yaml").write_text(WRONG)
    result = run("test", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["ok"], found["cases"], found["failed"], found["percent"]) == (False, 3, 1, 66.7)
    good, _, bad = found["results"]
    assert {
        "flow": "desk",
        "name": "key 1",
        "file": "flows/desk.test.yaml",
        "line": 2,
        "passed": True,
    }.items() <= good.items()
    assert bad["path"] == ["start", "menu", "no_"]
    assert bad["differences"][0]["expected"] == ["start", "menu", "yes_"]
    assert found["coverage"][1]["never_entered"] == ["yes_"]
    assert {"element": "menu", "branch": "1"} in found["coverage"][1]["never_taken"]


def test_junit(house: Path) -> None:
    (house / "flows" / "other.test.yaml").write_text(WRONG)
    assert run("test", "--junit", "out/report.xml").exit_code == 1
    root = ElementTree.parse(house / "out" / "report.xml").getroot()
    assert (root.get("tests"), root.get("failures")) == ("3", "1")
    result = run("test", "--junit", "ivr.yaml/report.xml")
    assert result.exit_code == 1
    assert "ivr.yaml/report.xml cannot be written" in result.stderr


def test_explore(house: Path) -> None:
    result = run("test", "--explore", "other")
    assert result.exit_code == 0
    assert result.stdout.startswith("other: no faults")
    assert run("test", "--explore", "nope").exit_code == 2


def test_settings_reach_the_cases(house: Path) -> None:
    (house / "ivr.yaml").write_text("flows: flows/\nsettings: {company: Example}\n")
    (house / "flows" / "desk.yaml").write_text(
        'elements: {start: {type: start_incoming_call, numbers: ["1"], next: a}, '
        'a: {type: play, text: "{{ settings.company }}, {{ settings.town }}."}}'
    )
    (house / "flows" / "desk.test.yaml").write_text(
        "- {name: a, given: {settings: {town: Kiel}}, expect: {said: ['Example, Kiel.']}}"
    )
    assert run("test").exit_code == 0


def test_drawing(house: Path) -> None:
    (house / "flows" / "desk.test.yaml").write_text(CASES + WRONG)
    result = run("graph", "desk", "--coverage", "-o", "desk.dot")
    assert result.exit_code == 0
    assert "1 of 3 cases failed: ivr test desk tells why" in result.stderr
    source = (house / "desk.dot").read_text()
    assert "6 of 6 branches taken (100 %), 4 of 4 elements entered" in source
    (house / "flows" / "desk.test.yaml").write_text("- {name: a, when: [{hang_up: menu}]}\n- {nam: b}\n")
    assert "unknown key, did you mean name?" in run("graph", "desk", "-C", "-o", "desk.dot").stderr
    assert run("graph", "other", "-C", "-o", "other.dot").exit_code == 2
