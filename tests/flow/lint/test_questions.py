"""Which ways lead to an element."""

from __future__ import annotations

from ivr.flow.lint.questions import paths_to
from ivr.flow.loader import parse_flow
from tests.kit.tangles import tangle

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: menu}
  other: {type: start_incoming_call, numbers: ["2"], next: desk}
  menu: {type: collect, responses: {"1": desk, "2": desk, "3": news}, branches: {no_match: bye}}
  news: {type: play, text: a, next: menu}
  desk: {type: forward_call, to: phone:200, branches: {call_not_forwarded: bye, call_ended: bye}}
  bye: {type: hang_up}
"""


def test_ways() -> None:
    flow = parse_flow(FLOW, "test")
    shown = [" > ".join(map(str, way)) for way in paths_to(flow, "bye")]
    assert shown == [
        "start [next] > menu [no_match|no_input] > bye",
        "other [next] > desk [call_not_forwarded|no_answer|busy|declined|call_ended] > bye",
        "start [next] > menu [1|2] > desk [call_not_forwarded|no_answer|busy|declined|call_ended] > bye",
    ]
    assert [len(way) for way in paths_to(flow, "start")] == [1]
    assert paths_to(flow, "bye", 1) == paths_to(flow, "bye")[:1]


def test_as_many_as_asked_for_of_very_many() -> None:
    flow = parse_flow(tangle(60, 3), "test")
    ways = paths_to(flow, "bye", 25)
    assert len(ways) == 25
    assert [len(way) for way in ways] == sorted(len(way) for way in ways)
    assert len({tuple(stage.element for stage in way) for way in ways}) == 25
