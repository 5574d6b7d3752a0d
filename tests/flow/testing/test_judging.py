"""What differs between a case and its call, and in which words it is told."""

from __future__ import annotations

import pytest

from ivr.flow.loader import parse_flow
from ivr.flow.model import FlowSet
from ivr.flow.testing import parse_cases, run_case
from tests.flow.testing.desk import run, texts

BUSY = 'when: [{press: "1"}, {forward: sales, result: busy}]\n'
PIN = 'given: {http: {check: {body: {amount: 7}}}}\nwhen: [{press: "3"}, {press: "1234"}]\n'
MESSAGE = 'when: [{press: "2"}, {speak: 4s}]\n'


@pytest.mark.parametrize(
    "case",
    [
        BUSY + "expect: {path: [start, welcome, menu, sales, bye], branches: {sales: busy, menu: ['1']}}",
        BUSY + "expect: {path: [start, ..., sales, ...], visits: [sales, bye], not_visited: [message, ask]}",
        BUSY + "expect: {visits: {sales: 1, message: 0}, forwards: [{to: 'phone:*', result: busy, at: sales}]}",
        BUSY + "expect: {ended_by: ended_by_flow, within: {sales: 5s, bye: '< 10s'}, duration: '3s to 20s'}",
        BUSY + "expect: {forwards: phone:200, requests: [], mails: [], recordings: [], notes: [], tags: []}",
        PIN + "expect: {said: ['Welcome*', 'Your PIN*', 'You have 7 euros.'], not_said: ['Please*']}",
        PIN + "expect: {said: [{text: 'You*', at: tell, heard: '> 1s'}], variables: {amount: 7, pin: '1234'}}",
        PIN + "expect: {said_exactly: ['Welcome*', 'Your PIN, please.', 'You have*', Goodbye.], tags: [known]}",
        PIN + "expect: {requests: ['POST https://bank.example/*']}",
        PIN + "expect: {requests: [..., {at: check, method: POST, headers: {x-branch: n*}, body: {pin: '1234'}}]}",
        PIN + "expect: {requests: {url: '*', status: 200, body: {kind: '*'}}, dead_air: 1s}",
        MESSAGE + "expect: {recordings: [{at: message, name: mine*, duration: 4s}], variables: {message: mine.wav}}",
        'when: [{press: "4"}, {press: "2"}, {hang_up: welcome}]\n'
        "expect: {path: [start, welcome, menu, language, language/start, language/menu, german, welcome]}",
        'when: [{press: "4"}, {at: language/menu, press: "2"}, {hang_up: welcome}]\n'
        "expect: {visits: {welcome: 2, language/menu: 1, menu: 2}, branches: {language: transferred}}",
        "given: {recordings: {message: failed}}\n" + 'when: [{press: "2"}]\nexpect: {notes: ["*could not be written"]}',
        'when: [{at: welcome, press: "1"}, {hang_up: sales, after: 2s}]\n'
        "expect: {duration: 2s, forwards: [{result: abandoned}], ended_by: user_hung_up}",
        "given: {profile: {vip: true}, tags: [new]}\nexpect: {profile: {vip: true, name: null}, tags: [new]}",
        "expect: {do_not_contact: false, branches: {menu: no_input}, fault: null}",
    ],
)
def test_what_holds(case: str) -> None:
    assert [str(difference) for difference in run(case).differences] == []


