"""What agents see of calls: the flow that a moved one was in, and texts that no display name can have as they are."""

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
