from __future__ import annotations

from itertools import pairwise
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from ivr.dialer.rules.pace import LENGTHS, LONGEST_GAP, MICROSECOND, Pace, gap_of
from ivr.flow.ports import Speed

NOW = 1_772_000_000 * MICROSECOND

speeds = st.builds(Speed, calls=st.integers(1, 12), per=st.sampled_from(("minute", "hour", "day")))
wishes = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 400)), max_size=60)
"""For each reservation: tenths of a window that pass before it, and how far ahead it asks."""


def seconds(pace: Pace) -> list[float]:
    return [(at - NOW) / MICROSECOND for at in pace.taken]


def fullest(taken: list[int], length: int) -> int:
    """Calls of the fullest window, where the first call opens one, and the first after its end the next."""
    most = count = 0
    opens = None
    for at in sorted(taken):
        if opens is None or at >= opens + length:
            opens, count = at, 0
        count += 1
        most = max(most, count)
    return most


def test_a_minute_is_spread_evenly() -> None:
    pace = Pace(Speed(4, "minute"))
    for _ in range(6):
        pace.reserve(NOW, NOW)
    assert seconds(pace) == [0, 15, 30, 45, 60, 75]


def test_an_hour_has_a_second_between_calls_and_then_none() -> None:
    pace = Pace(Speed(3, "hour"))
    for _ in range(5):
        pace.reserve(NOW, NOW)
    assert seconds(pace) == [0, 1, 2, 3600, 3601]


def test_a_fast_hour_is_spread_evenly() -> None:
    assert gap_of(Speed(7200, "hour")) == MICROSECOND // 2


def test_the_first_call_opens_the_window() -> None:
    pace = Pace(Speed(2, "hour"))
    minute = 60 * MICROSECOND
    assert pace.reserve(NOW, NOW) == NOW
    assert pace.reserve(NOW + 59 * minute, NOW) == NOW + 59 * minute
    assert pace.reserve(NOW + 59 * minute, NOW) == NOW + 60 * minute, "the next window opens when this one is over"
    assert pace.reserve(NOW, NOW) == NOW + 60 * minute + MICROSECOND


def test_a_retry_in_an_hour_does_not_hold_up_the_others() -> None:
    pace = Pace(Speed(30, "minute"))
    later = pace.reserve(NOW + 3600 * MICROSECOND, NOW)
    assert later == NOW + 3600 * MICROSECOND
    assert pace.reserve(NOW, NOW) == NOW


def test_a_window_before_another_is_not_full_twice() -> None:
    pace = Pace(Speed(2, "hour"))
    hour = 3600 * MICROSECOND
    for _ in range(2):
        pace.reserve(NOW + hour // 2, NOW)
    taken = [pace.reserve(NOW, NOW) for _ in range(3)]
    assert fullest(list(pace.taken), hour) == 2
    assert taken[0] >= NOW + hour // 2, "a window from now on would hold what is reserved in half an hour"


@given(speeds, wishes)
def test_no_window_holds_more_than_asked_for(speed: Speed, asked: list[tuple[int, int]]) -> None:
    pace, length, now, given_out = Pace(speed), LENGTHS[speed.per], NOW, []
    for passed, ahead in asked:
        now += passed * length // 100
        at = pace.reserve(now + ahead * length // 100, now)
        assert at >= now + ahead * length // 100
        given_out.append(at)
        assert fullest(given_out, length) <= speed.calls
    assert len(set(given_out)) == len(given_out)
    ordered = sorted(given_out)
    assert all(after - before >= gap_of(speed) for before, after in pairwise(ordered))


@given(speeds, wishes, st.integers(0, 59))
def test_what_is_forgotten_or_kept_over_a_restart_changes_nothing_but_time(
    speed: Speed, asked: list[tuple[int, int]], every: int
) -> None:
    pace, length, now, given_out = Pace(speed), LENGTHS[speed.per], NOW, []
    for index, (passed, ahead) in enumerate(asked):
        now += passed * length // 100
        if index % (every + 1) == 0:
            edge = pace.forget(now)
            assert all(at >= edge for at in pace.taken)
            pace = Pace(speed, pace.taken)
        given_out.append(pace.reserve(now + ahead * length // 100, now))
    assert fullest(given_out, length) <= speed.calls


@given(speeds, st.lists(st.integers(0, 60), min_size=1, max_size=60))
def test_whoever_asks_in_the_order_of_time_goes_as_soon_as_the_window_lets_it(speed: Speed, asked: list[int]) -> None:
    pace, length, now = Pace(speed), LENGTHS[speed.per], NOW
    opens: int | None = None
    last: int | None = None
    count = 0
    for passed in asked:
        now += passed * length // 100
        at = now if last is None else max(now, last + gap_of(speed))
        if opens is None or at >= opens + length:
            opens, count = at, 0
        elif count == speed.calls:
            opens = at = max(at, opens + length)
            count = 0
        count += 1
        last = pace.reserve(now, now)
        assert last == at


def test_a_steady_stream_is_quick() -> None:
    pace = Pace(Speed(3000, "minute"))
    for index in range(20_000):
        now = NOW + index * 1000
        pace.reserve(now, now)
        if index % 1000 == 0:
            pace.forget(now)
    assert pace.taken[-1] == NOW + 19_999 * 20_000


def test_a_new_speed_holds_for_what_comes() -> None:
    per: Literal["minute"] = "minute"
    pace = Pace(Speed(60, per))
    for _ in range(10):
        pace.reserve(NOW, NOW)
    pace.speed = Speed(6, per)
    assert pace.reserve(NOW, NOW) == NOW + 60 * MICROSECOND
    assert LONGEST_GAP == MICROSECOND
