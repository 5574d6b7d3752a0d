"""How long sound of rows with a stream is held back."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from media.plane.haste import WINDOW
from media.protocol import Command
from tests.kit.plane import PlaneBench, rtp, speech

SAID = speech(600)


class Talk:
    """A call whose peer sends a packet each 20 ms, in the first 12 ms of a tick (early) or in the rest of it."""

    def __init__(self, *, stream: bool = True) -> None:
        self.bench = PlaneBench()
        self.bench.call()
        if stream:
            self.bench.order(Command.STREAM_OPEN, 0, 1, 0)
            self.bench.second()
        self.packets = self._packets()
        self.frames: list[bytes] = []
        self.bench.plane.recorder.hear = (  # type: ignore[method-assign]
            lambda index, payload: self.frames.append(payload[0].tobytes())
        )

    def _packets(self) -> Iterator[bytes]:
        for k in itertools.count():
            yield rtp(k, 160 * k, bytes(SAID[k]))

    def ticks(self, count: int, *, early: bool) -> None:
        for _ in range(count):
            if early:
                self.bench.arrive([next(self.packets)])
            self.bench.second()
            if not early:
                self.bench.arrive([next(self.packets)])
            self.bench.first()

    def behind(self, sent: int) -> int:
        """Frames between the last that was sent and what is heard."""
        return sent - 1 - [bytes(one) for one in SAID].index(self.frames[-1])


def test_sound_that_comes_early_is_heard_at_the_next_tick() -> None:
    talk = Talk()
    talk.ticks(WINDOW - 1, early=True)
    assert talk.behind(WINDOW - 1) == 1
    talk.ticks(2, early=True)
    assert talk.behind(WINDOW + 1) == 0
    talk.ticks(200, early=True)
    assert talk.behind(WINDOW + 201) == 0


def test_sound_that_comes_late_is_held_back() -> None:
    talk = Talk()
    talk.ticks(300, early=False)
    assert talk.behind(300) == 1


def test_rows_without_a_stream_are_not_hurried() -> None:
    talk = Talk(stream=False)
    talk.ticks(100, early=True)
    assert talk.behind(100) == 1


def test_a_buffer_that_ran_dry_is_looked_at_for_longer() -> None:
    talk = Talk()
    talk.ticks(WINDOW + 5, early=True)
    late = next(talk.packets)
    talk.bench.second()
    talk.bench.first()
    talk.bench.arrive([late])
    sent = WINDOW + 6
    talk.ticks(WINDOW + 5, early=True)
    sent += WINDOW + 5
    assert talk.behind(sent) == 1  # it grew by what was needed
    talk.ticks(WINDOW, early=True)
    assert talk.behind(sent + WINDOW) == 0


@pytest.mark.parametrize("early", [True, False])
def test_nothing_but_the_frame_passed_over_is_left_out(early: bool) -> None:
    talk = Talk()
    talk.ticks(200, early=early)
    heard = [bytes(one) for one in SAID]
    places = [heard.index(frame) for frame in talk.frames if frame in heard]
    steps = [b - a for a, b in itertools.pairwise(places)]
    assert steps.count(2) == early
    assert set(steps) <= {1, 2}
