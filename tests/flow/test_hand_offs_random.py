"""Random calls full of hand-offs: whenever the caller hangs up nothing is left behind, and nobody hears his secret."""

from __future__ import annotations

import json
import os
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr.flow import ports
from ivr.flow.packet import MAX_BYTES
from ivr.flow.packet_model import HandOver
from ivr.flow.sim import SimulatedCall
from tests.kit.handoffs_random import PIN, HandedScenario, begun, do, handed, play

EXAMPLES = int(os.environ.get("IVR_EXAMPLES", "30"))
"""Calls of each test."""
MOMENTS = 6
"""Moments of one call at which the caller hangs up: all of them where it has no more."""

BEGINS: dict[type[Any], tuple[type[Any], ...]] = {
    ports.JoinQueue: (ports.QueueDone, ports.LeaveQueue),
    ports.StartAiAgent: (ports.AiAgentDone, ports.StopAiAgent),
    ports.Forward: (ports.ForwardDone, ports.CancelForward),
}
"""What begins a hand-off, and what ends it: one or the other, or the end of the call."""

SETTINGS = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def nothing_is_left(call: SimulatedCall) -> None:
    assert call.finished
    assert call.ended
    assert call.cause in ports.CAUSES
    assert call.waiting is None
    assert call._queues.command is None
    assert call._takers.command is None
    assert call._forwards.command is None
    assert all(visit.outcome for visit in call.queued)
    assert all(talk.reason for talk in call.handed_over)
    assert all(step.left_at is not None for step in call.steps)
    began = [command.id for _, command in call.log if type(command) in BEGINS]
    assert len(began) == len(set(began))


def moments(scenario: HandedScenario) -> list[float]:
    """Every time at which something happens in a call."""
    call, flows = begun(scenario)
    call.start()
    found = {0.0}
    acts = list(enumerate(scenario.acts, 1))
    while not call.finished and len(found) < 2_000:
        moment = call.next_moment()
        if acts and (moment is None or acts[0][1].at <= moment):
            number, act = acts.pop(0)
            call.run(until=act.at)
            do(call, act, flows, number)
        elif not call.advance():
            break
        found.add(call.now)
    return sorted(found)


@SETTINGS
@given(handed(), st.randoms(use_true_random=False))
def test_a_caller_may_hang_up_whenever_something_happens(scenario: HandedScenario, rng: Random) -> None:
    times = moments(scenario)
    for at in rng.sample(times, min(MOMENTS, len(times))):
        for moment in (at, at + rng.uniform(0.0, 3.0)):
            call, _ = play(scenario, until=moment)
            nothing_is_left(call)


@SETTINGS
@given(handed())
def test_a_caller_who_does_nothing_comes_to_an_end(scenario: HandedScenario) -> None:
    call, _ = play(HandedScenario(scenario.seed, scenario.flows, scenario.stubs, ()))
    nothing_is_left(call)


@SETTINGS
@given(handed())
def test_no_packet_and_no_trace_has_the_secret_of_the_caller(scenario: HandedScenario) -> None:
    call, _ = play(scenario)
    packets = [visit.packet for visit in call.queued] + [talk.packet for talk in call.handed_over]
    for packet in packets:
        text = json.dumps(packet)
        HandOver.model_validate(packet)
        assert PIN not in text
        assert len(text) <= MAX_BYTES
    assert PIN not in json.dumps([call.machine.path(), call.machine.digits(), call.machine.origin()], default=str)
    for visit in call.queued:
        assert PIN not in f"{visit.queue} {visit.origin}"
