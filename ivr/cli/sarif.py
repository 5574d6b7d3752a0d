"""Findings as SARIF 2.1.0, which code hosts and editors show beside the lines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from ivr import __version__
from ivr.flow.lint import CODES, Finding

__all__ = ["sarif"]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def sarif(findings: Iterable[Finding]) -> dict[str, Any]:
    """A log with one run of the linter."""
    found = list(findings)
    names = sorted({finding.code for finding in found})
    rules = [
        {
            "id": name,
            "name": "".join(word.capitalize() for word in CODES[name].title.replace("#", "pound").split()),
            "shortDescription": {"text": CODES[name].title},
            "fullDescription": {"text": CODES[name].explanation},
            "help": {"text": f"{CODES[name].explanation}\n\nivr check --explain {name} shows an example."},
            "defaultConfiguration": {"level": LEVELS[CODES[name].severity]},
        }
        for name in names
    ]
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "ivr check", "version": __version__, "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, names.index(finding.code)) for finding in found],
            }
        ],
    }


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": LEVELS[finding.severity],
        "message": {"text": _text(finding)},
    }
    if finding.file:
        result["locations"] = [_location(finding)]
    if len(finding.path) > 1:
        steps = [{"location": {"logicalLocations": [{"name": name, "kind": "element"}]}} for name in finding.path]
        result["codeFlows"] = [{"threadFlows": [{"locations": steps}]}]
    return result


def _text(finding: Finding) -> str:
    where = " ".join(part for part in (finding.element, finding.field) if part)
    text = f"{where}: {finding.message}" if where else finding.message
    return f"{text} ({finding.mend})" if finding.mend else text


def _location(finding: Finding) -> dict[str, Any]:
    path = PurePath(finding.file)
    uri = path.as_uri() if path.is_absolute() else quote(path.as_posix())
    place: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if finding.line is not None:
        place["region"] = {"startLine": finding.line}
    location: dict[str, Any] = {"physicalLocation": place}
    if finding.element is not None:
        location["logicalLocations"] = [{"name": finding.element, "kind": "element"}]
    return location
