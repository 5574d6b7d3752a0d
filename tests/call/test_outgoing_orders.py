"""Outgoing calls under events in any order: every one ends exactly once, and gives everything back."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.call.flowcall import FlowCall
from ivr.call.outdial import Callee, Outdial
from ivr.call.placement import Placement
from ivr.call.runner import FlowRunner
from ivr.call.solo import SoloFlow
from ivr.flow.ports import CAUSES
from media import Answerer, Lost, Tone
from tests.kit.garbage import counting
from tests.kit.house import TRUNK
from tests.kit.placing import Placing
from tests.kit.sip import sdp

FLOW = """
elements:
  start: {type: start_from_audience, next: dial}
  dial:
    type: start_outgoing_call
    ring_timeout: 5s
    validity: 1s
    record_call: true
    machine_detection: beep
    retry: {min_minutes: 1, times: 1}
    branches: {call_answered: hello, voicemail: hello}
  hello: {type: play, text: hello, branches: {call_ended: after, user_hung_up: after}, next: bye}
  bye: {type: hang_up, next: after}
  after: {type: tag, tags: [after]}
"""
NUMBER = "+15550100"

actions = st.lists(
    st.one_of(
        st.sampled_from(
            ["ring", "progress", "answer", "bye", "end_all", "timeout", "lose", "played", "machine", "beep", "fail"]
        ),
        st.sampled_from([302, 404, 486, 480, 488, 500, 503, 603]),
        st.sampled_from([0.0, 0.1, 1.0, 6.0, 70.0]),
        st.sampled_from(["busy", "congestion", "dial"]).map(lambda kind: ("tone", kind)),
    ),
    max_size=12,
)


def act(calls: Placing, callee: Any, action: Any) -> None:
    """One thing that happens."""
    house, now = calls.house, calls.house.now
    session = callee.calls[-1] if callee.calls else None
    up = [port for port in house.pool.ports if not port.released]
    if isinstance(action, float):
        house.run(action)
    elif isinstance(action, int):
        if session is not None and not session.ended and session.state.value == "early":
            session.reject(action, now)
    elif isinstance(action, tuple):
        for port in up:
            port.say(Tone(port, action[1], now))
    elif action == "end_all":
        house.manager.end_all("system")
    elif action == "fail":
        for call in list(house.manager.calls.values()):
            call.fail()
    elif action == "timeout":
        for port in up:
            port.timeout()
    elif action == "lose":
        for port in up:
            port.say(Lost(port))
    elif action == "played":
        for port in up:
            if port.playing is not None:
                port.played()
    elif action in ("machine", "beep"):
        for port in up:
            final = action == "beep"
            port.say(Answerer(port, "machine", 0.9, now, final, now if final else None, "words"))
    elif session is not None and not session.ended:
        early = session.state.value == "early"
        if action == "ring" and early:
            session.ring(now)
        elif action == "progress" and early:
            session.progress(sdp(TRUNK[0], 4100), now)
        elif action == "answer" and early:
            session.answer(sdp(TRUNK[0], 4100), now)
        elif action == "bye" and not early:
            session.hangup(now)
    house.run(0.03)


@settings(max_examples=120, deadline=None)
@given(actions)
def test_every_call_ends_once_and_gives_everything_back(steps: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        calls = Placing(Path(folder), {"main": FLOW})
        callee = calls.house.party(TRUNK)
        causes: list[Any] = []
        calls.house.services.feed.listen(
            lambda event: causes.append(event.data["cause"]) if event.type == "call.ended" else None
        )
        calls.contact("main", run=0.1, number=NUMBER)
        for step in steps:
            act(calls, callee, step)
        for _ in range(4):  # two attempts at most: each rings out, or its prompt comes to an end
            calls.house.run(60)
            for action in ("beep", "played", "bye"):
                act(calls, callee, action)
        calls.settled()
        assert len(calls.ended) == 1
        attempts = calls.attempts
        assert 1 <= len(attempts) <= 2
        assert [attempt["attempt"] for attempt in attempts] == list(range(1, len(attempts) + 1))
        for attempt in attempts:
            assert attempt["outcome"] in ("answered", "no_answer", "busy", "declined", "failed")
            assert "ended_at" in attempt
        answered = [attempt for attempt in attempts if attempt["outcome"] == "answered"]
        assert len(answered) <= 1
        assert bool(calls.record.answered_at) == bool(answered)
        assert (calls.record.cause is not None) or not answered
        assert len(calls.booked) == len(attempts) == len(causes)
        assert set(causes) <= set(CAUSES)


def test_a_call_that_is_over_leaves_nothing_to_the_garbage_collector(tmp_path: Path) -> None:
    calls = Placing(tmp_path, {"main": FLOW})
    callee = calls.house.party(TRUNK)
    with counting(FlowRunner, FlowCall, SoloFlow, Outdial, Callee, Placement) as found:
        calls.contact("main", number=NUMBER)
        assert found()
        callee.refuse(486)
        calls.house.run(61)
        callee.answer()
        act(calls, callee, "beep")
        calls.house.pool.ports[-1].played()
        calls.house.run(1.0)
        calls.settled()
        calls.house.pool.ports.clear()  # of this test alone: they know who hears them
        assert not found()
