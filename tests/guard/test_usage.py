"""How much was dialled today."""

from __future__ import annotations

from ivr.guard import Full, Usage
from ivr.settings import DialLimits

TOTAL, PHONE, LINE = ("total", ""), ("phone", "200"), ("line", "pbx")


def test_calls_at_the_same_time() -> None:
    usage, limit = Usage(), [(TOTAL, DialLimits(calls=2))]
    assert [usage.take(call, limit, "mon", 1.0) for call in "abc"] == [None, None, Full(TOTAL, "calls", 2)]
    usage.over("a", 2.0)
    usage.over("a", 2.0)
    usage.over("never", 2.0)
    assert usage.take("c", limit, "mon", 3.0) is None


def test_calls_of_a_day() -> None:
    usage, limit = Usage(), [(PHONE, DialLimits(calls_per_day=2))]
    for call in "ab":
        assert usage.take(call, limit, "mon", 1.0) is None
        usage.over(call, 2.0)
    assert usage.take("c", limit, "mon", 3.0) == Full(PHONE, "calls_per_day", 2)
    assert usage.take("c", limit, "tue", 4.0) is None


def test_minutes_of_a_day_count_calls_that_go_on() -> None:
    usage, limit = Usage(), [(PHONE, DialLimits(minutes_per_day=10))]
    usage.take("a", limit, "mon", 0.0)
    assert usage.take("b", limit, "mon", 5000.0) is None, "ringing costs nothing"
    usage.answered("a", 5000.0)
    usage.answered("a", 5300.0)
    assert usage.take("c", limit, "mon", 5599.0) is None
    assert usage.take("d", limit, "mon", 5600.0) == Full(PHONE, "minutes_per_day", 10)
    usage.over("a", 5600.0)
    assert usage.take("d", limit, "mon", 5601.0) == Full(PHONE, "minutes_per_day", 10)
    assert usage.used(PHONE, "mon") == (2, 3, 600.0)
    assert usage.take("d", limit, "tue", 5602.0) is None


def test_a_call_is_counted_everywhere_or_nowhere() -> None:
    usage = Usage()
    limits = [(TOTAL, DialLimits()), (PHONE, DialLimits(calls=1))]
    assert usage.take("a", limits, "mon", 1.0) is None
    assert usage.take("b", limits, "mon", 1.0) == Full(PHONE, "calls", 1)
    assert usage.used(TOTAL, "mon") == (1, 1, 0.0)


def test_another_line_takes_the_call() -> None:
    usage = Usage()
    usage.take("a", [(TOTAL, DialLimits())], "mon", 1.0)
    usage.take("a", [(LINE, DialLimits())], "mon", 1.0)
    usage.leave("a", LINE)
    usage.leave("a", LINE)
    assert usage.used(LINE, "mon") == (0, 0, 0.0)
    assert usage.used(TOTAL, "mon") == (1, 1, 0.0)


def test_the_day_is_kept_over_a_restart() -> None:
    usage = Usage()
    usage.take("a", [(PHONE, DialLimits())], "mon", 0.0)
    usage.answered("a", 0.0)
    usage.over("a", 300.0)
    usage.take("b", [(PHONE, DialLimits())], "mon", 300.0)
    usage.answered("b", 300.0)
    again = Usage()
    again.load(usage.dump(360.0))
    assert again.used(PHONE, "mon") == (0, 2, 360.0)
    assert again.take("c", [(PHONE, DialLimits(minutes_per_day=6))], "mon", 1.0) == Full(PHONE, "minutes_per_day", 6)
    again.load({"day": "mon", "counts": [{}, {"kind": "phone", "name": "1", "calls": "x", "seconds": 1}]})
    assert again.used(PHONE, "tue") == (0, 0, 0.0)


def test_a_call_over_midnight_is_given_back() -> None:
    usage = Usage()
    usage.take("a", [(TOTAL, DialLimits())], "mon", 0.0)
    usage.answered("a", 0.0)
    assert usage.used(TOTAL, "tue") == (1, 0, 0.0)
    usage.over("a", 60.0)
    assert usage.used(TOTAL, "tue") == (0, 0, 60.0)
