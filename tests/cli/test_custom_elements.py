"""Every command that reads flows knows the element types of connectors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ivr.cli.main import cli

CONFIG = """
connectors:
  crm:
    url: https://crm.example/
    elements:
      send:
        fields: {to: {required: true}}
        request: {path: "people/{{ to }}"}
        branches: {gone: {status: 410}}
"""
FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: tell}
  tell: {type: crm.send, to: "{{ call.from }}", next: bye, branches: {gone: bye, error: bye}}
  bye: {type: hang_up}
"""
CASES = """
- name: gone
  when: [{http: tell, status: 410}]
  expect: {path: [start, tell, bye]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "ivr.yaml").write_text(CONFIG)
    (tmp_path / "flows" / "main.yaml").write_text(FLOW)
    (tmp_path / "flows" / "main.test.yaml").write_text(CASES)
    return tmp_path


def ivr(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(folder / "ivr.yaml"), *arguments])


@pytest.mark.parametrize("arguments", [("check",), ("check", "main"), ("test",), ("graph", "main", "-o", "OUT.dot")])
def test_they_take_it(folder: Path, arguments: tuple[str, ...]) -> None:
    result = ivr(folder, *(each.replace("OUT", str(folder / "main")) for each in arguments))
    assert result.exit_code == 0, result.output


def test_the_schema_names_it(folder: Path) -> None:
    schema = json.loads(ivr(folder, "schema", "flow").output)
    assert "gone" in schema["definitions"]["element.crm.send"]["properties"]["branches"]["properties"]


def test_a_simulated_call_sends_its_request(folder: Path) -> None:
    result = CliRunner().invoke(cli, ["--config", str(folder / "ivr.yaml"), "simulate", "main"], input="\n")
    assert "sends POST crm: people/" in result.output


def test_check_tells_what_is_wrong_with_it_and_with_flows_that_use_it(folder: Path) -> None:
    file = folder / "ivr.yaml"
    file.write_text(CONFIG.replace("{{ to }}", "{{ too }}"))
    result = ivr(folder, "check", "--json")
    findings = json.loads(result.stdout)["findings"]
    assert result.exit_code == 1
    assert [(found["code"], found["line"]) for found in findings if found["severity"] == "error"] == [
        ("C001", 8), ("F001", 4)
    ]  # fmt: skip
    assert "did you mean to?" in findings[0]["message"]
    assert ivr(folder, "test").exit_code == 1
