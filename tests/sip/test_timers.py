"""The timer heap."""

from __future__ import annotations

import pytest

from ivr.sip import timers
from ivr.sip.timers import Timers


def test_fires_in_order_of_time_then_of_arming() -> None:
    heap, fired = Timers(), []
    heap.arm(2.0, lambda now: fired.append("late"))
    heap.arm(1.0, lambda now: fired.append("first"))
    heap.arm(1.0, lambda now: fired.append("second"))
    assert heap.next() == 1.0
    heap.fire(1.5)
    assert fired == ["first", "second"]
    heap.fire(2.0)
    assert fired == ["first", "second", "late"]
    assert heap.next() is None and len(heap) == 0


def test_a_cancelled_timer_never_fires_and_is_not_waited_for() -> None:
    heap, fired = Timers(), []
    gone = heap.arm(1.0, lambda now: fired.append("gone"))
    heap.arm(2.0, lambda now: fired.append("kept"))
    heap.cancel(gone)
    heap.cancel(gone)
    heap.cancel(None)
    assert len(heap) == 1
    assert heap.next() == 2.0
    heap.fire(3.0)
    assert fired == ["kept"]
    heap.cancel(gone)
    assert len(heap) == 0


def test_what_is_armed_while_firing_fires_too_when_due() -> None:
    heap, fired = Timers(), []
    heap.arm(1.0, lambda now: heap.arm(now, lambda again: fired.append(again)) and None)
    heap.fire(5.0)
    assert fired == [5.0]


def test_cancelled_timers_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "COMPACT_AT", 10)
    heap = Timers()
    heap.arm(0.5, lambda now: None)
    for _ in range(1000):
        heap.cancel(heap.arm(1.0, lambda now: None))
    assert len(heap) == 1
    assert len(heap._heap) <= 22
    assert heap.next() == 0.5
