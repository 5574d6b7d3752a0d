"""Each code has a flow with the finding and the same flow without it; the table is complete and can be read."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ivr.errors import ConfigError, FlowLoadError
from ivr.flow.lint import CODES, SEVERITIES, Code, finding_of
from ivr.flow.testing import CaseError, parse_cases
from ivr.settings import (
    keys_in_clear,
    mailboxes_without_mail,
    open_lines,
    open_to_fraud,
    parse_settings,
    sounds_without_file,
)
from tests.kit.lint import WORLD, lint

ROOT = Path(__file__).resolve().parents[3]


def found(code: Code, text: str) -> set[str]:
    """Codes of what a check says about an example, by the way that `ivr check` finds it."""
    if code.kind == "configuration":
        place = Path("/etc/ivr/ivr.yaml")
        try:
            settings = parse_settings(text, place, {}, need_secrets=False)
        except ConfigError as error:
            return {finding_of(fault, "C001").code for fault in error.faults}
        try:
            parse_settings(text, place, {})
        except ConfigError as error:
            return {finding_of(fault, "C004").code for fault in error.faults}
        said = {
            "C005": keys_in_clear(settings),
            "C006": open_lines(settings),
            "C007": open_to_fraud(settings),
            "C008": mailboxes_without_mail(settings),
            "C009": sounds_without_file(settings, WORLD.prompt_exists or bool),
        }
        return {code for code, sentences in said.items() if sentences}
    if code.kind == "cases":
        try:
            parse_cases(text, "desk.test.yaml")
        except CaseError as error:
            return {replace(finding_of(fault, "C003"), severity="warning").code for fault in error.faults}
        return set()
    try:
        return {finding.code for finding in lint(text)}
    except FlowLoadError as error:
        return {finding_of(fault).code for fault in error.faults}


@pytest.mark.parametrize("name", sorted(CODES))
def test_the_faulty_example_has_the_finding(name: str) -> None:
    assert name in found(CODES[name], CODES[name].faulty)


@pytest.mark.parametrize("name", sorted(CODES))
def test_the_mended_example_has_no_finding_at_all(name: str) -> None:
    assert found(CODES[name], CODES[name].mended) - {"F002"} == set()
    assert name not in found(CODES[name], CODES[name].mended)


@pytest.mark.parametrize("name", sorted(CODES))
def test_the_faulty_example_has_nothing_else_wrong(name: str) -> None:
    with_it = {"F002": {"G003"}, "A002": {"G002"}}.get(name, set())
    assert found(CODES[name], CODES[name].faulty) - {"F002"} <= {name, *with_it}


@pytest.mark.parametrize("name", sorted(CODES))
def test_texts(name: str) -> None:
    code = CODES[name]
    assert re.fullmatch(r"[A-Z]\d{3}", name)
    assert code.severity in SEVERITIES
    assert code.title and not code.title.endswith(".")
    assert code.explanation.endswith(".") and len(code.explanation) > 60
    assert code.faulty != code.mended


def test_every_rule_has_its_code_in_the_table() -> None:
    """A code that a rule uses and the table does not have would be one without an example."""
    used = set()
    for path in (ROOT / "ivr/flow/lint").glob("*.py"):
        used.update(re.findall(r"\b([A-Z]\d{3})\b(?= = code\(|,)", path.read_text()))
    assert used >= set(CODES)


def test_severities_of_the_table_and_of_findings_agree() -> None:
    for code in CODES.values():
        if code.kind == "flow" and code.name != "F001":
            assert {each.severity for each in lint(code.faulty) if each.code == code.name} == {code.severity}
