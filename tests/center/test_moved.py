"""Calls that somebody moves to a queue, as agents see them."""

from __future__ import annotations

from pathlib import Path

from ivr.call.moving import goal_of
from tests.kit.house import DESK
from tests.kit.queue_house import QueueHouse

SHOP = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: words}
  words: {type: play, text: welcome, loop: 50, next: bye}
  bye: {type: hang_up}
"""


def test_agents_see_the_flow_that_a_moved_call_was_in(tmp_path: Path) -> None:
    house = QueueHouse(tmp_path, {"shop": SHOP}, {"anna": "200"})
    house.phone("200", DESK)
    house.party().call("100")
    goal = goal_of("queue", "default", house.manager.flows, house.settings)
    house.manager.move(next(iter(house.manager.calls)), goal.flow, goal.entry, "console")
    [offered] = house.of("agent.offered")
    assert offered["origin"] == "shop"
    order = [event.type for event in house.told]
    assert order.index("call.moved") < order.index("call.element", order.index("call.moved"))
    assert order.index("call.element", order.index("call.moved")) < order.index("queue.joined")
