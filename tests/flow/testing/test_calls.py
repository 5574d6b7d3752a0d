"""Cases about calls that a flow makes: what is given, what is expected, and what is said where it differs."""

from __future__ import annotations

import pytest

from ivr.flow.loader import parse_flow
from ivr.flow.model import FlowSet
from ivr.flow.testing import CaseError, Coverage, Outcome, parse_cases, run_case
from ivr.flow.testing.coverage import missing

REMIND = """
variables: {name: ""}
elements:
  start: {type: start_from_audience, save: {name: name}, next: call}
  call:
    type: start_outgoing_call
    retry: {times: 1, min_minutes: 10}
    machine_detection: fast
    next: hello
    branches: {voicemail: bye, call_ended: invite}
  hello: {type: play, text: "Hello {{ name }}", next: bye}
  bye: {type: hang_up}
  invite:
    type: transfer_to_flow
    flow: remind
    participant: "+4930777"
    pass: [name]
    detached: true
    next: done
    branches: {other: failed}
  done: {type: tag, tags: invited}
  failed: {type: tag, tags: "{{ result.reason }}"}
"""
FLOW = parse_flow(REMIND, "remind", "remind.yaml")
FLOWS = FlowSet({"remind": FLOW})


def run(case: str) -> Outcome:
    lines = "".join(f"  {line}\n" for line in case.strip().splitlines())
    (read,) = parse_cases(f"- name: the case\n{lines}", "remind.test.yaml")
    return run_case(read, FLOW, FLOWS)


GIVEN = 'given: {contact: {number: "+49 30-555", name: Ada}, time: "2026-03-02T10:00:00+01:00"'


def test_what_becomes_of_the_attempts() -> None:
    outcome = run(
        GIVEN
        + """, callees: {call: [busy, human]}}
expect:
  calls:
    - {at: call, to: "+49305*", attempt: 1, result: busy, time: "2026-03-02T10:00:00+01:00"}
    - {result: answered, answerer: human, time: "2026-03-02T09:10:01Z"}
  said: [Hello Ada]
  results: {status: call_answered, attempts: 2}
  contacts: []
"""
    )
    assert outcome.passed, outcome.differences


def test_short_forms_and_gaps() -> None:
    outcome = run(GIVEN + "}\nwhen: [{callee: call, result: busy}]\nexpect: {calls: [..., answered]}")
    assert outcome.passed
    assert run(GIVEN + "}\nexpect: {calls: answered, contacts: [...]}").passed


def test_others_who_are_invited() -> None:
    case = GIVEN + ', callees: {"*": no_answer}}\nexpect: '
    assert run(case + "{contacts: ['+4930777'], tags: [invited]}").passed
    assert run(case + '{contacts: [{flow: remind, at: invite, properties: {name: Ada}, number: "*777"}]}').passed
    (difference,) = run(case + "{contacts: ['+49']}").differences
    assert difference.text == "contact differs: remind for +4930777, expected a flow for +49"


def test_an_invitation_that_fails() -> None:
    assert run(GIVEN + ", callees: {call: busy}, participants: {invite: no_room}}\nexpect: {tags: [no_room]}").passed


def test_what_differs() -> None:
    (difference,) = run(GIVEN + "}\nexpect: {calls: [busy]}").differences
    assert difference.text == (
        "call differs: +4930555, attempt 1 at 2026-03-02T10:00:00+01:00: answered by human, expected any busy"
    )
    (difference,) = run(GIVEN + "}\nexpect: {results: {status: busy}}").differences
    assert difference.text == 'result.status is "call_answered", expected "busy"'
    (difference,) = run(GIVEN + "}\nexpect: {results: {digits: '1'}}").differences
    assert difference.text == 'result.digits is not there, expected "1"'
    (difference,) = run(GIVEN + "}\nexpect: {calls: []}").differences
    assert difference.text.startswith("call not expected: +4930555")
    later = '{to: "+4930555", attempt: 2, time: "2026-03-02T10:00:00+01:00", answerer: human}'
    (difference,) = run(GIVEN + f"}}\nexpect: {{calls: [answered, {later}]}}").differences
    assert difference.text == "call missing: +4930555 attempt 2 at 2026-03-02T10:00:00+01:00 by human"


def test_a_path_that_differs_tells_the_attempts() -> None:
    (difference,) = run(GIVEN + ", callees: {call: busy}}\nexpect: {path: [start, call, hello, bye]}").differences
    shown = "\n".join(difference.details)
    assert "attempt 1 after 0 s: busy 486" in shown
    assert "attempt 2 after 601 s: busy 486" in shown


def test_an_attempt_that_is_never_made_fails_the_case() -> None:
    outcome = run(GIVEN + "}\nwhen: [{callee: call}, {callee: call, result: busy}]")
    assert [difference.kind for difference in outcome.differences] == ["unused"]


@pytest.mark.parametrize(
    "case",
    [
        "given: {callees: {call: nobody}}",
        "given: {callees: {call: {result: busy, code: 3}}}",
        "when: [{callee: call, result: answered}]",
        "when: [{callee: call, sip_code: 200}]",
        "expect: {calls: [{result: human}]}",
        "given: {participants: {invite: 7}}",
    ],
)
def test_what_is_refused(case: str) -> None:
    with pytest.raises(CaseError):
        parse_cases(f"- name: a\n  {case}\n", "remind.test.yaml")


def test_branches_of_calls_count_for_the_coverage() -> None:
    coverage = Coverage(FLOWS)
    for callee in ("human", "machine", "busy"):
        coverage.add(run(GIVEN + f", callees: {{call: {callee}}}}}\nexpect: {{}}").call.steps)
    coverage.add(run(GIVEN + ", callees: {call: busy}, participants: {invite: no_room}}\nexpect: {}").call.steps)
    assert list(missing(coverage.flows["remind"])) == []


def test_a_subroutine_that_calls_in_vain_comes_back() -> None:
    main = parse_flow(
        """
elements:
  start: {type: start_from_audience, next: reach}
  reach: {type: transfer_to_flow, flow: reach, return_to: note, branches: {call_ended: never}}
  note: {type: tag, tags: back}
  never: {type: tag, tags: never}
""",
        "remind",
        "remind.yaml",
    )
    reach = parse_flow(
        "elements: {start: {type: start_from_flow, next: call}, call: {type: start_outgoing_call}}", "reach"
    )
    flows = FlowSet({"remind": main, "reach": reach})
    (case,) = parse_cases(
        '- {name: a, given: {contact: {number: "+4930555"}, callees: {call: busy}}, expect: {tags: [back]}}',
        "remind.test.yaml",
    )
    outcome = run_case(case, main, flows)
    assert outcome.passed
    coverage = Coverage(flows)
    coverage.add(outcome.call.steps)
    assert dict(coverage.flows["remind"].taken) == {
        ("start", "next"): 1,
        ("reach", "returned"): 1,
        ("note", "next"): 1,
    }
