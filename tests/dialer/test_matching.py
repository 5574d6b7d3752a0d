from __future__ import annotations

import random
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.dialer.rules.matching import AgentMatching, Matcher, left_over


def matcher(**options: float) -> Matcher:
    return Matcher(AgentMatching(queue="sales", **options))


def test_nothing_is_known_yet_so_each_free_agent_has_one_call() -> None:
    assert matcher().room(free=5, waiting=0) == 5


def test_nobody_is_called_while_nobody_is_free() -> None:
    assert matcher().room(free=0, waiting=0) == 0
    assert matcher().room(free=2, waiting=3) == 0, "callers who wait come first"


def test_calls_under_way_count() -> None:
    found = matcher()
    for row in "abc":
        found.dialled(row)
    assert found.room(free=5, waiting=0) == 2
    found.took("a")
    assert found.room(free=5, waiting=0) == 2, "he who answered needs an agent: four are left for two that ring"
    found.joined("a")
    assert found.room(free=5, waiting=1) == 2, "he is counted once"
    found.connected("a")
    assert found.room(free=4, waiting=0) == 2


def test_where_hardly_anybody_answers_more_calls_go_out() -> None:
    found = matcher()
    for row in map(str, range(300)):
        found.dialled(row)
        if row.endswith("0"):
            found.joined(row)
            found.connected(row)
        else:
            found.over(row)
    assert found.rate == pytest.approx((30 + 20) / (300 + 20))
    assert found.room(free=10, waiting=0) > 20
    assert matcher(ratio=1.0).room(free=10, waiting=0) == 10


def test_never_more_than_the_ratio() -> None:
    found = matcher(ratio=2.0)
    found.calls = 10_000.0
    assert found.room(free=7, waiting=0) == 14


def test_who_found_nobody_lets_fewer_calls_out() -> None:
    found = matcher()
    found.calls, found.answers, found.found = 300.0, 30.0, 30.0
    assert found.room(free=10, waiting=0) > 10
    for row in "ab":
        found.dialled(row)
        found.joined(row)
        found.left(row)
    assert found.abandoned > 0.03
    assert found.room(free=10, waiting=0) == 10


def test_a_machine_and_a_call_that_never_went_are_no_lost_callers() -> None:
    found = matcher()
    found.dialled("a")
    found.took("a")
    found.over("a")
    found.dialled("b")
    found.forget("b")
    assert (found.found, found.lost, found.calls) == (1.0, 0.0, 1.0)
    assert not found.ringing | found.answered | found.waiting


def test_left_over_is_the_mean_of_what_is_answered_too_much() -> None:
    assert left_over(2, 1, 0.5) == pytest.approx(0.25)
    assert left_over(3, 3, 0.9) == 0.0
    assert left_over(5, 2, 1.0) == 3.0
    assert left_over(400, 100, 0.25) == pytest.approx(3.45, abs=0.05)


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0, 400), st.floats(0, 1), st.floats(1, 5))
def test_what_goes_out_stays_within_the_ratio(free: int, ringing: int, calls: float, rate: float, ratio: float) -> None:
    found = matcher(ratio=ratio)
    found.calls, found.answers = calls, calls * rate
    found.ringing = set(map(str, range(ringing)))
    room = found.room(free, 0)
    assert room == 0 or room + ringing <= free * ratio


@pytest.mark.parametrize("rate", [0.15, 0.4])
@pytest.mark.parametrize("agents", [3, 40])
def test_an_afternoon_leaves_few_without_an_agent(rate: float, agents: int) -> None:
    """Calls ring for some seconds, talks last a minute; all by chance."""
    chance, found, names = random.Random(7), matcher(), count()
    ringing: list[tuple[float, str]] = []
    talking: list[float] = []
    queue: list[tuple[float, str]] = []
    busy = 0.0
    for second in range(10_000):
        talking = [end for end in talking if end > second]
        for end, row in [entry for entry in ringing if entry[0] <= second]:
            ringing.remove((end, row))
            if chance.random() < rate:
                found.joined(row)
                queue.append((second + 8.0, row))
            else:
                found.over(row)
        for patience, row in list(queue):
            if len(talking) < agents:
                queue.remove((patience, row))
                found.connected(row)
                talking.append(second + chance.expovariate(1 / 60))
            elif patience <= second:
                queue.remove((patience, row))
                found.left(row)
        for _ in range(found.room(agents - len(talking), len(queue))):
            row = str(next(names))
            found.dialled(row)
            ringing.append((second + chance.uniform(5, 20), row))
        busy += len(talking) / agents
    assert found.abandoned <= 0.03
    assert busy / 10_000 > (0.6 if agents == 40 else 0.3)
