"""JUnit XML as programs read it."""

from __future__ import annotations

from xml.etree import ElementTree

from ivr.errors import Fault
from ivr.flow.testing import junit, parse_cases, run_case
from tests.flow.testing.desk import FLOWS

CASES = r"""
- {name: good, expect: {ended_by: ended_by_flow}}
- {name: "bad <&\u0007>", expect: {ended_by: forwarded, said: ["\u0001"]}}
"""


def test_document() -> None:
    cases = parse_cases(CASES, "flows/desk.test.yaml")
    outcomes = [(run_case(case, FLOWS["desk"], FLOWS), 0.25) for case in cases]
    root = ElementTree.fromstring(junit(outcomes, [Fault("not YAML", "flows/x.test.yaml", 3)]))
    assert root.tag == "testsuites"
    assert root.attrib == {
        "name": "ivr test", "tests": "3", "failures": "1", "errors": "1", "skipped": "0", "time": "0.5000",
    }  # fmt: skip
    desk, files = root.findall("testsuite")
    assert (desk.get("name"), desk.get("tests"), desk.get("failures")) == ("desk", "2", "1")
    assert (files.get("tests"), files.get("errors")) == ("1", "1")
    good, bad = desk.findall("testcase")
    assert good.attrib == {
        "classname": "desk", "name": "good", "file": "flows/desk.test.yaml", "line": "2", "time": "0.2500",
    }  # fmt: skip
    assert not list(good)
    assert bad.get("name") == "bad <&\N{REPLACEMENT CHARACTER}>"
    failure = bad.find("failure")
    assert failure is not None
    assert failure.get("type") == "said"
    assert "flows/desk.test.yaml:3: ended by ended_by_flow, expected forwarded" in (failure.text or "")
    error = files.find("testcase/error")
    assert error is not None
    assert error.text == "flows/x.test.yaml:3: not YAML"
