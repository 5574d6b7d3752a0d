"""Which branches were taken."""

from __future__ import annotations

from ivr.flow.loader import parse_flow
from ivr.flow.model import FlowSet
from ivr.flow.testing import Coverage
from ivr.flow.testing.coverage import missing, share
from tests.flow.testing.desk import FLOWS, run


def walked(*cases: str, flows: FlowSet = FLOWS) -> Coverage:
    coverage = Coverage(flows)
    for case in cases:
        coverage.add(run(case, flows).call.steps)
    return coverage


def test_what_counts() -> None:
    desk = walked().flows["desk"]
    counted = {(edge.source, edge.branch) for edge in desk.branches}
    assert {("menu", "1"), ("menu", "no_match"), ("sales", "no_answer"), ("sales", "call_forwarded")} <= counted
    assert {("language", "returned"), ("message", "error"), ("bye", "next")} <= counted
    assert ("language", "other") not in counted  # the loader has seen that flow
    assert ("menu", "no_input") not in counted  # takes the target of no_match
    assert not {branch for _, branch in counted} & {"user_hung_up", "call_ended"}
    assert desk.hit == 0
    assert desk.unvisited == tuple(FLOWS["desk"].elements)


def test_calls_are_counted() -> None:
    coverage = walked('when: [{press: "1"}, {forward: sales, result: busy}]', 'when: [{press: "1"}]', "expect: {}")
    desk = coverage.flows["desk"]
    assert desk.visits["menu"] == 3
    assert desk.taken["menu", "1"] == 2
    assert desk.taken["menu", "no_match"] == 1  # silence fell back to it
    assert desk.taken["sales", "call_not_forwarded"] == 1  # busy did
    assert desk.taken["sales", "call_forwarded"] == 1
    assert set(desk.unvisited) == {"message", "ask", "pin", "check", "tell", "tagged", "language"}
    assert ("menu", "2") in {(edge.source, edge.branch) for edge in desk.missed}


def test_subroutines() -> None:
    coverage = walked(*(f'when: [{{press: "4"}}, {{press: "{key}"}}, {{hang_up: true}}]' for key in "12"))
    assert coverage.flows["desk"].taken["language", "returned"] == 2
    language = coverage.flows["language"]
    # The trace does not show these keys: what follows tells them.
    assert (language.taken["menu", "1"], language.taken["menu", "2"]) == (1, 1)
    assert [edge.branch for edge in language.missed] == ["no_match"]
    hung_up = walked('when: [{press: "4"}, {hang_up: language/menu}]')
    assert hung_up.flows["desk"].taken["language", "returned"] == 0


ENDS = """
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: menu}
  menu:
    type: collect
    responses: {"1": a, "2": a}
    reporting: masked
    branches: {call_ended: note, user_hung_up: note}
  a: {type: play, text: "A."}
  note: {type: tag, tags: [gone]}
"""


def test_ends() -> None:
    flows = FlowSet({"desk": parse_flow(ENDS, "desk")})
    coverage = walked('when: [{press: "1"}]', 'when: [{press: "2"}]', "when: [{hang_up: menu}]", flows=flows)
    desk = coverage.flows["desk"]
    # Both keys lead to one element and none is shown: each call counts for the one that was taken least.
    assert (desk.taken["menu", "1"], desk.taken["menu", "2"]) == (1, 1)
    assert desk.taken["menu", "user_hung_up"] == 1
    assert desk.taken["a", "audio_played"] == 2
    assert [*missing(desk)] == [
        "desk.yaml:8: menu is never left by no_match",
        "desk.yaml:8: menu is never left by call_ended",
    ]
    assert next(missing(walked(flows=flows).flows["desk"])) == "desk.yaml:3: start is never entered"


def test_shares() -> None:
    assert share(0, 0) == 100.0
    assert share(1, 4) == 25.0
