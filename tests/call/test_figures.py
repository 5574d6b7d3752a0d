"""What callers wait for, by a clock that a test moves."""

from __future__ import annotations

import pytest

from ivr.call.figures import MAX_REACTIONS, CallFigures
from ivr.flow import ports


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_answer_first_sound_and_end_count_from_the_invite(clock: Clock) -> None:
    figures = CallFigures(clock)
    clock.now = 100.5
    figures.take_answer()
    figures.begins(1)
    figures.played(1, 100.6)
    figures.begins(2)
    figures.played(2, 103.0)
    clock.now = 110.0
    figures.take_end()
    assert figures.answered == 0.5
    assert figures.first_audio == pytest.approx(0.6)
    assert figures.ended == 10.0


def test_a_play_of_which_nothing_was_sent_is_no_sound(clock: Clock) -> None:
    figures = CallFigures(clock)
    figures.begins(1)
    figures.played(1, None)
    assert figures.first_audio is None


def test_a_reaction_counts_from_the_last_of_the_key_that_was_heard_before_the_flow_went_on(clock: Clock) -> None:
    figures = CallFigures(clock)
    figures.take(ports.Digit("1", at=101.0))
    figures.begins(1)
    figures.take(ports.DigitEnded("1", at=101.0, duration=0.2))  # while the prompt that it asked for plays already
    figures.begins(2)
    figures.take(ports.Digit("2", at=105.0))
    figures.take(ports.DigitEnded("2", at=105.0, duration=0.1))
    figures.begins(3)
    figures.played(1, 101.04)
    figures.played(2, 102.0)
    figures.played(3, 105.15)
    assert figures.reactions == pytest.approx([0.04, 0.05])


def test_no_call_keeps_reactions_without_end(clock: Clock) -> None:
    figures = CallFigures(clock)
    for number in range(2 * MAX_REACTIONS):
        figures.take(ports.Digit("1", at=101.0))
        figures.begins(number)
        figures.played(number, 101.1)
    assert len(figures.reactions) == MAX_REACTIONS
