"""`ivr check`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ivr.cli.main import cli

GOOD = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: hello}
  hello: {type: play, file: none.wav}
"""
BAD = "elements: {start: {type: start_incoming_call, numbers: [100]}}"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "good.yaml").write_text(GOOD)
    (tmp_path / "ivr.yaml").write_text("flows: flows/\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", "ivr.yaml", "check", *arguments])


def test_good(house: Path) -> None:
    result = run()
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "flows/good.yaml:4: warning G002 element hello branches.audio_played: nothing follows audio_played, and the "
        "caller is still there (name what follows, if only a hang_up) [start > hello]",
        "flows/good.yaml:4: warning T001 element hello file: there is no prompt file none.wav "
        "(put it into the folder) [start > hello]",
        "flows/good.yaml:4: info F002 element hello branches.audio_played: branch audio_played is not named: "
        "the call is hung up there [start > hello]",
    ]
    assert "1 flows checked: 0 errors, 2 warnings" in result.stderr


def test_bad(house: Path) -> None:
    (house / "flows" / "bad.yaml").write_text(BAD)
    result = run()
    assert result.exit_code == 1
    assert "flows/bad.yaml:1: error F001 element start numbers.0: quote the digits, found 100" in result.stdout
    assert run("good").exit_code == 0
    assert run("bad").exit_code == 1


def test_a_file_outside_the_folder(house: Path) -> None:
    (house / "other.yaml").write_text(BAD.replace("[100]", '["100"]'))
    result = run("other.yaml")
    assert result.exit_code == 1
    assert "other.yaml:1: error F001 element start numbers: another flow has this number" in result.stdout
    assert run("flows/good.yaml").exit_code == 0


