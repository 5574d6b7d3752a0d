from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.dialer.rules.feeding import FARTHEST_AHEAD, Demand, shares
from ivr.flow.ports import Speed


@pytest.mark.parametrize(
    ("demand", "wanted"),
    [
        (Demand(0, 0, None), 100),
        (Demand(10, 60, None), 30),
        (Demand(0, 100, None), 0),
        (Demand(0, 0, Speed(6, "minute")), 1),
        (Demand(1, 50, Speed(6, "minute")), 0),
        (Demand(0, 0, Speed(600, "minute")), 30),
        (Demand(5, 90, Speed(600, "minute")), 5),
        (Demand(0, 0, Speed(100, "hour")), 3),
        (Demand(0, 0, Speed(100, "hour"), full_until=1800.0), 0),
        (Demand(0, 0, Speed(100, "hour"), full_until=2.0), 3),
    ],
)
def test_enough_for_the_pace_and_no_more(demand: Demand, wanted: int) -> None:
    assert demand.wanted(100) == wanted


def test_no_pace_takes_up_thousands() -> None:
    assert Demand(0, 0, Speed(100_000, "minute")).wanted(50_000) == FARTHEST_AHEAD
    assert Demand(0, 0, None).wanted(50_000) == FARTHEST_AHEAD


@given(st.dictionaries(st.integers(0, 20), st.integers(0, 50), max_size=8), st.integers(0, 200))
def test_campaigns_share_evenly(wanted: dict[int, int], room: int) -> None:
    given_ = shares(wanted, room)
    assert sum(given_.values()) == min(room, sum(wanted.values()))
    for key, part in given_.items():
        assert part <= wanted[key]
        if part < wanted[key]:
            assert part >= max(given_.values()) - 1
