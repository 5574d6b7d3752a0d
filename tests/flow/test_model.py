"""Flows and sets of flows: ways, states of the session, numbers."""

from __future__ import annotations

from ivr.flow.loader import join_flows, parse_flow
from ivr.flow.model import Candidate, Flow, plain_number
from ivr.flow.ports import PromptSpec


def flow(text: str, name: str = "test") -> Flow:
    return parse_flow(text, name)


WAYS = """
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: menu}
  menu:
    type: collect
    responses: {"1": sales, "2": note}
    branches: {no_match: bye, call_ended: note}
  sales: {type: forward_call, to: "phone:200", branches: {busy: bye, call_forwarded: note}}
  note: {type: set_variable, variables: {a: 1}}
  bye: {type: hang_up}
  lost: {type: play, text: a}
"""


def test_edges_resolve_fallbacks() -> None:
    edges = {(edge.source, edge.branch): edge for edge in flow(WAYS).edges}
    assert edges["menu", "1"].target == "sales"
    assert edges["menu", "1"].field == "responses.1"
    assert (edges["menu", "no_input"].target, edges["menu", "no_input"].named) == ("bye", False)
    assert (edges["sales", "busy"].target, edges["sales", "no_answer"].target) == ("bye", None)
    assert edges["start", "next"].named


def test_states_of_the_session() -> None:
    states = flow(WAYS).sessions
    assert states["menu"] == {True}
    assert states["note"] == {True, False}
    assert "lost" not in states


def test_hang_ups_are_inserted_where_the_session_is_up() -> None:
    found = {(edge.source, edge.branch) for edge in flow(WAYS).inserted}
    assert found == {("sales", "call_not_forwarded"), ("note", "next")}


def numbered(name: str, numbers: str, line: str = "") -> Flow:
    where = f", line: {line}" if line else ""
    return flow(f"elements: {{start: {{type: start_incoming_call, numbers: {numbers}{where}}}}}", name)


def test_find() -> None:
    flows = join_flows(
        [
            numbered("exact", '["100", "+1 555-0100", "anna"]'),
            numbered("line", '["100"]', "pbx"),
            numbered("rest", '["*"]'),
            numbered("rest_of_line", '["*"]', "pbx"),
        ]
    )

    def found(number: str, line: str | None = None) -> str:
        answer = flows.find(number, line)
        assert answer is not None
        assert answer[1] == "start"
        return answer[0].name

    assert found("100") == "exact"
    assert found("100", "phones") == "exact"
    assert found("100", "pbx") == "line"
    assert found("+15550100", "pbx") == "exact"
    assert found("(+1) 555 01-00") == "exact"
    assert found("anna") == "exact"
    assert found("999") == "rest"
    assert found("999", "pbx") == "rest_of_line"
    assert found("*") == "rest"
    assert [entry.number for entry in flows.published] == ["100", "+1 555-0100", "anna", "100", "*", "*"]


def test_nothing_found() -> None:
    flows = join_flows([numbered("line", '["100", "*"]', "pbx")])
    assert flows.find("100", "other") is None
    assert flows.find("100") is None
    assert join_flows([]).find("100") is None


def test_plain_number() -> None:
    assert plain_number("+49 (30) 1234-5") == "+493012345"
    assert plain_number("+49 (0)30 1234") == plain_number("+49 30 1234")
    assert plain_number("0049 (0) 30 1234") == "0049301234"
    assert plain_number("(030) 1234") == "0301234"
    assert plain_number("+(0)") == "+(0)"
    assert plain_number("front.desk") == "front.desk"
    assert plain_number("*43") == "*43"


def test_a_set_is_like_a_mapping() -> None:
    flows = join_flows([numbered("a", '["1"]'), numbered("b", '["2"]')])
    assert len(flows) == 2
    assert list(flows) == ["a", "b"]
    assert "a" in flows and "c" not in flows
    assert flows.get("c") is None
    assert [each.name for each in flows.values()] == ["a", "b"]


def test_a_flow_for_phones_is_built_in() -> None:
    found = join_flows([]).find_internal()
    assert found is not None
    assert found[0].elements[found[1]].targets["next"] == "ring"


PROMPTS = """
variables: {language: de, texts: {de: {hi: Hallo}}, pin: 1}
sensitive: [pin]
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: a}
  a: {type: play, text: Hello, language: en, rate: 1.5, next: b}
  b: {type: play, text: "{{ texts[language].hi }}", next: c}
  c: {type: play, text: "{{ call.from }}", next: d}
  d: {type: play, text: "{{ pin }}", next: e}
  e: {type: play, file: hi.wav, next: f}
  f: {type: play, text: Hello, language: en, rate: 1.5, next: g}
  g: {type: collect, retry_prompt: {text: Again}}
"""


