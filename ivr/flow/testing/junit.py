"""Outcomes as JUnit XML, for the programs that build and show test results."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from ivr.errors import Fault
from ivr.flow.testing.running import Outcome

__all__ = ["junit"]

_UNFIT = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


def junit(outcomes: Sequence[tuple[Outcome, float]], faults: Sequence[Fault] = ()) -> bytes:
    """The document: a suite for each flow. `outcomes` come with the seconds they took; `faults` are those of files that
    could not be read as cases."""
    suites: dict[str, list[tuple[Outcome, float]]] = {}
    for outcome, seconds in outcomes:
        suites.setdefault(outcome.case.flow, []).append((outcome, seconds))
    root = ElementTree.Element("testsuites", _counts("ivr test", outcomes, len(faults)))
    for flow, ran in suites.items():
        suite = ElementTree.SubElement(root, "testsuite", _counts(flow, ran, 0))
        suite.set("file", ran[0][0].case.file)
        for outcome, seconds in ran:
            _case(suite, outcome, seconds)
    if faults:
        suite = ElementTree.SubElement(root, "testsuite", _counts("files", (), len(faults)))
        for fault in faults:
            attributes = {"classname": "files", "name": _fit(fault.file or "tests"), "file": fault.file, "time": "0"}
            case = ElementTree.SubElement(suite, "testcase", attributes)
            error = ElementTree.SubElement(case, "error", {"type": "CaseError", "message": _fit(fault.text)})
            error.text = _fit(str(fault))
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _counts(name: str, ran: Sequence[tuple[Outcome, float]], errors: int) -> dict[str, str]:
    failures = sum(not outcome.passed for outcome, _ in ran)
    return {
        "name": name,
        "tests": str(len(ran) + errors),
        "failures": str(failures),
        "errors": str(errors),
        "skipped": "0",
        "time": f"{sum(seconds for _, seconds in ran):.4f}",
    }


def _case(suite: ElementTree.Element, outcome: Outcome, seconds: float) -> None:
    case = outcome.case
    attributes = {
        "classname": case.flow,
        "name": _fit(case.name),
        "file": case.file,
        "line": str(case.line),
        "time": f"{seconds:.4f}",
    }
    element = ElementTree.SubElement(suite, "testcase", attributes)
    if not outcome.passed:
        first = outcome.differences[0]
        failure = ElementTree.SubElement(element, "failure", {"type": first.kind, "message": _fit(first.text)})
        failure.text = _fit(
            "\n".join(f"{case.file}:{difference.line}: {difference}" for difference in outcome.differences)
        )


def _fit(text: str) -> str:
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", text)
