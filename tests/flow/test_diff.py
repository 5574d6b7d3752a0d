from __future__ import annotations

import itertools
import random
from time import perf_counter

from hypothesis import given
from hypothesis import strategies as st

from ivr.flow import Flow, parse_flow
from ivr.flow.diff import MAX_PATHS, FieldChange, WayChange, diff_flows

DESK = """
variables: {tries: 0}
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: menu}
  menu:
    type: collect
    max_digits: 1
    attempts: 2
    retry_prompt: {text: "Press 1."}
    responses: {"1": sales}
    branches: {no_match: bye}
  sales: {type: forward_call, to: "phone:200", branches: {busy: mailbox}}
  mailbox: {type: record_voicemail}
  bye: {type: hang_up}
"""


def changed(*replaced: tuple[str, str]) -> Flow:
    text = DESK
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    return parse_flow(text, "desk")


OLD = parse_flow(DESK, "desk")


def test_the_same_written_otherwise_is_no_change() -> None:
    moved = DESK.replace("  bye: {type: hang_up}\n", "").replace(
        "elements:\n", "elements:\n  bye:\n    type: hang_up  # gone\n"
    )
    assert not diff_flows(OLD, parse_flow(moved, "desk"))


def test_words_that_changed() -> None:
    diff = diff_flows(OLD, changed(("Press 1.", "Press one.")))
    assert diff.fields == (FieldChange("menu", "retry_prompt.text", "Press 1.", "Press one.", True),)
    assert (diff.ways, diff.new_paths, diff.gone_paths) == ((), (), ())
    assert list(diff.lines()) == ['~ element menu: retry_prompt.text: "Press 1." -> "Press one."']


def test_a_new_way_and_the_paths_that_take_it() -> None:
    diff = diff_flows(
        OLD,
        changed(
            ('{"1": sales}', '{"1": sales, "2": help}'), ("  bye:", "  help: {type: play, text: Hi, next: bye}\n  bye:")
        ),
    )
    assert diff.added == ("help",)
    assert diff.ways == (WayChange("menu", "2", None, "help"),)
    assert diff.new_paths == (("start", "menu", "help", "bye"),)
    assert diff.gone_paths == ()
    assert "+ path start > menu > help > bye" in list(diff.lines())


def test_a_way_that_leads_elsewhere() -> None:
    diff = diff_flows(OLD, changed(("busy: mailbox", "busy: bye")))
    assert diff.ways == (WayChange("sales", "busy", "mailbox", "bye"),)
    assert ("start", "menu", "sales", "bye") in diff.new_paths
    assert ("start", "menu", "sales", "mailbox") in diff.gone_paths
    assert "~ element sales: branch busy leads to bye, before to mailbox" in list(diff.lines())


def test_an_element_that_is_gone() -> None:
    diff = diff_flows(OLD, changed((", branches: {busy: mailbox}", ""), ("  mailbox: {type: record_voicemail}\n", "")))
    assert diff.removed == ("mailbox",)
    assert diff.ways == (WayChange("sales", "busy", "mailbox", None),)
    assert diff.gone_paths == (("start", "menu", "sales", "mailbox"),)
    assert "- element mailbox" in list(diff.lines())


def test_what_stands_above_the_elements() -> None:
    diff = diff_flows(
        OLD, changed(("variables: {tries: 0}", "canary: 10%\nvariables: {tries: 1, name: x}\nsensitive: [name]"))
    )
    assert [(change.field, change.old, change.new) for change in diff.fields] == [
        ("canary", None, "10%"),
        ("variables.tries", 0, 1),
        ("variables.name", None, "x"),
        ("sensitive.0", None, "name"),
    ]


def test_another_entry_and_other_numbers() -> None:
    diff = diff_flows(
        OLD, changed(('["100"]', '["100", "101"]'), ("  bye:", "  other: {type: start_from_flow, next: menu}\n  bye:"))
    )
    assert [(change.field, change.new) for change in diff.fields] == [("numbers.1", "101")]
    assert ("other", "menu", "bye") in diff.new_paths


def test_data_for_json() -> None:
    diff = diff_flows(OLD, changed(("Press 1.", "Press one.")))
    assert list(diff.as_data()["fields"]) == [
        {"element": "menu", "field": "retry_prompt.text", "old": "Press 1.", "new": "Press one.", "words": True}
    ]


def tangle(count: int, seed: int) -> Flow:
    """Menus that lead to each other at random."""
    rng = random.Random(seed)
    lines = ["elements:", '  start: {type: start_incoming_call, numbers: ["1"], next: e0}', "  bye: {type: hang_up}"]
    for n in range(count):
        a, b = rng.randrange(count), rng.randrange(count)
        lines.append(f'  e{n}: {{type: collect, responses: {{"1": e{a}, "2": e{b}}}, branches: {{no_match: bye}}}}')
    return parse_flow("\n".join(lines), "tangle")


def test_a_tangle_is_bounded_and_shows_every_new_way() -> None:
    old = tangle(90, 1)
    new = tangle(90, 2)
    began = perf_counter()
    diff = diff_flows(old, new)
    assert perf_counter() - began < 5.0
    assert not diff.complete
    assert len(diff.new_paths) <= MAX_PATHS + 180
    assert len(list(diff.lines())) < 700


@given(st.integers(1, 12), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_path_is_new_where_only_one_version_has_it(count: int, one: int, other: int) -> None:
    old, new = tangle(count, one), tangle(count, other)
    diff, back = diff_flows(old, new), diff_flows(new, old)
    assert set(diff.new_paths) == set(back.gone_paths)
    assert not set(diff.new_paths) & set(diff.gone_paths)
    for path in diff.new_paths:
        assert all(step in new.elements[before].targets.values() for before, step in itertools.pairwise(path))
    assert not diff_flows(new, new)
