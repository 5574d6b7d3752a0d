"""Marks of sound streams, to the packet: told when the last sample before them has left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from media.codecs.opus import available
from media.plane import sound_streams
from media.plane.laws import SILENCE
from media.plane.sound_streams import RING_SAMPLES
from media.protocol import Command, Event
from tests.kit.needs import may_skip
from tests.kit.plane import PEER, PlaneBench, rtp, speech

needs_opus = pytest.mark.skipif(may_skip(available()), reason="libopus or opuslib-next is not installed")
PTIMES = (10, 20, 30, 40, 50, 60)
SPEAKS = np.random.default_rng(7).integers(0, 0x60, 60_000).astype(np.uint8).tobytes()
"""Loud octets of \u00b5-law, none of which is silence in either law."""

STEP = st.one_of(
    st.tuples(st.just("audio"), st.integers(1, 900)),
    st.tuples(st.just("mark"), st.just(0)),
    st.tuples(st.just("clear"), st.just(0)),
    st.tuples(st.just("half"), st.integers(1, 7)),
)
STEPS = st.lists(STEP, max_size=40)


@pytest.fixture(autouse=True, scope="module")
def nothing_is_made_up() -> Iterator[None]:
    """Marks speak of what was given."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sound_streams, "CONCEAL_MOST", 0)
        yield


class History:
    """A stream on one row, and what became of its marks: half ticks, counted from the first."""

    def __init__(self, ptime: int, codec: str = "pcmu", **wanted: Any) -> None:
        types = {"pcmu": 0, "pcma": 8, "g722": 9, "opus": 111}
        self.silence = int(SILENCE[int(codec == "pcma")])
        self.bench = PlaneBench()
        self.bench.call(ptime=ptime, codec=codec, payload_type=types[codec], **wanted)
        self.bench.order(Command.STREAM_OPEN, 0, 1, 0)
        self.halves = 0
        self.given = 0
        """Octets that are to be heard: given, and not dropped by a clear."""
        self.said = 0
        """Octets of these that have left."""
        self.spoken = 0
        self.due: dict[int, int] = {}
        """By mark: the octets after which it comes."""
        self.wanted: list[tuple[int, int, int]] = []
        """Half tick, number, cleared, as it ought to be."""
        self.marks: list[tuple[int, int, int]] = []
        """As it was."""
        self._number = 0
        self._commands: list[tuple[str, int]] = []
        self.half()

    def run(self, steps: list[tuple[str, int]]) -> None:
        for kind, count in [*steps, ("half", 140)]:
            if kind == "half":
                for _ in range(count):
                    self.half()
            elif kind == "audio":
                self.audio(count)
            elif kind == "mark":
                self.mark()
            else:
                self.clear()

    def audio(self, count: int) -> None:
        count = min(count, RING_SAMPLES - 2000 - self.given + self.said)
        if count > 0:
            data = SPEAKS[self.spoken : self.spoken + count]
            self.spoken += count
            self.bench.order(Command.STREAM_AUDIO, 0, 1, strings=(data,))
            self._commands.append(("audio", count))
            self.given += count

    def mark(self) -> None:
        self._number += 1
        self.bench.order(Command.STREAM_MARK, 0, 1, self._number)
        self._commands.append(("mark", self._number))

    def clear(self) -> None:
        self.bench.order(Command.STREAM_CLEAR, 0, 1)
        self._commands.append(("clear", 0))

    def half(self) -> None:
        """The next half of a tick, and what the marks ought to have been told."""
        self.halves += 1
        if self.halves % 2:
            before = len(self.bench.loops.sent)
            self.bench.second()
            self._left(before)
            self._obey()
        else:
            self.bench.first()
            self._left(0)
        known = len(self.marks)
        self.marks += [(self.halves, *told[1:]) for told in self.bench.of(Event.STREAM_MARK)[known:]]

    def _left(self, before: int) -> None:
        for packet in self.bench.loops.sent[before:]:
            self.said += sum(octet != self.silence for octet in packet.payload)
        for number, due in list(self.due.items()):
            if due <= self.said:
                self.wanted.append((self.halves, number, 0))
                del self.due[number]

    def _obey(self) -> None:
        position = self.given - sum(count for kind, count in self._commands if kind == "audio")
        for kind, value in self._commands:
            if kind == "audio":
                position += value
            elif kind == "clear":
                self.wanted += [(self.halves, number, 1) for number in self.due]
                self.due.clear()
                self.given -= position - self.said
                position = self.said
            elif position <= self.said:
                self.wanted.append((self.halves, value, 0))
            else:
                self.due[value] = position
        self._commands.clear()


