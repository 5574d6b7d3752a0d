"""Tangled flows are checked in time that grows with their size, not with their paths."""

from __future__ import annotations

import time

import pytest

from ivr.flow.lint import CODES, check_flow, check_flows
from ivr.flow.lint.figures import figures
from ivr.flow.lint.questions import paths_to
from ivr.flow.loader import parse_flow
from tests.kit.lint import WORLD
from tests.kit.tangles import tangle

SLACK = 10
"""By which a machine that does other things, too, may be slower than what `tests/bench/lint.py` measures."""


@pytest.mark.parametrize("seed", range(4))
def test_a_flow_of_a_hundred_elements(seed: int) -> None:
    flow = parse_flow(tangle(100, seed), "tangle")
    started = time.process_time()
    found = check_flow(flow, WORLD)
    assert time.process_time() - started < 0.2 * SLACK
    assert {each.code for each in found} <= CODES.keys()
    for each in found:
        assert each.line is not None and each.element in flow.elements and each.path[-1:] in ((each.element,), ())
    started = time.process_time()
    figures(flow)
    paths_to(flow, "bye")
    assert time.process_time() - started < 0.2 * SLACK


def test_a_folder_of_flows() -> None:
    flows = [parse_flow(tangle(30, seed, str(1000 + seed), f"f{(seed + 1) % 50}"), f"f{seed}") for seed in range(50)]
    started = time.process_time()
    found = check_flows(flows, WORLD)
    assert time.process_time() - started < 5 / 4 * SLACK
    assert len(found) == 50
