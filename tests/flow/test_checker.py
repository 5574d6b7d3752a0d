"""Findings about flows that hold."""

from __future__ import annotations

from ivr.errors import Fault
from ivr.flow.checker import World, check_flow, finding_of
from ivr.flow.loader import parse_flow

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["1"], line: pbx, next: hello}
  hello: {type: play, file: hello.wav, next: long}
  long: {type: play, text: "%s", next: ring}
  ring: {type: forward_call, to: ["phone:200", "phone:999", "agent:bob", "+1555"], line: nowhere}
""" % ("a" * 161)

WORLD = World(lambda name: name != "hello.wav", {"pbx"}, {"200"}, ("anna",))


def test_findings() -> None:
    found = [(each.code, each.severity, each.line, each.element, each.field) for each in check_flow(flow(), WORLD)]
    assert found == [
        ("T001", "warning", 4, "hello", "file"),
        ("S001", "warning", 5, "long", "text"),
        ("T002", "warning", 6, "ring", "line"),
        ("T003", "warning", 6, "ring", "to.1"),
        ("T003", "warning", 6, "ring", "to.2"),
        ("F002", "info", 6, "ring", "branches.call_not_forwarded"),
    ]


def flow():  # type: ignore[no-untyped-def]
    return parse_flow(FLOW, "test")


def test_nothing_is_said_of_a_world_that_is_not_known() -> None:
    codes = {each.code for each in check_flow(flow(), World())}
    assert codes == {"S001", "F002", "T003"}


def test_a_finding_is_one_line() -> None:
    fault = Fault("unknown field", "a.yaml", 3, "menu", "attemps", "5", "attempts")
    text = str(finding_of(fault))
    assert text == "a.yaml:3: error F001 element menu attemps: unknown field, found 5 (expected attempts)"
