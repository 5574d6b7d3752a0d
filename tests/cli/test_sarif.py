"""Findings as SARIF: what the standard requires of the parts that are used; sections in brackets are those of 2.1.0."""

from __future__ import annotations

import json
import re
from typing import Any

from ivr.cli.sarif import sarif
from ivr.flow.lint import CODES, Finding
from tests.kit.lint import lint

FOUND = [
    *(
        finding
        for code in CODES.values()
        if code.kind == "flow" and code.name != "F001"
        for finding in lint(code.faulty)
    ),
    Finding("C001", "error", "/etc/ivr/ivr é.yaml", None, None, "sipp", "unknown key", "leave it out"),
    Finding("C005", "warning", "", None, None, None, "keys go in clear"),
]
LOG: dict[str, Any] = json.loads(json.dumps(sarif(FOUND)))
RUN: dict[str, Any] = LOG["runs"][0]


def test_log_and_run() -> None:
    assert LOG["version"] == "2.1.0"  # [3.13.2]
    assert len(LOG["runs"]) == 1
    assert RUN["tool"]["driver"]["name"] == "ivr check"  # [3.19.8]
    assert sarif([])["runs"][0]["results"] == []


def test_rules_are_each_there_once() -> None:
    rules = RUN["tool"]["driver"]["rules"]
    names = [rule["id"] for rule in rules]
    assert names == sorted({finding.code for finding in FOUND})
    for rule in rules:
        assert re.fullmatch(r"[A-Za-z]\w+", rule["name"])
        assert all(rule[key]["text"] for key in ("shortDescription", "fullDescription", "help"))
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")  # [3.50.3]


def test_results_refer_to_their_rules() -> None:
    assert len(RUN["results"]) == len(FOUND)
    for result, finding in zip(RUN["results"], FOUND, strict=True):
        assert result["ruleId"] == finding.code
        assert RUN["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == finding.code  # [3.27.6]
        assert result["level"] == {"error": "error", "warning": "warning", "info": "note"}[finding.severity]
        assert result["message"]["text"]  # [3.27.11]


def test_locations() -> None:
    for result, finding in zip(RUN["results"], FOUND, strict=True):
        if not finding.file:
            assert "locations" not in result
            continue
        (location,) = result["locations"]
        uri = location["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9%/._~:-]+", uri)  # [3.4.3] a URI reference
        region = location["physicalLocation"].get("region")
        assert (region is None) == (finding.line is None)
        assert region is None or region["startLine"] == finding.line >= 1  # [3.30.5]


def test_paths_are_code_flows() -> None:
    result = next(result for result in RUN["results"] if result["ruleId"] == "G004")
    (flow,) = result["codeFlows"]
    (thread,) = flow["threadFlows"]
    names = [step["location"]["logicalLocations"][0]["name"] for step in thread["locations"]]
    assert names == ["start", "ask", "menu", "ask"]
