"""What waits of a stream in this process, and what the worker is given of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.outflow import AHEAD, MARKS_MOST, PIECE, Outflow
from media.plane.limits import FRAME
from media.plane.sound_streams import RING_SAMPLES
from media.protocol import Command


class Worker:
    """The other end: keeps what it is given, and takes of it when it is told to."""

    def __init__(self, encoding: str, seconds: float = 60.0) -> None:
        self.width = {"ulaw": 1, "slin16": 2}[encoding]
        self.commands: list[tuple[Command, tuple[int, ...]]] = []
        self.given = bytearray()
        """All sound that was given and not cleared before it was taken."""
        self.order: list[tuple[int, int | str]] = []
        """Octets of `given` before, and a mark's number, or ``clear``."""
        self.taken = self.cleared = 0
        self.flow = Outflow(7, encoding, seconds, self)

    def __call__(self, kind: Command, *fields: int, strings: tuple[bytes, ...] = ()) -> None:
        assert fields[0] == 7
        self.commands.append((kind, fields))
        if kind == Command.STREAM_AUDIO:
            (data,) = strings
            assert 0 < len(data) <= PIECE
            assert len(data) % self.width == 0
            self.given += data
            assert len(self.given) // self.width - self.taken <= RING_SAMPLES
        elif kind == Command.STREAM_MARK:
            self.order.append((len(self.given), fields[1]))
        elif kind == Command.STREAM_CLEAR:
            self.order.append((len(self.given), "clear"))
            self.taken = len(self.given) // self.width

    def tick(self) -> None:
        self.taken = min(self.taken + FRAME, len(self.given) // self.width)
        self.flow.taken(self.taken)


def test_a_second_is_given_ahead_and_then_as_much_as_is_taken() -> None:
    worker = Worker("slin16")
    data = bytes(range(256)) * 400
    worker.flow.audio(data)
    assert len(worker.given) == 2 * AHEAD
    assert worker.flow.samples == len(data) // 2
    worker.tick()
    assert len(worker.given) == 2 * (AHEAD + FRAME)
    for _ in range(700):
        worker.tick()
    assert bytes(worker.given) == data
    assert worker.flow.samples == 0


def test_halves_of_samples_wait_for_the_other_half() -> None:
    worker = Worker("slin16")
    worker.flow.audio(b"\1")
    worker.flow.mark(1)
    assert worker.order == [(0, 1)]  # nothing whole stands before it
    worker.flow.audio(b"\2\3\4\5")
    worker.flow.mark(2)
    worker.flow.audio(b"\6")
    assert bytes(worker.given) == b"\1\2\3\4\5\6"
    assert worker.order == [(0, 1), (4, 2)]


@pytest.mark.parametrize("encoding", ["ulaw", "slin16"])
def test_what_is_too_much_is_dropped_by_whole_samples(encoding: str) -> None:
    worker = Worker(encoding, seconds=2.0)
    width = worker.width
    worker.flow.audio(bytes(width * AHEAD))
    worker.flow.audio(bytes(width * 2 * 8000 - 3))
    assert worker.flow.dropped() == 0
    worker.flow.audio(bytes(width * 100))
    dropped = worker.flow.dropped()
    assert 0 < dropped < 100
    assert worker.flow.dropped() == 0
    total = 3 * 8000 * width - 3 + 100 * width - dropped * width
    for _ in range(200):
        worker.tick()
    assert len(worker.given) == total - total % width


def test_a_clear_makes_room_at_once_and_tells_the_marks_that_wait_here() -> None:
    worker = Worker("ulaw")
    worker.flow.audio(bytes(3 * 8000))
    worker.flow.mark(5)
    assert not worker.order
    worker.flow.clear()
    assert worker.order == [(AHEAD, 5), (AHEAD, "clear")]
    worker.flow.audio(b"new")
    assert worker.given.endswith(b"new")
    worker.flow.taken(10)  # told before it heard of the clear
    assert worker.flow.samples == 3


def test_a_clear_of_nothing_costs_the_worker_nothing() -> None:
    worker = Worker("ulaw")
    worker.flow.clear()
    worker.flow.audio(bytes(160))
    worker.tick()
    worker.flow.clear()
    assert [kind for kind, _ in worker.commands] == [Command.STREAM_OPEN, Command.STREAM_AUDIO]
    worker.flow.mark(1)
    worker.flow.clear()
    assert worker.commands[-1][0] == Command.STREAM_CLEAR


def test_marks_are_limited_to_what_is_outstanding() -> None:
    worker = Worker("ulaw")
    assert all(worker.flow.mark(number) for number in range(MARKS_MOST))
    assert not worker.flow.mark(0)
    worker.flow.marked()
    assert worker.flow.mark(0)


def test_a_close_is_a_clear_and_the_last_command() -> None:
    worker = Worker("ulaw")
    worker.flow.audio(bytes(9000))
    worker.flow.mark(1)
    worker.flow.close()
    assert [kind for kind, _ in worker.commands[-3:]] == [
        Command.STREAM_MARK,
        Command.STREAM_CLEAR,
        Command.STREAM_CLOSE,
    ]


STEP = st.one_of(
    st.tuples(st.just("audio"), st.integers(0, 9001)),
    st.tuples(st.just("mark"), st.just(0)),
    st.tuples(st.just("clear"), st.just(0)),
    st.tuples(st.just("tick"), st.integers(1, 30)),
)


@given(st.sampled_from(["ulaw", "slin16"]), st.lists(STEP, max_size=40))
def test_nothing_is_lost_or_changes_places(encoding: str, steps: list[tuple[str, int]]) -> None:
    worker = Worker(encoding)
    said: list[int] = []  # octets, and marks below zero, since the last clear
    cleared: list[int] = []  # marks before it
    base = 0  # octets that the worker was given before it
    number = byte = 0
    for kind, count in [*steps, ("tick", 3000)]:
        if kind == "audio":
            data = bytes((byte + k) % 251 for k in range(count))
            byte += count
            said += data
            worker.flow.audio(data)
        elif kind == "mark":
            number += 1
            said.append(-number)
            assert worker.flow.mark(number)
        elif kind == "clear":
            worker.flow.clear()
            cleared += [-one for one in said if one < 0]
            said, base = [], len(worker.given)
            assert [mark for _, mark in worker.order if mark != "clear"] == cleared
        else:
            for _ in range(count):
                worker.tick()
    octets = bytes(one for one in said if one >= 0)
    whole = len(octets) - len(octets) % worker.width
    assert bytes(worker.given[base:]) == octets[:whole]
    expected, place = [], 0
    for one in said:
        if one < 0:
            expected.append((base + place - place % worker.width, -one))
        else:
            place += 1
    marks = [one for one in worker.order if one[1] != "clear"]
    assert marks[len(cleared) :] == expected