@pytest.mark.parametrize("codec", ["pcmu", "pcma"])
@pytest.mark.parametrize("ptime", PTIMES)
@settings(max_examples=15)
@given(steps=STEPS)
@example(steps=[("audio", 160), ("mark", 0), ("half", 2), ("mark", 0), ("half", 3), ("clear", 0), ("mark", 0)])
@example(steps=[("audio", 500), ("mark", 0), ("half", 3), ("clear", 0), ("audio", 200), ("mark", 0)])
def test_a_mark_is_told_with_the_packet_that_holds_what_stands_before_it(
    codec: str, ptime: int, steps: list[tuple[str, int]]
) -> None:
    history = History(ptime, codec)
    history.run(steps)
    assert history.marks == history.wanted
    assert history.said == history.given
    assert not history.due


@pytest.mark.parametrize(
    ("codec", "ptime"),
    [
        *(("g722", ptime) for ptime in PTIMES),
        *(pytest.param("opus", ptime, marks=needs_opus) for ptime in (10, 20, 40, 60)),
    ],
)
@settings(max_examples=4)
@given(steps=STEPS)
def test_of_other_codecs_marks_come_with_the_same_packets(codec: str, ptime: int, steps: list[tuple[str, int]]) -> None:
    narrow, wide = History(ptime), History(ptime, codec)
    narrow.run(steps)
    wide.run(steps)
    assert wide.marks == narrow.marks
    assert wide.bench.of(Event.STREAM_STARTED) == narrow.bench.of(Event.STREAM_STARTED)


@pytest.mark.parametrize("ptime", PTIMES)
def test_the_first_sound_is_told_when_it_leaves(ptime: int) -> None:
    history = History(ptime)
    for _ in range(5):  # packets are half full when it begins
        history.half()
    history.audio(960)
    while not history.said:
        assert history.bench.of(Event.STREAM_STARTED) == []
        history.half()
    assert history.bench.of(Event.STREAM_STARTED) == [(1, history.bench.now)]


@pytest.mark.parametrize("ptime", PTIMES)
def test_what_is_told_as_taken_is_what_has_left(ptime: int) -> None:
    history = History(ptime)
    history.audio(4000)
    taken = []
    for _ in range(60):
        history.half()
        if history.halves % 2 == 0:
            streams = history.bench.plane.streams
            taken.append((max(0, streams._left(0) - int(streams._filled[0])), history.said))
    assert taken[-1] == (4000, 4000)
    assert all(told == left for told, left in taken)


@pytest.mark.parametrize("ptime", PTIMES)
@pytest.mark.parametrize("ends", [True, False])
def test_a_row_that_moves_to_a_bridge_in_the_middle_loses_no_mark(ptime: int, ends: bool) -> None:
    """An agent takes the caller while the AI agent speaks: what it said is heard until its stream is closed."""
    history = History(ptime)
    bench = history.bench
    bench.call(1, PEER + 2, ptime=ptime)
    history.audio(3000)
    history.mark()
    for _ in range(9):
        history.half()
    bench.order(Command.BRIDGE, 0, 1, 1)
    history.mark()
    for _ in range(3):
        history.half()
    if ends:
        bench.order(Command.STREAM_CLOSE, 0, 1)
        said = history.said
        for _ in range(20):
            bench.whole_tick()
        told = [tuple(one[1:]) for one in bench.of(Event.STREAM_MARK)]
        assert told == [(1, 1), (2, 1)]
        assert said < 3000
        assert not bench.plane.streams.any
    else:
        for _ in range(120):
            history.half()
        assert history.said == history.given == 3000
        assert history.marks == history.wanted
        assert [number for _, number, _ in history.marks] == [1, 2]
    heard = []
    for k in range(12):
        bench.arrive([rtp(k, 160 * k, bytes(speech(12)[k]))], 1, PEER + 2)
        heard += [one.payload for one in bench.whole_tick() if one.row == 0]
    assert speech(12)[2].tobytes() in b"".join(heard)  # the agent
