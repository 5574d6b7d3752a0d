"""How much each source may send."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ivr.guard.budget import FREE, KNOWN, MAX_SOURCES, SHUT, Budget


def budget(per_second: int = 200, strangers: int = 1000, **status: int) -> Budget:
    return Budget(per_second, strangers, lambda source: status.get(source, 0))


def sent(budget: Budget, source: str, count: int, start: float, seconds: float, size: int = 500) -> int:
    """Messages taken of `count` spread over some seconds."""
    return sum(budget.take(source, start + seconds * number / count, size) for number in range(count))


def test_a_source_may_send_its_messages_of_a_second_at_once_and_then_at_its_rate() -> None:
    one = budget(100)
    assert sent(one, "a", 300, 10.0, 0.01) == 100
    assert 190 <= sent(one, "a", 400, 11.1, 1.0) <= 200, "a full bucket, and what was filled in"


def test_what_is_free_is_never_counted_and_what_is_shut_out_never_taken() -> None:
    one = budget(10, 20, friend=FREE, enemy=SHUT)
    assert sent(one, "friend", 5000, 1.0, 0.5) == 5000
    assert sent(one, "enemy", 50, 1.0, 0.5) == 0
    assert sent(one, "somebody", 10, 1.5, 0.5) == 10


def test_what_is_known_has_a_large_bucket_that_no_stranger_empties() -> None:
    one = budget(100, 200, phone=KNOWN)
    assert sent(one, "phone", 20_000, 1.0, 0.01) == 1000
    for number in range(5000):
        one.take(f"s{number}", 1.02, 500)
    assert sent(one, "phone", 500, 2.0, 1.0) == 500


def test_large_messages_count_as_several() -> None:
    assert sent(budget(100), "a", 300, 1.0, 0.01, size=60_000) < 5


def test_who_sends_little_loses_nothing_while_others_flood() -> None:
    one = budget()
    taken = lost = flood = 0
    for step in range(100_000):  # 10,000 a second from 50 sources for 10 s
        now = 5.0 + step / 10_000
        flood += one.take(f"f{step % 50}", now, 500)
        if step % 2000 == 1999:  # 5 a second
            if one.take("honest", now, 500):
                taken += 1
            else:
                lost += 1
    assert lost <= 2, "only before the shares are known"
    assert taken >= 48
    assert flood <= 11_000
    assert sum(source.startswith("f") for source in set(one.flooding)) == 50
    assert "honest" not in one.flooding
    assert one.pressed


def test_the_flood_is_over_when_it_is_over() -> None:
    one = budget()
    sent(one, "f", 5000, 1.0, 1.0)
    for source in range(50):
        sent(one, f"f{source}", 300, 2.0, 0.1)
    assert one.pressed
    sent(one, "a", 20, 4.0, 2.0)
    assert not one.pressed
    assert sent(one, "b", 150, 8.0, 0.1) == 150


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0.0, 0.3)), max_size=300))
def test_no_source_delays_another_that_keeps_within_its_share(steps: list[tuple[int, float]]) -> None:
    """Whatever one source sends, another gets what it would get alone, up to the strangers' bucket."""
    together, alone = budget(20, 100_000), budget(20, 100_000)
    now = 1.0
    for count, pause in steps:
        now += pause
        for _ in range(count):
            together.take("loud", now, 100)
        assert together.take("quiet", now, 100) == alone.take("quiet", now, 100)


def test_forged_sources_do_not_fill_the_memory_and_put_nobody_out() -> None:
    one = budget(200, 1_000_000, enemy=SHUT, friend=FREE, phone=KNOWN)
    assert not one.take("enemy", 1.0, 100)
    for number in range(MAX_SOURCES + 5000):
        one.take(f"s{number}", 1.01, 100)
    assert len(one) <= MAX_SOURCES
    assert not one.take("enemy", 1.02, 100)
    assert one.take("friend", 1.02, 100)
    assert one.take("phone", 1.02, 100)
    for tick in range(5):
        one.take("enemy", 2.0 + tick, 100)
    assert len(one) <= 3, "who is silent is forgotten"


def test_what_a_source_is_can_change() -> None:
    status = {"a": 0}
    one = Budget(5, 1000, status.__getitem__)
    assert sent(one, "a", 50, 1.0, 0.01) == 5
    status["a"] = FREE
    one.forget("a")
    assert sent(one, "a", 50, 1.02, 0.01) == 50
    status["a"] = SHUT
    assert sent(one, "a", 10, 2.5, 0.01) == 0, "found out within a second without being told"
