from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ivr.api.rates import MAX_BUCKETS, Buckets


def test_a_bucket_fills_again() -> None:
    buckets = Buckets(2.0, 3)
    assert [buckets.take("a", 0.0).allowed for _ in range(4)] == [True, True, True, False]
    refused = buckets.take("a", 0.1)
    assert refused.headers == {
        "RateLimit-Limit": "3", "RateLimit-Remaining": "0", "RateLimit-Reset": "1", "Retry-After": "1",
    }  # fmt: skip
    assert buckets.take("a", 0.5).allowed and not buckets.take("a", 0.6).allowed
    assert buckets.take("b", 0.6).headers["RateLimit-Remaining"] == "2"


def test_only_so_many_are_known() -> None:
    buckets = Buckets(0.001, 1)
    for number in range(MAX_BUCKETS + 1):
        assert buckets.take(str(number), 0.0).allowed
    assert not buckets.take(str(MAX_BUCKETS), 0.0).allowed
    assert buckets.take("0", 0.0).allowed


@given(st.floats(0.1, 100.0), st.integers(1, 50), st.lists(st.floats(0.0, 2.0), max_size=100))
def test_never_more_than_the_rate_and_the_burst(rate: float, burst: int, gaps: list[float]) -> None:
    buckets, now, allowed = Buckets(rate, burst), 0.0, 0
    for gap in gaps:
        now += gap
        allowed += buckets.take("a", now).allowed
    assert allowed <= burst + rate * now + 1e-6
