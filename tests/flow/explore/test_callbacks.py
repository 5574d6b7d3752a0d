"""Callers who ask to be called back, on numbers that can be called and on those that cannot."""

from __future__ import annotations

from typing import Any

import pytest

from ivr.flow.explore import explore, search, watched
from ivr.flow.model import FlowSet
from tests.kit.flow import make_flow
from tests.kit.handoffs_random import surroundings

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: people}
  people:
    type: transfer_to_agent
    queue: support
    FIRST
    branches: {callback_scheduled: kept, call_not_forwarded: sorry, message_left: bye}
  kept: {type: play, text: Kept, next: bye}
  sorry: {type: play, text: Sorry, next: bye}
  bye: {type: hang_up}
"""


@pytest.mark.parametrize("first", ["", "callback_first: true"])
def test_numbers_that_cannot_be_called_are_tried_too(first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[watched.WatchedCall] = []

    class Kept(watched.WatchedCall):
        """Is there afterwards."""

        __slots__ = ()

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            calls.append(self)

    monkeypatch.setattr(search, "WatchedCall", Kept)
    flow = make_flow(FLOW.replace("FIRST", first))
    report = explore(flow, FlowSet({"main": flow}), surroundings())
    assert report.complete
    ends = set()
    for call in calls:
        judged = tuple(one["callable"] for step in call.steps for one in step.details.get("numbers") or ())
        ends.add((judged, bool(call.queued and call.queued[-1].callback)))
    assert ((True,), True) in ends, "his own number"
    assert ((True, True), True) in ends, "another one, though his own can be called"
    assert ((False, True), True) in ends, "another one, for his own cannot be called"
    assert ((False, False), False) in ends, "none can be called"
    assert ((False,), True) not in ends
