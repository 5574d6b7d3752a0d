"""What calls do, the linter foresaw: simulated calls through tangled flows go only where it says that they can."""

from __future__ import annotations

import random
import re

import pytest

from ivr.flow.expressions import MASK
from ivr.flow.lint import World, check_flow
from ivr.flow.lint.view import View
from ivr.flow.loader import join_flows, parse_flow
from ivr.flow.model import FlowSet
from ivr.flow.sim import ForwardAnswer, HttpAnswer, SimulatedCall, Stubs
from ivr.settings import Limits
from tests.kit.tangles import tangle

LIMITS = Limits(steps_per_call=60)
CALLS = 6


def called(flows: FlowSet, chance: random.Random, silent: bool) -> SimulatedCall:
    """A call of somebody who presses keys, waits and hangs up as it comes; or of somebody who does nothing."""
    stubs = Stubs(
        http=tuple(HttpAnswer(status=chance.choice((200, 404, 500)), after=0.1) for _ in range(10)),
        forwards=tuple(ForwardAnswer(result=chance.choice(("busy", "declined")), after=0.1) for _ in range(10)),
    )
    call = SimulatedCall(flows["tangle"], flows, stubs=stubs, limits=LIMITS)
    call.start()
    while not call.machine.finished:
        what = 1.0 if silent else chance.random()
        if what < 0.4:
            call.press(str(chance.randrange(9)))
        elif what < 0.42:
            call.hang_up()
        elif not call.advance():
            break
    return call


@pytest.mark.parametrize("seed", range(40))
def test_calls_go_where_the_linter_says(seed: int) -> None:
    flow = parse_flow(tangle(14, seed), "tangle")
    flows = join_flows([flow])
    view = View(flow, World())
    findings = check_flow(flow, World())
    without_caller = {each.element for each in findings if each.code == "S002"}
    chance = random.Random(seed)
    for number in range(CALLS):
        call = called(flows, chance, silent=number == 0)
        steps = call.machine.steps
        for step, after in zip(steps, [*steps[1:], None], strict=True):
            assert view.ups(step.element)
            if after is not None:
                # The branch of a secret input is not told.
                ways = flow.elements[step.element].targets
                assert after.element in (ways.values() if step.branch == MASK else [ways[step.branch or ""]])
        found = re.fullmatch(r"element (\w+) needs a caller, and .*", call.machine.fault or "")
        assert found is None or found[1] in without_caller


@pytest.mark.parametrize("seed", range(40))
def test_silent_callers_do_not_leave_the_loops_that_they_cannot_leave(seed: int) -> None:
    flow = parse_flow(tangle(14, seed), "tangle")
    loops = [
        set(each.path[each.path.index(each.element) :]) for each in check_flow(flow, World()) if each.code == "G004"
    ]
    call = called(join_flows([flow]), random.Random(seed), silent=True)
    for loop in loops:
        if loop & {step.element for step in call.machine.steps}:
            assert call.machine.cause == "system"
