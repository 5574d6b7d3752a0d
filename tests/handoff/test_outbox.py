"""What an application is told of one call: in order, again and again, within bounds."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import settings as run_settings
from hypothesis import strategies as st

from ivr.flow import ports
from ivr.handoff import outbox
from ivr.handoff.outbox import Letter, Outbox
from tests.handoff.test_applications import Post


class Clock:
    """Timers that a test turns."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def clock(self) -> float:
        return self.now

    def call_later(self, seconds: float, then: Callable[[], None]) -> Any:
        entry = (self.now + seconds, then)
        self.timers.append(entry)

        return SimpleNamespace(cancel=lambda: entry in self.timers and self.timers.remove(entry))

    def turn(self, seconds: float) -> None:
        self.now += seconds
        for entry in [entry for entry in self.timers if entry[0] <= self.now]:
            self.timers.remove(entry)
            entry[1]()


ANSWERS = st.sampled_from([(200, None), (204, None), (500, None), (429, None), (404, None), (None, "network")])


@given(st.lists(st.one_of(st.just("put"), st.just("end"), st.floats(0, 60), ANSWERS), max_size=60))
@run_settings(deadline=None)
def test_one_at_a_time_in_order_and_an_end(acts: list[Any]) -> None:
    post, clock = Post(), Clock()
    emptied: list[int] = []
    box = Outbox(post, clock, "crm", 60.0, lambda: emptied.append(1), rng=lambda: 0.5)
    put = 0
    for act in acts:
        if act == "put" and not emptied:
            number = put
            box.put(Letter("x", lambda number=number: ports.Request(number, "POST", "https://app.test/")))  # type: ignore[misc]
            put += 1
        elif act == "end":
            box.end()
        elif isinstance(act, float):
            clock.turn(act)
        elif isinstance(act, tuple) and post.waiting:
            post.answer(act[0], error=act[1])
        assert post.waiting <= 1
        assert len(box) <= outbox.MAX_LETTERS
    numbers = [command.id for command in post.sent]
    assert numbers == sorted(numbers)
    box.end()
    for _ in range(1_000):
        if emptied:
            break
        if post.waiting:
            post.answer(None, error="network")
        clock.turn(30.0)
    assert emptied == [1]


def test_an_application_that_is_down_does_not_fill_the_memory() -> None:
    post, clock = Post(), Clock()
    box = Outbox(post, clock, "crm", 60.0, lambda: None, rng=lambda: 0.5)
    for number in range(outbox.MAX_LETTERS * 3):
        box.put(Letter("x", lambda number=number: ports.Request(number, "POST", "https://app.test/")))  # type: ignore[misc]
    assert len(box) == outbox.MAX_LETTERS
    assert box.lost == outbox.MAX_LETTERS * 2


def test_pauses_grow_and_who_is_busy_is_left_alone_for_a_while() -> None:
    post, clock = Post(), Clock()
    box = Outbox(post, clock, "crm", 60.0, lambda: None, rng=lambda: 0.5)
    box.put(Letter("x", lambda: ports.Request(1, "POST", "https://app.test/")))
    pauses = []
    for _ in range(9):
        post.answer(500)
        (due, _then), *_ = clock.timers
        pauses.append(due - clock.now)
        clock.turn(pauses[-1])
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    for asked, pause in (("7", 30.0), ("99999999", 30.0)):
        post._open.pop(0)(ports.RequestDone(0, 503, {"retry-after": asked}))
        assert clock.timers[0][0] - clock.now == pause
        clock.turn(pause)
    post.answer(204)
    assert len(box) == 0