def test_prompts_known_before_a_call() -> None:
    assert join_flows([flow(PROMPTS)]).prompts() == (
        PromptSpec("text", "Hello", "en", rate=1.5),
        PromptSpec("text", "Hallo", "de"),
        PromptSpec("file", "hi.wav"),
        PromptSpec("text", "Again", "de"),
    )


def test_find_without_the_last_resort() -> None:
    flows = join_flows([numbered("exact", '["100"]'), numbered("rest", '["*"]')])
    assert flows.find("100", last_resort=False) == (flows["exact"], "start")
    assert flows.find("101", last_resort=False) is None
    assert flows.find("101") == (flows["rest"], "start")


# Versions in trial, and what a set needs to know before a call


def test_a_candidate_takes_the_same_callers_and_its_share_of_them() -> None:
    old, new = numbered("a", '["1"]'), parse_flow("description: new\n" + WAYS, "a")
    flows = join_flows([old], candidates=[Candidate(new, 0.25)])
    callers = [f"+1555{number:07}" for number in range(4000)]
    trying = [caller for caller in callers if flows.choose(old, caller) is new]
    assert 900 <= len(trying) <= 1100
    assert all(flows.for_caller(caller)["a"] is new for caller in trying)
    assert flows.for_caller(trying[0]) is flows.for_caller(trying[1])
    other = join_flows([old], candidates=[Candidate(parse_flow("description: newer\n" + WAYS, "a"), 0.25)])
    assert [caller for caller in callers if other.choose(old, caller) is not old] != trying
    assert join_flows([old]).choose(old, trying[0]) is old


def test_flows_in_trial_are_chosen_apart() -> None:
    pairs = {name: (numbered(name, f'["{name}"]'), numbered(name, f'["{name}", "9{name}"]')) for name in "12"}
    flows = join_flows(
        [old for old, _ in pairs.values()], candidates=[Candidate(new, 0.5) for _, new in pairs.values()]
    )
    seen = set()
    for number in range(64):
        view = flows.for_caller(str(number))
        seen.add(tuple(view[name] is new for name, (_, new) in pairs.items()))
    assert len(seen) == 4


def test_versions_take_the_places_of_those_in_force() -> None:
    old, new, other = numbered("a", '["1"]'), numbered("a", '["2"]'), numbered("b", '["3"]')
    flows = join_flows([new, other]).with_versions([old])
    assert (flows["a"], flows["b"]) == (old, other)
    assert flows.find("1") == (old, "start")


def test_who_asks_for_the_profile_and_for_which_events() -> None:
    plain = join_flows([numbered("a", '["1"]')])
    assert (plain.uses_profile, plain.asks_for("paid")) == (False, False)
    reads = flow(
        """
        elements:
          start: {type: start_from_audience, event: paid, next: wait}
          wait: {type: wait_for_event, event: sent, next: tell}
          tell: {type: update_profile, fields: {visits: "{{ profile.visits + 1 }}"}}
        """
    )
    flows = join_flows([reads])
    assert flows.uses_profile
    assert [flows.asks_for(name) for name in ("paid", "sent", "other")] == [True, True, False]
    trial = join_flows([numbered("test", '["1"]')], candidates=[Candidate(reads, 0.1)])
    assert (trial.uses_profile, trial.asks_for("sent")) == (True, True)
    hands_over = flow(
        """
        elements:
          start: {type: start_incoming_call, numbers: ["1"], next: desk}
          desk: {type: transfer_to_agent}
        """
    )
    assert hands_over.uses_profile  # the packet tells what is known of the caller
    worked_out = """
    elements:
      start: {type: start_from_audience, next: wait}
      wait: {type: wait_for_event, event: "sent.{{ call.id }}"}
    """
    assert join_flows([flow(worked_out)]).asks_for("anything")


def test_the_share_of_a_trial_stands_in_the_file() -> None:
    assert flow(WAYS).canary is None
    assert flow("canary: 12.5%\n" + WAYS).canary == 0.125


def test_a_session_begins_after_a_call_that_was_answered() -> None:
    flow = parse_flow(
        """
elements:
  start: {type: start_from_audience, next: call}
  call: {type: start_outgoing_call, machine_detection: fast, next: hello, branches: {call_ended: note}}
  hello: {type: play, text: Hello, next: bye}
  bye: {type: hang_up, next: note}
  note: {type: tag, tags: done}
""",
        "main",
    )
    assert flow.sessions == {
        "start": {False},
        "call": {False},
        "hello": {True},
        "bye": {True},
        "note": {False},
    }
    assert [(edge.source, edge.branch) for edge in flow.inserted] == [("call", "voicemail")]