def test_json(house: Path) -> None:
    (house / "flows" / "bad.yaml").write_text(BAD)
    result = run("--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["ok"] is False
    assert found["flows"] == 2
    assert {"code": "F001", "severity": "error", "line": 1}.items() <= found["findings"][0].items()


def test_the_configuration_is_checked_too(house: Path) -> None:
    (house / "ivr.yaml").write_text("sipp: {}\n")
    result = run()
    assert result.exit_code == 1
    assert "ivr.yaml:1: error C001 sipp: unknown key" in result.stdout
    assert "flows/good.yaml:4: info F002" in result.stdout


def test_sounds_of_queues_are_looked_for(house: Path) -> None:
    sounds = "waiting: {calm: {music: {file: hold.wav}, announcements: [{file: wait.wav}]}}\n"
    (house / "ivr.yaml").write_text(f"{sounds}queues: {{desk: {{away: {{file: away.wav}}, waiting: calm}}}}\n")
    (house / "prompts").mkdir(exist_ok=True)
    (house / "prompts" / "hold.wav").touch()
    result = run()
    assert result.exit_code == 0
    assert [line.split(" (")[0] for line in result.stdout.splitlines() if "C009" in line] == [
        "ivr.yaml: warning C009 queues.desk.away.file: there is no prompt file away.wav",
        "ivr.yaml: warning C009 waiting.calm.announcements.0.file: there is no prompt file wait.wav",
    ]


@pytest.mark.parametrize(
    ("routes", "found"),
    [
        ("[{when: [{fact: tags, contains: x}], queue: sales}]", "default"),
        ("[{when: [{fact: tags, contains: x}], queue: slow}, {queue: sales}]", "slow"),
        ("[{queue: sales}, {queue: slow}]", ""),
        ("[{queue: slow, enabled: false}, {queue: sales}]", ""),
    ],
)
def test_queues_that_no_route_leads_to_are_no_matter_of_a_flow_that_names_none(
    house: Path, routes: str, found: str
) -> None:
    (house / "ivr.yaml").write_text(f"queues: {{sales: {{waiting: {{max_wait: 5m}}}}, slow: {{}}}}\nroutes: {routes}\n")
    (house / "flows" / "people.yaml").write_text(
        'elements:\n  start: {type: start_incoming_call, numbers: ["300"], next: people}\n'
        "  people: {type: transfer_to_agent, branches: {call_not_forwarded: bye}}\n  bye: {type: hang_up}\n"
    )
    told = [line for line in run("people").stdout.splitlines() if "H001" in line]
    assert len(told) == bool(found) and all(f"who waits in {found} has no" in line for line in told)


def test_what_is_not_there(house: Path) -> None:
    assert run("nope").exit_code == 2
    assert CliRunner().invoke(cli, ["--config", "none.yaml", "check"]).exit_code == 1


MENUS = """
elements:
  start: {type: start_incoming_call, numbers: ["200"], next: ask}
  ask: {type: play, text: "For sales press 1, for a message 2.", interruptible: true, next: menu}
  menu: {type: collect, responses: {"1": desk, "2": message}, attempts: 2, branches: {no_match: ask, no_input: bye}}
  desk: {type: forward_call, to: sip:desk@pbx.example.net, branches: {call_not_forwarded: message}}
  message: {type: record_voicemail, next: bye}
  bye: {type: hang_up}
"""


def test_sarif(house: Path) -> None:
    result = run("--format", "sarif")
    log = json.loads(result.stdout)
    assert log["version"] == "2.1.0"
    found = log["runs"][0]["results"]
    assert [each["ruleId"] for each in found] == ["G002", "T001", "F002"]
    assert found[0]["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "flows/good.yaml"},
        "region": {"startLine": 4},
    }


def test_what_is_allowed_is_not_told(house: Path) -> None:
    (house / "flows" / "good.yaml").write_text(GOOD.rstrip() + "  # ivr: allow G002, T001, F002 as it is meant\n")
    assert run().stdout == ""


def test_explain() -> None:
    text = run("--explain", "g004").stdout
    assert text.startswith("G004 (warning): loop that a silent caller can never leave")
    assert "no_input: bye" in text
    assert "# ivr: allow G004 the reason" in text
    listed = run("--explain").stdout.splitlines()
    assert "I002  warning  # as a response" in listed
    assert listed == sorted(listed)
    assert len(json.loads(run("--explain", "--json").stdout)) == len(listed)
    unknown = run("--explain", "G04")
    assert unknown.exit_code == 2
    assert "did you mean G004?" in unknown.stderr


def test_paths_to(house: Path) -> None:
    (house / "flows" / "menus.yaml").write_text(MENUS)
    assert run("--paths-to", "bye").stdout.splitlines() == [
        "menus: start [next] > ask [audio_played] > menu [no_input] > bye",
        "menus: start [next] > ask [audio_played] > menu [2] > "
        "message [voicemail_recorded|nothing_recorded|error] > bye",
        "menus: start [next] > ask [audio_played] > menu [1] > desk [call_not_forwarded|no_answer|busy|declined] > "
        "message [voicemail_recorded|nothing_recorded|error] > bye",
    ]
    one = run("--paths-to", "bye", "--most", "1")
    assert len(one.stdout.splitlines()) == 1
    assert "there may be more" in one.stderr
    found = json.loads(run("--paths-to", "start", "--flow", "menus", "--json").stdout)
    assert found == [{"flow": "menus", "paths": [[{"element": "start", "branches": []}]]}]
    assert run("--paths-to", "nope").exit_code == 2
    assert run("--flow", "menus").exit_code == 2


def test_nothing_leads_there(house: Path) -> None:
    (house / "flows" / "menus.yaml").write_text(MENUS + "  left: {type: hang_up}\n")
    result = run("--paths-to", "left")
    assert result.exit_code == 1
    assert result.stdout == "menus: nothing leads to left\n"


def test_figures(house: Path) -> None:
    (house / "flows" / "menus.yaml").write_text(MENUS)
    lines = run("--figures").stdout.splitlines()
    assert lines[:3] == ["good from start:", "  no way to a person", "  menus: 0, none to pass"]
    assert lines[4].endswith("0 s  (start > ask > menu > desk)")
    assert lines[-1] == "  menus: 1, 1 deep  (start > ask > menu > desk)"
    found = json.loads(run("menus", "--figures", "--json").stdout)
    assert found["words_per_minute"] == 165
    assert [row["least"]["amount"] for row in found["figures"]] == [0.0]


def test_test_cases_are_checked_too(house: Path) -> None:
    (house / "flows" / "good.test.yaml").write_text("- name: a\n  expect: {path: [strat]}\n")
    (house / "flows" / "goood.test.yaml").write_text("- name: a\n")
    result = run()
    assert result.exit_code == 0
    found = [line for line in result.stdout.splitlines() if "C003" in line]
    assert found == [
        "flows/goood.test.yaml: warning C003 tests of a flow that is not there, did you mean good?"
        " (expected goood.yaml beside it)",
        "flows/good.test.yaml:2: warning C003 expect.path.0: there is no element strat, did you mean start?",
    ]
    (house / "flows" / "good.test.yaml").write_text("- nme: a\n")
    assert "flows/good.test.yaml:1: warning C003 nme: unknown key, did you mean name?" in run("good").stdout
    assert "goood" not in run("good").stdout


def test_a_secret_that_is_nowhere_is_told_and_the_flows_are_checked(house: Path) -> None:
    config = next(house.rglob("ivr.yaml"))
    config.write_text(
        config.read_text()
        + "\nlines:\n  out: {type: sip_trunk, host: 127.0.0.9, user: a, password: !secret NOT_HERE}\n"
    )
    result = run()
    assert result.exit_code == 0
    told = [line for line in result.stdout.splitlines() if "C004" in line]
    assert len(told) == 1 and "warning" in told[0] and "NOT_HERE" in told[0]
    config.write_text(config.read_text() + "surprise: 1\n")
    result = run()
    assert result.exit_code == 1
    assert {line.split()[2] for line in result.stdout.splitlines() if ": error " in line} == {"C001"}
    assert "C004" in result.stdout and "surprise" in result.stdout
