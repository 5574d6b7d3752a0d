from __future__ import annotations

from ivr.center.rules.timers import SLACK, Timers


def test_keys_come_when_they_are_due() -> None:
    timers = Timers()
    timers.set("b", 2.0)
    timers.set("a", 1.0)
    timers.set("c", 3.0)
    timers.set("a", 4.0)
    timers.clear("c")
    timers.clear("never")
    assert timers.next() == 2.0
    assert timers.pop(1.9) is None
    assert timers.pop(10.0) == "b"
    assert "a" in timers
    assert timers.pop(10.0) == "a"
    assert timers.pop(10.0) is None
    assert timers.next() is None


def test_what_was_replaced_takes_no_memory() -> None:
    timers = Timers()
    for number in range(10_000):
        timers.set(number % 3, float(number))
    assert len(timers._heap) <= SLACK + 8