@pytest.mark.parametrize(
    ("case", "text"),
    [
        (BUSY + "expect: {path: [start, welcome, menu, message]}", "the path goes to sales instead of message"),
        (BUSY + "expect: {path: [start, welcome, sales, bye]}", "the path has menu in addition"),
        (BUSY + "expect: {path: [start, welcome, menu, sales, ask, bye]}", "the path leaves out ask"),
        (BUSY + "expect: {path: [start, welcome, menu, sales, bye, ask]}", "the path ends before ask"),
        (BUSY + "expect: {visits: [ask]}", "ask was reached never, expected at least once"),
        (BUSY + "expect: {visits: {menu: 2}}", "menu was reached once, expected 2 times"),
        (BUSY + "expect: {not_visited: [sales]}", "sales was reached, after 2.661 s"),
        (BUSY + "expect: {branches: {sales: declined}}", "sales was left by busy, expected declined"),
        (BUSY + "expect: {branches: {menu: ['1', '2']}}", "menu was left by 1, expected 1, 2"),
        (BUSY + "expect: {branches: {ask: next}}", "ask was never reached, expected next"),
        (BUSY + "expect: {said: [Hello]}", 'never said: "Hello"'),
        (BUSY + "expect: {said: ['Good*', 'Welc*']}", 'never said: "Welc*"'),
        (
            BUSY + "expect: {said: [{text: 'Welc*', at: bye, language: de, heard: 1s}]}",
            'never said: "Welc*" (at bye, in',
        ),
        (BUSY + "expect: {said_exactly: [Goodbye.]}", "other words were said than expected"),
        (BUSY + "expect: {not_said: ['*bye*']}", 'was said, by bye after 3.661 s: "Goodbye."'),
        (PIN + "expect: {variables: {amount: 8}}", "variable amount is 7, expected 8"),
        (PIN + "expect: {variables: {pin: '9'}}", 'variable pin is "(sensitive)", expected "9"'),
        (PIN + "expect: {variables: {none: 1}}", "variable none is not there, expected 1"),
        (PIN + "expect: {tags: []}", 'tags are ["known"], expected []'),
        (PIN + "expect: {profile: {vip: true}}", "profile.vip is null, expected true"),
        (PIN + "expect: {do_not_contact: added}", 'on the do-not-contact list: nothing changed, expected "added"'),
        (PIN + "expect: {requests: []}", "request not expected: POST (sensitive)"),
        (PIN + "expect: {requests: ['*', 'GET x']}", "request missing: GET x"),
        (PIN + "expect: {requests: [{connector: crm}]}", "request differs: POST (sensitive), expected crm:"),
        (PIN + "expect: {requests: [{body: text}]}", "request differs: POST (sensitive), expected a request"),
        (PIN + "expect: {requests: [{status: 201}]}", "request differs: POST (sensitive), expected a request"),
        (PIN + "expect: {mails: [{to: a@example.com}]}", "mail missing: to a@example.com"),
        (BUSY + "expect: {forwards: []}", "forward not expected: phone:200: busy"),
        (
            BUSY + "expect: {forwards: [{result: no_answer}]}",
            "forward differs: phone:200: busy, expected any: no_answer",
        ),
        (MESSAGE + "expect: {recordings: [{duration: 9s}]}", "recording differs: mine.wav: 4 s, expected any: 9 s"),
        (BUSY + "expect: {ended_by: forwarded}", "ended by ended_by_flow, expected forwarded"),
        (BUSY + "expect: {duration: '< 1s'}", "the call lasted 4.191 s, expected < 1s"),
        (BUSY + "expect: {within: {sales: 1s}}", "sales was reached after 2.661 s, expected <= 1 s"),
        (BUSY + "expect: {within: {ask: 1s}}", "ask was never reached, expected <= 1 s"),
        (PIN + "expect: {dead_air: 100ms}", "dead air for 0.2 s at check, expected <= 0.1 s"),
        (BUSY + "expect: {notes: [x]}", 'not in the log: "x"'),
        ("given: {recordings: {message: failed}}\nwhen: [{press: '2'}]\nexpect: {notes: []}", "the log has warnings"),
        (BUSY + "expect: {fault: loop}", "the flow was to break (loop); it did not"),
        ("when: [{hang_up: ask}]", 'never reached: ask: step 1 of when, {"hang_up": "ask"}'),
        ("when: [{forward: sales, result: busy}]", 'never reached: sales: step 1 of when, {"forward": "sales"'),
        ("when: [{silence: menu}, {silence: menu}, {press: '1'}]", 'never reached: step 3 of when, {"press": "1"}'),
    ],
)
def test_what_differs(case: str, text: str) -> None:
    found = texts(case)
    assert len(found) == 1, found
    assert found[0].startswith(text), found


