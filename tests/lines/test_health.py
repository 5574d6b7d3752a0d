from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ivr.lines.health import MAX_SHUN, MAX_SHUNNED, SHUN_FOR, Pulse, Shunned
from ivr.net import Hop

ONE, TWO, THREE = (Hop("udp", f"192.0.2.{n}", 5060, "h") for n in (1, 2, 3))


def test_a_line_goes_down_after_some_silence_and_up_after_some_answers() -> None:
    pulse = Pulse(down_after=2, up_after=2)
    assert pulse.answered(0.02) and pulse.alive is True and pulse.round_trip == 0.02
    assert not pulse.missed() and not pulse.sure
    assert pulse.missed() and pulse.alive is False and pulse.round_trip is None
    assert not pulse.missed() and pulse.sure
    assert not pulse.answered(0.03) and not pulse.sure
    assert pulse.answered(0.03) and pulse.alive is True and pulse.sure


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 5), st.integers(1, 5))
def test_it_changes_only_after_enough_of_the_same(seen: list[bool], down: int, up: int) -> None:
    pulse = Pulse(down, up)
    for number, good in enumerate(seen):
        before = pulse.alive
        changed = pulse.answered(0.01) if good else pulse.missed()
        assert changed == (pulse.alive != before)
        if changed and before is not None:
            least = up if good else down
            assert seen[number + 1 - least : number + 1] == [good] * least


def test_hops_that_do_not_answer_are_tried_last() -> None:
    shunned = Shunned()
    shunned.shun(ONE, 100.0)
    shunned.shun(TWO, 100.0, retry_after=5.0)
    assert shunned.sort((ONE, TWO, THREE), 101.0) == [THREE, TWO, ONE]
    assert shunned.sort((ONE, TWO, THREE), 106.0) == [TWO, THREE, ONE]
    assert shunned.sort((ONE, TWO, THREE), 100.0 + SHUN_FOR) == [ONE, TWO, THREE]
    assert shunned.all_of((ONE, TWO), 101.0) and not shunned.all_of((ONE, THREE), 101.0) and not shunned.all_of((), 1.0)
    shunned.welcome(ONE)
    assert shunned.sort((ONE, TWO), 101.0) == [ONE, TWO]


def test_what_is_remembered_is_bounded() -> None:
    shunned = Shunned()
    shunned.shun(ONE, 0.0, retry_after=1e9)
    assert not shunned.all_of((ONE,), MAX_SHUN)
    for n in range(MAX_SHUNNED + 10):
        shunned.shun(Hop("udp", "192.0.2.9", n, "h"), 0.0)
    assert len(shunned._until) <= MAX_SHUNNED
