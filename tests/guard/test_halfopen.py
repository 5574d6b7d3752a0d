"""Calls that nobody has acknowledged yet."""

from __future__ import annotations

from ivr.guard import HalfOpen


def test_a_source_has_so_many_and_more_once_it_acknowledges() -> None:
    calls = HalfOpen(3, 100)
    assert [calls.admit(number, "a", 1.0) for number in range(5)] == [True, True, True, False, False]
    assert calls.admit(10, "b", 1.0)
    assert calls.acknowledged(0, 2.0) == "a"
    assert all(calls.admit(20 + number, "a", 3.0) for number in range(20))
    assert calls.over(1) == "a"
    assert calls.over(1) is None
    assert calls.acknowledged("never", 3.0) is None


def test_all_strangers_together_leave_room_for_those_who_acknowledge() -> None:
    calls = HalfOpen(3, 10)
    assert calls.admit("x", "honest", 1.0)
    calls.acknowledged("x", 1.0)
    assert sum(calls.admit(number, f"s{number}", 2.0) for number in range(50)) == 10
    assert calls.admit("y", "honest", 3.0)
    assert not calls.admit("z", "new", 3.0)
    assert len(calls) == 11
    calls.over(5)
    calls.over(6)
    assert calls.admit("z", "new", 3.0)


def test_having_acknowledged_is_forgotten() -> None:
    calls = HalfOpen(1, 10)
    calls.admit("x", "a", 1.0)
    calls.acknowledged("x", 1.0)
    assert [calls.admit(number, "a", 900.0) for number in range(3)] == [True, False, False]
