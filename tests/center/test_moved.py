"""What agents see of calls: the flow that a moved one was in, and texts that no display name can have as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.call.moving import Target, goal_of, taken_flow
from tests.kit.house import DESK
from tests.kit.queue_house import QueueHouse

SHOP = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: words}
  words: {type: play, text: welcome, loop: 50, next: bye}
  bye: {type: hang_up}
"""


NOTE = "  note: {type: set_variable, variables: {over: yes}}\n"
OTHERS = """
ai_agents: {front: {url: "ws://127.0.0.1:1/"}}
applications: {shop: {url: "http://127.0.0.1:1/", secret: secret-of-the-shop}}
http: {allow: [127.0.0.1]}
"""
SUMMED_UP = """
variables: {summary: "Wants two things:\\r\\n\\r\\nX-Evil: 1 \\u0007\\"<sip:x@y> WORDS"}
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: desk}
  desk: {type: transfer_to_agent, origin: "{{ summary }}", branches: {call_not_forwarded: bye}}
  bye: {type: hang_up}
"""


def test_a_summary_with_line_breaks_keeps_no_phone_from_ringing(tmp_path: Path) -> None:
    house = QueueHouse(tmp_path, {"main": SUMMED_UP.replace("WORDS", "word " * 500)}, {"anna": "200"})
    anna = house.phone("200", DESK)
    house.party().call("100")
    house.run(0.1)
    shown = anna.calls[-1].request.from_.display
    assert shown.startswith('#1 Wants two things: X-Evil: 1 "<sip:x@y> word')
    assert len(shown) < 90
    assert anna.calls[-1].request.get("X-Evil") is None


def test_agents_see_the_flow_that_a_moved_call_was_in(tmp_path: Path) -> None:
    house = QueueHouse(tmp_path, {"shop": SHOP}, {"anna": "200"})
    house.phone("200", DESK)
    house.party().call("100")
    goal = goal_of("queue", "default", house.manager.flows, house.settings)
    house.run(0.1)
    house.manager.move(next(iter(house.manager.calls)), goal.flow, goal.entry, "console")
    house.run(0.1)
    [offered] = house.of("agent.offered")
    assert offered["origin"] == "shop"
    order = [event.type for event in house.told]
    assert order.index("call.moved") < order.index("call.element", order.index("call.moved"))
    assert order.index("call.element", order.index("call.moved")) < order.index("queue.joined")


def moved(house: QueueHouse, target: Target, value: str) -> None:
    goal = goal_of(target, value, house.manager.flows, house.settings)
    house.manager.move(next(iter(house.manager.calls)), goal.flow, goal.entry, "console")
    house.run(0.1)


def path(house: QueueHouse) -> list[str]:
    """Elements of the shop that the only call has been in."""
    steps = house.manager.find(next(iter(house.manager.calls))).machine.steps
    return [step.element for step in steps if step.flow == "shop"]


@pytest.mark.parametrize(
    ("target", "value"),
    [("queue", "default"), ("to", "phone:200"), ("to", "sip:nobody@"), ("ai_agent", "front"), ("application", "shop")],
)
def test_a_call_that_nobody_takes_goes_on_where_it_was(tmp_path: Path, target: Target, value: str) -> None:
    house = QueueHouse(tmp_path, {"shop": SHOP}, {"anna": "200"}, queue="{join_when_empty: available}", more=OTHERS)
    house.party().call("100")
    house.run(0.5)
    moved(house, target, value)
    moved(house, target, value)
    assert path(house) == ["start", "words", "words", "words"]


def test_a_moved_call_that_ends_goes_nowhere(tmp_path: Path) -> None:
    after = SHOP.replace("next: bye}", "branches: {call_ended: note}, next: bye}") + NOTE
    house = QueueHouse(tmp_path, {"shop": after}, {"anna": "200"})
    anna, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    house.run(0.5)
    moved(house, "queue", "default")
    anna.answer()
    house.run(0.5)
    steps = house.manager.find(next(iter(house.manager.calls))).machine.steps
    caller.hang_up()
    house.run(20.0)
    assert [step.element for step in steps if step.flow == "shop"] == ["start", "words"]
    house.settled()


def test_who_leaves_a_message_in_the_queue_is_done(tmp_path: Path) -> None:
    waiting = "waiting: {calm: {keys: {voicemail: '1'}}}"
    house = QueueHouse(tmp_path, {"shop": SHOP}, {"anna": "200"}, queue="{waiting: calm}", more=waiting)
    house.phone("200", DESK)
    caller = house.party()
    caller.call("100")
    house.run(0.5)
    moved(house, "queue", "default")
    house.press("1")
    while not house.port.running:
        house.play_out()
    steps = house.manager.find(next(iter(house.manager.calls))).machine.steps
    house.port.recorded("silence")
    house.run(5.0)
    assert [step.element for step in steps] == ["start", "words", "start", "do", "else", "bye"]
    house.settled_calls(1)


def test_a_call_whose_controller_is_gone_goes_on_where_it_was(tmp_path: Path) -> None:
    house = QueueHouse(tmp_path, {"shop": SHOP}, {"anna": "200"})
    house.party().call("100")
    house.run(0.5)
    goal = taken_flow("console", 10.0, "none", None)
    house.manager.move(next(iter(house.manager.calls)), goal.flow, goal.entry, "console")
    house.run(11.0)
    assert path(house) == ["start", "words", "words"]
