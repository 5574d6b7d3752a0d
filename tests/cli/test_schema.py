"""`ivr schema`."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from ivr.cli.schema import command


def test_a_schema_is_printed() -> None:
    done = CliRunner().invoke(command, ["flow"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["title"] == "Call flow"


def test_a_schema_is_written_to_a_file(tmp_path: Path) -> None:
    out = tmp_path / "config.json"
    done = CliRunner().invoke(command, ["config", "-o", str(out)])
    assert done.exit_code == 0
    assert "lines" in json.loads(out.read_text())["properties"]


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["config", "-o", str(tmp_path / "none" / "config.json")])
    assert done.exit_code == 1
    assert "cannot be written" in str(done.exception)


def test_another_kind_is_a_fault_of_usage() -> None:
    assert CliRunner().invoke(command, ["poem"]).exit_code == 2


def test_the_document_of_the_http_api_is_printed() -> None:
    result = CliRunner().invoke(command, ["openapi"])
    assert result.exit_code == 0, result.output
    assert "/v1/openapi.json" in json.loads(result.output)["paths"]
