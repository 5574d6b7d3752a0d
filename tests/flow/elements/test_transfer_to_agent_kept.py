"""Callers whom the queue takes care of without an agent: branches of their own, where the flow names them."""

from __future__ import annotations

from typing import Any

import pytest

from ivr.flow.sim import QueueBook, Surroundings, parse_script
from ivr.settings import Queue, WaitingKeys, WaitingStrategy
from tests.flow.sim.kit import call


@pytest.mark.parametrize(
    ("branches", "key", "left"),
    [
        ("callback_scheduled: kept, call_not_forwarded: sorry", "2", "callback_scheduled"),
        ("message_left: kept, call_not_forwarded: sorry", "1", "message_left"),
        ("call_not_forwarded: kept", "2", "call_not_forwarded"),
        ("call_not_forwarded: kept", "1", "call_not_forwarded"),
    ],
)
def test_who_is_taken_care_of_goes_his_own_way_where_the_flow_has_one(branches: str, key: str, left: str) -> None:
    flow = f"""
elements:
  start: {{type: start_incoming_call, numbers: ["100"], next: people}}
  people: {{type: transfer_to_agent, queue: support, branches: {{{branches}}}}}
  kept: {{type: hang_up}}
  sorry: {{type: hang_up}}
"""
    keys = WaitingStrategy(keys=WaitingKeys(voicemail="1", callback="2"))
    around = Surroundings(QueueBook({"support": Queue(waiting="keys")}, {"keys": keys}))
    steps: list[dict[str, Any]] = [
        {"agent": "support", "result": "waits"},
        {"at": "people", "press": key, "after": "5s"},
    ]
    steps.append({"press": "1"} if key == "2" else {"speak": "4s"})
    found = parse_script(steps).run(call(flow, surroundings=around))
    assert (found.path[-1], found.steps[1].branch) == ("kept", left)