def test_the_two_paths_and_why_they_part() -> None:
    case = 'when: [{press: "1"}, {forward: sales, result: no_answer}, {hang_up: message, after: 3s}]\n'
    (difference,) = run(case + "expect:\n  path: [start, welcome, menu, sales, bye]").differences
    assert str(difference).splitlines() == [
        "the path goes to message instead of bye",
        "    expected  was",
        "    … 1 the same",
        "    welcome   welcome       0 s  audio_played",
        "    menu      menu      2.661 s  1",
        "    sales     sales     2.661 s  no_answer",
        "  > bye       message    32.7 s  user_hung_up",
        "  because sales (desk.yaml:16) was left by no_answer after 32.7 s",
        '    outcome "no_answer", sip_code 408',
    ]
    assert difference.line == 4
    assert difference.expected == ["start", "welcome", "menu", "sales", "bye"]
    assert difference.actual == ["start", "welcome", "menu", "sales", "message"]


def test_why_tells_what_the_caller_did() -> None:
    silent = str(run("expect: {path: [start, welcome, menu, sales]}").differences[0])
    assert "because menu (desk.yaml:12) was left by no_input after" in silent
    assert "no key was pressed" in silent
    wrong = str(run('when: [{press: "9"}, {press: "8"}]\nexpect: {path: [start, welcome, menu, sales]}').differences[0])
    assert "keys pressed: 98, the first one after 2.661 s" in wrong


def test_secrets_stand_in_no_report() -> None:
    case = PIN + "expect: {variables: {pin: '9'}, requests: [{url: x, headers: {x-branch: y}, body: {pin: '9'}}]}"
    shown = "\n".join(map(str, run(case).differences))
    assert "1234" not in shown
    assert shown.count("(sensitive)") == 6


def test_words_that_hold_a_secret_are_compared_all_the_same() -> None:
    flow = parse_flow(
        """
variables: {pin: "4711"}
sensitive: [pin]
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: tell}
  tell: {type: play, text: "It is {{ pin }}."}
""",
        "desk",
    )
    flows = FlowSet({"desk": flow})
    assert run("expect: {said: ['It is 4711.']}", flows).passed
    (difference,) = run("expect: {said: ['It is 4712.']}", flows).differences
    assert "4711" not in str(difference)
    assert 'tell: "(sensitive)"' in str(difference)


LOOP = """
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: a}
  a: {type: set_variable, variables: {x: 1}, next: b}
  b: {type: set_variable, variables: {x: 2}, next: a}
"""


def test_a_flow_that_breaks_fails_its_cases() -> None:
    flows = FlowSet({"desk": parse_flow(LOOP, "desk")})
    (difference,) = run("expect: {}", flows).differences
    assert difference.text == "the flow broke: limits.visits_without_input is reached at element a"
    assert difference.details[-1].startswith("b (desk.yaml:5) left by next")
    assert run("expect: {fault: '*visits_without_input*', ended_by: system}", flows).passed
    assert run("expect: {fault: other}", flows).differences[0].text.startswith("the flow was to break (other); limits.")


def test_lists_of_many_show_the_place_alone() -> None:
    flows = FlowSet({"desk": parse_flow(LOOP, "desk")})
    case = f"expect: {{fault: '*', path: [start{', a, b' * 8}, a, a, b, b]}}"
    shown = run(case, flows).differences[0].details
    assert shown[1] == "  … 15 the same"
    assert len(shown) < 12


def test_a_case_without_faults_of_names() -> None:
    assert run(BUSY).passed


def test_a_lost_caller() -> None:
    text = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: menu}
  menu: {type: collect, responses: {"1": bye}, branches: {no_input: bye}}
  bye: {type: hang_up}
"""
    flow = parse_flow(text, "lost")
    (lost, kept) = parse_cases(
        "- {name: a, when: [{press: '9'}], expect: {lost: false}}\n- {name: b, expect: {lost: true}}\n",
        "lost.test.yaml",
    )
    flows = FlowSet({"lost": flow})
    (difference,) = run_case(lost, flow, flows).differences
    assert difference.text == "the caller is lost: no_match of menu (lost.yaml:4) leads nowhere"
    (difference,) = run_case(kept, flow, flows).differences
    assert difference.text == "the caller was to be lost, and is not"
