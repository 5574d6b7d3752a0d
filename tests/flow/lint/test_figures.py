"""How long until a caller can speak with a person, and how deep menus go."""

from __future__ import annotations

import pytest

from ivr.flow.lint.figures import Figures, figures
from ivr.flow.loader import parse_flow
from ivr.flow.sim.speech import SpeechModel

SPEECH = SpeechModel(fixed=10.0)
"""Every prompt takes ten seconds."""

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["1"], answer: {after: 3s}, next: hello}
  hello: {type: play, text: a, next: offer}
  offer: {type: play, text: b, interruptible: true, next: menu}
  menu:
    type: collect
    responses: {"1": desk, "2": more}
    wait: 4s
    attempts: 2
    retry_prompt: {text: c}
    branches: {no_match: bye}
  more: {type: play, text: d, next: second}
  second: {type: collect, responses: {"1": desk, "2": news}, branches: {no_match: bye}}
  news: {type: play, text: e, next: bye}
  desk: {type: forward_call, to: phone:200, branches: {call_not_forwarded: other}}
  other: {type: forward_call, to: phone:201, branches: {call_not_forwarded: bye}}
  bye: {type: hang_up}
"""


def of(*texts: str) -> list[Figures]:
    flows = {f"f{index}": parse_flow(text, f"f{index}") for index, text in enumerate(texts)}
    return list(figures(flows["f0"], flows, SPEECH))


def test_times_to_a_person() -> None:
    (row,) = of(FLOW)
    assert row.least is not None and row.heard is not None and row.longest is not None
    assert (row.least.amount, row.least.path) == (13.0, ("start", "hello", "offer", "menu", "desk"))
    assert (row.heard.amount, row.heard.path) == (23.0, ("start", "hello", "offer", "menu", "desk"))
    # 3 of ringing, 20 of prompts, two attempts of 4 with a prompt between, a prompt, one attempt of 5
    assert row.longest.amount == 3 + 20 + (4 + 10 + 4) + 10 + 5
    assert row.longest.path == ("start", "hello", "offer", "menu", "more", "second", "desk")


def test_depth() -> None:
    (row,) = of(FLOW)
    assert row.menus == 2
    assert (row.depth.amount, row.depth.path[-1]) == (2.0, "news")


def test_no_person() -> None:
    (row,) = of('elements: {start: {type: start_incoming_call, numbers: ["1"]}}')
    assert (row.least, row.heard, row.longest, row.menus, row.depth.amount) == (None, None, None, 0, 0.0)


def test_a_loop_counts_once() -> None:
    text = FLOW.replace("next: bye}\n  desk", "next: offer}\n  desk")
    (row,) = of(text)
    assert row.longest is not None
    assert row.longest.amount == 3 + 10 + 10 + (4 + 10 + 4) + 10 + 5 + 10


MAIN = """
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: sub}
  sub: {type: transfer_to_flow, flow: f1, %s branches: {other: bye}}
  say: {type: play, text: a, next: ring}
  ring: {type: forward_call, to: phone:200}
  bye: {type: hang_up}
"""


def test_a_subroutine_takes_its_time() -> None:
    sub = "elements: {in: {type: start_from_flow, next: say}, say: {type: play, text: a}}"
    (row,) = of(MAIN % "return_to: say,", sub)
    assert row.least is not None and row.longest is not None
    assert row.least.amount == row.longest.amount == 20.0


def test_a_person_in_another_flow() -> None:
    other = "elements: {in: {type: start_from_flow, next: say}, say: {type: play, text: a, next: ring}, %s}"
    other %= "ring: {type: forward_call, to: phone:200}"
    (row,) = of(MAIN % "", other)
    assert row.least is not None
    assert (row.least.amount, row.least.path) == (10.0, ("start", "sub", "f1/in", "f1/say", "f1/ring"))


def test_flows_that_call_each_other() -> None:
    other = "elements: {in: {type: start_from_flow, next: back}, back: {type: transfer_to_flow, flow: f0}}"
    main = MAIN % "return_to: say," + "  in: {type: start_from_flow, next: sub}\n"
    rows = of(main, other)
    assert [row.entry for row in rows] == ["start", "in"]


@pytest.mark.parametrize(
    ("element", "seconds"),
    [
        ("type: pause, duration: 20s, hold_music: true", 20.0),
        ("type: pause, duration: 20s", 10.0),
        ("type: record_voicemail, max_duration: 30s", 30.0),
        ("type: call_api, url: 'https://x', timeout: 5s, retry: {times: 2, wait: 1s, backoff: 2}", 18.0),
        ("type: call_api, url: 'https://x', timeout: 5s, wait: false", 0.0),
        ("type: wait_for_event, event: a, timeout: 40s, hold_music: true", 40.0),
        ("type: play, text: a, pause: 2s, loop: 2", 22.0),
    ],
)
def test_waits(element: str, seconds: float) -> None:
    text = 'elements: {start: {type: start_incoming_call, numbers: ["1"], next: one}, one: {%s, next: ring}, %s}'
    (row,) = of(text % (element, "ring: {type: forward_call, to: phone:200}"))
    assert row.longest is not None
    assert row.longest.amount == seconds
