"""The source of a drawing."""

from __future__ import annotations

import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.flow.graph import MISSED, PARTLY, TAKEN, dot_source
from ivr.flow.loader import parse_flow
from ivr.flow.testing import FlowCoverage
from tests.kit.needs import lacks

FLOW = """
description: "Desk <b> & co"
variables: {texts: {hi: "Hello & <b>welcome</b>"}}
elements:
  start: {type: start_incoming_call, numbers: ["100", "*"], next: hello}
  hello: {type: play, text: "{{ texts.hi }}", next: menu}
  menu:
    type: collect
    responses: {"1": sales, "2": sales}
    attempts: 3
    branches: {no_match: choose}
  sales: {type: forward_call, to: ["phone:200", "phone:201"], ring: in_turn, branches: {busy: bye, call_ended: note}}
  note: {type: set_variable, variables: {a: "{{ 1 + 2 }}"}}
  choose: {type: branch, conditions: [{when: "a > 1", to: bye}, {value: "{{ a }}", is: x, to: hello}], next: bye}
  bye: {type: hang_up, cause: busy}
"""


def test_source() -> None:
    source = dot_source(parse_flow(FLOW, "desk"))
    assert 'n0 -> n1 [label=""]' in source
    assert source.count("n2 -> n3 ") == 1  # two responses, one arrow
    assert ">1, 2<" in source
    assert ">otherwise<" in source
    assert "a &gt; 1" in source
    assert "a is x" in source
    assert "n3 -> n4" in source and "dashed" in source
    assert "“Hello &amp; &lt;b&gt;welcome&lt;/b&gt;”" in source
    assert "Desk &lt;b&gt; &amp; co" in source
    assert source.count('label="hang up"') == 1  # at sales; note follows the end of the call


def test_coverage() -> None:
    flow = parse_flow(FLOW, "desk")
    coverage = FlowCoverage(flow)
    coverage.visits.update({"start": 2, "hello": 2, "menu": 2, "sales": 1, "bye": 1})
    coverage.taken.update({("start", "next"): 2, ("hello", "audio_played"): 2, ("menu", "1"): 1, ("sales", "busy"): 1})
    source = dot_source(flow, coverage)
    lines = {line.split(" [")[0].strip(): line for line in source.splitlines() if "->" in line}
    assert f'color="{TAKEN}"' in lines["n0 -> n1"] and ">\N{MULTIPLICATION SIGN}2<" in lines["n0 -> n1"]
    assert f'color="{PARTLY}"' in lines["n2 -> n3"]  # key 1 was pressed, key 2 was not
    assert f'COLOR="{TAKEN}">1 \N{MULTIPLICATION SIGN}1<' in lines["n2 -> n3"]
    assert f'COLOR="{MISSED}">2<' in lines["n2 -> n3"]
    assert f'color="{MISSED}"' in lines["n2 -> n5"]
    assert f'color="{MISSED}"' in lines["n3 -> n4"] and "dashed" in lines["n3 -> n4"]
    assert source.count("never entered") == 2  # note and choose
    assert "never call_forwarded" in source
    assert "4 of 14 branches taken (28 %), 5 of 7 elements entered" in source


@given(st.text(max_size=80).filter(lambda text: "{{" not in text and "}}" not in text and text.strip()))
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_out_of_its_card(text: str) -> None:
    flow = parse_flow(FLOW, "desk")
    hello = flow.elements["hello"].model_copy(update={"text": type(flow.elements["hello"].text).parse(text)})  # type: ignore[attr-defined]
    object.__setattr__(flow, "elements", {**flow.elements, "hello": hello})
    source = dot_source(flow)
    plain = re.sub(r"</?(TABLE|TR|TD|FONT|B|BR)\b[^<>]*>", "", source)
    assert not re.search(r"<(?!<|$)(?=[a-zA-Z/!])", plain.replace("=<", "="))
    assert source.count("\n") == dot_source(parse_flow(FLOW, "desk")).count("\n")


@pytest.mark.skipif(lacks("dot"), reason="needs graphviz")
def test_dot_takes_it() -> None:
    source = dot_source(parse_flow(FLOW, "desk"))
    done = subprocess.run(["dot", "-Tsvg"], input=source.encode(), capture_output=True, timeout=30, check=True)
    assert b"<svg" in done.stdout
    assert not done.stderr
